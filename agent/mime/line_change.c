/*
 * An unsafe line, byte by byte, into what is safe and means the same.
 */
#include "agent/mime/line_change.h"

#include "agent/mime/letters.h"

#define FOLD_AT 76

static enum err
put(struct line_change *w, const void *p, size_t n, struct problem *problem)
{
    w->column += n;
    return gather_add(w->out, p, n, problem);
}

enum err
line_change_end(struct line_change *w, const char *end, struct problem *p)
{
    enum err e = put(w, end, strlen(end), p);

    w->column = 0;
    return e;
}

static enum err
put_hex(struct line_change *w, uint8_t c, struct problem *p)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[3] = {'=', digits[c >> 4], digits[c & 15]};

    return put(w, text, sizeof(text), p);
}

/* A long line is broken where that changes nothing. What begins a line of
 * our making is escaped, whatever it is: no delimiter, no "From ". */
static enum err
put_quoted(struct line_change *w, uint8_t c, struct problem *p)
{
    enum err e;

    if (w->escape == 0 && w->column >= SAFE_LINE_BYTES - FOLD_AT) {
        if ((e = line_change_end(w, "=\r\n", p)) != ERR_OK)
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
put_base64(struct line_change *w, uint8_t c, struct problem *p)
{
    enum err e;

    if (base64_value(c) < 0 && c != '=')
        return ERR_OK;
    if (w->column == FOLD_AT && (e = line_change_end(w, "\r\n", p)) != ERR_OK)
        return e;
    return put(w, &c, 1, p);
}

static enum err
put_aside(struct line_change *w, uint8_t c, struct problem *p)
{
    enum err e;

    if (w->column >= SAFE_LINE_BYTES - FOLD_AT) {
        if ((e = line_change_end(w, "\r\n", p)) != ERR_OK)
            return e;
        w->wrapped = true;
    }
    /* No line of our making is a delimiter, a dot or "From ". */
    if (w->column == 0 && w->wrapped && (c == '-' || c == '.' || c == 'F'))
        c = '?';
    if (c > 0x7e || (c < ' ' && c != '\t'))
        c = '?';
    /* No line of our making ends in a blank. */
    if (is_blank(c) && w->column + 1 >= SAFE_LINE_BYTES - FOLD_AT)
        c = '?';
    return put(w, &c, 1, p);
}

static enum err
put_byte(struct line_change *w, uint8_t c, struct problem *p)
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
change_bytes(struct line_change *w, const uint8_t *p, size_t n,
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

/* Or will be, without the blanks behind it. */
static bool
is_dot_alone(const uint8_t *p, size_t n)
{
    while (n > 1 && is_blank(p[n - 1]))
        n--;
    return n == 1 && *p == '.';
}

/* What begins a line, or is all of it. Where a line is kept, CRs before its
 * end go: they would be taken for one line end, or for several. */
enum err
line_change_begin(struct line_change *w, const uint8_t *p, size_t n,
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
    if (is_dot_alone(p, n)) {
        if (w->how == UNSAFE_QUOTED)
            e = put_hex(w, '.', problem);
        p++;
        n--;
    }
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

enum err
line_change_more(struct line_change *w, const uint8_t *p, size_t n,
                 struct problem *problem)
{
    return w->how == UNSAFE_KEPT ? put(w, p, n, problem)
                                 : change_bytes(w, p, n, problem);
}
