/*
 * Short runs put together for a sink that hashes or encrypts, long ones
 * passed by uncopied. For the line filters of this folder alone.
 */
#ifndef AGENT_MIME_GATHER_H
#define AGENT_MIME_GATHER_H

#include "agent/base/stream.h"

struct gather {
    struct sink *to;
    size_t filled;
    size_t most; /* ever filled: what has to be wiped */
    uint8_t held[STREAM_CHUNK_BYTES];
};

static inline MUST_USE enum err
gather_flush(struct gather *g, struct problem *p)
{
    size_t n = g->filled;

    g->filled = 0;
    return sink_write(g->to, g->held, n, p);
}

static inline MUST_USE enum err
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

/* A line of at most a thousand bytes, with CRLF. */
static inline MUST_USE enum err
gather_line(struct gather *g, const uint8_t *line, size_t n, struct problem *p)
{
    enum err e;

    if (n + 2 > sizeof(g->held) - g->filled &&
        (e = gather_flush(g, p)) != ERR_OK)
        return e;
    memcpy(g->held + g->filled, line, n);
    g->held[g->filled + n] = '\r';
    g->held[g->filled + n + 1] = '\n';
    g->filled += n + 2;
    if (g->filled > g->most)
        g->most = g->filled;
    return ERR_OK;
}

/* A short mail must not pay for zeroing and wiping all of the room. */
static inline void
gather_begin(struct gather *g, struct sink *to)
{
    g->to = to;
    g->filled = 0;
    g->most = 0;
}

static inline void
gather_wipe(struct gather *g)
{
    explicit_bzero(g->held, g->most);
}

/* The whole of a run that needed no change goes through uncopied. */
static inline MUST_USE enum err
gather_end(struct gather *g, const void *bytes, size_t n, struct problem *p)
{
    enum err e;

    if (g->filled == 0)
        return sink_write(g->to, bytes, n, p);
    if ((e = gather_add(g, bytes, n, p)) != ERR_OK)
        return e;
    return gather_flush(g, p);
}

#endif
