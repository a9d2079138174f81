#include "tests/unit/mime_streams.h"

#include "agent/mime/multipart.h"

/* Reads everything and writes it down: [part][part]. or [part]! when cut,
 * then P and E for text in preamble and epilogue. */
static void
describe(struct slice body, size_t first, size_t in, size_t out_size,
         const char *boundary, struct buf *out)
{
    struct slice rest = slice_of(body.p + first, body.n - first);
    struct pieces from = pieces_of(rest, in);
    AUTO(multipart)
    struct multipart *m =
        multipart_new(slice_of(body.p, first), &from.s, boundary);
    enum part_event event = PART_BEGIN;
    bool preamble = true, epilogue = true;
    struct problem p = {0};

    for (;;) {
        assert_int_equal(multipart_next(m, &event, &p), ERR_OK);
        if (event != PART_BEGIN)
            break;
        buf_add_text(out, "[");
        assert_int_equal(read_in_pieces(multipart_part(m), out_size, out, &p),
                         ERR_OK);
        buf_add_text(out, "]");
    }
    buf_add_text(out, event == PART_CUT ? "!" : ".");
    assert_int_equal(multipart_surroundings(m, &preamble, &epilogue, &p),
                     ERR_OK);
    buf_add_text(out, preamble ? "P" : "");
    buf_add_text(out, epilogue ? "E" : "");
}

static void
assert_body(const char *body, const char *boundary, const char *expected)
{
    struct slice text = slice_text(body);

    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        for (size_t first = 0; first <= text.n; first += 1 + text.n / 5) {
            AUTO(buf) struct buf out = {0};

            describe(text, first, piece_sizes[i],
                     piece_sizes[ARRAY_COUNT(piece_sizes) - 1 - i], boundary,
                     &out);
            assert_slice(buf_slice(&out), expected);
        }
    }
}

static void
parts_are_cut_at_the_delimiters(void **state)
{
    (void)state;
    assert_body("--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", "b",
                "[\r\none][\r\ntwo].");
    assert_body("--b\n\none\n--b\n\ntwo\n--b--\n", "b", "[\none][\ntwo].");
}

static void
only_the_last_line_end_belongs_to_the_delimiter(void **state)
{
    (void)state;
    assert_body("--b\na\n\n\n--b\nb\r\r\n--b--", "b", "[a\n\n][b\r].");
    assert_body("--b\na\r--b\n--b--", "b", "[a\r--b].");
}

static void
a_part_may_be_empty(void **state)
{
    (void)state;
    assert_body("--b\r\n--b\r\n\r\n--b\r\n--b--", "b", "[][][].");
}

static void
blanks_may_follow_a_delimiter(void **state)
{
    (void)state;
    assert_body("--b \t\r\none\n--b-- \t\n", "b", "[one].");
    assert_body("--b\none\n--b--", "b \t", "[one].");
}

static void
a_line_that_goes_on_is_no_delimiter(void **state)
{
    (void)state;
    assert_body("--b\n--bb\n--b x\n--b-\n--b--x\n --b\n-b\n--\n--b\r\rx\n"
                "--b--",
                "b", "[--bb\n--b x\n--b-\n--b--x\n --b\n-b\n--\n--b\r\rx].");
    assert_body("--b\nx--b--\n--b--\n", "b", "[x--b--].");
}

static void
an_end_without_closing_delimiter_is_told(void **state)
{
    (void)state;
    assert_body("", "b", "!");
    assert_body("text", "b", "!P");
    assert_body("--b\none", "b", "[one]!");
    assert_body("--b\none\r\n", "b", "[one\r\n]!");
    assert_body("--b\none\r", "b", "[one\r]!");
    assert_body("--b\none\n--b-", "b", "[one\n--b-]!");
    assert_body("--b\none\n--b", "b", "[one][]!");
    assert_body("--b\none\n--b--\r", "b", "[one].");
}

static void
text_around_the_parts_is_told(void **state)
{
    (void)state;
    assert_body("\r\n \t\r\n--b\r\n\r\n--b--\r\n\r\n \t\r\n", "b", "[].");
    assert_body("hello\n--b\n\n--b--\n", "b", "[].P");
    assert_body("\n--b\n\n--b--\n\nbye", "b", "[].E");
    assert_body("x\n--b\n\n--b--\n--b\n", "b", "[].PE");
}

static void
a_boundary_that_cannot_be_one_delimits_nothing(void **state)
{
    char longest[LIMIT_BOUNDARY_BYTES + 2];

    (void)state;
    assert_body("--\none\n----\n", "", "!P");
    assert_body("--\none\n----\n", "  ", "!P");
    memset(longest, 'x', sizeof(longest));
    longest[LIMIT_BOUNDARY_BYTES] = '\0';
    for (size_t over = 0; over < 2; over++) {
        AUTO(buf) struct buf body = {0};

        buf_addf(&body, "--%s\na\n--%s--", longest, longest);
        assert_body(buf_text(&body), longest, over ? "!P" : "[a].");
        longest[LIMIT_BOUNDARY_BYTES] = 'x';
        longest[LIMIT_BOUNDARY_BYTES + 1] = '\0';
    }
}

