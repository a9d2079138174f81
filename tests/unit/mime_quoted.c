#include "tests/unit/mime_streams.h"

#include "agent/mime/transfer.h"

static void
assert_decodes_slice(struct slice text, struct slice expected)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(piece_sizes); k++) {
            struct pieces from = pieces_of(text, piece_sizes[i]);
            AUTO(quoted_reader)
            struct quoted_reader *r = quoted_reader_new(&from.s);
            AUTO(buf) struct buf out = {0};
            struct problem p = {0};

            assert_int_equal(read_in_pieces(quoted_reader_stream(r),
                                            piece_sizes[k], &out, &p),
                             ERR_OK);
            assert_int_equal(out.len, expected.n);
            if (out.len > 0)
                assert_memory_equal(out.data, expected.p, expected.n);
        }
    }
}

static void
assert_decodes(const char *text, const char *expected)
{
    assert_decodes_slice(slice_text(text), slice_text(expected));
}

static void
escapes_are_decoded(void **state)
{
    (void)state;
    assert_decodes("", "");
    assert_decodes("plain text\n", "plain text\n");
    assert_decodes("M=C3=BCller =3D =c3=bc\r\n",
                   "M\xc3\xbcller = \xc3\xbc\r\n");
    assert_decodes_slice(slice_text("a=00b"), slice_of("a\0b", 3));
}

static void
what_is_no_escape_stays(void **state)
{
    (void)state;
    assert_decodes("a=zz =4 =4x ==41\n", "a=zz =4 =4x =A\n");
    assert_decodes("=4\nx", "=4\nx");
    assert_decodes("a= b\n", "a= b\n");
    assert_decodes("a=\rb", "a=\rb");
    assert_decodes("end=4", "end=4");
}

static void
soft_line_breaks_vanish(void **state)
{
    (void)state;
    assert_decodes("one =\r\ntwo =\nthree", "one two three");
    assert_decodes("one= \t \r\ntwo", "onetwo");
    assert_decodes("last=", "last");
    assert_decodes("last=\r", "last");
}

static void
blanks_before_a_line_end_vanish(void **state)
{
    (void)state;
    assert_decodes("a  b \t\r\nc \n\n d  ", "a  b\r\nc\n\n d");
    assert_decodes("a=20\nb", "a \nb");
}

static void
a_bare_cr_stays(void **state)
{
    (void)state;
    assert_decodes("a \rb\r\r\nc\r", "a \rb\r\r\nc\r");
}

/* So many are held back; of more, those before them are text. */
static void
a_run_of_blanks_is_bounded(void **state)
{
    static char text[LIMIT_HELD_BYTES + 2], kept[LIMIT_HELD_BYTES];

    (void)state;
    memset(text, ' ', LIMIT_HELD_BYTES);
    text[LIMIT_HELD_BYTES] = '\n';
    assert_decodes(text, "\n");
    memset(text, ' ', LIMIT_HELD_BYTES + 1);
    memset(kept, ' ', LIMIT_HELD_BYTES);
    assert_decodes_slice(slice_of(text, LIMIT_HELD_BYTES + 1),
                         slice_of(kept, LIMIT_HELD_BYTES));
}

/* ---- encoding ------------------------------------------------------------
 */

static void
assert_encodes_slice(struct slice text, const char *expected)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf out = {0};
        struct sink_buf to;
        struct quoted_writer *w;
        struct problem p = {0};

        sink_buf_init(&to, &out, SIZE_MAX);
        w = quoted_writer_new(&to.s);
        assert_int_equal(
            write_in_pieces(quoted_writer_sink(w), text, piece_sizes[i], &p),
            ERR_OK);
        assert_int_equal(quoted_writer_finish(w, &p), ERR_OK);
        quoted_writer_drop(&w);
        assert_slice(buf_slice(&out), expected);
    }
}

static void
assert_encodes(const char *text, const char *expected)
{
    assert_encodes_slice(slice_text(text), expected);
}

#define A74                                                                    \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                       \
    "aaaaaaaaaaaaaaaaaaaaaaaa"

