/*
 * CompressedData: what comes out, where it ends, and how much it may grow.
 */
#include <zlib.h>

#include "agent/cms/compressed.h"
#include "agent/cms/der.h"
#include "tests/unit/cms_fixture.h"

static void
compress_all(struct slice content, struct buf *out)
{
    uLongf n = compressBound(content.n);

    buf_reserve(out, n);
    assert_int_equal(
        compress2(out->data + out->len, &n, content.p, content.n, 9), Z_OK);
    out->len += n;
}

/* The object around COMPRESSED with ALGORITHM. */
static void
object_around(enum oid algorithm, struct slice compressed, struct buf *out)
{
    size_t mark[5];

    mark[0] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_COMPRESSED_DATA);
    mark[1] = der_open(out, TAG_CONTEXT_CONSTRUCTED);
    mark[2] = der_open(out, TAG_SEQUENCE);
    der_put_number(out, 0);
    der_put_algorithm(out, algorithm);
    mark[3] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_DATA);
    mark[4] = der_open(out, TAG_CONTEXT_CONSTRUCTED);
    der_put(out, TAG_OCTET_STRING, compressed);
    for (int i = 4; i >= 0; i--)
        der_close(out, mark[i]);
}

/* OUT may be NULL: then only its length counts. */
static enum err
read_object(struct slice object, size_t step, struct buf *out, uint64_t *length,
            struct problem *p)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(compressed_reader) struct compressed_reader *r = NULL;
    static uint8_t piece[STREAM_CHUNK_BYTES];
    struct steps from;
    size_t got = 0;
    enum err e;

    *length = 0;
    steps_init(&from, object, 4096);
    assert_int_equal(cms_object_open(&from.s, &o, p), ERR_OK);
    assert_int_equal(cms_object_type(o), CMS_TYPE_COMPRESSED);
    if ((e = compressed_reader_begin(o, &r, p)) != ERR_OK)
        return e;
    do {
        e = stream_read(compressed_reader_content(r), piece, step, &got, p);
        if (out && e == ERR_OK)
            buf_add(out, piece, got);
        *length += got;
    } while (e == ERR_OK && got > 0);
    return e;
}

static void
what_was_compressed_comes_back_in_any_pieces(void **state)
{
    static const size_t steps[] = {1, 7, 4096, STREAM_CHUNK_BYTES};
    static const size_t sizes[] = {0, 1, 5000, 200000};
    AUTO(buf) struct buf content = {0};

    (void)state;
    fill_pattern(&content, 200000);
    for (size_t i = 0; i < ARRAY_COUNT(sizes) * ARRAY_COUNT(steps); i++) {
        struct slice want = slice_of(content.data, sizes[i / 4]);
        AUTO(buf) struct buf compressed = {0};
        AUTO(buf) struct buf object = {0};
        AUTO(buf) struct buf got = {0};
        uint64_t n;

        compress_all(want, &compressed);
        object_around(OID_ZLIB, buf_slice(&compressed), &object);
        assert_int_equal(
            read_object(buf_slice(&object), steps[i % 4], &got, &n, NULL),
            ERR_OK);
        assert_true(slice_equal(buf_slice(&got), want));
    }
}

static void
expect_refused(struct slice compressed, enum oid algorithm, enum err want,
               const char *says)
{
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};
    struct problem p = {0};
    uint64_t n;

    object_around(algorithm, compressed, &object);
    assert_int_equal(read_object(buf_slice(&object), 4096, &got, &n, &p), want);
    if (!strstr(p.detail, says))
        fail_msg("it does not say %s: %s", says, p.detail);
}

static void
every_cut_and_every_octet_behind_is_told(void **state)
{
    AUTO(buf) struct buf compressed = {0};
    struct slice whole;

    (void)state;
    compress_all(slice_text("a text that is a little longer than nothing"),
                 &compressed);
    whole = buf_slice(&compressed);
    for (size_t n = 0; n < whole.n; n++)
        expect_refused(slice_of(whole.p, n), OID_ZLIB, ERR_BAD_MESSAGE,
                       "ends early");
    buf_add_byte(&compressed, 0);
    expect_refused(buf_slice(&compressed), OID_ZLIB, ERR_BAD_MESSAGE,
                   "something is behind");
    compressed.len--;
    compressed.data[compressed.len - 1] ^= 1; /* the checksum */
    expect_refused(buf_slice(&compressed), OID_ZLIB, ERR_BAD_MESSAGE,
                   "is damaged");
    compressed.data[compressed.len - 1] ^= 1;
    expect_refused(buf_slice(&compressed), OID_DES3_CBC, ERR_UNSUPPORTED,
                   "no zlib");
}

/* ---- how much it may grow -------------------------------------------------
 */

/* One raw deflate stream of N times a letter; not its last block unless
 * LAST. */
