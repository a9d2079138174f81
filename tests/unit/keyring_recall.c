/* What the store remembers of its last answers, and for how long. */
#include "keyring_lesson.h"

#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>

#include "agent/base/fd.h"
#include "agent/keyring/store_internal.h"

static const char alice[] = "alice@example.org";

static struct known_sender
known(struct store *s, const char *address)
{
    struct known_sender out = {0};
    struct problem p = {0};

    assert_int_equal(store_sender(s, slice_text(address), &out, &p), ERR_OK);
    return out;
}

static void
decide(struct store *s, struct slice fingerprint, enum contact_change change)
{
    struct problem p = {0};
    uint32_t rows = 0;

    assert_int_equal(
        store_change(s, slice_text(alice), fingerprint, change, NOW, &rows, &p),
        ERR_OK);
}

/* Another process, with its own connection, changes the file. */
static void
elsewhere(const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
a_decision_counts_at_once(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    lesson_make(&t, 1, alice);
    learn(s, &t);
    for (int i = 0; i < 2; i++) {
        assert_false(known(s, alice).is_blocked);
        assert_false(known(s, alice).any_blocked);
        decide(s, slice_of(NULL, 0), CHANGE_BLOCK);
        assert_true(known(s, alice).is_blocked);
        assert_true(known(s, alice).any_blocked);
        assert_false(known(s, "bob@example.org").is_blocked);
        assert_true(known(s, "bob@example.org").any_blocked);
        decide(s, slice_of(NULL, 0), CHANGE_UNBLOCK);
    }
    assert_false(known(s, alice).any_blocked);
    store_drop(&s);
}

/* Of a certificate that is blocked the address is not. */
static void
a_certificate_that_is_blocked_is_told_of(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    lesson_make(&t, 1, alice);
    learn(s, &t);
    assert_false(known(s, "bob@example.org").any_blocked);
    decide(s, slice_of(t.fingerprint, 32), CHANGE_BLOCK);
    assert_true(known(s, "bob@example.org").any_blocked);
    assert_true(known(s, alice).any_blocked);
    assert_false(known(s, alice).is_blocked);
    decide(s, slice_of(t.fingerprint, 32), CHANGE_UNBLOCK);
    assert_false(known(s, alice).any_blocked);
    store_drop(&s);
}

static void
a_new_contact_counts_at_once(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    assert_false(known(s, "a1ice@example.org").is_alike);
    assert_false(known(s, "bob@example.org").is_alike);
    lesson_make(&t, 1, alice);
    learn(s, &t);
    for (int i = 0; i < 2; i++) {
        assert_true(known(s, "a1ice@example.org").is_alike);
        assert_false(known(s, "bob@example.org").is_alike);
        assert_false(known(s, alice).is_alike);
    }
    store_drop(&s);
}

/* Seen within seconds; the first look shows that it is remembered at all. */
static void
what_another_process_writes_is_seen_soon(void **state)
{
    struct store *s = store_open(path);
    int64_t from = clock_ms(), end = from + 20000;
    bool seen;

    (void)state;
    assert_false(known(s, alice).is_blocked);
    elsewhere("INSERT INTO blocked(address_key, time)"
              " VALUES('alice@example.org', 1)");
    seen = known(s, alice).is_blocked;
    assert_true(!seen || clock_ms() - from >= 1000);
    while (!known(s, alice).is_blocked && clock_ms() < end)
        (void)poll(NULL, 0, 10);
    assert_true(known(s, alice).is_blocked);
    store_drop(&s);
}

/* A keyring in which Alice's certificate is blocked. */
static void
copy_make(const char *name)
{
    struct store *s = store_open(name);
    struct taught t;

    lesson_make(&t, 1, alice);
    learn(s, &t);
    decide(s, slice_of(t.fingerprint, 32), CHANGE_BLOCK);
    store_drop(&s);
}

/* Asks before each step where ASKS, also when the new contents are there
 * already. */
static void
restore(struct store *s, const char *name, bool asks)
{
    AUTO(restore) struct restore *r = NULL;
    struct store_counts counts;
    struct problem p = {0};
    bool done = false;

    assert_int_equal(store_restore_begin(s, open(name, O_RDONLY), &r, &p),
                     ERR_OK);
    while (!done) {
        if (asks)
            (void)known(s, "bob@example.org");
        assert_int_equal(store_restore_step(r, &counts, &done, &p), ERR_OK);
    }
}

static void
a_restore_is_seen_at_once(void **state)
{
    struct store *s = store_open(path);
    char copy[160];
    struct taught t;

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    copy_make(copy);
    lesson_make(&t, 2, "bob@example.org");
    learn(s, &t);
    assert_false(known(s, "bob@example.org").any_blocked);
    restore(s, copy, true);
    assert_true(known(s, "bob@example.org").any_blocked);
    store_drop(&s);
}

/* The connection is another one then: its counters begin anew. */
static void
another_file_is_seen_at_once(void **state)
{
    struct store *s = store_open(path);
    char copy[160];

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    copy_make(copy);
    store_drop(&s);
    s = store_open(path);
    assert_false(known(s, "bob@example.org").any_blocked);
    store_damage(s, "as a test has it");
    restore(s, copy, false);
    assert_true(known(s, "bob@example.org").any_blocked);
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_decision_counts_at_once),
        T(a_certificate_that_is_blocked_is_told_of),
        T(a_new_contact_counts_at_once),
        T(a_restore_is_seen_at_once),
        T(another_file_is_seen_at_once),
        T(what_another_process_writes_is_seen_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
