#include "tests/unit/mime_streams.h"

#include "agent/mime/header.h"

static enum err
parse_slice(struct slice text, size_t most, struct header *h, struct buf *rest,
            struct problem *p)
{
    struct pieces from = pieces_of(text, most);
    enum err e = header_read(&from.s, h, rest, p);

    if (e == ERR_OK)
        assert_int_equal(read_in_pieces(&from.s, 100, rest, p), ERR_OK);
    return e;
}

/* Reads it in every size of pieces: name=value; ... | rest of the body. */
static void
assert_header(const char *text, const char *expected)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(header) struct header h = {0};
        AUTO(buf) struct buf rest = {0};
        AUTO(buf) struct buf out = {0};
        struct problem p = {0};

        assert_int_equal(
            parse_slice(slice_text(text), piece_sizes[i], &h, &rest, &p),
            ERR_OK);
        for (size_t k = 0; k < h.count; k++) {
            buf_add_slice(&out, h.fields[k].name);
            buf_add_text(&out, "=");
            header_unfold(h.fields[k].value, &out);
            buf_add_text(&out, ";");
        }
        buf_add_text(&out, "|");
        buf_add_slice(&out, buf_slice(&rest));
        assert_slice(buf_slice(&out), expected);
    }
}

static void
assert_refused_slice(struct slice text, enum err expected, const char *detail)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(header) struct header h = {0};
        AUTO(buf) struct buf rest = {0};
        struct problem p = {0};

        assert_int_equal(parse_slice(text, piece_sizes[i], &h, &rest, &p),
                         expected);
        assert_string_equal(p.detail, detail);
        assert_int_equal(h.count, 0);
        assert_int_equal(rest.len, 0);
    }
}

static void
assert_refused(const char *text, enum err expected, const char *detail)
{
    assert_refused_slice(slice_text(text), expected, detail);
}

static void
fields_and_the_body_are_told_apart(void **state)
{
    (void)state;
    assert_header("A: 1\r\nB:2\r\n\r\nbody\r\n\r\n", "A=1;B=2;|body\r\n\r\n");
    assert_header("A: 1\nB: \n\nbody", "A=1;B=;|body");
    assert_header("A: 1\nB: 2", "A=1;B=2;|");
    assert_header("A: 1\nB: 2\n", "A=1;B=2;|");
}

static void
an_entity_may_have_no_field(void **state)
{
    (void)state;
    assert_header("\r\nbody", "|body");
    assert_header("\nbody", "|body");
    assert_header("", "|");
}

static void
folded_lines_belong_to_their_field(void **state)
{
    (void)state;
    assert_header("A: 1\r\n 2\r\n\t3\r\n \r\nB: 4\r\n\r\n", "A=1 2\t3;B=4;|");
    assert_header("A:\n 1\n\n", "A=1;|");
}

static void
a_field_borrows_its_bytes_untouched(void **state)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    struct problem p = {0};

    (void)state;
    assert_int_equal(parse_slice(slice_text("A : 1\r\n  2\r\nB:3\r\n\r\n"), 5,
                                 &h, &rest, &p),
                     ERR_OK);
    assert_slice(h.fields[0].whole, "A : 1\r\n  2\r\n");
    assert_slice(h.fields[0].name, "A");
    assert_slice(h.fields[0].value, " 1\r\n  2");
    assert_slice(h.fields[1].whole, "B:3\r\n");
    assert_true(h.crlf);
    assert_false(h.unix_from);
}

static void
the_line_of_an_mbox_is_skipped(void **state)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    struct problem p = {0};

    (void)state;
    assert_int_equal(
        parse_slice(slice_text("From a@x Mon\nA: 1\n\n"), 5, &h, &rest, &p),
        ERR_OK);
    assert_int_equal(h.count, 1);
    assert_true(h.unix_from);
    assert_false(h.crlf);
    header_drop(&h);
    assert_int_equal(
        parse_slice(slice_text(">From a@x\nA: 1\n\n"), 5, &h, &rest, &p),
        ERR_OK);
    assert_true(h.unix_from);
    assert_refused("A: 1\nFrom a@x Mon\n\n", ERR_BAD_MESSAGE,
                   "line 2 of the header is no field");
}

