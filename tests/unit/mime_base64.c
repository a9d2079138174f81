#include "tests/unit/mime_streams.h"

#include "agent/mime/transfer.h"

static enum err
decode(struct slice text, size_t in, size_t out_size, struct buf *out,
       struct problem *p)
{
    struct pieces from = pieces_of(text, in);
    AUTO(base64_reader)
    struct base64_reader *r = base64_reader_new(&from.s);

    return read_in_pieces(base64_reader_stream(r), out_size, out, p);
}

static void
assert_decodes(const char *text, const char *expected)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(piece_sizes); k++) {
            AUTO(buf) struct buf out = {0};
            struct problem p = {0};

            assert_int_equal(decode(slice_text(text), piece_sizes[i],
                                    piece_sizes[k], &out, &p),
                             ERR_OK);
            assert_slice(buf_slice(&out), expected);
        }
    }
}

static void
assert_ends_in_the_middle(const char *text)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf out = {0};
        struct problem p = {0};

        assert_int_equal(decode(slice_text(text), piece_sizes[i], 5, &out, &p),
                         ERR_BAD_MESSAGE);
        assert_string_equal(p.detail, "base64 ends in the middle");
    }
}

static void
clean_base64_is_decoded(void **state)
{
    (void)state;
    assert_decodes("", "");
    assert_decodes("Zg==", "f");
    assert_decodes("Zm8=", "fo");
    assert_decodes("Zm9v", "foo");
    assert_decodes("Zm9vYmFyLCBhbmQgc29tZSBtb3Jl\r\nIHRleHQ=\r\n",
                   "foobar, and some more text");
}

static void
white_space_and_other_characters_are_skipped(void **state)
{
    (void)state;
    assert_decodes(" Z m\t9\r\nv\n\n", "foo");
    assert_decodes("Z-m_9!v\xff", "foo");
}

/* Read as far as a CMS object goes, N octets, then to the end. */
static bool
has_rubbish(const char *text, size_t n, size_t piece)
{
    struct pieces from = pieces_of(slice_text(text), piece);
    AUTO(base64_reader)
    struct base64_reader *r = base64_reader_new(&from.s);
    struct problem p = {0};
    uint8_t out[8];
    bool rubbish = false;

    for (size_t got = 1; n > 0 && got > 0; n -= got)
        assert_int_equal(stream_read(base64_reader_stream(r), out, n, &got, &p),
                         ERR_OK);
    assert_int_equal(base64_reader_finish(r, &rubbish, &p), ERR_OK);
    return rubbish;
}

/* A text that others show and we pass over. */
static void
what_is_no_base64_is_told_at_the_end(void **state)
{
    static const char *const yes[] = {
        "Zm9v!",      "!Zm9v", "Zm<9v",           "Zm9v\n-- \nlist",
        "Zm8=\nZm8=", "Zm8=x", "Zg==\n\n\n \xff", "Zg==\n====\nx",
        "Zm9v\n.",    "Zm9v_"};
    static const char *const no[] = {"Zm9v",        "Zm9v\r\n\r\n \t\n",
                                     "Zm8=\n\n",    "Zm8===\n",
                                     "Z m\n9\tv\n", "\n\nZg=="};

    (void)state;
    for (size_t piece = 1; piece < 12; piece += 2) {
        for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
            if (!has_rubbish(yes[i], 1, piece))
                fail_msg("no rubbish: %s", yes[i]);
        for (size_t i = 0; i < ARRAY_COUNT(no); i++)
            if (has_rubbish(no[i], 1, piece))
                fail_msg("rubbish: %s", no[i]);
    }
}

static void
padding_may_be_missing_at_the_end(void **state)
{
    (void)state;
    assert_decodes("Zm8", "fo");
    assert_decodes("Zg\r\n", "f");
}

static void
what_follows_padding_is_ignored(void **state)
{
    (void)state;
    assert_decodes("Zg==Zm9v", "f");
    assert_decodes("=Zm9v", "");
}

