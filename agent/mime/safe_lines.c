/*
 * Safe lines pass in long runs: a block is looked at for bytes that no line
 * may hold, then its line ends are found by memchr. Only unsafe lines are
 * looked at byte by byte.
 */
#include "agent/mime/safe_lines.h"

#include "agent/mime/letters.h"
#include "agent/mime/line_change.h"

struct safe_lines {
    struct sink s;
    enum unsafe_line how;
    bool unsafe;
    struct sink *canonical; /* with PLAIN, where nothing has to change */
    struct sink *plain;
    struct line_change change;
    size_t held_crs; /* the last bytes of a long line may belong to its end */
    /* a line whose end was not seen yet */
    struct buf held;
    struct gather out;
};

/* ---- looking ------------------------------------------------------------ */

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Does a byte of 256 at P lie beyond ASCII, or is it NUL? Of such a byte, b or
 * b - 1 has the highest bit. Adds the number of CRs. */
static bool
block_is_text(const uint8_t *p, size_t *crs)
{
    const uint64_t high = 0x8080808080808080u;
    bytes16 seen = {0}, count = {0}, b;
    uint64_t half[2];

    for (size_t k = 0; k < 256; k += sizeof(b)) {
        memcpy(&b, p + k, sizeof(b));
        seen |= b | (b - 1);
        count -= (bytes16)(b == '\r');
    }
    memcpy(half, &seen, sizeof(half));
    for (size_t k = 0; k < sizeof(count); k++)
        *crs += count[k];
    return ((half[0] | half[1]) & high) == 0;
}

/* No byte beyond ASCII and no NUL; *out_crs is right when that is so. */
static bool
is_text(const uint8_t *p, size_t n, size_t *out_crs)
{
    *out_crs = 0;
    for (; n >= 256; p += 256, n -= 256)
        if (!block_is_text(p, out_crs))
            return false;
    for (size_t i = 0; i < n; i++) {
        *out_crs += p[i] == '\r';
        if (p[i] == 0 || p[i] > 0x7f)
            return false;
    }
    return true;
}

/* The line without its end. TEXT: is_text is known to hold; CR: there may be
 * one in it. */
static bool
line_is_safe(const uint8_t *p, size_t n, bool text, bool cr)
{
    size_t crs;

    if (n == 0)
        return true;
    if (n > SAFE_LINE_BYTES || is_blank(p[n - 1]) || (n == 1 && *p == '.') ||
        (*p == 'F' && n > 4 && memcmp(p, "From ", 5) == 0))
        return false;
    return (text || is_text(p, n, &crs)) && !(cr && memchr(p, '\r', n));
}

bool
lines_are_safe(struct slice s, size_t *out_coded)
{
    const uint8_t *p = s.p, *end = s.p + s.n;
    size_t crs;
    bool text = is_text(s.p, s.n, &crs), safe = true;

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
        e = line_change_begin(&w->change, p, n, problem);
    w->change.blanks.len = 0;
    return e;
}

/* Whole lines that end in LF, up to the first unsafe one: to CRLF. */
static enum err
put_lf_lines(struct safe_lines *w, const uint8_t **from, const uint8_t *end,
             struct problem *problem)
{
    const uint8_t *p = *from, *lf;
    enum err e = ERR_OK;

    for (; p < end; p = lf + 1) {
        size_t n;

        lf = memchr(p, '\n', (size_t)(end - p));
        n = (size_t)(lf - p);
        if (!line_is_safe(p, n, true, false))
            break;
        if ((e = gather_line(&w->out, p, n, problem)) != ERR_OK)
            return e;
    }
    e = gather_flush(&w->out, problem);
    if (e == ERR_OK && w->plain)
        e = sink_write(w->plain, *from, (size_t)(p - *from), problem);
    *from = p;
    return e;
}

/* The same beside each other: what is canonical into one sink, the lines as
 * they are into the other. */
static enum err
put_both(struct safe_lines *w, const uint8_t **from, const uint8_t *end,
         struct problem *problem)
{
    struct sink *to = w->out.to;
    enum err e;

    w->out.to = w->plain ? w->canonical : to;
    e = put_lf_lines(w, from, end, problem);
    w->out.to = to;
    return e;
}

/* Whole lines that are safe and end in CRLF, all of them; CRS are in them. */
static bool
are_safe_crlf_lines(const uint8_t *p, const uint8_t *end, size_t crs)
{
    const uint8_t *lf;

    for (; p < end; p = lf + 1) {
        lf = memchr(p, '\n', (size_t)(end - p));
        if (lf == p || lf[-1] != '\r' || crs-- == 0 ||
            !line_is_safe(p, (size_t)(lf - 1 - p), true, false))
            return false;
    }
    return crs == 0;
}

/* Whole lines, from P to END. */
static enum err
put_lines(struct safe_lines *w, const uint8_t *p, const uint8_t *end,
          struct problem *problem)
{
    size_t crs;
    bool text = is_text(p, (size_t)(end - p), &crs), cr = crs > 0 || !text;
    const uint8_t *run, *lf;
    enum err e;

    if (text && !cr && (e = put_both(w, &p, end, problem)) != ERR_OK)
        return e;
    if (text && cr && are_safe_crlf_lines(p, end, crs))
        return gather_end(&w->out, p, (size_t)(end - p), problem);
    for (run = p; p < end; p = lf + 1) {
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
            e = line_change_end(&w->change, "\r\n", problem);
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
        e = line_change_more(&w->change, (const uint8_t *)"\r", 1, p);
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
            e = line_change_more(&w->change, p, text, problem);
    }
    w->held_crs += all - text;
    if (e != ERR_OK || !lf)
        return e;
    e = end_crs(w, 1, problem);
    w->change.goes_on = false;
    w->change.blanks.len = 0;
    return e == ERR_OK ? line_change_end(&w->change, "\r\n", problem) : e;
}

static enum err
begin_long(struct safe_lines *w, struct problem *p)
{
    size_t n = w->held.len;
    enum err e = note_unsafe(w, p);

    if (e != ERR_OK)
        return e;
    w->change.goes_on = true;
    while (w->held_crs < n && w->held.data[n - w->held_crs - 1] == '\r')
        w->held_crs++;
    e = line_change_begin(&w->change, w->held.data, n - w->held_crs, p);
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

        if (w->change.goes_on) {
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
    w->change.how = how;
    w->change.out = &w->out;
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
        e = gather_add(&w->out, p, n, problem);
    else if (n > 0)
        e = put_unsafe(w, p, n, problem);
    buf_clear(&w->held);
    if (e == ERR_OK)
        e = end_crs(w, 0, problem);
    w->change.goes_on = false;
    return e == ERR_OK ? gather_flush(&w->out, problem) : e;
}

void
safe_lines_split(struct safe_lines *w, struct sink *canonical,
                 struct sink *plain)
{
    w->canonical = canonical;
    w->plain = plain;
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
        buf_drop(&(*w)->change.blanks);
        gather_wipe(&(*w)->out);
    }
    free(*w);
    *w = NULL;
}
