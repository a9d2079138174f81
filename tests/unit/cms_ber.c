#include "agent/cms/ber.h"

#include "tests/unit/cms_fixture.h"

/* Collects the one element in BYTES, whole or by single octets. */
static enum err
collect(struct slice bytes, size_t step, size_t limit, struct buf *out)
{
    struct steps from;
    struct ber b;
    enum err e;

    steps_init(&from, bytes, step);
    ber_init(&b, &from.s);
    e = ber_collect(&b, out, limit, NULL);
    ber_drop(&b);
    return e;
}

static void
expect_collected(const char *in, size_t in_len, const char *want,
                 size_t want_len)
{
    for (size_t step = 1; step <= in_len; step++) {
        AUTO(buf) struct buf out = {0};

        assert_int_equal(collect(slice_of(in, in_len), step, 4096, &out),
                         ERR_OK);
        assert_int_equal(out.len, want_len);
        assert_memory_equal(out.data, want, want_len);
    }
}

#define COLLECTED(in, want)                                                    \
    expect_collected(in, sizeof(in) - 1, want, sizeof(want) - 1)

static enum err
collect_text(const char *in, size_t n)
{
    AUTO(buf) struct buf out = {0};

    return collect(slice_of(in, n), n ? n : 1, 4096, &out);
}

#define REFUSED(in)                                                            \
    assert_int_equal(collect_text(in, sizeof(in) - 1), ERR_BAD_MESSAGE)

static void
definite_elements_stay_as_they_are(void **state)
{
    (void)state;
    COLLECTED("\x30\x03\x02\x01\x05", "\x30\x03\x02\x01\x05");
    COLLECTED("\x04\x00", "\x04\x00");
    COLLECTED("\x9f\x81\x01\x01z", "\x9f\x81\x01\x01z");
}

static void
long_and_indefinite_lengths_become_the_shortest(void **state)
{
    (void)state;
    COLLECTED("\x30\x82\x00\x03\x02\x01\x05", "\x30\x03\x02\x01\x05");
    COLLECTED("\x30\x80\x02\x01\x05\x00\x00", "\x30\x03\x02\x01\x05");
    COLLECTED("\x30\x80\x31\x80\x05\x00\x00\x00\x04\x00\x00\x00",
              "\x30\x06\x31\x02\x05\x00\x04\x00");
}

static void
octet_strings_in_segments_become_plain(void **state)
{
    (void)state;
    COLLECTED("\x24\x80\x04\x02hi\x04\x00\x24\x03\x04\x01!\x00\x00",
              "\x04\x03hi!");
    COLLECTED("\x24\x80\x00\x00", "\x04\x00");
}

static void
lengths_beyond_the_enclosing_element_are_refused(void **state)
{
    (void)state;
    REFUSED("\x30\x03\x02\x02\x05\x05");
    REFUSED("\x30\x04\x30\x80\x02\x00\x00\x00"); /* end-of-contents outside */
    REFUSED("\x30\x01\x02\x01");
    REFUSED("\x30\x03\x04\x88\xff\xff\xff\xff\xff\xff\xff\xff");
}

static void
impossible_headers_are_refused(void **state)
{
    (void)state;
    REFUSED("");
    REFUSED("\x30");
    REFUSED("\x04\x80\x00\x00");         /* primitive, indefinite */
    REFUSED("\x00\x00");                 /* nothing to end */
    REFUSED("\x30\x02\x00\x00");         /* in a definite one */
    REFUSED("\x30\x80\x00\x01\x00\x00"); /* with a length */
    REFUSED("\x04\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01");
    REFUSED("\x1f\xff\xff\xff\xff\xff\xff\x01\x00");
    REFUSED("\x30\x80\x02\x01\x05");         /* never ended */
    REFUSED("\x24\x80\x02\x01\x05\x00\x00"); /* a number as a segment */
}

static void
depth_and_size_are_bounded(void **state)
{
    AUTO(buf) struct buf deep = {0};
    AUTO(buf) struct buf out = {0};

    (void)state;
    for (int i = 0; i < LIMIT_BER_DEPTH + 1; i++)
        buf_add(&deep, "\x30\x80", 2);
    assert_int_equal(collect(buf_slice(&deep), 4096, 4096, &out), ERR_LIMIT);
    buf_clear(&deep);
    for (int i = 0; i < LIMIT_STRING_DEPTH + 1; i++)
        buf_add(&deep, "\x24\x80", 2);
    assert_int_equal(collect(buf_slice(&deep), 4096, 4096, &out), ERR_LIMIT);
    buf_clear(&out);
    /* With its head. */
    assert_int_equal(collect(slice_of("\x04\x05hello", 7), 7, 6, &out),
                     ERR_LIMIT);
    buf_clear(&out);
    assert_int_equal(collect(slice_of("\x04\x05hello", 7), 7, 7, &out), ERR_OK);
}

