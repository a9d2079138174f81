#include "agent/broker/builtin.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/broker/spawn.h"

/* Nobody writes to the other end: it closes when the program ends. */
static bool
end_wait(int alive, pid_t pid, int patience_ms)
{
    int status = 0;
    bool in_time = fd_wait_readable(alive, patience_ms) == 1;

    if (!in_time)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!in_time)
        log_note("smime-anchors takes too long: no built-in anchors");
    else if (WIFSIGNALED(status))
        log_note("smime-anchors ended by signal %d: no built-in anchors",
                 WTERMSIG(status));
    return in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
program_start(const char *libexec, const struct places *places, int list,
              int *alive, pid_t *pid)
{
    AUTO(buf) struct buf program = {0};
    AUTO(fd) int ours = -1;
    AUTO(fd) int theirs = -1;
    int ends[2];

    buf_addf(&program, "%s/smime-anchors", libexec);
    const char *argv[] = {buf_text(&program),    "--config",
                          places->config_system, "--config",
                          places->config_user,   NULL};
    struct spawn_plan s = {.program = argv[0],
                           .argv = (char *const *)(uintptr_t)argv,
                           .second = -1,
                           .file = -1,
                           .standard = list};

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    ours = ends[0];
    theirs = ends[1];
    s.channel = theirs;
    if (!spawn_process(&s, pid))
        return false;
    *alive = fd_take(&ours);
    return true;
}

int
builtin_collect(const char *libexec, const struct places *places,
                int patience_ms)
{
    AUTO(fd)
    int list = memfd_create("anchors", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    AUTO(fd) int alive = -1;
    pid_t pid;

    if (list < 0 || !program_start(libexec, places, list, &alive, &pid)) {
        log_note("smime-anchors cannot be started: %s", strerror(errno));
        return -1;
    }
    if (!end_wait(alive, pid, patience_ms))
        return -1;
    /* No validator can change what the next one reads. */
    if (fcntl(list, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return -1;
    return fd_take(&list);
}
