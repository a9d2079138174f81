/* What the sandboxes leave: the work of each process goes on. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/base/secret.h"
#include "tests/unit/sandbox_child.h"

static int
compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void
use_memory(void)
{
    AUTO(secret) struct secret *s = secret_copy("1234", 4);
    int *numbers = malloc(1 << 20);
    void *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    EXPECT(numbers && map != MAP_FAILED);
    EXPECT(slice_is(secret_slice(s), "1234"));
    for (int i = 0; i < (1 << 18); i++)
        numbers[i] = (1 << 18) - i;
    qsort(numbers, 1 << 18, sizeof(int), compare_ints);
    EXPECT(numbers[0] == 1);
    numbers = realloc(numbers, 1 << 23);
    EXPECT(numbers && numbers[1] == 2);
    free(numbers);
    EXPECT(mprotect(map, 4096, PROT_READ) == 0);
    EXPECT(munmap(map, 1 << 20) == 0);
}

/* Sends FD over the channel and takes it back. */
static void
pass_descriptor(int fd)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    char byte = 'f';
    struct iovec iov = {.iov_base = &byte, .iov_len = 1};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    EXPECT(sendmsg(sockets[0], &m, MSG_NOSIGNAL) == 1);
    EXPECT(recvmsg(sockets[1], &m, MSG_CMSG_CLOEXEC) == 1);
    c = CMSG_FIRSTHDR(&m);
    EXPECT(c && c->cmsg_type == SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    EXPECT(close(fd) == 0);
}

static void
use_descriptors(void)
{
    struct stat st;
    char back[4] = "";

    EXPECT(fd_write_all(sockets[0], "abc", 3));
    EXPECT(fd_wait_readable(sockets[1], 1000) == 1);
    EXPECT(read(sockets[1], back, 3) == 3);
    EXPECT(send(sockets[0], "abc", 3, 0) == 3);
    EXPECT(recv(sockets[1], back, 3, 0) == 3);
    pass_descriptor(file);
    EXPECT(ftruncate(file, 0) == 0);
    EXPECT(pwrite(file, "abc", 3, 0) == 3);
    EXPECT(pread(file, back, 3, 0) == 3);
    EXPECT(lseek(file, 0, SEEK_SET) == 0);
    EXPECT(fstat(file, &st) == 0 && st.st_size == 3);
    EXPECT(fcntl(file, F_GETFL) >= 0);
    EXPECT(fcntl(file, F_SETFD, FD_CLOEXEC) == 0);
}

static void
use_clock_and_chance(void)
{
    uint8_t bytes[16];

    EXPECT(clock_ms() > 0);
    EXPECT(syscall(SYS_getrandom, bytes, sizeof(bytes), 0) == 16);
    EXPECT(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    EXPECT(sandbox_is_on());
}

static void
every_sandbox_leaves_memory_channels_and_clocks(void **state)
{
    (void)state;
    for (int which = SANDBOX_SESSION; which <= SANDBOX_WATCHER; which++) {
        assert_true(is_left_alone((enum sandbox)which, use_memory));
        assert_true(is_left_alone((enum sandbox)which, use_descriptors));
        assert_true(is_left_alone((enum sandbox)which, use_clock_and_chance));
    }
}

static void
do_abort(void)
{
    close(STDERR_FILENO);
    bug("this was meant");
}

static void
a_bug_in_a_sandbox_still_aborts(void **state)
{
    (void)state;
    for (int which = SANDBOX_SESSION; which <= SANDBOX_WATCHER; which++) {
        int status = status_of((enum sandbox)which, do_abort);

        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

/* What a zygote does: fork, the child narrows itself and works, and the
 * grandchild's fate is waited for. */
static void
fork_a_session(void)
{
    int status;
    pid_t pid = fork();

    EXPECT(pid >= 0);
    if (pid == 0) {
        EXPECT(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0);
        sandbox_calls(SANDBOX_SESSION);
        use_memory();
        use_descriptors();
        _exit(42);
    }
    EXPECT(waitpid(pid, &status, 0) == pid);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static void
fork_a_session_that_forks(void)
{
    int status;
    pid_t pid = fork();

    EXPECT(pid >= 0);
    if (pid == 0) {
        sandbox_calls(SANDBOX_SESSION);
        (void)fork();
        _exit(42);
    }
    EXPECT(waitpid(pid, &status, 0) == pid);
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void
a_zygote_forks_sessions_that_can_not(void **state)
{
    (void)state;
    assert_true(is_left_alone(SANDBOX_ZYGOTE, fork_a_session));
    assert_true(is_left_alone(SANDBOX_ZYGOTE, fork_a_session_that_forks));
}

static void
read_a_folder(void)
{
    AUTO(fd) int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char entries[1024];
    struct stat st;

    EXPECT(dir >= 0 && fd >= 0);
    EXPECT(syscall(SYS_getdents64, dir, entries, sizeof(entries)) > 0);
    EXPECT(stat(path, &st) == 0);
}

static void
a_validator_reads_files_and_folders(void **state)
{
    (void)state;
    assert_true(is_left_alone(SANDBOX_VALIDATOR, read_a_folder));
}

static void
work_like_a_database(void)
{
    char other[80];
    char cwd[256];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat st;
    int fd;

    snprintf(other, sizeof(other), "%s-journal", path);
    EXPECT((fd = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) >= 0);
    EXPECT(fchmod(fd, 0600) == 0);
    EXPECT(fd_write_all(fd, "x", 1));
    EXPECT(fdatasync(fd) == 0 && fsync(fd) == 0);
    EXPECT(close(fd) == 0);
    EXPECT(access(other, F_OK) == 0);
    EXPECT(fcntl(file, F_SETLK, &lock) == 0);
    EXPECT(stat(path, &st) == 0);
    EXPECT(getcwd(cwd, sizeof(cwd)) != NULL);
    EXPECT(geteuid() == getuid());
    EXPECT(unlink(other) == 0);
}

static void
a_keyring_has_what_a_database_needs(void **state)
{
    (void)state;
    assert_true(is_left_alone(SANDBOX_KEYRING, work_like_a_database));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sandbox_leaves_memory_channels_and_clocks),
        cmocka_unit_test(a_bug_in_a_sandbox_still_aborts),
        cmocka_unit_test(a_zygote_forks_sessions_that_can_not),
        cmocka_unit_test(a_validator_reads_files_and_folders),
        cmocka_unit_test(a_keyring_has_what_a_database_needs),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
