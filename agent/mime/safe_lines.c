/*
 * Safe lines pass in long runs: a block is looked at for bytes that no line
 * may hold, then its line ends are found by memchr. Only unsafe lines are
 * looked at byte by byte.
 */
#include "agent/mime/safe_lines.h"

#include "agent/mime/gather.h"
#include "agent/mime/letters.h"

#define FOLD_AT 76

struct safe_lines {
    struct sink s;
    enum unsafe_line how;
    bool unsafe;
    /* of an unsafe line, byte by byte */
    bool in_line;    /* one that is longer than what is held */
    size_t held_crs; /* the line's last bytes may belong to its end */
    int escape;      /* quoted-printable: digits of "=XX" still to come */
    bool wrapped;    /* the line was begun by us */
    size_t column;   /* of what is written */
    struct buf blanks;
    /* a line whose end was not seen yet */
    struct buf held;
    struct gather out;
};

/* ---- looking ------------------------------------------------------------ */

/* No byte beyond ASCII and no NUL. A byte that is NUL borrows, and its
 * highest bit is set. */
static bool
is_text(const uint8_t *p, size_t n)
{
    const uint64_t high = 0x8080808080808080u, ones = 0x0101010101010101u;
    uint64_t w[32], seen = 0;

    for (; n >= sizeof(w); p += sizeof(w), n -= sizeof(w)) {
        memcpy(w, p, sizeof(w));
        for (size_t k = 0; k < ARRAY_COUNT(w); k++)
            seen |= w[k] | ((w[k] - ones) & ~w[k]);
        if (seen & high)
            return false;
    }
    for (size_t i = 0; i < n; i++)
        if (p[i] == 0 || p[i] > 0x7f)
            return false;
    return true;
}

/* The line without its end. TEXT: is_text is known to hold; CR: there may be
 * one in it. */
static bool
line_is_safe(const uint8_t *p, size_t n, bool text, bool cr)
{
    if (n == 0)
        return true;
    if (n > SAFE_LINE_BYTES || is_blank(p[n - 1]) || (n == 1 && *p == '.') ||
        (*p == 'F' && n > 4 && memcmp(p, "From ", 5) == 0))
        return false;
    return (text || is_text(p, n)) && !(cr && memchr(p, '\r', n));
}

bool
lines_are_safe(struct slice s, size_t *out_coded)
{
    const uint8_t *p = s.p, *end = s.p + s.n;
    bool text = is_text(s.p, s.n), safe = true;

    for (const uint8_t *lf; p < end; p = lf + 1) {
        size_t n;

        lf = memchr(p, '\n', (size_t)(end - p));
        n = (size_t)((lf ? lf : end) - p);
        if (lf && n > 0 && p[n - 1] == '\r')
            n--;
        safe = safe && line_is_safe(p, n, text, true);
        if (!lf)
            break;
    }
    for (size_t i = 0; out_coded && i < s.n; i++)
        *out_coded += s.p[i] > 0x7e || s.p[i] == '=' ||
                      (s.p[i] < ' ' && !is_white(s.p[i]));
    return safe;
}

/* ---- changing an unsafe line -------------------------------------------- */

static enum err
put(struct safe_lines *w, const void *p, size_t n, struct problem *problem)
{
    w->column += n;
    return gather_add(&w->out, p, n, problem);
}

static enum err
put_end(struct safe_lines *w, const char *end, struct problem *p)
{
    enum err e = put(w, end, strlen(end), p);

    w->column = 0;
    return e;
}

static enum err
put_hex(struct safe_lines *w, uint8_t c, struct problem *p)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[3] = {'=', digits[c >> 4], digits[c & 15]};

    return put(w, text, sizeof(text), p);
}

/* A long line is broken where that changes nothing. What begins a line of
 * our making is escaped, whatever it is: no delimiter, no "From ". */
static enum err
put_quoted(struct safe_lines *w, uint8_t c, struct problem *p)
{
    enum err e;

    if (w->escape == 0 && w->column >= SAFE_LINE_BYTES - FOLD_AT) {
        if ((e = put_end(w, "=\r\n", p)) != ERR_OK)
            return e;
        w->wrapped = true;
    }
    if (c == '=' && w->escape == 0) {
        w->escape = 2;
        return put(w, &c, 1, p);
    }
    w->escape -= w->escape > 0;
    if (c > 0x7e || (c < ' ' && c != '\t') || (w->wrapped && w->column == 0))
        return put_hex(w, c, p);
    return put(w, &c, 1, p);
}

static enum err
put_base64(struct safe_lines *w, uint8_t c, struct problem *p)
{
    enum err e;

    if (base64_value(c) < 0 && c != '=')
        return ERR_OK;
    if (w->column == FOLD_AT && (e = put_end(w, "\r\n", p)) != ERR_OK)
        return e;
    return put(w, &c, 1, p);
}

