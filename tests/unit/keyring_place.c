/* What lies where contacts.db should be, and what contacts.db has itself. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static void
file_write(const char *name, const char *text)
{
    AUTO(fd) int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Of 0 bytes SQLite makes a new one, and deletes the log beside it. */
static void
an_emptied_file_is_damage(void **state)
{
    char log[160];
    struct stat st;

    (void)state;
    snprintf(log, sizeof(log), "%s-wal", path);
    file_write(path, "");
    is_told("empty (0 bytes)");
    file_write(log, "what was not yet in contacts.db");
    is_told("empty (0 bytes)");
    assert_int_equal(stat(log, &st), 0);
    assert_true(st.st_size > 0);
}

#define KILLS 30

static int64_t
first_start_us(void)
{
    int64_t begun = clock_ms();
    struct store *s = store_open(path);

    assert_null(store_fault(s));
    store_drop(&s);
    assert_int_equal(unlink(path), 0);
    return (clock_ms() - begun + 1) * 1000;
}

static void
first_start_kill(int64_t after_us)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)store_open(path);
        for (;;)
            pause();
    }
    usleep((useconds_t)after_us);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* So that it is certain that an empty one is not a new one. */
static void
a_first_start_that_is_killed_leaves_no_empty_file(void **state)
{
    int64_t whole_us = first_start_us();

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        struct store *s;

        first_start_kill(whole_us * i / KILLS);
        s = store_open(path);
        assert_null(store_fault(s));
        store_drop(&s);
        assert_int_equal(unlink(path), 0);
    }
}