static void
deflate_letters(size_t n, bool last, struct buf *out)
{
    static uint8_t letters[1 << 16];
    z_stream z = {0};

    memset(letters, 'x', sizeof(letters));
    assert_int_equal(
        deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    while (n > 0) {
        size_t take = n < sizeof(letters) ? n : sizeof(letters);

        n -= take;
        z.next_in = letters;
        z.avail_in = (uInt)take;
        do {
            buf_reserve(out, 4096);
            z.next_out = out->data + out->len;
            z.avail_out = 4096;
            (void)deflate(&z, n > 0  ? Z_NO_FLUSH
                              : last ? Z_FINISH
                                     : Z_FULL_FLUSH);
            out->len += 4096 - z.avail_out;
        } while (z.avail_out == 0);
    }
    (void)deflateEnd(&z);
}

static void
put_checksum(size_t letters, struct buf *out)
{
    static uint8_t x[1 << 16];
    uLong sum = adler32(0, NULL, 0);

    memset(x, 'x', sizeof(x));
    for (size_t n; letters > 0; letters -= n) {
        n = letters < sizeof(x) ? letters : sizeof(x);
        sum = adler32(sum, x, (uInt)n);
    }
    for (int i = 24; i >= 0; i -= 8)
        buf_add_byte(out, (uint8_t)(sum >> i));
}

/* TOTAL letters in a stream of exactly SIZE octets: most of them, then
 * stored blocks with nothing in them, then the rest. */
static void
stream_of(size_t total, size_t size, struct buf *out)
{
    static const uint8_t nothing[] = {0, 0, 0, 0xff, 0xff};
    size_t stored = 0;

    for (stored = 0; stored < sizeof(nothing); stored++) {
        AUTO(buf) struct buf tail = {0};

        buf_clear(out);
        buf_add(out, "\x78\xda", 2);
        deflate_letters(LIMIT_EXPANSION_BYTES - stored, false, out);
        for (size_t i = 0; i < stored; i++) { /* one letter each: six octets */
            buf_add(out, "\x00\x01\x00\xfe\xff", 5);
            buf_add_byte(out, 'x');
        }
        deflate_letters(total - LIMIT_EXPANSION_BYTES, true, &tail);
        put_checksum(total, &tail);
        if (out->len + tail.len > size ||
            (size - out->len - tail.len) % sizeof(nothing) != 0)
            continue;
        while (out->len + tail.len < size)
            buf_add(out, nothing, sizeof(nothing));
        buf_add_slice(out, buf_slice(&tail));
        return;
    }
    fail_msg("no stream of %zu octets", size);
}

static enum err
grow(size_t total, size_t size, uint64_t *length, struct problem *p)
{
    AUTO(buf) struct buf compressed = {0};
    AUTO(buf) struct buf object = {0};

    stream_of(total, size, &compressed);
    assert_int_equal(compressed.len, size);
    object_around(OID_ZLIB, buf_slice(&compressed), &object);
    return read_object(buf_slice(&object), STREAM_CHUNK_BYTES, NULL, length, p);
}

static void
compressed_content_grows_to_so_much_and_no_more(void **state)
{
    const size_t total = LIMIT_EXPANSION_BYTES + 1000000;
    const size_t least = total / LIMIT_EXPANSION + 1;
    struct problem p = {0};
    uint64_t n;

    (void)state;
    assert_int_equal(grow(total, least, &n, &p), ERR_OK);
    assert_int_equal(n, total);
    assert_int_equal(grow(total, least - 1, &n, &p), ERR_LIMIT);
    assert_non_null(strstr(p.detail, "more than 100 times"));
    assert_true(n < total);
}

/* A hundredth of what is free is far more than letters take. */
static void
little_may_grow_as_it_likes_up_to_what_is_free(void **state)
{
    AUTO(buf) struct buf content = {0};
    struct problem p = {0};

    (void)state;
    buf_reserve(&content, LIMIT_EXPANSION_BYTES + 1);
    memset(content.data, 'x', LIMIT_EXPANSION_BYTES + 1);
    for (size_t more = 0; more < 2; more++) {
        AUTO(buf) struct buf compressed = {0};
        AUTO(buf) struct buf object = {0};
        uint64_t n;

        content.len = LIMIT_EXPANSION_BYTES + more;
        compress_all(buf_slice(&content), &compressed);
        object_around(OID_ZLIB, buf_slice(&compressed), &object);
        assert_int_equal(
            read_object(buf_slice(&object), STREAM_CHUNK_BYTES, NULL, &n, &p),
            more ? ERR_LIMIT : ERR_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_compressed_comes_back_in_any_pieces),
        cmocka_unit_test(every_cut_and_every_octet_behind_is_told),
        cmocka_unit_test(compressed_content_grows_to_so_much_and_no_more),
        cmocka_unit_test(little_may_grow_as_it_likes_up_to_what_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
