/*
 * A stream over memory that gives at most MOST bytes at a time: what is read
 * must not depend on the pieces it comes in.
 */
#ifndef TESTS_FUZZ_DROPS_H
#define TESTS_FUZZ_DROPS_H

#include "agent/base/stream.h"

struct drops {
    struct stream s;
    struct slice rest;
    size_t most;
};

static inline enum err
drops_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
           struct problem *p)
{
    struct drops *d = (struct drops *)s;
    size_t n = d->rest.n < d->most ? d->rest.n : d->most;

    (void)p;
    *got = n < size ? n : size;
    if (*got > 0) {
        memcpy(out, d->rest.p, *got);
        d->rest.p += *got;
        d->rest.n -= *got;
    }
    return ERR_OK;
}

static inline struct drops
drops_of(struct slice bytes, size_t most)
{
    return (struct drops){
        .s = {.read = drops_read}, .rest = bytes, .most = most};
}

#endif
