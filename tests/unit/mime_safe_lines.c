#include "agent/mime/safe_lines.h"

#include "tests/unit/mime_streams.h"

#include "agent/mime/transfer.h"

#define A100                                                                   \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A900 A100 A100 A100 A100 A100 A100 A100 A100 A100
#define A98                                                                    \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                        \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
write_as(struct slice text, enum unsafe_line how, size_t most, bool *out_unsafe,
         struct buf *out)
{
    struct sink_buf to;
    struct safe_lines *w;
    struct problem p = {0};

    sink_buf_init(&to, out, SIZE_MAX);
    w = safe_lines_new(&to.s, how);
    assert_int_equal(write_in_pieces(safe_lines_sink(w), text, most, &p),
                     ERR_OK);
    assert_int_equal(safe_lines_finish(w, &p), ERR_OK);
    *out_unsafe = safe_lines_met_unsafe(w);
    safe_lines_drop(&w);
}

static void
assert_written(struct slice text, enum unsafe_line how, const char *expected,
               bool unsafe)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf out = {0};
        bool met;

        write_as(text, how, piece_sizes[i], &met, &out);
        assert_slice(buf_slice(&out), expected);
        assert_int_equal(met, unsafe);
    }
}

static void
safe_lines_pass_in_canonical_form(void **state)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"a\nb\r\n", "a\r\nb\r\n"},
        {"no end", "no end"},
        {"\n\n\r\n", "\r\n\r\n\r\n"},
        {"From: x\nFromage\n..\n.a\n", "From: x\r\nFromage\r\n..\r\n.a\r\n"},
        {" begins with a blank\n\ttab\tinside\n",
         " begins with a blank\r\n\ttab\tinside\r\n"},
        {A900 A98 "\r\n" A900 A98 "\nb", A900 A98 "\r\n" A900 A98 "\r\nb"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        assert_true(lines_are_safe(slice_text(pairs[i][0]), NULL));
        for (int how = UNSAFE_KEPT; how <= UNSAFE_ASIDE; how++)
            assert_written(slice_text(pairs[i][0]), (enum unsafe_line)how,
                           pairs[i][1], false);
    }
}

static const char *const unsafe[] = {
    "a \n",       "a\t\r\n", "a ",          " ",           "From x\n",
    "a\nFrom \n", ".\n",     "a\n.\r\nb",   ".",           "\xc3\xa4\n",
    "a\x80",      "a\rb\n",  "a\r",         "a\r\r\n",     A900 A98 "a\n",
    A900 A98 "a", A900 A900, A900 A900 "b", A900 A900 "\r"};

static void
every_kind_of_unsafe_line_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(unsafe); i++) {
        AUTO(buf) struct buf between = {0};

        assert_false(lines_are_safe(slice_text(unsafe[i]), NULL));
        buf_addf(&between, "safe\n%s", unsafe[i]);
        assert_false(lines_are_safe(buf_slice(&between), NULL));
        for (size_t k = 0; k < ARRAY_COUNT(piece_sizes); k++) {
            AUTO(buf) struct buf out = {0};
            bool met;

            write_as(slice_text(unsafe[i]), UNSAFE_KEPT, piece_sizes[k], &met,
                     &out);
            assert_true(met);
        }
    }
    assert_false(lines_are_safe(slice_of("a\0b", 3), NULL));
}

static void
an_unsafe_line_is_refused_where_none_may_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(unsafe); i++) {
        AUTO(buf) struct buf out = {0};
        struct sink_buf to;
        struct safe_lines *w;
        struct problem p = {0};
        enum err e;

        sink_buf_init(&to, &out, SIZE_MAX);
        w = safe_lines_new(&to.s, UNSAFE_REFUSED);
        e = sink_write(safe_lines_sink(w), unsafe[i], strlen(unsafe[i]), &p);
        if (e == ERR_OK)
            e = safe_lines_finish(w, &p);
        assert_int_equal(e, ERR_BAD_MESSAGE);
        assert_true(safe_lines_met_unsafe(w));
        safe_lines_drop(&w);
    }
}

