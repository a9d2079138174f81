/*
 * The bound on failed decryptions: what counts, for which key, and until
 * when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka wants the three above first. */
#include <cmocka.h>
#undef fail

#include "agent/keyholder/failures.h"

static struct failures all;
static struct attempts mine;
static const struct config_decrypt policy = {.failures = 3, .window_s = 10};
static struct token *const token = (struct token *)(uintptr_t)16; /* a name */

static int
begin(void **state)
{
    (void)state;
    failures_init(&all, &policy);
    mine = (struct attempts){0};
    return 0;
}

static struct slice
id_of(const char *text)
{
    return slice_text(text);
}

static enum err
check(const char *id, int64_t now)
{
    struct problem p = {0};

    return failures_check(&all, &mine, token, id_of(id), now, &p);
}

static void
fail_once(const char *id, int64_t now)
{
    attempts_add(&mine, &all, token, id_of(id), now);
    attempts_fail(&mine, &all, now);
}

static void
so_many_failures_and_no_more(void **state)
{
    struct problem p = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(check("a", 1000 * i), ERR_OK);
        fail_once("a", 1000 * i);
    }
    assert_int_equal(failures_check(&all, &mine, token, id_of("a"), 2500, &p),
                     ERR_TOO_MANY_FAILURES);
    assert_string_equal(p.detail, "3 in 10 seconds; it decrypts again in 8 "
                                  "seconds");
    assert_int_equal(check("b", 2500), ERR_OK);
}

static void
the_oldest_one_leaves_the_window(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        fail_once("a", 1000 * i);
    assert_int_equal(check("a", 9999), ERR_TOO_MANY_FAILURES);
    assert_int_equal(check("a", 10000), ERR_OK);
    fail_once("a", 10000);
    assert_int_equal(check("a", 10500), ERR_TOO_MANY_FAILURES);
    assert_int_equal(check("a", 11000), ERR_OK);
}

static void
what_decrypted_well_does_not_count(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        attempts_add(&mine, &all, token, id_of("a"), i);
        mine.count = 0; /* as MSG_DECRYPTED does */
    }
    attempts_fail(&mine, &all, 50);
    assert_int_equal(check("a", 50), ERR_OK);
}

/* A channel cannot put off its failures by not ending. */
static void
tries_that_are_not_over_count(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        attempts_add(&mine, &all, token, id_of("a"), i);
    assert_int_equal(check("a", 5), ERR_TOO_MANY_FAILURES);
    mine.count = 0;
    assert_int_equal(check("a", 5), ERR_OK);
    for (int i = 0; i < LIMIT_KEY_TRIES + 1; i++)
        attempts_add(&mine, &all, token, id_of("a"), i);
    mine.count = 0;
    assert_int_equal(check("a", 5), ERR_TOO_MANY_FAILURES);
}

static void
a_full_table_forgets_the_oldest_key(void **state)
{
    char id[16];

    (void)state;
    for (int key = 0; key <= LIMIT_FAILED_KEYS; key++)
        for (int i = 0; i < 3; i++) {
            snprintf(id, sizeof(id), "%d", key);
            fail_once(id, 100 + key);
        }
    assert_int_equal(check("0", 500), ERR_OK);
    assert_int_equal(check("1", 500), ERR_TOO_MANY_FAILURES);
    assert_int_equal(check(id, 500), ERR_TOO_MANY_FAILURES);
}

static void
without_a_bound_nothing_is_refused(void **state)
{
    static const struct config_decrypt none = {.failures = 0, .window_s = 10};

    (void)state;
    failures_init(&all, &none);
    for (int i = 0; i < 500; i++)
        fail_once("a", i);
    assert_int_equal(check("a", 500), ERR_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(so_many_failures_and_no_more, begin),
        cmocka_unit_test_setup(the_oldest_one_leaves_the_window, begin),
        cmocka_unit_test_setup(what_decrypted_well_does_not_count, begin),
        cmocka_unit_test_setup(tries_that_are_not_over_count, begin),
        cmocka_unit_test_setup(a_full_table_forgets_the_oldest_key, begin),
        cmocka_unit_test_setup(without_a_bound_nothing_is_refused, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
