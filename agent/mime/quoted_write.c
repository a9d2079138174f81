/*
 * Quoted-printable (RFC 2045 6.7), encoded: text as it survives every
 * transport. Beyond what the encoding asks for, what mail systems are known
 * to change (RFC 2049 3) is escaped: "From " where a line begins, a line that
 * is a dot, and a hyphen where a soft line break made a line, which could
 * look like a delimiter there.
 */
#include "agent/mime/gather.h"
#include "agent/mime/letters.h"
#include "agent/mime/transfer.h"

#define LINE_BYTES 76

struct quoted_writer {
    struct sink s;
    bool after_cr;  /* a CR waits: a line end's, or one of the text */
    bool continued; /* the line follows a soft line break */
    size_t last;    /* length of the line's last token: 1 or 3 */
    size_t n;
    uint8_t line[LINE_BYTES + 4];
    struct gather out;
};

/* What stands for itself, by its code: a table, for each byte is looked up. */
static const bool literal[256] = {
    ['\t'] = true, [' ' ... '<'] = true, ['>' ... '~'] = true};

static bool
is_literal(uint8_t c)
{
    return literal[c];
}

static enum err
put_line(struct quoted_writer *w, const char *end, struct problem *p)
{
    enum err e = gather_add(&w->out, w->line, w->n, p);

    w->n = 0;
    w->last = 0;
    return e == ERR_OK ? gather_add(&w->out, end, strlen(end), p) : e;
}

/* Room for N bytes more; else a soft line break, which takes one byte of the
 * line itself: its last token goes to the next one when there is none. */
static enum err
make_room(struct quoted_writer *w, size_t n, struct problem *p)
{
    uint8_t moved[3];
    size_t moved_n = 0;
    enum err e;

    if (w->n + n <= LINE_BYTES)
        return ERR_OK;
    if (w->n == LINE_BYTES) {
        moved_n = w->last;
        w->n -= moved_n;
        memcpy(moved, w->line + w->n, moved_n);
    }
    if ((e = put_line(w, "=\r\n", p)) != ERR_OK)
        return e;
    w->continued = true;
    if (moved_n == 1 && moved[0] == '-') {
        memcpy(moved, "=2D", 3);
        moved_n = 3;
    }
    memcpy(w->line, moved, moved_n);
    w->n = w->last = moved_n;
    return ERR_OK;
}

static enum err
put_escaped(struct quoted_writer *w, uint8_t c, struct problem *p)
{
    static const char digits[] = "0123456789ABCDEF";
    enum err e = make_room(w, 3, p);

    if (e != ERR_OK)
        return e;
    w->line[w->n++] = '=';
    w->line[w->n++] = (uint8_t)digits[c >> 4];
    w->line[w->n++] = (uint8_t)digits[c & 15];
    w->last = 3;
    return ERR_OK;
}

static enum err
put_literal(struct quoted_writer *w, uint8_t c, struct problem *p)
{
    enum err e = make_room(w, 1, p);

    if (e != ERR_OK)
        return e;
    if (w->n == 0 && c == '-' && w->continued)
        return put_escaped(w, c, p);
    w->line[w->n++] = c;
    w->last = 1;
    if (w->n == 5 && memcmp(w->line, "From ", 5) == 0) {
        memcpy(w->line, "=46rom ", 7);
        w->n = 7;
    }
    return ERR_OK;
}

/* A blank at the end of a line would be lost on the way. */
static enum err
guard_end(struct quoted_writer *w, struct problem *p)
{
    uint8_t c = w->n > 0 ? w->line[w->n - 1] : 0;

    if (!is_blank(c) && !(w->n == 1 && c == '.'))
        return ERR_OK;
    w->n--;
    return put_escaped(w, c, p);
}

static enum err
end_line(struct quoted_writer *w, struct problem *p)
{
    enum err e = guard_end(w, p);

    w->continued = false;
    return e == ERR_OK ? put_line(w, "\r\n", p) : e;
}

