#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/base/harden.h"

/* Runs CHECK in a hardened child; true when it gave true. */
static bool
holds_when_hardened(bool (*check)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        harden_process(true);
        _exit(check() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
is_not_dumpable(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
}

static bool
has_no_core_limit(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 &&
           limit.rlim_max == 0;
}

static bool
has_no_new_privileges(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static bool
makes_private_files(void)
{
    return umask(0) == 077;
}

static bool
survives_a_closed_pipe(void)
{
    int fds[2];

    return pipe(fds) == 0 && close(fds[0]) == 0 && write(fds[1], "x", 1) < 0;
}

static bool
dies_with_its_parent(void)
{
    int signal_number = 0;

    return prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0) == 0 &&
           signal_number == SIGKILL;
}

static void
a_hardened_process_is_not_dumpable(void **state)
{
    (void)state;
    assert_true(holds_when_hardened(is_not_dumpable));
    assert_false(is_not_dumpable());
}

static void
a_hardened_process_writes_no_core(void **state)
{
    (void)state;
    assert_true(holds_when_hardened(has_no_core_limit));
}

static void
a_hardened_process_gains_no_privileges(void **state)
{
    (void)state;
    assert_true(holds_when_hardened(has_no_new_privileges));
}

static void
a_hardened_process_makes_private_files(void **state)
{
    (void)state;
    assert_true(holds_when_hardened(makes_private_files));
}

static void
a_hardened_process_survives_a_closed_pipe(void **state)
{
    (void)state;
    assert_true(holds_when_hardened(survives_a_closed_pipe));
}

static void
a_hardened_process_asks_to_die_with_its_parent(void **state)
{
    (void)state;
    assert_true(holds_when_hardened(dies_with_its_parent));
}

/* A parent whose hardened child holds the pipe's writing end, and that dies
 * once the child says it is ready: the pipe ends only when the child dies. */
static void
a_hardened_child_ends_when_its_parent_is_killed(void **state)
{
    int fds[2];
    char ready = 0;
    pid_t parent;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        pid_t child = fork();

        close(fds[0]);
        if (child == 0) {
            harden_process(true);
            (void)fd_write_all(fds[1], "r", 1);
        } else {
            close(fds[1]);
        }
        for (;;)
            pause();
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &ready, 1), 1);
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    assert_int_equal(fd_wait_readable(fds[0], 10000), 1);
    assert_int_equal(read(fds[0], &ready, 1), 0);
    close(fds[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hardened_process_is_not_dumpable),
        cmocka_unit_test(a_hardened_process_writes_no_core),
        cmocka_unit_test(a_hardened_process_gains_no_privileges),
        cmocka_unit_test(a_hardened_process_makes_private_files),
        cmocka_unit_test(a_hardened_process_survives_a_closed_pipe),
        cmocka_unit_test(a_hardened_process_asks_to_die_with_its_parent),
        cmocka_unit_test(a_hardened_child_ends_when_its_parent_is_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
