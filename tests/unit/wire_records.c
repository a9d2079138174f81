/* The codec of internal messages: what goes in comes out, and what is cut,
 * overlong or made up is refused. */
#include <cmocka.h>

#include <stdlib.h>

#include "agent/wire/channel.h"

/* A record with every field filled: numbers, and slices of TEXT. The struct
 * is filled by its own list of fields. */
static const char text[] = "value";

#define FILL_U32(name)          r->name = 0x01020304;
#define FILL_U64(name)          r->name = 0x0102030405060708;
#define FILL_BYTES(name, limit) r->name = slice_text(text);
#define FILL_TEXT(name, limit)  r->name = slice_text(text);
#define FILL_LIST(name, limit, most)                                           \
    for (size_t i = 0; i < (most); i++)                                        \
        r->name.item[i] = slice_text(text);                                    \
    r->name.n = (most);

#define SAME_U32(name)          same &= a->name == b->name;
#define SAME_U64(name)          same &= a->name == b->name;
#define SAME_BYTES(name, limit) same &= slice_equal(a->name, b->name);
#define SAME_TEXT(name, limit)  same &= slice_equal(a->name, b->name);
#define SAME_LIST(name, limit, most)                                           \
    same &= a->name.n == b->name.n;                                            \
    for (size_t i = 0; i < a->name.n; i++)                                     \
        same &= slice_equal(a->name.item[i], b->name.item[i]);

#define DEFINE(record)                                                         \
    static void fill_##record(void *p)                                         \
    {                                                                          \
        struct record *r = p;                                                  \
        FIELDS_##record(FILL_U32, FILL_U64, FILL_BYTES, FILL_TEXT, FILL_LIST)  \
    }                                                                          \
    static bool same_##record(const void *p, const void *q)                    \
    {                                                                          \
        const struct record *a = p;                                            \
        const struct record *b = q;                                            \
        bool same = true;                                                      \
        FIELDS_##record(SAME_U32, SAME_U64, SAME_BYTES, SAME_TEXT,             \
                        SAME_LIST) return same;                                \
    }
RECORDS(DEFINE)

static const struct {
    void (*fill)(void *record);
    bool (*same)(const void *a, const void *b);
    const char *name;
} rows[RECORD_COUNT] = {
#define X(n) [RECORD_##n] = {fill_##n, same_##n, #n},
    RECORDS(X)
#undef X
};

static void
every_record_comes_out_as_it_went_in(void **state)
{
    (void)state;
    for (int i = 0; i < RECORD_COUNT; i++) {
        AUTO(buf) struct buf bytes = {0};
        union any_record in = {0};
        union any_record out;

        rows[i].fill(&in);
        record_encode((enum record)i, &in, &bytes);
        memset(&out, 0xff, sizeof(out));
        if (!record_decode((enum record)i, buf_slice(&bytes), &out) ||
            !rows[i].same(&in, &out))
            fail_msg("%s differs", rows[i].name);
    }
}

static void
every_empty_record_comes_out_empty(void **state)
{
    (void)state;
    for (int i = 0; i < RECORD_COUNT; i++) {
        AUTO(buf) struct buf bytes = {0};
        union any_record in = {0};
        union any_record out;

        record_encode((enum record)i, &in, &bytes);
        memset(&out, 0xff, sizeof(out));
        if (!record_decode((enum record)i, buf_slice(&bytes), &out) ||
            !rows[i].same(&in, &out))
            fail_msg("%s differs", rows[i].name);
    }
}

static bool
is_zero(const void *p, size_t n)
{
    const uint8_t *at = p;

    for (size_t i = 0; i < n; i++)
        if (at[i] != 0)
            return false;
    return true;
}

/* Copies to the heap, so that a read behind the end is seen. */
static bool
decode_exact(enum record which, struct slice bytes, union any_record *out)
{
    uint8_t *copy = malloc(bytes.n ? bytes.n : 1);
    bool done;

    assert_non_null(copy);
    if (bytes.n > 0)
        memcpy(copy, bytes.p, bytes.n);
    memset(out, 0xff, sizeof(*out));
    done = record_decode(which, slice_of(copy, bytes.n), out);
    free(copy);
    return done;
}

static void
every_record_that_is_cut_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < RECORD_COUNT; i++) {
        AUTO(buf) struct buf bytes = {0};
        union any_record r = {0};

        rows[i].fill(&r);
        record_encode((enum record)i, &r, &bytes);
        for (size_t n = 0; n < bytes.len; n++) {
            if (decode_exact((enum record)i, slice_of(bytes.data, n), &r))
                fail_msg("%s of %zu bytes was taken", rows[i].name, n);
            assert_true(is_zero(&r, record_size((enum record)i)));
        }
    }
}

