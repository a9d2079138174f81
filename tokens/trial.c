/*
 * Modules that are loaded for a trial, each in a process of its own and all at
 * once. A module's constructors run under the loader's lock: one that hangs,
 * or that a dead mount keeps, would hold up all others if it were loaded here.
 */
#include "tokens/internal.h"
#include "tokens/loading.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_OF_OURS 2

/* The child's. Constructors of modules run here, and whatever they do to
 * descriptors: it has none but the standard ones. One that crashes is noted
 * here, for the memory of notes is shared. */
static _Noreturn void
trial_main(const char *path, struct note *note, pid_t parent)
{
    static const char *const call = "dlopen";

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        close_range(LAST_OF_OURS + 1, ~0U, 0) != 0)
        _exit(1);
    note_enter(note, &call);
    (void)dlopen(path, RTLD_NOW | RTLD_LOCAL);
    note_leave();
    _exit(0);
}

/* One that nobody has asked about. */
static struct trial *
trial_find(struct loading *l, const char *path)
{
    for (size_t i = 0; i < l->trial_count; i++)
        if (l->trials[i].pid > 0 && strcmp(l->trials[i].path, path) == 0)
            return &l->trials[i];
    return NULL;
}

void
loading_try(struct loading *l, const char *path, struct note *note)
{
    struct trial *t = &l->trials[l->trial_count];
    pid_t parent = getpid();

    if (l->trial_end_ms == 0 || l->trial_count == ARRAY_COUNT(l->trials) ||
        note_forbids(note))
        return;
    *t = (struct trial){
        .path = path, .pid = fork(), .fd = -1, .begun_ms = monotonic_ms()};
    if (t->pid == 0)
        trial_main(path, note, parent);
    if (t->pid < 0)
        return;
    t->fd = (int)syscall(SYS_pidfd_open, t->pid, 0);
    l->trial_count++;
}

bool
trial_wait(const struct trial *t, uint64_t until_ms)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};

    /* Without a descriptor there is nothing to wait for. */
    if (t->pid <= 0 || t->fd < 0)
        return true;
    for (;;) {
        uint64_t now = monotonic_ms();
        uint64_t left = now < until_ms ? until_ms - now : 0;
        int n = poll(&p, 1, left < INT_MAX ? (int)left : -1);

        if (n > 0 || (n < 0 && errno != EINTR))
            return n > 0;
        if (n == 0 && left == 0)
            return false;
    }
}

void
trial_drop(struct trial *t)
{
    trial_kill(t);
    if (t->pid > 0)
        (void)waitpid(t->pid, NULL, 0);
    if (t->fd >= 0)
        close(t->fd);
    *t = (struct trial){.path = t->path, .fd = -1};
}

void
trial_kill(const struct trial *t)
{
    if (t->pid > 0)
        (void)kill(t->pid, SIGKILL);
}

bool
loading_is_late(struct loading *l, const char *path, struct trial *out)
{
    struct trial *t = trial_find(l, path);

    if (!t)
        return false;
    if (trial_wait(t, l->trial_end_ms)) {
        trial_drop(t);
        return false;
    }
    *out = *t;
    *t = (struct trial){.path = path, .fd = -1};
    return true;
}
