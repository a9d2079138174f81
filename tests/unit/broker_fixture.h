/*
 * An agent with fake children in a folder of its own, for tests of the
 * broker. The agent runs in a forked process; its stderr is read here.
 */
#ifndef TESTS_UNIT_BROKER_FIXTURE_H
#define TESTS_UNIT_BROKER_FIXTURE_H

#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/broker/broker.h"
#include "places_of_tests.h"

#define PATIENCE_MS 20000

struct agent {
    pid_t pid;
    int log; /* its stderr */
    char seen[16384];
    size_t seen_len;
};

static char folder[64];

static int
remove_entry(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

static const char *
below(const char *name)
{
    static char paths[4][256];
    static int turn;
    char *path = paths[turn++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static int
folder_setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/broker-XXXXXX");
    assert_non_null(mkdtemp(folder));
    setenv("XDG_RUNTIME_DIR", below("run"), 1);
    setenv("XDG_DATA_HOME", below("data"), 1);
    setenv("XDG_STATE_HOME", below("state"), 1);
    setenv("XDG_CACHE_HOME", below("cache"), 1);
    setenv("XDG_CONFIG_HOME", below("config"), 1);
    unsetenv("SMIME_AGENT_SOCK");
    unsetenv("FAKE_PINENTRY");
    unsetenv("FAKE_CRASH");
    return 0;
}

static int
folder_teardown(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void
agent_fork(struct agent *a, const char *libexec)
{
    int log[2];

    *a = (struct agent){.pid = 0};
    assert_int_equal(pipe(log), 0);
    a->pid = fork();
    assert_true(a->pid >= 0);
    if (a->pid == 0) {
        struct complaint c = {{0}, {0}};
        int exit_code;

        (void)signal(SIGPIPE, SIG_IGN);
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* when a test has failed */
        dup2(log[1], STDERR_FILENO);
        close(log[0]);
        close(log[1]);
        exit_code = broker_run(libexec, &c);
        if (exit_code != 0)
            dprintf(STDERR_FILENO, "complaint: %s; %s\n", c.what, c.next);
        _exit(exit_code);
    }
    close(log[1]);
    a->log = log[0];
}

/* Reads the agent's log until it holds TEXT; false at its end. */
static bool
agent_says(struct agent *a, const char *text)
{
    while (!strstr(a->seen, text)) {
        ssize_t n;

        if (fd_wait_readable(a->log, PATIENCE_MS) <= 0)
            fail_msg("the agent never said '%s' but: %s", text, a->seen);
        n = read(a->log, a->seen + a->seen_len,
                 sizeof(a->seen) - 1 - a->seen_len);
        if (n <= 0)
            return false;
        a->seen_len += (size_t)n;
    }
    return true;
}

static void
agent_start(struct agent *a)
{
    agent_fork(a, SMIME_BUILD_DIR "/tests/unit/fake-libexec");
    if (!agent_says(a, "ready on "))
        fail_msg("the agent did not start: %s", a->seen);
}

/* Gives the exit code. */
static int
agent_wait(struct agent *a)
{
    int status = 0;

    (void)agent_says(a, "\n\n"); /* to the end */
    assert_int_equal(waitpid(a->pid, &status, 0), a->pid);
    close(a->log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
agent_stop(struct agent *a)
{
    assert_int_equal(kill(a->pid, SIGTERM), 0);
    return agent_wait(a);
}

static struct sockaddr_un
address(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    return a;
}

static int
dial(const char *name)
{
    struct sockaddr_un a = address(below(name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

#define MAIL_SOCKET   "run/smime-agent/io.smimeagent"
#define MANAGE_SOCKET "run/smime-agent/io.smimeagent.manage"

static void
say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
                     (ssize_t)strlen(text));
}

/* Reads one line into OUT; false at the end of the connection. */
static bool
hear(int fd, char *out, size_t size)
{
    ssize_t n;

    assert_int_equal(fd_wait_readable(fd, PATIENCE_MS), 1);
    n = read(fd, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Asks on FD and gives the number after KEY in the answer. */
static long
ask(int fd, const char *key)
{
    char line[2048];
    const char *at;

    say(fd, "who\n");
    if (!hear(fd, line, sizeof(line)))
        fail_msg("no answer");
    at = strstr(line, key);
    if (!at)
        fail_msg("no %s in: %s", key, line);
    return strtol(at + strlen(key), NULL, 10);
}

/* Asks anew until the number after KEY is another than WAS. */
static long
ask_changed(const char *key, long was)
{
    int64_t end = clock_ms() + PATIENCE_MS;

    for (;;) {
        char line[2048];
        const char *at = NULL;
        int fd = dial(MAIL_SOCKET);

        say(fd, "who\n");
        if (hear(fd, line, sizeof(line)))
            at = strstr(line, key);
        close(fd);
        if (at && strtol(at + strlen(key), NULL, 10) != was)
            return strtol(at + strlen(key), NULL, 10);
        if (clock_ms() > end)
            fail_msg("%s stays as it was: %s", key, line);
    }
}

#endif
