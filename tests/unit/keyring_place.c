/* What lies where contacts.db should be, and what contacts.db has itself. */
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "keyring_lesson.h"

static void
is_told(const char *fault)
{
    struct store *s = store_open(path);

    assert_non_null(store_fault(s));
    assert_non_null(strstr(store_fault(s), fault));
    assert_true(store_is_damaged(s));
    store_drop(&s);
}

static void
what_is_no_file_is_told(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    is_told("it is a folder");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    is_told("it is a FIFO or a device");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/nowhere/at/all", path), 0);
    is_told("it is a link to nothing");
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

/* Byte 44 is the number of the schema's format: SQLite itself calls this no
 * damage. */
static void
a_header_that_makes_no_sense_is_damage(void **state)
{
    struct store *s = store_open(path);
    AUTO(fd) int fd = -1;

    (void)state;
    assert_null(store_fault(s));
    store_drop(&s);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "\7\7\7\7", 4, 44), 4);
    is_told("unsupported file format");
}

static void
a_link_to_a_file_is_one(void **state)
{
    struct store *s;
    char real[160];

    (void)state;
    snprintf(real, sizeof(real), "%s/real", folder);
    assert_int_equal(symlink("real", path), 0);
    assert_int_equal(close(open(real, O_WRONLY | O_CREAT, 0600)), 0);
    s = store_open(path);
    assert_null(store_fault(s));
    store_drop(&s);
}

/* In a copy of contacts.db without contacts.db-wal. */
static int
contacts_alone(void)
{
    char alone[160], command[400];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    int n = -1;

    snprintf(alone, sizeof(alone), "%s/alone", folder);
    snprintf(command, sizeof(command), "cp '%s' '%s'", path, alone);
    assert_int_equal(system(command), 0);
    assert_int_equal(sqlite3_open(alone, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM contact", -1, &st, NULL) ==
            SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_int_equal(unlink(alone), 0);
    return n;
}

static void
what_was_kept_is_in_the_file_itself_when_idle(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    for (uint8_t i = 1; i <= 3; i++) {
        char name[32];

        snprintf(name, sizeof(name), "a%d@example.org", i);
        lesson_make(&t, i, name);
        assert_int_equal(learn(s, &t), LEARNED_NEW);
        while (store_work(s))
            continue;
        assert_int_equal(contacts_alone(), i);
    }
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_is_no_file_is_told),
        T(a_header_that_makes_no_sense_is_damage),
        T(a_link_to_a_file_is_one),
        T(what_was_kept_is_in_the_file_itself_when_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
