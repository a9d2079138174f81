/* What the sandboxes refuse, by killing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "tests/unit/sandbox_child.h"

static void
do_open(void)
{
    (void)!open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void
do_open_for_writing(void)
{
    (void)!open(path, O_WRONLY | O_CLOEXEC);
}

static void
do_create(void)
{
    (void)!open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void
do_truncate(void)
{
    (void)!open(path, O_RDONLY | O_TRUNC | O_CLOEXEC);
}

static void
do_stat(void)
{
    struct stat st;

    (void)stat("/etc/passwd", &st);
}

static void
do_unlink(void)
{
    (void)unlink("/nonexistent");
}

static void
do_socket(void)
{
    (void)socket(AF_INET, SOCK_STREAM, 0);
}

static void
do_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    (void)connect(sockets[0], (struct sockaddr *)&address, sizeof(address));
}

static void
do_execve(void)
{
    char *const argv[] = {(char *)"true", NULL};

    (void)execve("/bin/true", argv, argv + 1);
}

static void
do_fork(void)
{
    if (fork() == 0)
        _exit(0);
}

static void
do_raw_clone3(void)
{
    (void)syscall(SYS_clone3, NULL, 0);
}

static void
do_share_memory(void)
{
    (void)syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, NULL,
                  NULL, NULL, 0);
}

static void
do_new_namespace(void)
{
    (void)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);
}

static void
do_ptrace(void)
{
    (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
do_kill(void)
{
    (void)kill(getpid(), 0);
}

static void
do_signal_the_parent(void)
{
    (void)syscall(SYS_tgkill, 1, 1, SIGABRT);
}

static void
do_map_code(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0);
}

static void
do_make_memory_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    EXPECT(p != MAP_FAILED);
    (void)mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void
do_lock_file(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    EXPECT(fcntl(file, F_SETLK, &lock) == 0);
}

static void
do_prctl(void)
{
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void
do_ioctl(void)
{
    /* TIOCSTI types into the user's terminal. */
    (void)syscall(SYS_ioctl, 0, 0x5412, "x");
}

/* The same number with the 32-bit bit of x32 must not slip through. */
static void
do_foreign_abi(void)
{
#ifdef __x86_64__
    (void)syscall(0x40000000 + SYS_getpid);
#else
    do_socket();
#endif
}

static void (*const forbidden_to_all[])(void) = {
    do_socket,           do_connect,     do_execve, do_share_memory,
    do_new_namespace,    do_ptrace,      do_kill,   do_map_code,
    do_make_memory_code, do_foreign_abi, do_ioctl,
};

static void (*const forbidden_without_files[])(void) = {
    do_open, do_open_for_writing, do_create,    do_truncate,
    do_stat, do_unlink,           do_lock_file,
};

static void (*const forbidden_without_fork[])(void) = {
    do_fork,
    do_raw_clone3,
    do_signal_the_parent,
    do_prctl,
};

static void
assert_all_killed(enum sandbox which, void (*const *acts)(void), size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!is_killed(which, acts[i]))
            fail_msg("sandbox %d lets act %zu through", (int)which, i);
    }
}

static void
no_sandbox_has_sockets_exec_ptrace_threads_or_new_code(void **state)
{
    (void)state;
    for (int which = SANDBOX_SESSION; which <= SANDBOX_WATCHER; which++)
        assert_all_killed((enum sandbox)which, forbidden_to_all,
                          ARRAY_COUNT(forbidden_to_all));
}

static void
session_zygote_and_importer_reach_no_file(void **state)
{
    static const enum sandbox blind[] = {SANDBOX_SESSION, SANDBOX_ZYGOTE,
                                         SANDBOX_IMPORTER, SANDBOX_WATCHER};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(blind); i++)
        assert_all_killed(blind[i], forbidden_without_files,
                          ARRAY_COUNT(forbidden_without_files));
}

static void
only_the_zygote_forks(void **state)
{
    static const enum sandbox alone[] = {SANDBOX_SESSION, SANDBOX_IMPORTER,
                                         SANDBOX_VALIDATOR, SANDBOX_KEYRING,
                                         SANDBOX_WATCHER};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(alone); i++)
        assert_all_killed(alone[i], forbidden_without_fork,
                          ARRAY_COUNT(forbidden_without_fork));
}

static void
a_validator_changes_no_file(void **state)
{
    static void (*const forbidden[])(void) = {
        do_open_for_writing, do_create, do_truncate, do_unlink, do_lock_file};

    (void)state;
    assert_all_killed(SANDBOX_VALIDATOR, forbidden, ARRAY_COUNT(forbidden));
}