static void
kept_lines_lose_no_byte_but_stray_crs(void **state)
{
    (void)state;
    assert_written(slice_text("a \n\xc3\xa4\r\nFrom x\n.\nz"), UNSAFE_KEPT,
                   "a \r\n\xc3\xa4\r\nFrom x\r\n.\r\nz", true);
    assert_written(slice_text("a\rb\r\r\nc\r\r"), UNSAFE_KEPT, "a\rb\r\nc",
                   true);
    assert_written(slice_text(A900 A900 "\r\rb\r\r\nc"), UNSAFE_KEPT,
                   A900 A900 "\r\rb\r\nc", true);
}

/* What is written decodes to what the text decodes to. */
static void
assert_same_text(struct slice text, struct slice written)
{
    struct pieces a = pieces_of(text, 4096), b = pieces_of(written, 4096);
    AUTO(quoted_reader) struct quoted_reader *before = quoted_reader_new(&a.s);
    AUTO(quoted_reader) struct quoted_reader *after = quoted_reader_new(&b.s);
    AUTO(buf) struct buf was = {0};
    AUTO(buf) struct buf is = {0};
    struct problem p = {0};

    assert_int_equal(
        read_in_pieces(quoted_reader_stream(before), 999, &was, &p), ERR_OK);
    assert_int_equal(read_in_pieces(quoted_reader_stream(after), 999, &is, &p),
                     ERR_OK);
    assert_slice(buf_slice(&is), buf_text(&was));
}

static void
quoted_printable_is_made_safe_and_stays_the_same_text(void **state)
{
    static const char *const texts[] = {
        "a  \r\nb=\r\nFrom x\r\n.\r\n=E4\xe4 \r\nz",
        A900 A900 "=3D" A900 "=\r\n" A900 "\r\nFrom =\r\n",
        A900 "=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4" A900 "\r\n",
        "= \r\nx\t\r\n\x01\r\n"};

    (void)state;
    assert_written(slice_text("a  \nFrom x\n.\n\xe4=\nz"), UNSAFE_QUOTED,
                   "a\r\n=46rom x\r\n=2E\r\n=E4=\r\nz", true);
    assert_written(slice_text(". \n.\t\n. .\n"), UNSAFE_QUOTED,
                   "=2E\r\n=2E\r\n. .\r\n", true);
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        for (size_t k = 0; k < ARRAY_COUNT(piece_sizes); k++) {
            AUTO(buf) struct buf out = {0};
            bool met;

            write_as(slice_text(texts[i]), UNSAFE_QUOTED, piece_sizes[k], &met,
                     &out);
            assert_true(met);
            assert_true(lines_are_safe(buf_slice(&out), NULL));
            assert_same_text(slice_text(texts[i]), buf_slice(&out));
        }
}

static void
base64_is_made_safe_by_leaving_out_what_is_none(void **state)
{
    (void)state;
    assert_written(slice_text("Ym9k \nFrom Ym9k\n.\neQ\xe4==\n"), UNSAFE_BASE64,
                   "Ym9k\r\nFromYm9k\r\n\r\neQ==\r\n", true);
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf out = {0};
        bool met;

        write_as(slice_text(A900 A900 "\n"), UNSAFE_BASE64, piece_sizes[i],
                 &met, &out);
        assert_true(met);
        assert_true(lines_are_safe(buf_slice(&out), NULL));
        assert_true(out.len > 1800 + 2 * 22);
    }
}

