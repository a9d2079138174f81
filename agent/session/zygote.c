#include "agent/session/zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/harden.h"
#include "agent/base/log.h"
#include "agent/session/resident.h"
#include "agent/session/serve.h"

#define SETTLE_MS   1
#define REPLY_BYTES ((size_t)8 * 1024) /* most replies have less */

/* ---- a session's life -----------------------------------------------------
 */

static void
session_init(struct session *s, int broker)
{
    *s = (struct session){.conn = -1,
                          .broker = broker,
                          .keyholder = -1,
                          .keyring = -1,
                          .narrowing = -1,
                          .scratch = {.fd = -1, .broker = broker}};
    frame_init(&s->keyholder_frame);
    frame_init(&s->keyring_frame);
}

/* Room for the largest reply, of which most use a page or two: behind it
 * the heap is used from end to end. */
static void
frame_take(struct frame *f)
{
    resident_take_part(buf_room(&f->bytes, LIMIT_FRAME_BYTES), REPLY_BYTES);
}

static bool
session_wait(struct session *s)
{
    struct served ctl = {.fd = s->broker, .self = PROCESS_SESSION};
    union any_record request;
    struct frame frame;
    enum message m;

    frame_init(&frame);
    if (channel_receive(&ctl, &frame, &m, &request) != RECEIVED_REQUEST ||
        m != MSG_SERVE || frame.fd_count != 4) {
        frame_drop(&frame);
        return false;
    }
    s->id = request.serve.session;
    s->rights = request.serve.rights;
    s->ahead = request.serve.ahead != 0;
    s->has_keyholder = request.serve.has_keyholder != 0;
    s->conn = fd_take(&frame.fds[0]);
    s->keyholder = fd_take(&frame.fds[1]);
    s->keyring = fd_take(&frame.fds[2]);
    s->narrowing = fd_take(&frame.fds[3]);
    frame_drop(&frame);
    return true;
}

static _Noreturn void
session_run(int ctl, int broker)
{
    struct handback back = {0};
    enum serve_end end;
    struct session s;
    sigset_t none;

    close(ctl);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Not inherited by fork. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        _exit(err_exit_code(ERR_INTERNAL));
    sandbox_calls(SANDBOX_SESSION);
    session_init(&s, broker);
    frame_take(&s.keyholder_frame);
    frame_take(&s.keyring_frame);
    resident_take();
    if (!session_wait(&s))
        _exit(0);
    end = serve_connection(&s);
    back.unused = end == SERVE_UNUSED;
    back.keys = s.keys;
    if (end != SERVE_CLOSED &&
        !channel_send(s.broker, MSG_HANDBACK, &back, NULL, 0))
        log_note("session %llu: the broker is gone", (unsigned long long)s.id);
    /* To end takes as long as a small mail: who waits for the answer, or has
     * the next one, goes first. Only one that sleeps stands aside for sure. */
    (void)poll(NULL, 0, SETTLE_MS);
    _exit(0);
}

/* ---- the zygote -----------------------------------------------------------
 */

/* Interrupts the wait. */
static void
on_child(int number)
{
    (void)number;
}

static void
reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (WIFSIGNALED(status))
            log_error("session process %d ended by signal %d%s", (int)pid,
                      WTERMSIG(status),
                      WTERMSIG(status) == SIGSYS
                          ? ": it tried what its sandbox forbids"
                          : "");
        else if (WEXITSTATUS(status) != 0)
            log_error("session process %d ended with exit code %d", (int)pid,
                      WEXITSTATUS(status));
    }
}

/* Children end only while we wait here: SIGCHLD is blocked elsewhere. */
static void
wait_for_broker(int ctl, const sigset_t *open_mask)
{
    struct pollfd wanted = {.fd = ctl, .events = POLLIN};

    while (ppoll(&wanted, 1, NULL, open_mask) < 0 && errno == EINTR)
        reap();
    reap();
}

static void
fork_session(int ctl, struct frame *frame)
{
    pid_t pid = fork();

    if (pid == 0)
        session_run(ctl, fd_take(&frame->fds[0]));
    if (pid < 0)
        log_error("no session could be forked: %s", strerror(errno));
    /* Else the broker would not see the child's end. */
    for (int i = 0; i < LIMIT_FRAME_FDS; i++)
        fd_drop(&frame->fds[i]);
}

static void
watch_children(sigset_t *out_open_mask)
{
    struct sigaction action = {.sa_handler = on_child,
                               .sa_flags = SA_NOCLDSTOP};
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, out_open_mask);
    sigdelset(out_open_mask, SIGCHLD);
    sigaction(SIGCHLD, &action, NULL);
}

int
zygote_run(int ctl)
{
    struct served broker = {.fd = ctl, .self = PROCESS_SESSION};
    enum received got = RECEIVED_REQUEST;
    struct frame frame;
    sigset_t open_mask;

    watch_children(&open_mask);
    frame_init(&frame);
    if (!channel_send(ctl, MSG_READY, NULL, NULL, 0))
        got = RECEIVED_EOF;
    while (got == RECEIVED_REQUEST || got == RECEIVED_REFUSED) {
        union any_record request;
        enum message m = MSG_NONE;

        wait_for_broker(ctl, &open_mask);
        got = channel_receive(&broker, &frame, &m, &request);
        if (got != RECEIVED_REQUEST)
            continue;
        if (m == MSG_FORK && frame.fd_count == 1)
            fork_session(ctl, &frame);
        else
            got = RECEIVED_BROKEN;
    }
    frame_drop(&frame);
    if (got == RECEIVED_BROKEN)
        log_error("the broker sent what a zygote does not know");
    return got == RECEIVED_EOF ? 0 : err_exit_code(ERR_INTERNAL);
}
