#include "agent/mime/safe_field.h"

#include "tests/unit/mime_streams.h"

static void
assert_field(const char *field, const char *expected, bool safe)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    AUTO(buf) struct buf out = {0};
    struct stream_memory from;
    struct problem p = {0};

    stream_memory_init(&from, slice_text(field));
    assert_int_equal(header_read(&from.s, &h, &rest, &p), ERR_OK);
    assert_int_equal(h.count, 1);
    assert_int_equal(safe_field_add(&h.fields[0], &out), safe);
    assert_slice(buf_slice(&out), expected);
}

static void
a_safe_field_stays(void **state)
{
    (void)state;
    assert_field("Subject: s\n", "Subject: s\r\n", true);
    assert_field("Content-Type: a/b;\r\n\tc=d\r\n",
                 "Content-Type: a/b;\r\n\tc=d\r\n", true);
    assert_field("X:", "X:\r\n", true);
}

static void
blanks_at_line_ends_and_blank_lines_go(void **state)
{
    (void)state;
    assert_field("Content-Type: a/b; \n c=d \t\n",
                 "Content-Type: a/b;\r\n c=d\r\n", true);
    assert_field("From : a@example.org\n", "From: a@example.org\r\n", true);
    assert_field("X: a\n  \n b\n", "X: a\r\n b\r\n", true);
}

static void
a_long_line_is_folded_where_it_may_be(void **state)
{
    AUTO(buf) struct buf field = {0};
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    AUTO(buf) struct buf out = {0};
    struct stream_memory from;
    struct problem p = {0};
    size_t longest = 0, n = 0;

    (void)state;
    buf_add_text(&field, "References:");
    for (int i = 0; i < 100; i++)
        buf_add_text(&field, " <0123456@example.org>");
    buf_add_byte(&field, '\n');
    stream_memory_init(&from, buf_slice(&field));
    assert_int_equal(header_read(&from.s, &h, &rest, &p), ERR_OK);
    assert_true(safe_field_add(&h.fields[0], &out));
    assert_true(out.len > field.len + 4);
    for (size_t i = 0; i < out.len; i++) {
        n = out.data[i] == '\n' ? 0 : n + 1;
        longest = n > longest ? n : longest;
    }
    assert_true(longest <= 999);
}

static void
bytes_beyond_ascii_become_encoded_words(void **state)
{
    (void)state;
    assert_field("Subject: Gr\xc3\xbc\xc3\x9f"
                 "e an alle\n",
                 "Subject: =?utf-8?B?R3LDvMOfZQ==?= an alle\r\n", true);
    assert_field("Content-Description: \xe4\n",
                 "Content-Description: =?utf-8?B?w6Q=?=\r\n", true);
    assert_field("From: M\xc3\xbcller <m@example.org>, n@example.org\n",
                 "From: =?utf-8?B?TcO8bGxlcg==?= <m@example.org>,\r\n"
                 " n@example.org\r\n",
                 true);
}

static void
an_address_beyond_ascii_stays_and_is_told(void **state)
{
    (void)state;
    assert_field("From: m\xc3\xbcller@example.org\n",
                 "From: m\xc3\xbcller@example.org\r\n", false);
}

static void
parameters_beyond_ascii_become_extended(void **state)
{
    (void)state;
    assert_field(
        "Content-Disposition: attachment; filename=\"\xc3\xa4 b.pdf\"; x=y\n",
        "Content-Disposition: attachment;\r\n filename*=utf-8''%C3%A4%20b.pdf;"
        "\r\n x=y\r\n",
        true);
    assert_field("Content-Type: a/b; name=\xe4.txt\n",
                 "Content-Type: a/b;\r\n name*=iso-8859-1''%E4.txt\r\n", true);
    assert_field("Content-Type: a/b; x=\"a;\\\"\xc3\xa4\"\n",
                 "Content-Type: a/b;\r\n x*=utf-8''a%3B%22%C3%A4\r\n", true);
    assert_field("Content-Type: a/b; name=\xc3\xa4 b\n",
                 "Content-Type: a/b;\r\n name*=utf-8''%C3%A4%20b\r\n", true);
    assert_field("Content-Type: a/b; boundary=x\xc3\xa4 y\n",
                 "Content-Type: a/b;\r\n boundary*=utf-8''x%C3%A4\r\n", true);
    /* What stands behind the quotes no reader takes. */
    assert_field("Content-Type: a/b; boundary=\"=_m\"\xd1\n",
                 "Content-Type: a/b;\r\n boundary*=utf-8''%3D_m\r\n", true);
}

