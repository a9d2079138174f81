/* The store over time: its versions, copies, damage, and who else uses it. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "keyring_lesson.h"

static void
learn_many(struct store *s, int n)
{
    char name[32];
    struct taught t;

    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "a%d@example.org", i);
        lesson_make(&t, 0, name);
        memcpy(t.fingerprint, &i, sizeof(i));
        assert_int_equal(learn(s, &t), LEARNED_NEW);
    }
}

static uint32_t
contacts_in(struct store *s)
{
    struct store_counts counts = {0};
    struct problem p = {0};

    assert_int_equal(store_count(s, &counts, &p), ERR_OK);
    return counts.contacts;
}

/* How many files of the folder have PART in their name. */
static int
files_with(const char *part)
{
    char command[256];
    FILE *pipe;
    int n = -1;

    snprintf(command, sizeof(command), "ls '%s' | grep -c -e '%s'", folder,
             part);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    return n;
}

static void
sql(const char *script)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, script, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- versions ------------------------------------------------------------ */

/* As the first version made it. */
static const char first_version[] =
    "CREATE TABLE certificate("
    " id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE,"
    " der BLOB NOT NULL, not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL, uses INTEGER NOT NULL,"
    " type INTEGER NOT NULL, bits INTEGER NOT NULL, key_hash BLOB NOT NULL,"
    " subject TEXT NOT NULL, issuer TEXT NOT NULL, name TEXT NOT NULL,"
    " serial TEXT NOT NULL, capabilities BLOB NOT NULL,"
    " capabilities_time INTEGER NOT NULL);"
    "CREATE TABLE issuer(id INTEGER PRIMARY KEY, der BLOB NOT NULL UNIQUE);"
    "CREATE TABLE certificate_issuer("
    " certificate INTEGER NOT NULL REFERENCES certificate(id)"
    " ON DELETE CASCADE, position INTEGER NOT NULL,"
    " issuer INTEGER NOT NULL REFERENCES issuer(id),"
    " PRIMARY KEY(certificate, position)) WITHOUT ROWID;"
    "CREATE TABLE contact("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, address_key TEXT NOT NULL,"
    " address TEXT NOT NULL, certificate INTEGER NOT NULL"
    " REFERENCES certificate(id) ON DELETE CASCADE, state INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
    " origin TEXT NOT NULL, message_id TEXT NOT NULL,"
    " sender_seen INTEGER NOT NULL, UNIQUE(address_key, certificate));"
    "CREATE INDEX contact_certificate ON contact(certificate);"
    "CREATE TABLE event("
    " id INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " address_key TEXT NOT NULL, fingerprint BLOB NOT NULL,"
    " what TEXT NOT NULL, origin TEXT NOT NULL);"
    "CREATE INDEX event_address ON event(address_key);"
    "INSERT INTO certificate VALUES(1, zeroblob(32), x'41', 0, 4102444800, 3,"
    " 1, 2048, zeroblob(32), 'CN=Old', 'CN=CA', 'Old', '01', x'', 0);"
    "INSERT INTO contact VALUES(1, 'old@example.org', 'old@example.org', 1, 0,"
    " 5, 6, 'open', '', 1);"
    "PRAGMA user_version = 1;";

static void
an_older_file_is_copied_before_it_changes(void **state)
{
    struct seen_rows r;
    struct store *s;

    (void)state;
    sql(first_version);
    s = store_open(path);
    assert_null(store_fault(s));
    r = rows_of(s, "old@example.org");
    assert_int_equal(r.n, 1);
    assert_int_equal(r.state[0], CONTACT_VERIFIED);
    store_drop(&s);
    assert_int_equal(files_with("contacts.db.version1-"), 1);
    assert_int_equal(files_with("copying"), 0);
    /* Once is enough, and a new file has nothing to copy. */
    s = store_open(path);
    store_drop(&s);
    assert_int_equal(files_with("contacts.db.version"), 1);
}

static void
a_new_file_leaves_no_copy(void **state)
{
    struct store *s = store_open(path);

    (void)state;
    learn_many(s, 1);
    store_drop(&s);
    assert_int_equal(files_with("contacts.db.version"), 0);
}

/* ---- copies -------------------------------------------------------------- */

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
    struct store_counts counts;
    struct problem p = {0};
    char *aside = NULL;
    int fd = open(name, O_RDONLY);
    enum err e;

    assert_true(fd >= 0);
    e = store_restore(s, fd, &counts, &aside, &p);
    close(fd);
    free(aside);
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

