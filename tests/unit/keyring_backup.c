/* Backups and restores that go on while others are answered. */
#include "keyring_wires.h"

#include <errno.h>
#include <sqlite3.h>

static uint8_t copy[4 * 1024 * 1024];
static char copy_path[160];

/* A session that wants a backup into a pipe, which holds little of it; gives
 * its other end. */
static int
backup_wanted(int *out_session)
{
    struct empty nothing = {0};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 0);
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_true(
        channel_send(t.session, MSG_CONTACTS_BACKUP, &nothing, &ends[1], 1));
    close(ends[1]);
    assert_int_equal(fd_wait_readable(ends[0], 20000), 1);
    *out_session = t.session;
    t.session = -1;
    return ends[0];
}

/* All that the pipe gives until it is closed. */
static size_t
all_read(int from)
{
    size_t n = 0;
    ssize_t got;

    while ((got = read(from, copy + n, sizeof(copy) - n)) > 0)
        n += (size_t)got;
    assert_int_equal(got, 0);
    close(from);
    return n;
}

static int64_t
contacts_in_copy(size_t n)
{
    sqlite3_stmt *st;
    sqlite3 *db;
    int64_t count;
    int fd;

    snprintf(copy_path, sizeof(copy_path), "%s/data/copy.db", anchors);
    fd = open(copy_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd_write_all(fd, copy, n));
    close(fd);
    assert_int_equal(sqlite3_open(copy_path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*) FROM contact", -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    count = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return count;
}

/* Whether nobody still reads an older state of the contacts. */
static bool
log_may_be_emptied(void)
{
    char path[160];
    sqlite3_stmt *st;
    sqlite3 *db;
    bool free_of_readers;

    snprintf(path, sizeof(path), "%s/data/contacts.db", anchors);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "PRAGMA wal_checkpoint(RESTART)", -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    free_of_readers = sqlite3_column_int(st, 0) == 0;
    sqlite3_finalize(st);
    sqlite3_close(db);
    return free_of_readers;
}

/* ---- the tests ----------------------------------------------------------- */

static void
others_are_answered_meanwhile(void **state)
{
    const struct channel_wait wait = {
        .lost = ERR_AGENT_LOST, .watch = -1, .timeout_ms = 30000};
    struct problem p = {0};
    struct copy_reply reply;
    int session, from = backup_wanted(&session);
    size_t n;

    (void)state;
    assert_int_equal(verify((struct message_spec){0}).learned, LEARNED_NEW);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
    assert_true(log_may_be_emptied());
    n = all_read(from);
    assert_int_equal(channel_collect(session, MSG_CONTACTS_BACKUP, &wait,
                                     &t.frame, &reply, &p),
                     ERR_OK);
    /* As it was when it began. */
    assert_int_equal(reply.contacts, 0);
    assert_int_equal(contacts_in_copy(n), 0);
    close(session);
}

static void
one_who_leaves_ends_it(void **state)
{
    int session, from = backup_wanted(&session);

    (void)state;
    close(session);
    /* Its end of the pipe is closed, with less in it than a copy has. */
    assert_true(all_read(from) < 64 * 1024);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
}

/* Whoever gives it slowly holds up nobody, and what is learned meanwhile goes
 * with what it replaces. */
static void
others_are_answered_while_a_copy_comes(void **state)
{
    const struct channel_wait wait = {
        .lost = ERR_AGENT_LOST, .watch = -1, .timeout_ms = 30000};
    int session, ends[2], from = backup_wanted(&session);
    struct problem p = {0};
    struct copy_reply reply;
    struct empty nothing = {0};
    size_t n = all_read(from);

    (void)state;
    close(session);
    assert_int_equal(pipe(ends), 0);
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_true(
        channel_send(t.session, MSG_CONTACTS_RESTORE, &nothing, &ends[0], 1));
    close(ends[0]);
    session = fd_take(&t.session);
    assert_true(fd_write_all(ends[1], copy, n / 2));
    assert_int_equal(verify((struct message_spec){0}).learned, LEARNED_NEW);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
    assert_true(fd_write_all(ends[1], copy + n / 2, n - n / 2));
    close(ends[1]);
    assert_int_equal(channel_collect(session, MSG_CONTACTS_RESTORE, &wait,
                                     &t.frame, &reply, &p),
                     ERR_OK);
    assert_int_equal(reply.contacts, 0);
    assert_true(reply.aside.n > 0);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_UNKNOWN);
    assert_int_equal(verify((struct message_spec){0}).learned, LEARNED_NEW);
    close(session);
}

static void
one_who_leaves_restores_nothing(void **state)
{
    struct empty nothing = {0};
    int ends[2];

    (void)state;
    assert_int_equal(verify((struct message_spec){0}).learned, LEARNED_NEW);
    assert_int_equal(pipe(ends), 0);
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_true(
        channel_send(t.session, MSG_CONTACTS_RESTORE, &nothing, &ends[0], 1));
    close(ends[0]);
    fd_drop(&t.session);
    /* Nobody reads it any more: it was given up, not read to its end. */
    while (write(ends[1], copy, sizeof(copy)) > 0)
        continue;
    assert_int_equal(errno, EPIPE);
    close(ends[1]);
    assert_int_equal(recipient(ALICE).state, RECIPIENT_OK);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(others_are_answered_meanwhile),
        T(one_who_leaves_ends_it),
        T(others_are_answered_while_a_copy_comes),
        T(one_who_leaves_restores_nothing),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