static void
do_unix_socket(void)
{
    (void)socket(AF_UNIX, SOCK_STREAM, 0);
}

static void
do_datagrams(void)
{
    (void)socket(AF_INET, SOCK_DGRAM, 0);
}

static void
do_raw_socket(void)
{
    (void)socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
}

static void
do_netlink(void)
{
    (void)socket(AF_NETLINK, SOCK_RAW, 0);
}

static void
do_bind(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};

    (void)bind(sockets[0], (struct sockaddr *)&any, sizeof(any));
}

static void
do_listen(void)
{
    (void)listen(sockets[0], 1);
}

static void
do_accept(void)
{
    (void)accept(sockets[0], NULL, NULL);
}

static void
find_all_files_refused(void)
{
    struct stat st;

    if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES ||
        open(path, O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES ||
        stat("/etc/passwd", &st) == 0)
        _exit(1);
}

static void
connect_somewhere(void)
{
    struct sockaddr_in nobody = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                 .sin_port = htons(9)};
    int four = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int six = socket(AF_INET6, SOCK_STREAM, 0);

    if (four < 0 || (six < 0 && errno != EAFNOSUPPORT))
        _exit(1);
    (void)connect(four, (struct sockaddr *)&nobody, sizeof(nobody));
}

static void
a_fetcher_connects_and_does_nothing_else(void **state)
{
    static void (*const forbidden[])(void) = {
        do_execve,    do_share_memory, do_new_namespace,    do_ptrace,
        do_kill,      do_map_code,     do_make_memory_code, do_foreign_abi,
        do_ioctl,     do_unlink,       do_lock_file,        do_unix_socket,
        do_datagrams, do_raw_socket,   do_netlink,          do_bind,
        do_listen,    do_accept};

    (void)state;
    assert_all_killed(SANDBOX_FETCHER, forbidden, ARRAY_COUNT(forbidden));
    assert_all_killed(SANDBOX_FETCHER, forbidden_without_fork,
                      ARRAY_COUNT(forbidden_without_fork));
    assert_true(is_left_alone(SANDBOX_FETCHER, find_all_files_refused));
    assert_true(is_left_alone(SANDBOX_FETCHER, connect_somewhere));
}

static void
do_first_execve(void)
{
    sandbox_no_programs();
    do_execve();
}

static void
do_first_ptrace(void)
{
    sandbox_no_programs();
    do_ptrace();
}

/* ... and the real sandbox can still close around it. */
static void
find_files_and_sockets(void)
{
    sandbox_no_programs();
    if (open("/etc/passwd", O_RDONLY) < 0 ||
        socket(AF_UNIX, SOCK_STREAM, 0) < 0)
        _exit(1);
    sandbox_calls(SANDBOX_FETCHER);
    if (open("/etc/passwd", O_RDONLY) >= 0)
        _exit(1);
    do_unix_socket();
}

static int
status_without(void (*act)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void
before_the_sandbox_no_program_is_started(void **state)
{
    (void)state;
    assert_int_equal(WTERMSIG(status_without(do_first_execve)), SIGSYS);
    assert_int_equal(WTERMSIG(status_without(do_first_ptrace)), SIGSYS);
    assert_int_equal(WTERMSIG(status_without(find_files_and_sockets)), SIGSYS);
}

static void *
try_a_socket(void *start)
{
    pthread_barrier_wait(start);
    do_socket();
    return NULL;
}

/* The thread was there before the filter. */
static void
threads_are_confined_too(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        pthread_barrier_t start;
        pthread_t thread;

        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        pthread_barrier_init(&start, NULL, 2);
        EXPECT(pthread_create(&thread, NULL, try_a_socket, &start) == 0);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        sandbox_calls(SANDBOX_SESSION);
        pthread_barrier_wait(&start);
        pthread_join(thread, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            no_sandbox_has_sockets_exec_ptrace_threads_or_new_code),
        cmocka_unit_test(session_zygote_and_importer_reach_no_file),
        cmocka_unit_test(only_the_zygote_forks),
        cmocka_unit_test(a_validator_changes_no_file),
        cmocka_unit_test(a_fetcher_connects_and_does_nothing_else),
        cmocka_unit_test(before_the_sandbox_no_program_is_started),
        cmocka_unit_test(threads_are_confined_too),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
