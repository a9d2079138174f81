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
#define END_MS       200 /* one that was killed is waited for so long */

/* How a child of ours ends. A constructor that calls _exit ends otherwise. */
enum {
    EXIT_LOADED = 42,
    EXIT_UNTRIED,
};

/* The child's. Constructors of modules run here, and whatever they do to
 * descriptors: it has none but the standard ones. One that crashes is noted
 * here, for the memory of notes is shared. The child ends with the thread that
 * started it. */
static _Noreturn void
trial_main(const char *path, struct note *note, pid_t parent)
{
    static const char *const call = "dlopen";

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        close_range(LAST_OF_OURS + 1, ~0U, 0) != 0)
        _exit(EXIT_UNTRIED);
    note_enter(note, &call);
    (void)dlopen(path, RTLD_NOW | RTLD_LOCAL);
    note_leave();
    _exit(EXIT_LOADED);
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
    if (t->fd >= 0)
        l->trial_count++;
    else
        trial_drop(t); /* nobody could tell whether it is back */
}

bool
trial_wait(const struct trial *t, uint64_t until_ms)
{
    struct pollfd p = {.fd = t->fd, .events = POLLIN};

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

/* Nobody else waits for it, so that it is there to be asked. */
enum trial_end
trial_ask(struct trial *t, struct note *note)
{
    int status = 0;
    bool known = waitpid(t->pid, &status, WNOHANG) == t->pid;

    t->pid = 0;
    trial_drop(t);
    if (!known || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_UNTRIED))
        return TRIAL_NONE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LOADED)
        return TRIAL_PASSED;
    note_hang(note, "dlopen", 0);
    return TRIAL_DIED;
}

/* One that a dead mount keeps does not end when it is killed. */
void
trial_drop(struct trial *t)
{
    trial_kill(t);
    if (t->pid > 0 && t->fd >= 0)
        (void)trial_wait(t, monotonic_ms() + END_MS);
    if (t->pid > 0)
        (void)waitpid(t->pid, NULL, WNOHANG);
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

enum trial_end
loading_ask(struct loading *l, const char *path, struct note *note,
            struct trial *out)
{
    struct trial *t = trial_find(l, path);

    if (!t)
        return TRIAL_NONE;
    if (trial_wait(t, l->trial_end_ms))
        return trial_ask(t, note);
    *out = *t;
    *t = (struct trial){.path = path, .fd = -1};
    return TRIAL_LATE;
}