static void
what_is_no_copy_replaces_nothing(void **state)
{
    struct store *s = store_open(path);
    char copy[128];
    int fd;

    (void)state;
    snprintf(copy, sizeof(copy), "%s/copy", folder);
    learn_many(s, 50);
    back_up(s, copy);
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

/* ---- later --------------------------------------------------------------- */

static void
what_is_kept_later_is_there_after_keeping(void **state)
{
    struct store *s = store_open(path), *other = store_open(path);
    struct problem p = {0};
    enum learned out;
    struct taught t;

    (void)state;
    lesson_make(&t, 1, "alice@example.org");
    assert_int_equal(store_learn(s, &t.lesson, 1, true, &out, &p), ERR_OK);
    assert_int_equal(out, LEARNED_NEW);
    assert_true(store_is_pending(s));
    assert_int_equal(contacts_in(other), 0);
    assert_int_equal(store_keep(s, &p), ERR_OK);
    assert_false(store_is_pending(s));
    assert_int_equal(contacts_in(other), 1);
    assert_int_equal(store_losses(s), 0);
    /* Any other change brings it along. */
    lesson_make(&t, 2, "bob@example.org");
    assert_int_equal(store_learn(s, &t.lesson, 1, true, &out, &p), ERR_OK);
    lesson_make(&t, 3, "carol@example.org");
    assert_int_equal(store_learn(s, &t.lesson, 1, false, &out, &p), ERR_OK);
    assert_int_equal(contacts_in(other), 3);
    store_drop(&other);
    store_drop(&s);
}

/* Learns ten at a time for later and keeps them, until the limit on file
 * sizes stops it; gives how many were kept. */
static int
keep_until_full(void)
{
    struct store *s = store_open(path);
    struct problem p = {0};
    enum err e = ERR_OK;
    int kept = 0, learned = 0;
    enum learned out;
    struct taught t;
    char name[32];

    while (e == ERR_OK && learned < 2000) {
        for (int i = 0; i < 10 && e == ERR_OK; i++, learned++) {
            snprintf(name, sizeof(name), "a%d@example.org", learned);
            lesson_make(&t, 0, name);
            memcpy(t.fingerprint, &learned, sizeof(learned));
            e = store_learn(s, &t.lesson, 1, true, &out, &p);
        }
        if (e == ERR_OK)
            e = store_keep(s, &p);
        if (e == ERR_OK)
            kept = learned;
    }
    if (e != ERR_STORE || store_losses(s) != 1 || store_is_pending(s))
        return -1;
    store_drop(&s);
    return kept;
}

static void
a_full_disk_loses_only_what_was_not_kept(void **state)
{
    int pipe_fds[2], kept = 0, status;
    struct store *s = store_open(path);
    pid_t pid;

    (void)state;
    store_drop(&s);
    assert_int_equal(pipe(pipe_fds), 0);
    pid = fork();
    if (pid == 0) {
        struct rlimit limit = {300 * 1024, 300 * 1024};

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        kept = keep_until_full();
        _exit(write(pipe_fds[1], &kept, sizeof(kept)) < 0);
    }
    assert_int_equal(read(pipe_fds[0], &kept, sizeof(kept)), sizeof(kept));
    waitpid(pid, &status, 0);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    assert_true(kept > 0);
    s = store_open(path);
    assert_null(store_fault(s));
    assert_int_equal(contacts_in(s), kept);
    store_drop(&s);
}

/* Two agents write in turns, and wait for each other. */
static void
two_agents_do_not_harm_each_other(void **state)
{
    struct store *a = store_open(path), *b = store_open(path);
    char name[32];
    struct taught t;

    (void)state;
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "a%d@example.org", i);
        lesson_make(&t, (uint8_t)i, name);
        assert_int_equal(learn(i % 2 ? a : b, &t), LEARNED_NEW);
    }
    assert_int_equal(contacts_in(a), 40);
    assert_int_equal(contacts_in(b), 40);
    store_drop(&a);
    store_drop(&b);
    a = store_open(path);
    assert_null(store_fault(a));
    assert_int_equal(contacts_in(a), 40);
    store_drop(&a);
}

static void
a_network_file_system_is_refused(void **state)
{
    (void)state;
    assert_string_equal(store_filesystem_fault(0x6969), "NFS");
    assert_non_null(store_filesystem_fault((long)0xff534d42));
    assert_non_null(store_filesystem_fault((int)0xff534d42));
    assert_null(store_filesystem_fault(0xef53));     /* ext4 */
    assert_null(store_filesystem_fault(0x01021994)); /* tmpfs */
    assert_null(store_filesystem_fault(0x9123683e)); /* btrfs */
}

/* ---- searching ----------------------------------------------------------- */

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
        T(an_older_file_is_copied_before_it_changes),
        T(a_new_file_leaves_no_copy),
        T(what_was_backed_up_can_be_restored),
        T(what_is_no_copy_replaces_nothing),
        T(what_a_kill_left_is_no_part_of_a_copy),
        T(a_damaged_file_is_set_aside_by_a_copy),
        T(a_backup_is_of_the_moment_it_began),
        T(a_backup_that_has_no_room_leaves_nothing),
        T(what_is_kept_later_is_there_after_keeping),
        T(a_full_disk_loses_only_what_was_not_kept),
        T(two_agents_do_not_harm_each_other),
        T(a_network_file_system_is_refused),
        T(every_part_is_found_before_and_after_indexing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
