/*
 * Line ends: to the canonical CRLF (RFC 8551 3.1.1) and back to LF.
 *
 * Lines are found by memchr and gathered, so that a sink that hashes gets
 * long runs; nothing but a CR waits from one write to the next.
 */
#include "agent/mime/gather.h"
#include "agent/mime/transfer.h"

/* ---- to CRLF ------------------------------------------------------------- */

struct crlf_writer {
    struct sink s;
    bool after_cr; /* the last byte written was a CR */
    struct gather out;
};

#define BLOCK_BYTES 64 /* compilers make vectors of a loop this long */

/* Is there an LF without a CR before it, behind the first byte? */
static bool
has_bare_lf(const uint8_t *p, size_t n)
{
    uint8_t found = 0;
    size_t i = 1;

    for (; i + BLOCK_BYTES <= n && !found; i += BLOCK_BYTES)
        for (size_t k = i; k < i + BLOCK_BYTES; k++)
            found |= (uint8_t)((p[k] == '\n') & (p[k - 1] != '\r'));
    for (; i < n && !found; i++)
        found |= (uint8_t)((p[i] == '\n') & (p[i - 1] != '\r'));
    return found != 0;
}

static enum err
crlf_write(struct sink *s, const uint8_t *p, size_t n, struct problem *problem)
{
    struct crlf_writer *w = (struct crlf_writer *)s;
    const uint8_t *run = p, *end = p + n, *look = p, *lf;
    bool after_cr = w->after_cr;
    enum err e;

    w->after_cr = end[-1] == '\r';
    /* Most of what comes from elsewhere is canonical already. */
    if ((p[0] != '\n' || after_cr) && !has_bare_lf(p, n))
        return gather_end(&w->out, p, n, problem);
    while ((lf = memchr(look, '\n', (size_t)(end - look)))) {
        look = lf + 1;
        if (lf > p ? lf[-1] == '\r' : after_cr)
            continue;
        e = gather_add(&w->out, run, (size_t)(lf - run), problem);
        if (e == ERR_OK)
            e = gather_add(&w->out, "\r\n", 2, problem);
        if (e != ERR_OK)
            return e;
        run = look;
    }
    return gather_end(&w->out, run, (size_t)(end - run), problem);
}

struct crlf_writer *
crlf_writer_new(struct sink *to)
{
    struct crlf_writer *w = mem_raw(sizeof(*w));

    w->s.write = crlf_write;
    w->after_cr = false;
    gather_begin(&w->out, to);
    return w;
}

struct sink *
crlf_writer_sink(struct crlf_writer *w)
{
    return &w->s;
}

enum err
crlf_writer_finish(struct crlf_writer *w, struct problem *p)
{
    return gather_flush(&w->out, p);
}

void
crlf_writer_drop(struct crlf_writer **w)
{
    if (*w)
        gather_wipe(&(*w)->out);
    free(*w);
    *w = NULL;
}

/* ---- to LF --------------------------------------------------------------- */

struct lf_writer {
    struct sink s;
    bool held_cr; /* a CR ended the last write: its LF may follow */
    struct gather out;
};

static enum err
lf_write(struct sink *s, const uint8_t *p, size_t n, struct problem *problem)
{
    struct lf_writer *w = (struct lf_writer *)s;
    const uint8_t *run = p, *end = p + n, *look = p, *lf;
    enum err e;

    if (w->held_cr && p[0] != '\n')
        if ((e = gather_add(&w->out, "\r", 1, problem)) != ERR_OK)
            return e;
    w->held_cr = end[-1] == '\r';
    if (w->held_cr)
        end--;
    while ((lf = memchr(look, '\n', (size_t)(end - look)))) {
        look = lf + 1;
        if (lf == p || lf[-1] != '\r')
            continue;
        e = gather_add(&w->out, run, (size_t)(lf - 1 - run), problem);
        if (e != ERR_OK)
            return e;
        run = lf;
    }
    return gather_end(&w->out, run, (size_t)(end - run), problem);
}

struct lf_writer *
lf_writer_new(struct sink *to)
{
    struct lf_writer *w = mem_raw(sizeof(*w));

    w->s.write = lf_write;
    w->held_cr = false;
    gather_begin(&w->out, to);
    return w;
}

struct sink *
lf_writer_sink(struct lf_writer *w)
{
    return &w->s;
}

enum err
lf_writer_finish(struct lf_writer *w, struct problem *p)
{
    bool held = w->held_cr;

    w->held_cr = false;
    return gather_end(&w->out, "\r", held ? 1 : 0, p);
}

void
lf_writer_drop(struct lf_writer **w)
{
    if (*w)
        gather_wipe(&(*w)->out);
    free(*w);
    *w = NULL;
}
