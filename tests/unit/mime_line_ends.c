#include "tests/unit/mime_streams.h"

#include <stdio.h>

#include "agent/mime/transfer.h"

static void
to_crlf(struct slice text, size_t most, struct buf *out)
{
    struct sink_buf to;
    AUTO(crlf_writer) struct crlf_writer *w = NULL;
    struct problem p = {0};

    sink_buf_init(&to, out, SIZE_MAX);
    w = crlf_writer_new(&to.s);
    assert_int_equal(write_in_pieces(crlf_writer_sink(w), text, most, &p),
                     ERR_OK);
    assert_int_equal(crlf_writer_finish(w, &p), ERR_OK);
}

static void
to_lf(struct slice text, size_t most, struct buf *out)
{
    struct sink_buf to;
    AUTO(lf_writer) struct lf_writer *w = NULL;
    struct problem p = {0};

    sink_buf_init(&to, out, SIZE_MAX);
    w = lf_writer_new(&to.s);
    assert_int_equal(write_in_pieces(lf_writer_sink(w), text, most, &p),
                     ERR_OK);
    assert_int_equal(lf_writer_finish(w, &p), ERR_OK);
}

static void
assert_both(const char *text, const char *crlf, const char *lf)
{
    for (size_t i = 0; i < ARRAY_COUNT(piece_sizes); i++) {
        AUTO(buf) struct buf a = {0};
        AUTO(buf) struct buf b = {0};

        to_crlf(slice_text(text), piece_sizes[i], &a);
        assert_slice(buf_slice(&a), crlf);
        to_lf(slice_text(text), piece_sizes[i], &b);
        assert_slice(buf_slice(&b), lf);
    }
}

static void
every_line_end_takes_the_one_form(void **state)
{
    (void)state;
    assert_both("", "", "");
    assert_both("a\nb\r\nc\n", "a\r\nb\r\nc\r\n", "a\nb\nc\n");
    assert_both("\n\n\r\n", "\r\n\r\n\r\n", "\n\n\n");
}

/* Looked for block by block: at each place of some. */
static void
one_bare_lf_in_a_long_text_is_found(void **state)
{
    char text[400], crlf[sizeof(text) + 2];

    (void)state;
    for (size_t at = 0; at + 1 < sizeof(text); at++) {
        AUTO(buf) struct buf out = {0};

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        text[at] = '\n';
        snprintf(crlf, sizeof(crlf), "%.*s\r%s", (int)at, text, text + at);
        to_crlf(slice_text(text), sizeof(text), &out);
        assert_slice(buf_slice(&out), crlf);
    }
}

static void
a_bare_cr_stays(void **state)
{
    (void)state;
    assert_both("a\rb\r", "a\rb\r", "a\rb\r");
    assert_both("a\r\r\nb\r\r", "a\r\r\nb\r\r", "a\r\nb\r\r");
    assert_both("\n\r", "\r\n\r", "\n\r");
}

static void
a_last_line_without_end_stays_so(void **state)
{
    (void)state;
    assert_both("a\nb", "a\r\nb", "a\nb");
}

/* Larger than what is gathered, so that it is handed over in between. */
static void
much_text_goes_there_and_back(void **state)
{
    AUTO(buf) struct buf text = {0};
    AUTO(buf) struct buf crlf = {0};
    AUTO(buf) struct buf lf = {0};
    AUTO(buf) struct buf again = {0};
    size_t lines = 6000;

    (void)state;
    for (size_t i = 0; i < lines; i++)
        buf_addf(&text, "%*zu\n", (int)(i % 90), i);
    to_crlf(buf_slice(&text), 100000, &crlf);
    assert_int_equal(crlf.len, text.len + lines);
    to_crlf(buf_slice(&crlf), 100000, &again);
    assert_true(slice_equal(buf_slice(&again), buf_slice(&crlf)));
    to_lf(buf_slice(&crlf), 100000, &lf);
    assert_true(slice_equal(buf_slice(&lf), buf_slice(&text)));
}

static void
a_full_sink_fails_both_writers(void **state)
{
    AUTO(buf) struct buf out = {0};
    struct sink_buf to;
    AUTO(crlf_writer) struct crlf_writer *a = NULL;
    AUTO(lf_writer) struct lf_writer *b = NULL;
    struct problem p = {0};

    (void)state;
    sink_buf_init(&to, &out, 3);
    a = crlf_writer_new(&to.s);
    b = lf_writer_new(&to.s);
    assert_int_equal(sink_write(crlf_writer_sink(a), "a\nb\n", 4, &p),
                     ERR_LIMIT);
    assert_int_equal(sink_write(lf_writer_sink(b), "a\r\nb\r\n", 6, &p),
                     ERR_LIMIT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_end_takes_the_one_form),
        cmocka_unit_test(one_bare_lf_in_a_long_text_is_found),
        cmocka_unit_test(a_bare_cr_stays),
        cmocka_unit_test(a_last_line_without_end_stays_so),
        cmocka_unit_test(much_text_goes_there_and_back),
        cmocka_unit_test(a_full_sink_fails_both_writers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