static void
what_transports_change_is_escaped(void **state)
{
    (void)state;
    assert_encodes("", "");
    assert_encodes("a\nb\r\n", "a\r\nb\r\n");
    assert_encodes("a=\xc3\xa4\x7f\x01", "a=3D=C3=A4=7F=01");
    assert_encodes_slice(slice_of("a\0b", 3), "a=00b");
    assert_encodes("a \nb\t\r\nc ", "a=20\r\nb=09\r\nc=20");
    assert_encodes("From me\nFrom\nFromage\n From x\n",
                   "=46rom me\r\nFrom\r\nFromage\r\n From x\r\n");
    assert_encodes(".\n..\n.", "=2E\r\n..\r\n=2E");
    assert_encodes("a\rb\r\r\n\r", "a=0Db=0D\r\n=0D");
    assert_encodes("-- \n--\n", "--=20\r\n--\r\n");
}

static void
a_line_of_76_stays_and_a_longer_one_is_parted(void **state)
{
    (void)state;
    assert_encodes(A74 "bc\nx", A74 "bc\r\nx");
    assert_encodes(A74 "bcd\n", A74 "b=\r\ncd\r\n");
    assert_encodes(A74 "b=\n", A74 "b=\r\n=3D\r\n");
    assert_encodes(A74 "b--\n", A74 "b=\r\n=2D-\r\n");
    assert_encodes(A74 "bFrom x\n", A74 "b=\r\n=46rom x\r\n");
    assert_encodes(A74 "b.\n", A74 "b.\r\n");
    assert_encodes(A74 "bc.\n", A74 "b=\r\nc.\r\n");
    assert_encodes(A74 "b \n", A74 "b=\r\n=20\r\n");
    assert_encodes(A74 "bc", A74 "bc");
    assert_encodes(A74 "\xe4\xe4", A74 "=\r\n=E4=E4");
}

static void
random_bytes_decode_to_themselves(void **state)
{
    static const char some[] = "a =.-F\r\n\xe4\x00rom \n\n";
    uint32_t seed = 20260302;
    AUTO(buf) struct buf text = {0};
    AUTO(buf) struct buf coded = {0};
    AUTO(buf) struct buf back = {0};
    struct sink_buf to;
    struct quoted_writer *w;
    struct problem p = {0};
    size_t line = 0;

    (void)state;
    buf_add_byte(&text, 'x');
    for (int i = 0; i < 100000; i++) {
        seed = seed * 1664525 + 1013904223;
        buf_add_byte(&text, (uint8_t)some[(seed >> 16) % (sizeof(some) - 1)]);
        if (text.data[text.len - 1] == '\n' && text.len > 1 &&
            text.data[text.len - 2] != '\r') {
            text.data[text.len - 1] = '\r';
            buf_add_byte(&text, '\n');
        }
    }
    sink_buf_init(&to, &coded, SIZE_MAX);
    w = quoted_writer_new(&to.s);
    assert_int_equal(
        write_in_pieces(quoted_writer_sink(w), buf_slice(&text), 4099, &p),
        ERR_OK);
    assert_int_equal(quoted_writer_finish(w, &p), ERR_OK);
    quoted_writer_drop(&w);
    for (size_t i = 0; i < coded.len; i++) {
        assert_true(coded.data[i] < 0x7f);
        line = coded.data[i] == '\n' ? 0 : line + 1;
        assert_true(line <= 77);
    }
    {
        struct pieces from = pieces_of(buf_slice(&coded), 61);
        AUTO(quoted_reader)
        struct quoted_reader *r = quoted_reader_new(&from.s);

        assert_int_equal(
            read_in_pieces(quoted_reader_stream(r), 4096, &back, &p), ERR_OK);
    }
    assert_int_equal(back.len, text.len);
    assert_memory_equal(back.data, text.data, text.len);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(what_is_no_escape_stays),
        cmocka_unit_test(soft_line_breaks_vanish),
        cmocka_unit_test(blanks_before_a_line_end_vanish),
        cmocka_unit_test(a_bare_cr_stays),
        cmocka_unit_test(a_run_of_blanks_is_bounded),
        cmocka_unit_test(what_transports_change_is_escaped),
        cmocka_unit_test(a_line_of_76_stays_and_a_longer_one_is_parted),
        cmocka_unit_test(random_bytes_decode_to_themselves)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