/* As a second one was kept when the mail was put into another mailbox. */
static void
quoted_lines_of_an_mbox_are_skipped(void **state)
{
    (void)state;
    assert_header("From a@x Mon\n>From b@x Sun\n>From c\nA: 1\n\n", "A=1;|");
    assert_header(">From b@x Sun\r\nA: 1\r\n\r\n", "A=1;|");
    assert_header(">From : 1\nA: 1\n\n", ">From=1;A=1;|");
    assert_refused("A: 1\n>From a@x Mon\n\n", ERR_BAD_MESSAGE,
                   "line 2 of the header is no field");
    assert_refused(">From b@x Sun\nFrom a@x Mon\n\n", ERR_NOT_MAIL,
                   "its first line is no header field");
    assert_refused("From a\rFrom: e@x\nA: 1\n\n", ERR_BAD_MESSAGE,
                   "line 1 of the header holds a bare CR");
    assert_refused("From a\n>From b\rFrom: e@x\nA: 1\n\n", ERR_BAD_MESSAGE,
                   "line 2 of the header holds a bare CR");
}

static bool
is_ambiguous(const char *text, size_t piece)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    struct problem p = {0};

    assert_int_equal(parse_slice(slice_text(text), piece, &h, &rest, &p),
                     ERR_OK);
    return h.ambiguous;
}

/* Where others may see other fields, or another end of the header. */
static void
lines_that_readers_cut_differently_are_told(void **state)
{
    static const char *const yes[] = {
        "A: 1\r\nB: 2\n\r\n",       "A: 1\nB: 2\r\n\n",   "A: 1\nB: 2\n\r\n",
        "A: 1\r\n\nB: 2\r\n\r\n",   "A: 1\n \n B: 2\n\n", "A: 1\n\t\nB: 2\n\n",
        "A: 1\r\n \t \r\nB: 2\r\n", "A : 1\n\n",          "A: 1\nB\t: 2\n\n",
        "From : a@x\nB: 2\n\n"};
    static const char *const no[] = {"A: 1\r\nB: 2\r\n\r\nbody\n",
                                     "A: 1\nB: 2\n\nbody\r\n",
                                     "A: 1\n \tx\n\n",
                                     "A:\n 1\n\n",
                                     "A: 1 :\n\n",
                                     "A:1",
                                     "From a@x Mon\nA: 1\n\n",
                                     "A: \n\n"};

    (void)state;
    for (size_t piece = 1; piece < 40; piece += 19) {
        for (size_t i = 0; i < ARRAY_COUNT(yes); i++)
            if (!is_ambiguous(yes[i], piece))
                fail_msg("not ambiguous: %s", yes[i]);
        for (size_t i = 0; i < ARRAY_COUNT(no); i++)
            if (is_ambiguous(no[i], piece))
                fail_msg("ambiguous: %s", no[i]);
    }
}

static void
a_from_field_is_no_line_of_an_mbox(void **state)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    struct problem p = {0};

    (void)state;
    assert_int_equal(
        parse_slice(slice_text("From \t: a@x\nA: 1\n\n"), 5, &h, &rest, &p),
        ERR_OK);
    assert_int_equal(h.count, 2);
    assert_false(h.unix_from);
}

static void
eight_bit_text_is_allowed_in_values_only(void **state)
{
    (void)state;
    assert_header("A: \xc3\xbc \xff\n\n", "A=\xc3\xbc \xff;|");
    assert_refused("\xc3\xbc: 1\n\n", ERR_NOT_MAIL,
                   "its first line is no header field");
}

static void
what_does_not_begin_as_mail_is_not_mail(void **state)
{
    static const char first[] = "its first line is no header field";

    (void)state;
    assert_refused("hello\n", ERR_NOT_MAIL, first);
    assert_refused(" A: 1\n", ERR_NOT_MAIL, first);
    assert_refused(": 1\n", ERR_NOT_MAIL, first);
    assert_refused("two words: 1\n", ERR_NOT_MAIL, first);
    assert_refused("From a@x\nhello\n", ERR_NOT_MAIL, first);
    assert_refused_slice(slice_of("A: \0\n\n", 6), ERR_NOT_MAIL,
                         "its header holds a NUL");
}

static void
a_line_that_readers_disagree_about_is_refused_by_number(void **state)
{
    (void)state;
    assert_refused("A: 1\nhello\n\n", ERR_BAD_MESSAGE,
                   "line 2 of the header is no field");
    assert_refused("A: 1\r\n B\r\n:\r\n\r\n", ERR_BAD_MESSAGE,
                   "line 3 of the header is no field");
    assert_refused("A: 1\nB: 2\rFrom: x@y\n\n", ERR_BAD_MESSAGE,
                   "line 2 of the header holds a bare CR");
    assert_refused("A: 1\n\r\r\n", ERR_BAD_MESSAGE,
                   "line 2 of the header holds a bare CR");
}

