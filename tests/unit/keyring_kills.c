/* Kills where the whole file changes: what is there is the old one or the new
 * one. Each child is killed a little later than the one before. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "keyring_files.h"

#define KILLS 20
#define OLD   60
#define NEW   200

static char copy[128];

/* Does ACT in a child, which is killed after AFTER_US; -1: when it is done.
 * Gives how long it was left. */
static int64_t
kill_within(void (*act)(void), int64_t after_us)
{
    int64_t begun = clock_ms();
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        act();
        if (after_us < 0)
            _exit(0);
        for (;;)
            pause();
    }
    if (after_us >= 0) {
        usleep((useconds_t)after_us);
        assert_int_equal(kill(child, SIGKILL), 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return (clock_ms() - begun + 1) * 1000;
}

static bool
restore(struct store *s)
{
    AUTO(restore) struct restore *r = NULL;
    struct store_counts counts;
    struct problem p = {0};
    bool done = false;
    enum err e = store_restore_begin(s, open(copy, O_RDONLY), &r, &p);

    while (e == ERR_OK && !done)
        e = store_restore_step(r, &counts, &done, &p);
    return e == ERR_OK;
}

static void
restore_here(void)
{
    struct store *s = store_open(path);

    if (!restore(s))
        _exit(1);
    store_drop(&s);
}

/* Puts the keyring with OLD contacts there again. */
static void
begin_old(void)
{
    char command[400];

    snprintf(command, sizeof(command),
             "rm -f '%s/contacts.db'*; cp '%s/old' '%s'", folder, folder, path);
    assert_int_equal(system(command), 0);
}

static void
keyring_make(const char *name, int n)
{
    struct store *s = store_open(name);

    learn_many(s, n);
    store_drop(&s);
}

/* What is there is whole, and one or the other; then it can be restored. */
static int64_t
old_or_new(void)
{
    struct store *s = store_open(path);
    int64_t n = contacts_in(s);

    assert_null(store_fault(s));
    assert_true(n == OLD || n == NEW);
    assert_true(restore(s));
    assert_int_equal(contacts_in(s), NEW);
    assert_int_equal(files_with("restoring"), 0);
    assert_int_equal(files_with("setting-aside"), 0);
    store_drop(&s);
    return n;
}

/* What is set aside has its name when it is whole, never before. */
static void
those_set_aside_are_whole(void)
{
    char command[300];

    snprintf(command, sizeof(command),
             "cd '%s' && for f in contacts.db.replaced-*; do"
             " [ ! -e \"$f\" ] || [ \"$(sqlite3 \"$f\" 'PRAGMA"
             " integrity_check')\" = ok ] || exit 1; done",
             folder);
    assert_int_equal(system(command), 0);
}

static void
a_killed_restore_leaves_the_old_or_the_new(void **state)
{
    char old[128];
    int64_t whole_us;
    int olds = 0;

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    snprintf(old, sizeof(old), "%s/old", folder);
    keyring_make(copy, NEW);
    keyring_make(old, OLD);
    begin_old();
    whole_us = kill_within(restore_here, -1);
    for (int i = 0; i < KILLS; i++) {
        begin_old();
        kill_within(restore_here, whole_us * i / KILLS);
        those_set_aside_are_whole();
        olds += old_or_new() == OLD;
    }
    assert_true(olds > 0);
}

static void
damage(void)
{
    int fd = open(path, O_WRONLY);

    for (off_t at = 4096; at <= 16384; at += 4096)
        assert_int_equal(pwrite(fd, "damaged!", 8, at), 8);
    close(fd);
}

/* Here the old one is damaged, and so remains. */
static void
a_killed_restore_of_a_damaged_one_can_be_done_again(void **state)
{
    char old[128];
    int64_t whole_us;

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    snprintf(old, sizeof(old), "%s/old", folder);
    keyring_make(copy, NEW);
    keyring_make(old, OLD);
    begin_old();
    damage();
    whole_us = kill_within(restore_here, -1);
    for (int i = 0; i < KILLS; i++) {
        struct store *s;

        begin_old();
        damage();
        kill_within(restore_here, whole_us * i / KILLS);
        s = store_open(path);
        assert_true(store_is_damaged(s) || contacts_in(s) == NEW);
        assert_true(restore(s));
        assert_int_equal(contacts_in(s), NEW);
        store_drop(&s);
    }
}

static void
open_here(void)
{
    struct store *s = store_open(path);

    if (store_fault(s))
        _exit(1);
    store_drop(&s);
}

/* A file of version 5, as today's is but for what came later. */
static void
begin_former(void)
{
    begin_old();
    sql("DROP TABLE former; DROP INDEX contact_alike;"
        "DROP INDEX contact_blocked;"
        "ALTER TABLE contact DROP COLUMN alike; PRAGMA user_version = 5;");
}

static void
a_killed_migration_goes_on(void **state)
{
    char old[128];
    int64_t whole_us;

    (void)state;
    snprintf(old, sizeof(old), "%s/old", folder);
    keyring_make(old, OLD);
    begin_former();
    whole_us = kill_within(open_here, -1);
    for (int i = 0; i < KILLS; i++) {
        struct store *s;

        begin_former();
        kill_within(open_here, whole_us * i / KILLS);
        s = store_open(path);
        assert_null(store_fault(s));
        assert_int_equal(contacts_in(s), OLD);
        assert_int_equal(rows_of(s, "a7@example.org").n, 1);
        assert_true(files_with("contacts.db.version5-") >= 1);
        assert_int_equal(files_with("copying"), 0);
        store_drop(&s);
    }
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_killed_restore_leaves_the_old_or_the_new),
        T(a_killed_restore_of_a_damaged_one_can_be_done_again),
        T(a_killed_migration_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