static void
padding_is_bounded(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf body = {0};

        buf_addf(&body, "--b%*s\na\n--b--", LIMIT_PADDING_BYTES + over, "");
        assert_body(buf_text(&body), "b", over ? ".P" : "[a].");
    }
}

/* The delimiter falls on each offset around the window's size once. */
static void
delimiters_are_seen_across_reads(void **state)
{
    (void)state;
    for (size_t n = 65500; n < 65560; n++) {
        AUTO(buf) struct buf body = {0};
        AUTO(buf) struct buf out = {0};

        buf_add_text(&body, "--boundary\n");
        buf_reserve(&body, n);
        memset(body.data + body.len, 'x', n);
        body.len += n;
        buf_add_text(&body, "\r\n--boundary--\r\n");
        describe(buf_slice(&body), 0, STREAM_CHUNK_BYTES, STREAM_CHUNK_BYTES,
                 "boundary", &out);
        assert_int_equal(out.len, n + 3);
        assert_int_equal(out.data[out.len - 1], '.');
    }
}

/* Every line begins as the delimiter does, but for its last character. */
static void
lines_like_the_boundary_are_text(void **state)
{
    AUTO(buf) struct buf body = {0};
    AUTO(buf) struct buf out = {0};
    size_t lines = 20000;

    (void)state;
    buf_add_text(&body, "--boundary\n");
    for (size_t i = 0; i < lines; i++)
        buf_add_text(&body, "--boundarx\n");
    buf_add_text(&body, "\n--boundary--");
    describe(buf_slice(&body), 0, 1, 1, "boundary", &out);
    assert_int_equal(out.len, lines * 11 + 3);
}

static void
what_is_left_of_a_part_is_skipped(void **state)
{
    struct pieces from =
        pieces_of(slice_text("--b\nlong part\n--b\nnext\n--b--"), 5);
    AUTO(multipart)
    struct multipart *m = multipart_new(slice_of(NULL, 0), &from.s, "b");
    AUTO(buf) struct buf out = {0};
    enum part_event event;
    uint8_t two[2];
    size_t got = 0;
    struct problem p = {0};

    (void)state;
    assert_int_equal(multipart_next(m, &event, &p), ERR_OK);
    assert_int_equal(stream_read(multipart_part(m), two, 2, &got, &p), ERR_OK);
    assert_int_equal(multipart_next(m, &event, &p), ERR_OK);
    assert_int_equal(event, PART_BEGIN);
    assert_int_equal(read_in_pieces(multipart_part(m), 3, &out, &p), ERR_OK);
    assert_slice(buf_slice(&out), "next");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(multipart_next(m, &event, &p), ERR_OK);
        assert_int_equal(event, PART_END_ALL);
    }
}

static void
an_error_of_the_source_comes_through(void **state)
{
    struct pieces from = pieces_of(slice_text("--b\none"), 100);
    AUTO(multipart)
    struct multipart *m = multipart_new(slice_of(NULL, 0), &from.s, "b");
    enum part_event event;
    struct problem p = {0};

    (void)state;
    from.fails = true;
    assert_int_equal(multipart_next(m, &event, &p), ERR_OK);
    assert_int_equal(multipart_next(m, &event, &p), ERR_INPUT);
}

static void
a_new_boundary_needs_no_quotes_and_is_never_the_same(void **state)
{
    char a[40], b[40];

    (void)state;
    multipart_boundary(a);
    multipart_boundary(b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz234567"), 36);
    assert_string_not_equal(a, b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_cut_at_the_delimiters),
        cmocka_unit_test(only_the_last_line_end_belongs_to_the_delimiter),
        cmocka_unit_test(a_part_may_be_empty),
        cmocka_unit_test(blanks_may_follow_a_delimiter),
        cmocka_unit_test(a_line_that_goes_on_is_no_delimiter),
        cmocka_unit_test(an_end_without_closing_delimiter_is_told),
        cmocka_unit_test(text_around_the_parts_is_told),
        cmocka_unit_test(a_boundary_that_cannot_be_one_delimits_nothing),
        cmocka_unit_test(padding_is_bounded),
        cmocka_unit_test(delimiters_are_seen_across_reads),
        cmocka_unit_test(lines_like_the_boundary_are_text),
        cmocka_unit_test(what_is_left_of_a_part_is_skipped),
        cmocka_unit_test(an_error_of_the_source_comes_through),
        cmocka_unit_test(a_new_boundary_needs_no_quotes_and_is_never_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