static enum err
put_byte(struct quoted_writer *w, uint8_t c, struct problem *p)
{
    bool after_cr = w->after_cr;
    enum err e;

    w->after_cr = c == '\r';
    if (c == '\n')
        return end_line(w, p);
    if (after_cr && (e = put_escaped(w, '\r', p)) != ERR_OK)
        return e;
    if (c == '\r')
        return ERR_OK;
    return is_literal(c) ? put_literal(w, c, p) : put_escaped(w, c, p);
}

/* Eight bytes, none of them a control, "=", DEL or beyond ASCII. */
static bool
are_plain(const uint8_t *p)
{
    const uint64_t ones = 0x0101010101010101u, high = ones * 0x80;
    uint64_t x, equal, del;

    memcpy(&x, p, sizeof(x));
    equal = x ^ ones * '=';
    del = x ^ ones * 0x7f;
    return ((x | ((x - ones * ' ') & ~x) | ((equal - ones) & ~equal) |
             ((del - ones) & ~del)) &
            high) == 0;
}

static bool
is_all_literal(const uint8_t *p, size_t n)
{
    size_t i = 0;

    while (n - i >= 8 && are_plain(p + i))
        i += 8;
    while (i < n && is_literal(p[i]))
        i++;
    return i == n;
}

/* A whole line that stays as it is: its length with its line end, *out_n
 * without; 0 when there is none. */
static size_t
plain_line(const uint8_t *p, const uint8_t *end, size_t *out_n)
{
    size_t most = (size_t)(end - p), n;
    const uint8_t *lf;

    if (most > LINE_BYTES + 2)
        most = LINE_BYTES + 2;
    lf = memchr(p, '\n', most);
    if (!lf)
        return 0;
    n = (size_t)(lf - p);
    if (n > 0 && p[n - 1] == '\r')
        n--;
    if (n > LINE_BYTES || (n > 0 && is_blank(p[n - 1])) ||
        (n == 1 && p[0] == '.') || (n > 4 && memcmp(p, "From ", 5) == 0) ||
        !is_all_literal(p, n))
        return 0;
    *out_n = n;
    return (size_t)(lf - p) + 1;
}

static enum err
quoted_write(struct sink *s, const uint8_t *p, size_t n,
             struct problem *problem)
{
    struct quoted_writer *w = (struct quoted_writer *)s;
    const uint8_t *end = p + n;

    while (p < end) {
        bool at_start = w->n == 0 && !w->after_cr && !w->continued;
        size_t text = 0;
        size_t whole = at_start ? plain_line(p, end, &text) : 0;
        enum err e;

        if (whole > 0) {
            e = gather_line(&w->out, p, text, problem);
        } else {
            whole = 1;
            e = put_byte(w, *p, problem);
        }
        if (e != ERR_OK)
            return e;
        p += whole;
    }
    return ERR_OK;
}

struct quoted_writer *
quoted_writer_new(struct sink *to)
{
    struct quoted_writer *w = mem_raw(sizeof(*w));

    memset(w, 0, offsetof(struct quoted_writer, out));
    w->s.write = quoted_write;
    gather_begin(&w->out, to);
    return w;
}

struct sink *
quoted_writer_sink(struct quoted_writer *w)
{
    return &w->s;
}

enum err
quoted_writer_finish(struct quoted_writer *w, struct problem *p)
{
    enum err e = w->after_cr ? put_escaped(w, '\r', p) : guard_end(w, p);

    w->after_cr = false;
    if (e == ERR_OK)
        e = put_line(w, "", p);
    return e == ERR_OK ? gather_flush(&w->out, p) : e;
}

void
quoted_writer_drop(struct quoted_writer **w)
{
    if (*w) {
        explicit_bzero((*w)->line, sizeof((*w)->line));
        gather_wipe(&(*w)->out);
    }
    free(*w);
    *w = NULL;
}
