/*
 * Streams and sinks for the tests of agent/mime: small pieces, failures.
 */
#ifndef TESTS_UNIT_MIME_STREAMS_H
#define TESTS_UNIT_MIME_STREAMS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/stream.h"

static const size_t piece_sizes[] = {1, 2, 3, 7, 61, STREAM_CHUNK_BYTES};

/* Gives a text in pieces of at most `most` bytes, then fails if told so. */
struct pieces {
    struct stream s;
    struct slice rest;
    size_t most;
    bool fails;
};

static inline enum err
pieces_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    struct pieces *m = (struct pieces *)s;
    size_t n = m->rest.n < m->most ? m->rest.n : m->most;

    if (n > size)
        n = size;
    if (n == 0 && m->fails)
        return fail(p, ERR_INPUT, "broken");
    if (n > 0)
        memcpy(out, m->rest.p, n);
    m->rest.p += n;
    m->rest.n -= n;
    *got = n;
    return ERR_OK;
}

static inline struct pieces
pieces_of(struct slice text, size_t most)
{
    return (struct pieces){
        .s = {.read = pieces_read}, .rest = text, .most = most};
}

/* Reads S to its end, MOST bytes a time, into OUT. */
static inline enum err
read_in_pieces(struct stream *s, size_t most, struct buf *out,
               struct problem *p)
{
    for (;;) {
        size_t got = 0;
        enum err e;

        buf_reserve(out, most);
        e = stream_read(s, out->data + out->len, most, &got, p);
        if (e != ERR_OK || got == 0)
            return e;
        assert_true(got <= most);
        out->len += got;
    }
}

/* Writes TEXT to K in pieces. */
static inline enum err
write_in_pieces(struct sink *k, struct slice text, size_t most,
                struct problem *p)
{
    while (text.n > 0) {
        size_t n = text.n < most ? text.n : most;
        enum err e = sink_write(k, text.p, n, p);

        if (e != ERR_OK)
            return e;
        text = slice_of(text.p + n, text.n - n);
    }
    return ERR_OK;
}

static inline void
assert_slice(struct slice s, const char *expected)
{
    char *text = mem_text(s);

    assert_string_equal(text, expected);
    assert_int_equal(s.n, strlen(expected));
    free(text);
}

#endif