static void
every_record_with_a_byte_too_many_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < RECORD_COUNT; i++) {
        AUTO(buf) struct buf bytes = {0};
        union any_record r = {0};

        rows[i].fill(&r);
        record_encode((enum record)i, &r, &bytes);
        buf_add_byte(&bytes, 0);
        if (decode_exact((enum record)i, buf_slice(&bytes), &r))
            fail_msg("%s was taken", rows[i].name);
    }
}

/* Nothing but the sanitizers' silence, and that a refusal leaves zeroes. */
static void
garbage_is_read_without_harm(void **state)
{
    uint32_t seed = 20260101;

    (void)state;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 2000; round++) {
        enum record which = (enum record)(round % RECORD_COUNT);
        uint8_t bytes[96];
        union any_record r;
        size_t n;

        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = seed >> 29 ? 0 : (uint8_t)(seed >> 16);
        }
        n = seed % sizeof(bytes);
        if (!decode_exact(which, slice_of(bytes, n), &r))
            assert_true(is_zero(&r, record_size(which)));
    }
}

static void
a_length_over_the_field_s_limit_is_refused(void **state)
{
    AUTO(buf) struct buf bytes = {0};
    union any_record r;

    (void)state;
    buf_add(&bytes, "\0\0\0\x60", 4); /* LIMIT_REF_BYTES */
    for (int i = 0; i < LIMIT_REF_BYTES; i++)
        buf_add_byte(&bytes, 'k');
    assert_true(decode_exact(RECORD_key_choice, buf_slice(&bytes), &r));
    bytes.data[3]++;
    buf_add_byte(&bytes, 'k');
    assert_false(decode_exact(RECORD_key_choice, buf_slice(&bytes), &r));
}

static void
a_length_that_would_wrap_is_refused(void **state)
{
    union any_record r;

    (void)state;
    assert_false(
        decode_exact(RECORD_key_choice, slice_of("\xff\xff\xff\xff", 4), &r));
    assert_false(
        decode_exact(RECORD_chain_reply, slice_of("\xff\xff\xff\xff", 4), &r));
}

static void
a_list_with_an_item_too_many_is_refused(void **state)
{
    union any_record r;

    (void)state;
    for (uint8_t n = 8; n <= 9; n++) { /* chain_reply takes eight */
        AUTO(buf) struct buf bytes = {0};

        buf_add(&bytes, "\0\0\0", 3);
        buf_add_byte(&bytes, n);
        for (uint8_t i = 0; i < n; i++)
            buf_add(&bytes,
                    "\0\0\0\x1"
                    "c",
                    5);
        assert_int_equal(
            decode_exact(RECORD_chain_reply, buf_slice(&bytes), &r), n == 8);
    }
}

static void
a_text_with_a_nul_is_refused_where_bytes_are_not(void **state)
{
    uint8_t bytes[] = {0, 0, 0, 3, 'a', 0, 'b', 0, 0, 0, 0};
    union any_record r;

    (void)state;
    assert_false(
        decode_exact(RECORD_token_choice, slice_of(bytes, sizeof(bytes)), &r));
    assert_true(decode_exact(RECORD_key_choice, slice_of(bytes, 7), &r));
    bytes[5] = 'x';
    assert_true(
        decode_exact(RECORD_token_choice, slice_of(bytes, sizeof(bytes)), &r));
}

static void
a_full_list_takes_no_item(void **state)
{
    struct slice_list list = {0};

    (void)state;
    for (int i = 0; i < LIMIT_LIST_ITEMS; i++)
        assert_true(slice_list_add(&list, slice_text("x")));
    assert_false(slice_list_add(&list, slice_text("x")));
    assert_int_equal(list.n, LIMIT_LIST_ITEMS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_comes_out_as_it_went_in),
        cmocka_unit_test(every_empty_record_comes_out_empty),
        cmocka_unit_test(every_record_that_is_cut_is_refused),
        cmocka_unit_test(every_record_with_a_byte_too_many_is_refused),
        cmocka_unit_test(garbage_is_read_without_harm),
        cmocka_unit_test(a_length_over_the_field_s_limit_is_refused),
        cmocka_unit_test(a_length_that_would_wrap_is_refused),
        cmocka_unit_test(a_list_with_an_item_too_many_is_refused),
        cmocka_unit_test(a_text_with_a_nul_is_refused_where_bytes_are_not),
        cmocka_unit_test(a_full_list_takes_no_item),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