static enum err
put_aside(struct safe_lines *w, uint8_t c, struct problem *p)
{
    enum err e;

    if (w->column >= SAFE_LINE_BYTES - FOLD_AT &&
        (e = put_end(w, "\r\n", p)) != ERR_OK)
        return e;
    if (w->column == 0 && w->in_line && c == '-')
        c = '?';
    if (c > 0x7e || (c < ' ' && c != '\t'))
        c = '?';
    return put(w, &c, 1, p);
}

static enum err
put_byte(struct safe_lines *w, uint8_t c, struct problem *p)
{
    switch (w->how) {
    case UNSAFE_QUOTED:
        return put_quoted(w, c, p);
    case UNSAFE_BASE64:
        return put_base64(w, c, p);
    case UNSAFE_ASIDE:
        return put_aside(w, c, p);
    case UNSAFE_KEPT:
    case UNSAFE_REFUSED:
        break;
    }
    return put(w, &c, 1, p);
}

/* Blanks wait for what follows: at the end of a line they are left out, for
 * decoders do the same (RFC 2045 6.7, rule 3). */
static enum err
change_bytes(struct safe_lines *w, const uint8_t *p, size_t n,
             struct problem *problem)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        if (is_blank(p[i]) && w->blanks.len < SAFE_LINE_BYTES) {
            buf_add_byte(&w->blanks, p[i]);
            continue;
        }
        for (size_t k = 0; k < w->blanks.len && e == ERR_OK; k++)
            e = put_byte(w, w->blanks.data[k], problem);
        w->blanks.len = 0;
        if (e == ERR_OK)
            e = put_byte(w, p[i], problem);
    }
    return e;
}

/* What begins a line, or is all of it. Where a line is kept, CRs before its
 * end go: they would be taken for one line end, or for several. */
static enum err
change_begin(struct safe_lines *w, const uint8_t *p, size_t n,
             struct problem *problem)
{
    enum err e = ERR_OK;

    w->column = 0;
    w->escape = 0;
    w->wrapped = false;
    while (w->how == UNSAFE_KEPT && n > 0 && p[n - 1] == '\r')
        n--;
    if (w->how == UNSAFE_KEPT)
        return put(w, p, n, problem);
    if (n == 1 && *p == '.')
        return w->how == UNSAFE_QUOTED ? put_hex(w, '.', problem) : ERR_OK;
    if (w->how != UNSAFE_BASE64 && n > 4 && memcmp(p, "From ", 5) == 0) {
        if (w->how == UNSAFE_QUOTED)
            e = put_hex(w, 'F', problem);
        else
            e = put(w, ">F", 2, problem);
        p++;
        n--;
    }
    return e == ERR_OK ? change_bytes(w, p, n, problem) : e;
}

static enum err
change_more(struct safe_lines *w, const uint8_t *p, size_t n,
            struct problem *problem)
{
    return w->how == UNSAFE_KEPT ? put(w, p, n, problem)
                                 : change_bytes(w, p, n, problem);
}

static enum err
note_unsafe(struct safe_lines *w, struct problem *p)
{
    w->unsafe = true;
    if (w->how != UNSAFE_REFUSED)
        return ERR_OK;
    return fail(p, ERR_BAD_MESSAGE, "a line that mail systems change");
}

/* ---- lines -------------------------------------------------------------- */

/* One line without its end. */
static enum err
put_unsafe(struct safe_lines *w, const uint8_t *p, size_t n,
           struct problem *problem)
{
    enum err e = note_unsafe(w, problem);

    if (e == ERR_OK)
        e = change_begin(w, p, n, problem);
    w->blanks.len = 0;
    return e;
}

/* Whole lines, from P to END. */
static enum err
put_lines(struct safe_lines *w, const uint8_t *p, const uint8_t *end,
          struct problem *problem)
{
    bool text = is_text(p, (size_t)(end - p));
    bool cr = memchr(p, '\r', (size_t)(end - p)) != NULL;
    const uint8_t *run = p, *lf;
    enum err e;

    for (; p < end; p = lf + 1) {
        size_t n;
        bool safe;

        lf = memchr(p, '\n', (size_t)(end - p));
        n = (size_t)(lf - p);
        if (cr && n > 0 && p[n - 1] == '\r')
            n--;
        safe = line_is_safe(p, n, text, cr);
        if (safe && p + n < lf)
            continue;
        e = gather_add(&w->out, run, (size_t)((safe ? p + n : p) - run),
                       problem);
        if (e == ERR_OK && !safe)
            e = put_unsafe(w, p, n, problem);
        if (e == ERR_OK)
            e = put_end(w, "\r\n", problem);
        if (e != ERR_OK)
            return e;
        run = lf + 1;
    }
    if (run == end)
        return gather_flush(&w->out, problem);
    return gather_end(&w->out, run, (size_t)(end - run), problem);
}

