/* Copies of the whole file, and what takes its place. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "keyring_files.h"

static enum err
back_up_to(struct store *s, int fd, struct problem *p)
{
    AUTO(backup) struct backup *b = NULL;
    struct store_counts counts;
    bool done = false;
    enum err e = store_backup_begin(s, fd, &b, p);

    while (e == ERR_OK && !done)
        e = store_backup_step(b, &counts, &done, p);
    return e;
}

static void
back_up(struct store *s, const char *name)
{
    struct problem p = {0};
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

    assert_true(fd >= 0);
    assert_int_equal(back_up_to(s, fd, &p), ERR_OK);
}

static enum err
restore_from(struct store *s, const char *name)
{
    AUTO(restore) struct restore *r = NULL;
    struct store_counts counts;
    struct problem p = {0};
    bool done = false;
    int fd = open(name, O_RDONLY);
    enum err e;

    assert_true(fd >= 0);
    e = store_restore_begin(s, fd, &r, &p);
    while (e == ERR_OK && !done)
        e = store_restore_step(r, &counts, &done, &p);
    return e;
}

static void
what_was_backed_up_can_be_restored(void **state)
{
    struct store *s = store_open(path), *other;
    char copy[128];

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    learn_many(s, 50);
    back_up(s, copy);
    assert_int_equal(files_with("copying"), 0);
    other = store_open(path);
    assert_int_equal(contacts_in(other), 50);
    sql("DELETE FROM contact;");
    assert_int_equal(contacts_in(s), 0);
    assert_int_equal(restore_from(s, copy), ERR_OK);
    assert_int_equal(contacts_in(s), 50);
    /* Another agent that has it open sees it too. */
    assert_int_equal(contacts_in(other), 50);
    assert_int_equal(files_with("contacts.db.replaced-"), 1);
    assert_int_equal(files_with("restoring"), 0);
    store_drop(&other);
    store_drop(&s);
    s = store_open(path);
    assert_int_equal(contacts_in(s), 50);
    assert_int_equal(rows_of(s, "a49@example.org").n, 1);
    store_drop(&s);
}

/* Also after somebody has tried to begin another restore. */
static void
assert_restoring(struct store *s, struct taught *t)
{
    struct restore *second = NULL;
    struct problem p = {0}, why = {0};
    enum learned out;

    assert_int_equal(
        store_restore_begin(s, open("/dev/null", O_RDONLY), &second, &p),
        ERR_STORE);
    assert_int_equal(store_learn(s, &t->lesson, 1, false, &out, &why),
                     ERR_STORE);
    assert_non_null(strstr(why.detail, "is being restored"));
}

/* Until the new one is there the old one is read, and nothing is written that
 * would be lost; one that is left in the middle changes nothing. */
static void
the_old_one_is_read_until_the_new_one_is_there(void **state)
{
    struct store *s = store_open(path);
    struct store_counts counts;
    struct restore *r = NULL;
    struct problem p = {0};
    enum learned out;
    int refused = 0, rounds = 0;
    bool done = false;
    struct taught t;
    char copy[128];

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    learn_many(s, 300);
    back_up(s, copy);
    sql("DELETE FROM contact WHERE id > 7;");
    lesson_make(&t, 9, "late@example.org");
    for (; !done; rounds++) {
        if (!r)
            assert_int_equal(
                store_restore_begin(s, open(copy, O_RDONLY), &r, &p), ERR_OK);
        assert_int_equal(store_restore_step(r, &counts, &done, &p), ERR_OK);
        if (done)
            break;
        assert_int_equal(contacts_in(s), 7);
        if (store_learn(s, &t.lesson, 1, false, &out, &p) == ERR_OK)
            sql("DELETE FROM contact WHERE id > 7;");
        else if (++refused == 2)
            restore_drop(&r); /* begins anew */
        else
            assert_restoring(s, &t);
    }
    assert_true(refused > 2);
    restore_drop(&r);
    assert_int_equal(contacts_in(s), 300);
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    assert_int_equal(files_with("restoring"), 0);
    assert_int_equal(files_with("setting-aside"), 0);
    store_drop(&s);
}

static void
one_is_restored_at_a_time(void **state)
{
    struct store *s = store_open(path), *other = store_open(path);
    struct restore *r = NULL, *second = NULL;
    struct problem p = {0};

    (void)state;
    assert_int_equal(
        store_restore_begin(s, open("/dev/zero", O_RDONLY), &r, &p), ERR_OK);
    assert_int_equal(
        store_restore_begin(other, open("/dev/null", O_RDONLY), &second, &p),
        ERR_STORE);
    assert_non_null(strstr(p.detail, "another restore"));
    restore_drop(&r);
    store_drop(&other);
    store_drop(&s);
}

