/*
 * An entity written as it survives its transport: what is written is safe
 * (7 bits, lines of at most 998 octets, no "From " and no blank at an end)
 * unless it is told, its parts decode to what they were, and written again it
 * stays the same.
 */
#include "agent/session/seven_bit.h"

#include "agent/mime/safe_lines.h"
#include "tests/fuzz/flat.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

MUTATES_MAIL

/* In pieces of PIECE bytes. */
struct pieces {
    struct stream s;
    struct slice rest;
    size_t piece;
};

static enum err
pieces_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    struct pieces *m = (struct pieces *)s;
    size_t n = m->rest.n < m->piece ? m->rest.n : m->piece;

    (void)p;
    if (n > size)
        n = size;
    if (n > 0)
        memcpy(out, m->rest.p, n);
    m->rest = slice_of(m->rest.p + n, m->rest.n - n);
    *got = n;
    return ERR_OK;
}

/* False when it is no entity. */
static bool
write_once(struct slice input, size_t piece, struct seven_bit *t,
           struct buf *out)
{
    struct pieces from = {
        .s = {.read = pieces_read}, .rest = input, .piece = piece};
    struct entity e = {0};
    struct sink_buf to;
    struct problem p = {0};
    bool is_entity;

    sink_buf_init(&to, out, SIZE_MAX);
    t->to = &to.s;
    REQUIRE(entity_read(&from.s, &e, &p) == ERR_OK);
    is_entity = e.is_entity;
    if (is_entity) {
        enum err error = seven_bit_write(t, &e.header, e.body, &p);

        REQUIRE(error == ERR_OK || t->begin_again);
        REQUIRE(!t->begin_again || t->hopes);
    }
    entity_drop(&e);
    return is_entity;
}

static void
flatten(struct slice text, struct flat *out)
{
    struct stream_memory from;

    stream_memory_init(&from, text);
    REQUIRE(flat_from(out, &from.s, false));
}

static void
check_same(struct slice input, struct slice written)
{
    struct flat before = {.depth = 0}, after = {.depth = 0};

    flatten(input, &before);
    flatten(written, &after);
    REQUIRE(before.untouched ||
            slice_equal(buf_slice(&before.text), buf_slice(&after.text)));
    buf_drop(&before.text);
    buf_drop(&after.text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct seven_bit once = {.hopes = false}, pieces = {.hopes = false},
                     again = {.hopes = true};
    AUTO(buf) struct buf out = {0};
    AUTO(buf) struct buf same = {0};
    AUTO(buf) struct buf third = {0};

    if (size == 0 || !write_once(input, size, &once, &out))
        return 0;
    REQUIRE(write_once(input, 1 + size % 7, &pieces, &same));
    REQUIRE(slice_equal(buf_slice(&out), buf_slice(&same)));
    if (once.unsafe)
        return 0;
    REQUIRE(lines_are_safe(buf_slice(&out), NULL));
    check_same(input, buf_slice(&out));
    REQUIRE(write_once(buf_slice(&out), 4096, &again, &third));
    REQUIRE(!again.begin_again && !again.unsafe);
    REQUIRE(slice_equal(buf_slice(&out), buf_slice(&third)));
    return 0;
}