/* SQLite adds the log that it finds beside a file, whosever it was. */
static void
what_an_earlier_one_left_is_no_part_of_a_new_one(void **state)
{
    char log[160], kept[160];
    struct store *s = store_open(path), *other;
    struct taught t;

    (void)state;
    snprintf(log, sizeof(log), "%s-wal", path);
    snprintf(kept, sizeof(kept), "%s/log", folder);
    lesson_make(&t, 1, "alice@example.org");
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    assert_int_equal(link(log, kept), 0);
    other = store_open(path);
    assert_null(store_fault(other));
    store_drop(&other);
    assert_int_equal(unlink(path), 0);
    other = store_open(path);
    assert_null(store_fault(other));
    assert_int_equal(rows_of(other, "alice@example.org").n, 0);
    store_drop(&other);
    store_drop(&s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(kept, log), 0);
    s = store_open(path);
    assert_null(store_fault(s));
    assert_int_equal(rows_of(s, "alice@example.org").n, 0);
    store_drop(&s);
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
    s = store_open(path);
    assert_null(store_fault(s));
    store_drop(&s);
    assert_int_equal(rename(path, real), 0);
    assert_int_equal(symlink("real", path), 0);
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

static void
is_not_stored(struct store *s, uint8_t number, const char *why)
{
    enum learned out = LEARNED_NOTHING;
    struct problem p = {0};
    struct taught t;

    lesson_make(&t, number, "bert@example.org");
    assert_int_equal(store_learn(s, &t.lesson, 1, false, &out, &p), ERR_STORE);
    assert_non_null(strstr(p.detail, why));
    assert_non_null(strstr(store_unwritable(s), why));
}

/* SQLite would write on into a file that has no name. */
static void
what_nobody_finds_afterwards_is_not_acknowledged(void **state)
{
    struct store *s = store_open(path);
    struct problem p = {0};
    char away[160];
    enum learned out;
    struct taught t;

    (void)state;
    snprintf(away, sizeof(away), "%s-away", path);
    lesson_make(&t, 1, "alice@example.org");
    assert_int_equal(store_learn(s, &t.lesson, 1, true, &out, &p), ERR_OK);
    assert_null(store_unwritable(s));
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(store_keep(s, &p), ERR_STORE);
    is_not_stored(s, 2, "moved or deleted");
    assert_int_equal(rename(away, path), 0);
    assert_null(store_unwritable(s));
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    store_drop(&s);
}

static void
a_file_that_may_not_be_written_is_read_and_that_is_told(void **state)
{
    struct store *s = store_open(path);
    struct taught t;

    (void)state;
    lesson_make(&t, 1, "alice@example.org");
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    store_drop(&s);
    if (geteuid() == 0)
        skip(); /* may write whatever it is */
    assert_int_equal(chmod(path, 0400), 0);
    s = store_open(path);
    assert_null(store_fault(s));
    is_not_stored(s, 2, "may not be written");
    assert_int_equal(learn(s, &t), LEARNED_KNOWN);
    store_drop(&s);
}

/* Of one that is looked through at the start: what an index says, and its
 * table not, is no contact that is found. */
static void
an_index_that_says_another_thing_is_damage(void **state)
{
    static const char address[] = "alice@example.org";
    struct store *s = store_open(path);
    static uint8_t bytes[1 << 20];
    AUTO(fd) int fd = -1;
    struct taught t;
    uint8_t *at;
    ssize_t n;

    (void)state;
    lesson_make(&t, 1, address);
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    store_drop(&s);
    fd = open(path, O_RDWR);
    n = read(fd, bytes, sizeof(bytes));
    at = n > 0 ? memmem(bytes, (size_t)n, address, strlen(address)) : NULL;
    assert_non_null(at);
    assert_int_equal(pwrite(fd, "b", 1, at - bytes), 1);
    is_told("");
}

/* Bytes that flip within a row's value are no damage to SQLite. */
static void
a_certificate_that_rotted_is_replaced_when_it_comes_again(void **state)
{
    struct store *s = store_open(path);
    struct taught t;
    sqlite3 *db = NULL;

    (void)state;
    lesson_make(&t, 7, "alice@example.org");
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    store_drop(&s);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE certificate SET der = x'0809'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    s = store_open(path);
    assert_int_equal(rows_of(s, "alice@example.org").first_byte[0], 8);
    assert_int_equal(learn(s, &t), LEARNED_KNOWN);
    assert_int_equal(rows_of(s, "alice@example.org").n, 1);
    assert_int_equal(rows_of(s, "alice@example.org").first_byte[0], 7);
    store_drop(&s);
}

static bool
dates_note(void *ctx, const struct stored *row)
{
    *(int64_t *)ctx =
        row->preferred + row->capabilities_time + (int64_t)row->capabilities.n;
    return false;
}

static int64_t
dates_of(struct store *s, const char *address)
{
    struct problem p = {0};
    int64_t sum = -1;

    assert_int_equal(
        store_contact(s, slice_text(address), dates_note, &sum, &p), ERR_OK);
    return sum;
}

static bool
happened_pass(void *ctx, const struct happened *h)
{
    (void)ctx;
    return h != NULL;
}

static void
what_a_taken_back_mail_said_of_its_certificate_goes_too(void **state)
{
    struct store *s = store_open(path);
    struct problem p = {0};
    struct taught t;
    bool found = false;

    (void)state;
    lesson_make(&t, 1, "alice@example.org");
    t.lesson.capabilities = slice_text("can much");
    t.lesson.capabilities_time = NOW;
    t.lesson.preferred = true;
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    assert_int_equal(dates_of(s, "alice@example.org"), 2 * NOW + 8);
    assert_int_equal(store_undo(s, NOW, happened_pass, NULL, &found, &p),
                     ERR_OK);
    assert_true(found);
    assert_int_equal(dates_of(s, "alice@example.org"), -1);
    t.lesson.capabilities = slice_of(NULL, 0);
    t.lesson.preferred = false;
    assert_int_equal(learn(s, &t), LEARNED_NEW);
    assert_int_equal(dates_of(s, "alice@example.org"), 0);
    store_drop(&s);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_is_no_file_is_told),
        T(an_emptied_file_is_damage),
        T(a_first_start_that_is_killed_leaves_no_empty_file),
        T(what_an_earlier_one_left_is_no_part_of_a_new_one),
        T(a_header_that_makes_no_sense_is_damage),
        T(an_index_that_says_another_thing_is_damage),
        T(what_nobody_finds_afterwards_is_not_acknowledged),
        T(a_file_that_may_not_be_written_is_read_and_that_is_told),
        T(a_link_to_a_file_is_one),
        T(a_certificate_that_rotted_is_replaced_when_it_comes_again),
        T(what_a_taken_back_mail_said_of_its_certificate_goes_too),
        T(what_was_kept_is_in_the_file_itself_when_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