/* A name of a parameter, or a type, cannot be encoded. */
static void
what_can_be_no_parameter_goes_and_no_blank_line_stays(void **state)
{
    (void)state;
    assert_field("Content-Type: a/b; chars\xc3\xa4=x; c=d\n",
                 "Content-Type: a/b;\r\n c=d\r\n", true);
    assert_field("Content-Type: a/b; \xc3\xa4\n", "Content-Type: a/b\r\n",
                 true);
    assert_field("Content-Type: a/b; x c=\xc3\xa4\n",
                 "Content-Type: a/b; x c=\xc3\xa4\r\n", false);
    assert_field("Content-Type: a/b; (\xc3\xa4)boundary=d\n",
                 "Content-Type: a/b; (\xc3\xa4)boundary=d\r\n", false);
    assert_field("Content-Type: a/b; =boundary=d; x=\xc3\xa4\n",
                 "Content-Type: a/b;\r\n =boundary=d;\r\n x*=utf-8''%C3%A4\r\n",
                 true);
    assert_field("Content-Type: a/b; =boundary=\xc3\xa4\n",
                 "Content-Type: a/b; =boundary=\xc3\xa4\r\n", false);
    assert_field("Content-Type: a/b; \x1c"
                 "boundary=\xc3\xa4\n",
                 "Content-Type: a/b; \x1c"
                 "boundary=\xc3\xa4\r\n",
                 false);
    assert_field("Content-Type: \xc3\xa4/b; c=d\n",
                 "Content-Type: \xc3\xa4/b; c=d\r\n", false);
}

/* A ";" is missing: for readers the boundary is a parameter all the same. */
static void
a_type_that_would_be_read_otherwise_stays_and_is_told(void **state)
{
    (void)state;
    assert_field("Content-Type: a/b; x=\001y: \xe4\r\n boundary=d\r\n",
                 "Content-Type: a/b; x=\001y: \xe4\r\n boundary=d\r\n", false);
    assert_field("Content-Type: a/b; name=\xe4 boundary=d\n",
                 "Content-Type: a/b; name=\xe4 boundary=d\r\n", false);
    assert_field("Content-Type: a/b; name=a \xe4.txt; boundary=d\n",
                 "Content-Type: a/b;\r\n name*=iso-8859-1''a%20%E4.txt;\r\n"
                 " boundary=d\r\n",
                 true);
}

/* An encoded word would be another one, or none. */
static void
a_transfer_encoding_beyond_ascii_stays_and_is_told(void **state)
{
    (void)state;
    assert_field("Content-Transfer-Encoding: 8b\x94it\n",
                 "Content-Transfer-Encoding: 8b\x94it\r\n", false);
    assert_field("Content-Transfer-Encoding: 8bit\n",
                 "Content-Transfer-Encoding: 8bit\r\n", true);
}

/* Three times as long as it was, and nowhere to be folded. */
static void
a_parameter_that_gets_too_long_stays_and_is_told(void **state)
{
    AUTO(buf) struct buf field = {0};
    AUTO(buf) struct buf expected = {0};

    (void)state;
    buf_add_text(&field, "Content-Type: a/b; c=\"");
    for (int i = 0; i < 200; i++)
        buf_add_text(&field, "\xc3\xa4");
    buf_add_text(&field, "\"");
    buf_addf(&expected, "%s\r\n", buf_text(&field));
    buf_add_text(&field, "\n");
    assert_field(buf_text(&field), buf_text(&expected), false);
}

static void
named_parameters_are_left_out(void **state)
{
    static const char *const names[] = {"hp", "x", NULL};
    AUTO(buf) struct buf out = {0};

    (void)state;
    parameters_copy(slice_text(" text/plain; HP=\"clear\"; charset=utf-8;"
                               " x*0=\"a;hp=b\"; hpx=1;"),
                    names, &out);
    assert_slice(buf_slice(&out), "text/plain;\r\n charset=utf-8;\r\n hpx=1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_safe_field_stays),
        cmocka_unit_test(blanks_at_line_ends_and_blank_lines_go),
        cmocka_unit_test(a_long_line_is_folded_where_it_may_be),
        cmocka_unit_test(bytes_beyond_ascii_become_encoded_words),
        cmocka_unit_test(an_address_beyond_ascii_stays_and_is_told),
        cmocka_unit_test(parameters_beyond_ascii_become_extended),
        cmocka_unit_test(what_can_be_no_parameter_goes_and_no_blank_line_stays),
        cmocka_unit_test(a_type_that_would_be_read_otherwise_stays_and_is_told),
        cmocka_unit_test(a_transfer_encoding_beyond_ascii_stays_and_is_told),
        cmocka_unit_test(a_parameter_that_gets_too_long_stays_and_is_told),
        cmocka_unit_test(named_parameters_are_left_out)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
