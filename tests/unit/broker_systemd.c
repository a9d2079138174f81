#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/broker/systemd.h"

static int
socket_at(const char *path, int type)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    (void)unlink(path);
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        abort();
    return fd;
}

static const char *
own_path(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/tmp/broker-systemd-%d", (int)getpid());
    return path;
}

/* Runs BODY in a process whose descriptors 3 and 4 are FIRST and SECOND; its
 * exit code is 0 when BODY says true. */
static bool
passed(int first, int second, bool (*body)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        char number[32];
        int one = fcntl(first, F_DUPFD, 10);
        int two = fcntl(second, F_DUPFD, 10);

        dup2(one, 3);
        dup2(two, 4);
        snprintf(number, sizeof(number), "%d", (int)getpid());
        setenv("LISTEN_PID", number, 1);
        setenv("LISTEN_FDS", "2", 1);
        setenv("LISTEN_FDNAMES", "other:io.smimeagent", 1);
        _exit(body() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
second_is_ours(void)
{
    int fd = systemd_socket("io.smimeagent");

    return fd == 4 && fcntl(fd, F_GETFD) == FD_CLOEXEC &&
           systemd_socket("io.smimeagent.manage") == -1 &&
           systemd_socket("io") == -1;
}

static bool
nothing_is_ours(void)
{
    return systemd_socket("io.smimeagent") == -1;
}

static bool
another_process_is_meant(void)
{
    setenv("LISTEN_PID", "1", 1);
    return systemd_socket("io.smimeagent") == -1;
}

static bool
all_is_forgotten(void)
{
    systemd_forget();
    return systemd_socket("io.smimeagent") == -1 && !getenv("LISTEN_PID") &&
           !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES") &&
           !getenv("NOTIFY_SOCKET");
}

static void
a_passed_socket_is_found_by_its_name(void **state)
{
    int fd = socket_at(own_path(), SOCK_STREAM);

    (void)state;
    assert_int_equal(listen(fd, 1), 0);
    assert_true(passed(STDERR_FILENO, fd, second_is_ours));
    assert_true(passed(STDERR_FILENO, fd, another_process_is_meant));
    assert_true(passed(STDERR_FILENO, fd, all_is_forgotten));
    close(fd);
    unlink(own_path());
}

static void
what_is_no_listening_socket_is_not_taken(void **state)
{
    int fd = socket_at(own_path(), SOCK_STREAM);

    (void)state;
    assert_true(passed(STDERR_FILENO, fd, nothing_is_ours));
    assert_true(passed(STDERR_FILENO, STDERR_FILENO, nothing_is_ours));
    close(fd);
    unlink(own_path());
}

static void
the_service_manager_is_told(void **state)
{
    int fd = socket_at(own_path(), SOCK_DGRAM);
    char got[64] = "";

    (void)state;
    setenv("NOTIFY_SOCKET", own_path(), 1);
    systemd_forget();
    assert_null(getenv("NOTIFY_SOCKET"));
    systemd_notify("READY=1");
    assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), 7);
    assert_string_equal(got, "READY=1");
    close(fd);
    unlink(own_path());
    /* Nobody there: noted, no failure. */
    systemd_notify("STOPPING=1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_passed_socket_is_found_by_its_name),
        cmocka_unit_test(what_is_no_listening_socket_is_not_taken),
        cmocka_unit_test(the_service_manager_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