/* Of the CRs that are held all but KEEP belong to the line. */
static enum err
give_crs(struct safe_lines *w, size_t keep, struct problem *p)
{
    enum err e = ERR_OK;

    for (; w->held_crs > keep && e == ERR_OK; w->held_crs--)
        e = change_more(w, (const uint8_t *)"\r", 1, p);
    return e;
}

/* At the end of a long line: a CR more than its line end has. */
static enum err
end_crs(struct safe_lines *w, size_t keep, struct problem *p)
{
    enum err e = ERR_OK;

    if (w->how == UNSAFE_QUOTED)
        e = give_crs(w, keep, p);
    w->held_crs = 0;
    return e;
}

/* More of a line that is too long to be held; gives the bytes taken. */
static enum err
more_of_long(struct safe_lines *w, const uint8_t *p, size_t n, size_t *out_n,
             struct problem *problem)
{
    const uint8_t *lf = memchr(p, '\n', n);
    size_t all = lf ? (size_t)(lf - p) : n, text = all;
    enum err e = ERR_OK;

    *out_n = lf ? all + 1 : n;
    while (text > 0 && p[text - 1] == '\r')
        text--;
    if (text > 0) {
        e = give_crs(w, 0, problem);
        if (e == ERR_OK)
            e = change_more(w, p, text, problem);
    }
    w->held_crs += all - text;
    if (e != ERR_OK || !lf)
        return e;
    e = end_crs(w, 1, problem);
    w->in_line = false;
    w->blanks.len = 0;
    return e == ERR_OK ? put_end(w, "\r\n", problem) : e;
}

static enum err
begin_long(struct safe_lines *w, struct problem *p)
{
    size_t n = w->held.len;
    enum err e = note_unsafe(w, p);

    if (e != ERR_OK)
        return e;
    w->in_line = true;
    while (w->held_crs < n && w->held.data[n - w->held_crs - 1] == '\r')
        w->held_crs++;
    e = change_begin(w, w->held.data, n - w->held_crs, p);
    buf_clear(&w->held);
    return e;
}

/* Adds to the line that is held, up to its end; gives the bytes taken. */
static enum err
more_of_held(struct safe_lines *w, const uint8_t *p, size_t n, size_t *out_n,
             struct problem *problem)
{
    size_t room = SAFE_LINE_BYTES + 2 - w->held.len;
    size_t most = n < room ? n : room;
    const uint8_t *lf = memchr(p, '\n', most);
    enum err e;

    *out_n = lf ? (size_t)(lf - p) + 1 : most;
    buf_add(&w->held, p, *out_n);
    if (lf) {
        e = put_lines(w, w->held.data, w->held.data + w->held.len, problem);
        buf_clear(&w->held);
        return e;
    }
    return w->held.len == SAFE_LINE_BYTES + 2 ? begin_long(w, problem) : ERR_OK;
}

static enum err
safe_write(struct sink *s, const uint8_t *p, size_t n, struct problem *problem)
{
    struct safe_lines *w = (struct safe_lines *)s;
    const uint8_t *last;
    enum err e = ERR_OK;

    while (n > 0 && e == ERR_OK) {
        size_t taken = 0;

        if (w->in_line) {
            e = more_of_long(w, p, n, &taken, problem);
        } else if (w->held.len > 0 || !(last = memrchr(p, '\n', n))) {
            e = more_of_held(w, p, n, &taken, problem);
        } else {
            taken = (size_t)(last + 1 - p);
            e = put_lines(w, p, p + taken, problem);
        }
        p += taken;
        n -= taken;
    }
    return e;
}

struct safe_lines *
safe_lines_new(struct sink *to, enum unsafe_line how)
{
    struct safe_lines *w = mem_raw(sizeof(*w));

    memset(w, 0, offsetof(struct safe_lines, out));
    w->s.write = safe_write;
    w->how = how;
    gather_begin(&w->out, to);
    return w;
}

struct sink *
safe_lines_sink(struct safe_lines *w)
{
    return &w->s;
}

enum err
safe_lines_finish(struct safe_lines *w, struct problem *problem)
{
    const uint8_t *p = w->held.data;
    size_t n = w->held.len;
    enum err e = ERR_OK;

    if (n > 0 && line_is_safe(p, n, false, true))
        e = put(w, p, n, problem);
    else if (n > 0)
        e = put_unsafe(w, p, n, problem);
    buf_clear(&w->held);
    if (e == ERR_OK)
        e = end_crs(w, 0, problem);
    w->in_line = false;
    return e == ERR_OK ? gather_flush(&w->out, problem) : e;
}

bool
safe_lines_met_unsafe(const struct safe_lines *w)
{
    return w->unsafe;
}

void
safe_lines_drop(struct safe_lines **w)
{
    if (*w) {
        buf_drop(&(*w)->held);
        buf_drop(&(*w)->blanks);
        gather_wipe(&(*w)->out);
    }
    free(*w);
    *w = NULL;
}