static void
a_header_has_a_most_of_bytes(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        AUTO(buf) struct buf text = {0};
        AUTO(header) struct header h = {0};
        AUTO(buf) struct buf rest = {0};
        struct problem p = {0};

        buf_addf(&text, "A: %*s\n\nbody", (int)(LIMIT_HEADER_BYTES - 5 + extra),
                 "x");
        assert_int_equal(parse_slice(buf_slice(&text), 65536, &h, &rest, &p),
                         extra ? ERR_LIMIT : ERR_OK);
    }
}

static void
a_header_has_a_most_of_fields(void **state)
{
    AUTO(buf) struct buf text = {0};

    (void)state;
    for (int i = 0; i < LIMIT_HEADER_FIELDS; i++)
        buf_add_text(&text, "A: 1\n");
    for (int extra = 0; extra < 2; extra++) {
        AUTO(header) struct header h = {0};
        AUTO(buf) struct buf rest = {0};
        struct problem p = {0};

        assert_int_equal(parse_slice(buf_slice(&text), 1000, &h, &rest, &p),
                         extra ? ERR_LIMIT : ERR_OK);
        buf_add_text(&text, "A: 1\n");
    }
}

static void
an_error_of_the_source_comes_through(void **state)
{
    struct pieces from = pieces_of(slice_text("A: 1\n"), 3);
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    struct problem p = {0};

    (void)state;
    from.fails = true;
    assert_int_equal(header_read(&from.s, &h, &rest, &p), ERR_INPUT);
}

static void
header_of(const char *text, struct header *h)
{
    AUTO(buf) struct buf rest = {0};
    struct problem p = {0};

    assert_int_equal(parse_slice(slice_text(text), 100, h, &rest, &p), ERR_OK);
}

static void
fields_are_found_by_name_and_number(void **state)
{
    AUTO(header) struct header h = {0};

    (void)state;
    header_of("From: a\nTO: b\nfrom : c\n\n", &h);
    assert_slice(header_find(&h, "FROM", 1)->value, " c");
    assert_null(header_find(&h, "From", 2));
    assert_null(header_find(&h, "Fro", 0));
    assert_int_equal(header_count(&h, "from"), 2);
    assert_int_equal(header_count(&h, "Subject"), 0);
}

static void
messages_and_entities_are_told_apart(void **state)
{
    AUTO(header) struct header mail = {0};
    AUTO(header) struct header entity = {0};
    AUTO(header) struct header resent = {0};

    (void)state;
    header_of("Content-Type: a/b\nsubject: x\n\n", &mail);
    header_of("MIME-Version: 1.0\nContent-Type: a/b\n\n", &entity);
    header_of("Resent-To: a@x\n\n", &resent);
    assert_true(header_is_message(&mail));
    assert_false(header_is_message(&entity));
    assert_true(header_is_message(&resent));
    assert_false(header_is_mime(&entity.fields[0]));
    assert_true(header_is_mime(&entity.fields[1]));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_the_body_are_told_apart),
        cmocka_unit_test(an_entity_may_have_no_field),
        cmocka_unit_test(folded_lines_belong_to_their_field),
        cmocka_unit_test(a_field_borrows_its_bytes_untouched),
        cmocka_unit_test(the_line_of_an_mbox_is_skipped),
        cmocka_unit_test(quoted_lines_of_an_mbox_are_skipped),
        cmocka_unit_test(lines_that_readers_cut_differently_are_told),
        cmocka_unit_test(a_from_field_is_no_line_of_an_mbox),
        cmocka_unit_test(eight_bit_text_is_allowed_in_values_only),
        cmocka_unit_test(what_does_not_begin_as_mail_is_not_mail),
        cmocka_unit_test(
            a_line_that_readers_disagree_about_is_refused_by_number),
        cmocka_unit_test(a_header_has_a_most_of_bytes),
        cmocka_unit_test(a_header_has_a_most_of_fields),
        cmocka_unit_test(an_error_of_the_source_comes_through),
        cmocka_unit_test(fields_are_found_by_name_and_number),
        cmocka_unit_test(messages_and_entities_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
