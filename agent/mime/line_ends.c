/*
 * Line ends: to the canonical CRLF (RFC 8551 3.1.1) and back to LF.
 *
 * Lines are found by memchr and gathered, so that a sink that hashes gets
 * long runs; nothing but a CR waits from one write to the next.
 */
#include "agent/mime/transfer.h"

/* Gathers short runs for a sink; long ones pass by. */
struct gather {
    struct sink *to;
    size_t filled;
    size_t most; /* ever filled: what has to be wiped */
    uint8_t held[STREAM_CHUNK_BYTES];
};

static enum err
gather_flush(struct gather *g, struct problem *p)
{
    size_t n = g->filled;

    g->filled = 0;
    return sink_write(g->to, g->held, n, p);
}

static enum err
gather_add(struct gather *g, const void *bytes, size_t n, struct problem *p)
{
    enum err e;

    if (n > sizeof(g->held) - g->filled) {
        if ((e = gather_flush(g, p)) != ERR_OK)
            return e;
        if (n >= sizeof(g->held) / 2)
            return sink_write(g->to, bytes, n, p);
    }
    if (n > 0)
        memcpy(g->held + g->filled, bytes, n);
    g->filled += n;
    if (g->filled > g->most)
        g->most = g->filled;
    return ERR_OK;
}

/* A short mail must not pay for zeroing and wiping all of the room. */
static void
gather_begin(struct gather *g, struct sink *to)
{
    g->to = to;
    g->filled = 0;
    g->most = 0;
}

static void
gather_wipe(struct gather *g)
{
    explicit_bzero(g->held, g->most);
}

/* The whole of a run that needed no change goes through uncopied. */
static enum err
gather_end(struct gather *g, const void *bytes, size_t n, struct problem *p)
{
    enum err e;

    if (g->filled == 0)
        return sink_write(g->to, bytes, n, p);
    if ((e = gather_add(g, bytes, n, p)) != ERR_OK)
        return e;
    return gather_flush(g, p);
}

/* ---- to CRLF ------------------------------------------------------------- */

struct crlf_writer {
    struct sink s;
    bool after_cr; /* the last byte written was a CR */
    struct gather out;
};

static enum err
crlf_write(struct sink *s, const uint8_t *p, size_t n, struct problem *problem)
{
    struct crlf_writer *w = (struct crlf_writer *)s;
    const uint8_t *run = p, *end = p + n, *look = p, *lf;
    bool after_cr = w->after_cr;
    enum err e;

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
    w->after_cr = end[-1] == '\r';
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