static void
what_nobody_reads_becomes_safe(void **state)
{
    (void)state;
    assert_written(slice_text("x \xe4\nFrom me\n.\n--b \t\n"), UNSAFE_ASIDE,
                   "x ?\r\n>From me\r\n\r\n--b\r\n", true);
    assert_written(slice_text(". \n.\t \n. .\n"), UNSAFE_ASIDE,
                   "\r\n\r\n. .\r\n", true);
    /* What begins a line of ours is no delimiter; a line's own begin stays. */
    assert_written(
        slice_text("--" A900 A100 "\n"), UNSAFE_ASIDE,
        "--" A900 "aaaaaaaaaaaaaaaaaaaa\r\n"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaa\r\n",
        true);
    assert_written(slice_text(A900 "aaaaaaaaaaaaaaaaaaaaaa--b" A100 "\n"),
                   UNSAFE_ASIDE,
                   A900 "aaaaaaaaaaaaaaaaaaaaaa\r\n?-b" A100 "\r\n", true);
    assert_written(slice_text(A900 "aaaaaaaaaaaaaaaaaaaaaaFrom " A100 "\n"),
                   UNSAFE_ASIDE,
                   A900 "aaaaaaaaaaaaaaaaaaaaaa\r\n?rom " A100 "\r\n", true);
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf text = {0};
        AUTO(buf) struct buf out = {0};
        bool met;

        for (int k = 0; k < 1000; k++)
            buf_add_text(&text, "word ");
        write_as(buf_slice(&text), UNSAFE_ASIDE, piece_sizes[i], &met, &out);
        assert_true(met);
        assert_true(lines_are_safe(buf_slice(&out), NULL));
    }
}

struct tee {
    struct sink s;
    struct sink *a, *b;
};

static enum err
tee_write(struct sink *s, const uint8_t *p, size_t n, struct problem *problem)
{
    struct tee *t = (struct tee *)s;
    enum err e = sink_write(t->a, p, n, problem);

    return e == ERR_OK ? sink_write(t->b, p, n, problem) : e;
}

/* TEXT in both forms at once. */
static void
write_both(struct slice text, size_t most, struct buf *canonical,
           struct buf *plain)
{
    struct sink_buf one, two;
    struct lf_writer *lf;
    struct safe_lines *w;
    struct tee tee = {.s = {tee_write}};
    struct problem p = {0};

    sink_buf_init(&one, canonical, SIZE_MAX);
    sink_buf_init(&two, plain, SIZE_MAX);
    lf = lf_writer_new(&two.s);
    tee.a = &one.s;
    tee.b = lf_writer_sink(lf);
    w = safe_lines_new(&tee.s, UNSAFE_QUOTED);
    safe_lines_split(w, &one.s, &two.s);
    assert_int_equal(write_in_pieces(safe_lines_sink(w), text, most, &p),
                     ERR_OK);
    assert_int_equal(safe_lines_finish(w, &p), ERR_OK);
    assert_int_equal(lf_writer_finish(lf, &p), ERR_OK);
    lf_writer_drop(&lf);
    safe_lines_drop(&w);
}

/* Where both forms are wanted, both are right, whichever way a line takes. */
static void
both_forms_are_the_same_text(void **state)
{
    static const char *const texts[] = {"a\nb\n\nc", "a\r\nb\n",
                                        "a \nb\nFrom x\nc\n",
                                        "\xe4\nb\r\r\nc\n", "a\nb\n \n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        for (size_t k = 0; k < ARRAY_COUNT(piece_sizes); k++) {
            AUTO(buf) struct buf whole = {0};
            AUTO(buf) struct buf canonical = {0};
            AUTO(buf) struct buf plain = {0};
            AUTO(buf) struct buf lf = {0};
            bool met;

            write_as(slice_text(texts[i]), UNSAFE_QUOTED, piece_sizes[k], &met,
                     &whole);
            write_both(slice_text(texts[i]), piece_sizes[k], &canonical,
                       &plain);
            assert_slice(buf_slice(&canonical), buf_text(&whole));
            for (size_t n = 0; n < whole.len; n++)
                if (whole.data[n] != '\r')
                    buf_add_byte(&lf, whole.data[n]);
            assert_slice(buf_slice(&plain), buf_text(&lf));
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safe_lines_pass_in_canonical_form),
        cmocka_unit_test(every_kind_of_unsafe_line_is_seen),
        cmocka_unit_test(an_unsafe_line_is_refused_where_none_may_be),
        cmocka_unit_test(kept_lines_lose_no_byte_but_stray_crs),
        cmocka_unit_test(quoted_printable_is_made_safe_and_stays_the_same_text),
        cmocka_unit_test(base64_is_made_safe_by_leaving_out_what_is_none),
        cmocka_unit_test(what_nobody_reads_becomes_safe),
        cmocka_unit_test(both_forms_are_the_same_text)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