static void
skipping_any_element_leads_to_the_next(void **state)
{
    AUTO(buf) struct buf bytes = {0};
    struct stream_memory from;
    const struct ber_header *h = NULL;
    struct ber b;

    (void)state;
    buf_add(&bytes,
            "\x30\x80"
            "\x30\x80\x30\x80\x04\x01x\x00\x00\x00\x00"
            "\x9f\x22\x01z"
            "\x02\x01\x07"
            "\x00\x00",
            22);
    stream_memory_init(&from, buf_slice(&bytes));
    ber_init(&b, &from.s);
    assert_int_equal(ber_enter(&b, TAG_SEQUENCE, NULL), ERR_OK);
    assert_int_equal(ber_skip(&b, NULL), ERR_OK);
    assert_int_equal(ber_skip(&b, NULL), ERR_OK);
    assert_int_equal(ber_peek(&b, &h, NULL), ERR_OK);
    assert_int_equal(h->tag, TAG_INTEGER);
    assert_int_equal(ber_skip(&b, NULL), ERR_OK);
    assert_int_equal(ber_leave(&b, NULL), ERR_OK);
    ber_drop(&b);
}

static void
an_error_is_final(void **state)
{
    struct stream_memory from;
    const struct ber_header *h = NULL;
    struct problem p = {0};
    struct ber b;

    (void)state;
    stream_memory_init(&from, slice_of("\x02\x01\x05\x02\x01\x05", 6));
    ber_init(&b, &from.s);
    assert_int_equal(ber_enter(&b, TAG_SEQUENCE, &p), ERR_BAD_MESSAGE);
    assert_string_equal(p.detail, "an unexpected element");
    assert_int_equal(ber_peek(&b, &h, &p), ERR_BAD_MESSAGE);
    assert_int_equal(ber_skip(&b, &p), ERR_BAD_MESSAGE);
    ber_drop(&b);
}

static enum err
broken_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    (void)s;
    (void)out;
    (void)size;
    (void)got;
    return fail(p, ERR_INPUT, "the disk is gone");
}

static void
a_failing_source_keeps_its_error(void **state)
{
    struct stream from = {broken_read};
    struct problem p = {0};
    struct ber b;

    (void)state;
    ber_init(&b, &from);
    assert_int_equal(ber_skip(&b, &p), ERR_INPUT);
    assert_string_equal(p.detail, "the disk is gone");
    ber_drop(&b);
}

static void
numbers_and_sets_are_written_as_der(void **state)
{
    AUTO(buf) struct buf out = {0};
    struct slice items[] = {slice_of("\x04\x01z", 3),
                            slice_of("\x02\x01\x01", 3),
                            slice_of("\x04\x01", 2)};

    (void)state;
    der_put_number(&out, 0);
    der_put_number(&out, 127);
    der_put_number(&out, 128);
    der_put_number(&out, 0xffffffff);
    assert_int_equal(out.len, 17);
    assert_memory_equal(out.data,
                        "\x02\x01\x00\x02\x01\x7f\x02\x02\x00\x80"
                        "\x02\x05\x00\xff\xff\xff\xff",
                        17);
    buf_clear(&out);
    der_put_set(&out, TAG_SET, items, 3);
    assert_memory_equal(out.data, "\x31\x08\x02\x01\x01\x04\x01\x04\x01z", 10);
}

static void
closing_an_item_writes_any_length(void **state)
{
    static const size_t sizes[] = {0, 127, 128, 255, 256, 65535, 65536};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        AUTO(buf) struct buf body = {0};
        AUTO(buf) struct buf out = {0};
        size_t mark = der_open(&out, TAG_SEQUENCE);
        struct der d;

        fill_pattern(&body, sizes[i]);
        buf_add_slice(&out, buf_slice(&body));
        der_close(&out, mark);
        d = der_of(buf_slice(&out));
        assert_true(slice_equal(der_take(&d, TAG_SEQUENCE), buf_slice(&body)));
        assert_true(der_done(&d));
    }
}

static void
the_memory_reader_latches_its_first_failure(void **state)
{
    struct der d = der_of(slice_of("\x02\x01\x05\x04\x7fx", 6));

    (void)state;
    assert_int_equal(der_take_number(&d), 5);
    assert_int_equal(der_take(&d, TAG_OCTET_STRING).n, 0);
    assert_true(d.bad);
    assert_false(der_done(&d));
    d = der_of(slice_of("\x02\x01\xff", 3));
    (void)der_take_number(&d);
    assert_true(d.bad);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definite_elements_stay_as_they_are),
        cmocka_unit_test(long_and_indefinite_lengths_become_the_shortest),
        cmocka_unit_test(octet_strings_in_segments_become_plain),
        cmocka_unit_test(lengths_beyond_the_enclosing_element_are_refused),
        cmocka_unit_test(impossible_headers_are_refused),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(skipping_any_element_leads_to_the_next),
        cmocka_unit_test(an_error_is_final),
        cmocka_unit_test(a_failing_source_keeps_its_error),
        cmocka_unit_test(numbers_and_sets_are_written_as_der),
        cmocka_unit_test(closing_an_item_writes_any_length),
        cmocka_unit_test(the_memory_reader_latches_its_first_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
