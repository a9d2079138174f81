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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