static void
what_is_no_copy_replaces_nothing(void **state)
{
    struct store *s = store_open(path);
    char copy[128];
    sqlite3 *db;
    int fd;

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    learn_many(s, 50);
    back_up(s, copy);
    assert_int_equal(sqlite3_open(copy, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TRIGGER swap AFTER INSERT ON contact"
                                  " BEGIN DELETE FROM certificate; END;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(restore_from(s, copy), ERR_BAD_COPY);
    assert_int_equal(truncate(copy, 20000), 0);
    assert_int_equal(restore_from(s, copy), ERR_BAD_COPY);
    fd = open(copy, O_WRONLY | O_TRUNC);
    assert_true(fd_write_all(fd, "no database at all", 18));
    close(fd);
    assert_int_equal(restore_from(s, copy), ERR_BAD_COPY);
    assert_int_equal(restore_from(s, "/dev/null"), ERR_BAD_COPY);
    assert_int_equal(contacts_in(s), 50);
    assert_int_equal(files_with("restoring"), 0);
    store_drop(&s);
}

/* What a killed restore left, whose log deletes everything. */
static void
what_a_kill_left_is_no_part_of_a_copy(void **state)
{
    struct store *s = store_open(path);
    char copy[128], twin[128], log[160], left[160], bytes[65536];
    sqlite3 *db;
    ssize_t n;
    int fd;

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    snprintf(twin, sizeof(twin), "%s/twin", folder);
    snprintf(log, sizeof(log), "%s-wal", twin);
    snprintf(left, sizeof(left), "%s.restoring-wal", path);
    learn_many(s, 50);
    back_up(s, copy);
    back_up(s, twin);
    assert_int_equal(sqlite3_open(twin, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA journal_mode = WAL;"
                                  "DELETE FROM contact;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    fd = open(log, O_RDONLY);
    n = read(fd, bytes, sizeof(bytes));
    assert_in_range(n, 1, sizeof(bytes) - 1);
    close(fd);
    fd = open(left, O_WRONLY | O_CREAT, 0600);
    assert_true(fd_write_all(fd, bytes, (size_t)n));
    close(fd);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(restore_from(s, copy), ERR_OK);
    assert_int_equal(contacts_in(s), 50);
    assert_int_equal(files_with("restoring"), 0);
    store_drop(&s);
}

static void
a_damaged_file_is_set_aside_by_a_copy(void **state)
{
    struct store *s = store_open(path);
    char copy[128];
    struct stat st;
    int fd;

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    learn_many(s, 200);
    back_up(s, copy);
    store_drop(&s);
    assert_int_equal(stat(path, &st), 0);
    fd = open(path, O_WRONLY);
    for (off_t at = 4096; at < st.st_size; at += 4096)
        assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, at),
                         8);
    close(fd);
    s = store_open(path);
    assert_true(store_is_damaged(s));
    assert_int_equal(restore_from(s, copy), ERR_OK);
    assert_int_equal(contacts_in(s), 200);
    assert_int_equal(files_with("contacts.db.damaged-"), 1);
    store_drop(&s);
    s = store_open(path);
    assert_null(store_fault(s));
    assert_int_equal(contacts_in(s), 200);
    store_drop(&s);
}

/* Another agent learns while it goes on: what is copied stays one state. */
static void
a_backup_is_of_the_moment_it_began(void **state)
{
    struct store *s = store_open(path), *copied;
    struct backup *b = NULL;
    struct store_counts counts;
    struct problem p = {0};
    char copy[128];
    bool done = false;

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    learn_many(s, 50);
    assert_int_equal(store_backup_begin(s, creat(copy, 0600), &b, &p), ERR_OK);
    while (!done) {
        sql("DELETE FROM contact WHERE id = (SELECT max(id) FROM contact);");
        assert_int_equal(store_backup_step(b, &counts, &done, &p), ERR_OK);
    }
    backup_drop(&b);
    assert_int_equal(counts.contacts, 50);
    copied = store_open(copy);
    assert_int_equal(contacts_in(copied), 50);
    store_drop(&copied);
    assert_true(contacts_in(s) < 50);
    store_drop(&s);
}

/* A copy cannot be written: nothing is left behind. */
static void
a_backup_that_has_no_room_leaves_nothing(void **state)
{
    struct store *s = store_open(path);
    struct problem p = {0};
    int fd = open("/dev/full", O_WRONLY);

    (void)state;
    learn_many(s, 5);
    assert_int_equal(back_up_to(s, fd, &p), ERR_OUTPUT);
    assert_int_equal(files_with("copying"), 0);
    assert_int_equal(contacts_in(s), 5);
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_was_backed_up_can_be_restored),
        T(the_old_one_is_read_until_the_new_one_is_there),
        T(one_is_restored_at_a_time),
        T(what_is_no_copy_replaces_nothing),
        T(what_a_kill_left_is_no_part_of_a_copy),
        T(a_damaged_file_is_set_aside_by_a_copy),
        T(a_backup_is_of_the_moment_it_began),
        T(a_backup_that_has_no_room_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
