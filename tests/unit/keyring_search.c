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

/* More rows than are looked through before the index is asked. */
#define MANY 2500

static void
learn_together(struct store *s, int n)
{
    struct problem p = {0};
    enum learned out;
    struct taught t;
    char name[32];

    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "a%d@example.org", i);
        lesson_make(&t, 0, name);
        memcpy(t.fingerprint, &i, sizeof(i));
        assert_int_equal(store_learn(s, &t.lesson, 1, true, &out, &p), ERR_OK);
    }
    assert_int_equal(store_keep(s, &p), ERR_OK);
}

static void
name_one(int n, const char *name)
{
    char script[256];

    snprintf(script, sizeof(script),
             "UPDATE certificate SET name = '%s' WHERE id = %d", name, n);
    sql(script);
}

static void
look_for_few(struct store *s)
{
    assert_int_equal(found(s, "qx"), 2);
    assert_int_equal(found(s, "QX"), 2);
    assert_int_equal(found(s, "太郎"), 1);
    assert_int_equal(found(s, "太"), 1);
    assert_int_equal(found(s, "ё"), 1);
    assert_int_equal(found(s, "\"\""), 0);
    assert_int_equal(found(s, "z"), 0);
    assert_int_equal(found(s, "~"), 1);     /* the end of a name */
    assert_int_equal(found(s, "=c"), 1000); /* all, of the issuer */
}

/* One or two characters, too, among the first rows and behind them. */
static void
a_short_part_is_found_before_and_after_indexing(void **state)
{
    struct store *s = store_open(path);

    (void)state;
    learn_together(s, MANY);
    name_one(2, "Qxana");
    name_one(MANY - 1, "Anna Qx");
    name_one(MANY - 2, "山田 太郎");
    name_one(MANY - 3, "Пётр");
    name_one(MANY - 4, "Otto~");
    look_for_few(s);
    while (store_work(s))
        continue;
    look_for_few(s);
    assert_int_equal(found(s, "Ё"), 1);
    store_drop(&s);
}

static void
letters_of_any_script_have_no_case_from_the_beginning(void **state)
{
    struct store *s = store_open(path);

    (void)state;
    learn_together(s, 5);
    name_one(2, "Anna Müller");
    name_one(3, "Пётр");
    assert_int_equal(found(s, "MÜLLER"), 1);
    assert_int_equal(found(s, "пЁТР"), 1);
    assert_int_equal(found(s, "Ü"), 1);
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(every_part_is_found_before_and_after_indexing),
        T(a_short_part_is_found_before_and_after_indexing),
        T(letters_of_any_script_have_no_case_from_the_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
