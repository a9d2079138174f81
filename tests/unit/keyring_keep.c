/* What is kept, when, and who else uses the file. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keyring_files.h"

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

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(what_is_kept_later_is_there_after_keeping),
        T(a_full_disk_loses_only_what_was_not_kept),
        T(two_agents_do_not_harm_each_other),
        T(a_network_file_system_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
