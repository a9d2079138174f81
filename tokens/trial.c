/*
 * Modules that are loaded for a trial, each in a process of its own and all
 * at once. A process that one module kept from starting starts anew: the next
 * one must not find the others that hang one by one, five seconds each.
 */
#include "tokens/internal.h"
#include "tokens/loading.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_OF_OURS 2
#define KILL_MS      500

/* The child's. Constructors of modules run here, and whatever they do to
 * descriptors: it has none but the standard ones. */
static _Noreturn void
trial_main(const char *path, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        close_range(LAST_OF_OURS + 1, ~0U, 0) != 0)
        _exit(1);
    (void)dlopen(path, RTLD_NOW | RTLD_LOCAL);
    _exit(0);
}

static void
trial_begin(struct trial *t)
{
    pid_t parent = getpid();

    t->fd = -1;
    t->pid = fork();
    if (t->pid == 0)
        trial_main(t->path, parent);
    if (t->pid > 0)
        t->fd = (int)syscall(SYS_pidfd_open, t->pid, 0);
}

/* True when it has ended, by UNTIL_MS at the latest. */
static bool
trial_wait(const struct trial *t, uint64_t until_ms)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};

    for (;;) {
        uint64_t now = monotonic_ms();
        int n = poll(&p, 1, now < until_ms ? (int)(until_ms - now) : 0);

        if (n > 0 || (n < 0 && errno != EINTR))
            return n > 0;
        if (n == 0 && now >= until_ms)
            return false;
    }
}

static void
trial_end(struct trial *t, uint64_t until_ms, unsigned ms)
{
    if (t->pid <= 0)
        return;
    if (t->fd >= 0 && !trial_wait(t, until_ms)) {
        note_hang(t->note, "dlopen", ms);
        (void)kill(t->pid, SIGKILL);
        /* In the kernel it may not even end. */
        (void)trial_wait(t, monotonic_ms() + KILL_MS);
    } else if (t->fd < 0) {
        (void)kill(t->pid, SIGKILL);
    }
    (void)waitpid(t->pid, NULL, t->fd >= 0 ? WNOHANG : 0);
    if (t->fd >= 0)
        close(t->fd);
}

void
trials_run(struct trial *all, size_t n, unsigned ms)
{
    uint64_t until_ms = monotonic_ms() + ms;

    for (size_t i = 0; i < n; i++)
        trial_begin(&all[i]);
    for (size_t i = 0; i < n; i++)
        trial_end(&all[i], until_ms, ms);
}
