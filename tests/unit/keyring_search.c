/* Finding contacts by a part of what they are called. */
#include "keyring_files.h"

static bool
count_row(void *ctx, const struct stored *row)
{
    (void)row;
    return ++*(int *)ctx < 1000;
}

static int
found(struct store *s, const char *search)
{
    struct problem p = {0};
    int n = 0;

    assert_int_equal(store_contacts(s, 0, slice_of(NULL, 0), slice_text(search),
                                    count_row, &n, &p),
                     ERR_OK);
    return n;
}

static void
look_for_all(struct store *s)
{
    assert_int_equal(found(s, ""), 50);
    assert_int_equal(found(s, "A1@Example"), 1);
    assert_int_equal(found(s, "a4"), 11);
    assert_int_equal(found(s, "@example.org"), 50);
    assert_int_equal(found(s, "alice"), 50);     /* the name */
    assert_int_equal(found(s, "cn=ca"), 50);     /* the issuer */
    assert_int_equal(found(s, "example a1"), 0); /* grams, but not together */
    assert_int_equal(found(s, "nobody"), 0);
    assert_int_equal(found(s, "\"quoted\""), 0);
    assert_int_equal(found(s, "070000"), 1); /* a fingerprint */
}

static void
every_part_is_found_before_and_after_indexing(void **state)
{
    struct store *s = store_open(path);
    struct problem p = {0};
    uint32_t count;

    (void)state;
    learn_many(s, 50);
    look_for_all(s);
    while (store_work(s))
        continue;
    look_for_all(s);
    assert_int_equal(
        store_remove(s, slice_text("a1@example.org"), NOW, &count, &p), ERR_OK);
    assert_int_equal(found(s, "a1@example"), 0);
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(every_part_is_found_before_and_after_indexing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
