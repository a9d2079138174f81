/* Addresses that look like another. */
#include "keyring_lesson.h"

#include "agent/keyring/alike.h"

static bool
alike(const char *a, const char *b)
{
    AUTO(buf) struct buf x = {0}, y = {0};

    alike_write(slice_text(a), &x);
    alike_write(slice_text(b), &y);
    return slice_equal(buf_slice(&x), buf_slice(&y));
}

static void
what_reads_alike_has_one_skeleton(void **state)
{
    (void)state;
    assert_true(alike("alice@example.org", "al\xd1\x96"
                                           "ce@example.org"));
    assert_true(alike("paypal@example.org", "paypa1@examp1e.org"));
    assert_true(alike("bernd@example.org", "bemd@example.org"));
    assert_true(alike("Alice@EXAMPLE.org", "alice@example.org"));
    /* A Cyrillic e in the domain, as letters and as an A-label. */
    assert_true(alike("a@\xd0\xb5xample.org", "a@example.org"));
    assert_true(alike("a@xn--xample-2of.org", "a@example.org"));
    assert_false(alike("alice@example.org", "alicia@example.org"));
    assert_false(alike("alice@example.org", "alice@example.com"));
    assert_false(alike("\xc3\xbc@example.org", "u@example.org"));
}

static void
scripts_that_are_mixed_are_seen(void **state)
{
    (void)state;
    assert_true(alike_mixes(slice_text("al\xd1\x96"
                                       "ce@example.org")));
    assert_true(alike_mixes(slice_text("a@\xd0\xb5xample.org")));
    assert_true(alike_mixes(slice_text("a@xn--xample-2of.org")));
    assert_false(alike_mixes(slice_text("alice@example.org")));
    assert_false(
        alike_mixes(slice_text("j\xc3\xbcrgen@m\xc3\xbcller.example")));
    /* Each part in a script of its own is common. */
    assert_false(alike_mixes(slice_text("\xd0\xb0\xd0\xbd\xd0\xbd\xd0\xb0@"
                                        "example.org")));
}

static bool
resembles(struct store *s, const char *address, const char *other)
{
    AUTO(buf) struct buf found = {0};
    struct problem p = {0};

    assert_int_equal(store_alike(s, slice_text(address), &found, &p), ERR_OK);
    return other ? slice_is(buf_slice(&found), other) : found.len == 0;
}

static void
a_contact_that_looks_like_another_is_found(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    lesson_make(&t, 1, "alice@example.org");
    learn(s, &t);
    assert_true(resembles(s, "alice@example.org", NULL));
    assert_true(resembles(s, "a1ice@example.org", "alice@example.org"));
    assert_true(resembles(s, "bob@example.org", NULL));
    lesson_make(&t, 2, "a1ice@example.org");
    learn(s, &t);
    assert_true(resembles(s, "alice@example.org", "a1ice@example.org"));
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_reads_alike_has_one_skeleton),
        T(scripts_that_are_mixed_are_seen),
        T(a_contact_that_looks_like_another_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
