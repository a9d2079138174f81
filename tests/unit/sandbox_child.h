/*
 * Children that install a sandbox, shared by its unit tests: included once
 * by each.
 */
#ifndef TESTS_UNIT_SANDBOX_CHILD_H
#define TESTS_UNIT_SANDBOX_CHILD_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/harden.h"

/* Made before the sandbox, used inside it. */
static int sockets[2];
static int file = -1;
static char folder[] = "/tmp/smime-unit-sandbox-XXXXXX";
static char path[64];

static int
setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/file", folder);
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return file < 0 ? -1 : socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
}

static int
teardown(void **state)
{
    (void)state;
    close(file);
    close(sockets[0]);
    close(sockets[1]);
    return unlink(path) | rmdir(folder);
}

/* What becomes of a child that installs WHICH and does ACT. */
static int
status_of(enum sandbox which, void (*act)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        sandbox_calls(which);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static inline bool
is_killed(enum sandbox which, void (*act)(void))
{
    int status = status_of(which, act);

    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static inline bool
is_left_alone(enum sandbox which, void (*act)(void))
{
    int status = status_of(which, act);

    if (!WIFEXITED(status))
        print_message("wait status %#x\n", (unsigned)status);
    else if (WEXITSTATUS(status) != 0)
        print_message("failed in line %% 256 == %d\n", WEXITSTATUS(status));
    return status == 0;
}

#define EXPECT(condition)                                                      \
    do {                                                                       \
        if (!(condition))                                                      \
            _exit(__LINE__ & 255);                                             \
    } while (0)

#endif