static void
one_character_left_over_is_an_error(void **state)
{
    (void)state;
    assert_ends_in_the_middle("Zm9vZ");
    assert_ends_in_the_middle("Z");
    assert_ends_in_the_middle("Zm9vZ===");
}

static void
an_error_of_the_source_comes_through(void **state)
{
    struct pieces from = pieces_of(slice_text("Zm9v"), 4);
    AUTO(base64_reader)
    struct base64_reader *r = base64_reader_new(&from.s);
    AUTO(buf) struct buf out = {0};
    struct problem p = {0};

    (void)state;
    from.fails = true;
    assert_int_equal(read_in_pieces(base64_reader_stream(r), 9, &out, &p),
                     ERR_INPUT);
    assert_slice(buf_slice(&out), "foo");
}

static void
encode(struct slice bytes, size_t most, bool crlf, struct buf *out)
{
    struct sink_buf to;
    AUTO(base64_writer) struct base64_writer *w = NULL;
    struct problem p = {0};

    sink_buf_init(&to, out, SIZE_MAX);
    w = base64_writer_new(&to.s, crlf);
    assert_int_equal(write_in_pieces(base64_writer_sink(w), bytes, most, &p),
                     ERR_OK);
    assert_int_equal(base64_writer_finish(w, &p), ERR_OK);
}

static void
lines_have_64_characters(void **state)
{
    static const uint8_t zeros[49];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf out = {0};
        AUTO(buf) struct buf longer = {0};

        encode(slice_of(zeros, 48), piece_sizes[i], true, &out);
        assert_int_equal(out.len, 66);
        assert_memory_equal(out.data + 60, "AAAA\r\n", 6);
        encode(slice_of(zeros, 49), piece_sizes[i], false, &longer);
        assert_int_equal(longer.len, 65 + 5);
        assert_memory_equal(longer.data + 60, "AAAA\nAA==\n", 10);
    }
}

static void
nothing_is_encoded_as_nothing(void **state)
{
    AUTO(buf) struct buf out = {0};

    (void)state;
    encode(slice_of(NULL, 0), 1, true, &out);
    assert_int_equal(out.len, 0);
}

static void
what_is_encoded_decodes_to_itself(void **state)
{
    static uint8_t bytes[100003];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    for (size_t i = 2; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf text = {0};
        AUTO(buf) struct buf out = {0};
        struct problem p = {0};

        encode(slice_of(bytes, sizeof(bytes)), piece_sizes[i], i % 2, &text);
        assert_int_equal(
            decode(buf_slice(&text), 65536, piece_sizes[i], &out, &p), ERR_OK);
        assert_int_equal(out.len, sizeof(bytes));
        assert_memory_equal(out.data, bytes, sizeof(bytes));
    }
}

static void
a_full_sink_fails_the_writer(void **state)
{
    static const uint8_t zeros[STREAM_CHUNK_BYTES];
    AUTO(buf) struct buf out = {0};
    struct sink_buf to;
    AUTO(base64_writer) struct base64_writer *w = NULL;
    struct problem p = {0};

    (void)state;
    sink_buf_init(&to, &out, 10);
    w = base64_writer_new(&to.s, false);
    assert_int_equal(
        sink_write(base64_writer_sink(w), zeros, sizeof(zeros), &p), ERR_LIMIT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_base64_is_decoded),
        cmocka_unit_test(white_space_and_other_characters_are_skipped),
        cmocka_unit_test(what_is_no_base64_is_told_at_the_end),
        cmocka_unit_test(padding_may_be_missing_at_the_end),
        cmocka_unit_test(what_follows_padding_is_ignored),
        cmocka_unit_test(one_character_left_over_is_an_error),
        cmocka_unit_test(an_error_of_the_source_comes_through),
        cmocka_unit_test(lines_have_64_characters),
        cmocka_unit_test(nothing_is_encoded_as_nothing),
        cmocka_unit_test(what_is_encoded_decodes_to_itself),
        cmocka_unit_test(a_full_sink_fails_the_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
