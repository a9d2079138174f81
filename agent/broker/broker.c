#include "agent/broker/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/broker/builtin.h"
#include "agent/broker/fetcher.h"
#include "agent/broker/systemd.h"

/* ---- readiness ----------------------------------------------------------- */

/* The keyholder may be missed: a vendor's module that crashes must not keep
 * the agent from reading signed mail. */
static bool
all_are_ready(const struct broker *b)
{
    for (int i = 0; i < CHILD_COUNT; i++) {
        const struct child *c = &b->children.one[i];

        if (c->state != CHILD_READY &&
            (i != CHILD_KEYHOLDER || c->failures < LIMIT_START_FAILURES))
            return false;
    }
    return true;
}

static bool
start_has_failed(const struct broker *b, struct complaint *c)
{
    for (int i = 0; i < CHILD_COUNT; i++)
        if (i != CHILD_KEYHOLDER &&
            b->children.one[i].failures >= LIMIT_START_FAILURES)
            return !complain(c, "see the lines above for its reason",
                             "%s does not start", child_name((enum child_id)i));
    return false;
}

/* False: the agent cannot start. */
static bool
start_advance(struct broker *b, struct complaint *c)
{
    if (start_has_failed(b, c))
        return false;
    if (!all_are_ready(b))
        return true;
    if (!listeners_open(&b->listeners, c))
        return false;
    b->state = BROKER_LISTENING;
    fprintf(stderr, "smime-agent: ready on %s\n",
            b->listeners.one[LISTENER_MAIL].path);
    systemd_notify("READY=1");
    return true;
}

/* ---- events
 * ------------------------------------------------------------------ */

static void
reap(struct broker *b)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!children_reaped(&b->children, pid, status, clock_ms()) &&
            helpers_reaped(&b->helpers, pid))
            log_debug("helper %d ended", (int)pid);
}

static void
signal_arrived(struct broker *b)
{
    struct signalfd_siginfo info;

    if (read(b->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD)
        reap(b);
    else
        b->state = BROKER_ENDING;
}

/* Which child may say what. False: not this. */
static bool
child_said(struct broker *b, struct child *c, enum message m,
           const union any_record *request)
{
    if (m == MSG_READY && c->state == CHILD_STARTING) {
        child_set_ready(c);
        if (c->id == CHILD_ZYGOTE) {
            spares_recover(&b->spares);
            spares_want(&b->spares, clock_ms());
        }
        return true;
    }
    if (m == MSG_SPAWN && c->id == CHILD_KEYHOLDER)
        return helper_answer(&b->helpers, c->served.fd, &request->spawn,
                             &b->frame, b->children.libexec, &b->places);
    if (m == MSG_FETCH && c->id == CHILD_KEYRING)
        return fetcher_answer(&b->helpers, c->served.fd, &request->fetch,
                              b->children.libexec, &b->places);
    return false;
}

static void
child_event(struct broker *b, int index)
{
    struct child *c = &b->children.one[index];
    union any_record request;
    enum message m = MSG_NONE;

    switch (channel_receive(&c->served, &b->frame, &m, &request)) {
    case RECEIVED_REQUEST:
        if (!child_said(b, c, m, &request))
            child_kill(c, "a message it may not send, or an answer it does "
                          "not take");
        break;
    case RECEIVED_REFUSED:
        break;
    case RECEIVED_EOF:
        child_kill(c, "its channel ended");
        break;
    case RECEIVED_BROKEN:
        child_kill(c, "its channel is broken");
        break;
    }
}

static void
event_dispatch(struct broker *b, uint64_t name)
{
    int index = (int)(name & 0xffffffff);

    switch ((enum source)(name >> 32)) {
    case SOURCE_SIGNAL:
        signal_arrived(b);
        break;
    case SOURCE_LISTENER:
        clients_accept(b, index);
        break;
    case SOURCE_CHILD:
        child_event(b, index);
        break;
    case SOURCE_SPARE:
        clients_spare(b, index);
        break;
    case SOURCE_CONNECTION:
        clients_input(b, index);
        break;
    case SOURCE_SESSION:
        clients_session(b, index);
        break;
    }
}

/* One event at a time: what it closes cannot be in the rest of a batch. */
static void
wait_event(struct broker *b)
{
    int64_t due = children_due_at(&b->children);
    int64_t clients = clients_due_at(b);
    int64_t now = clock_ms();
    struct epoll_event event;
    int timeout = -1;
    int n;

    if (clients < due)
        due = clients;
    if (due != INT64_MAX)
        timeout = due <= now ? 0 : (int)(due - now);
    n = epoll_wait(b->epoll, &event, 1, timeout);
    if (n < 0 && errno != EINTR)
        bug("the event loop has lost its descriptor");
    if (n > 0)
        event_dispatch(b, event.data.u64);
}

static bool
broker_loop(struct broker *b, struct complaint *c)
{
    while (b->state != BROKER_ENDING) {
        unsigned started = children_start_due(&b->children, clock_ms());

        for (int i = 0; i < CHILD_COUNT; i++)
            if (started & 1U << i)
                broker_watch(b, b->children.one[i].served.fd, SOURCE_CHILD, i);
        if (b->state == BROKER_STARTING && !start_advance(b, c))
            return false;
        clients_advance(b);
        wait_event(b);
    }
    return true;
}

/* ---- begin and end
 * ------------------------------------------------------------ */

static bool
signals_open(struct broker *b)
{
    sigset_t mine;

    sigemptyset(&mine);
    sigaddset(&mine, SIGCHLD);
    sigaddset(&mine, SIGTERM);
    sigaddset(&mine, SIGINT);
    if (sigprocmask(SIG_BLOCK, &mine, NULL) != 0)
        return false;
    b->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
    return b->signals >= 0;
}

/* For all processes, which inherit it: with too few of them one would fail in
 * the middle of its work. */
static bool
descriptors_allow(struct complaint *c)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return complain(c, "try again", "the system refuses: %s",
                        strerror(errno));
    if (files.rlim_cur >= LIMIT_DESCRIPTORS)
        return true;
    files.rlim_cur = LIMIT_DESCRIPTORS;
    if (files.rlim_max >= files.rlim_cur &&
        setrlimit(RLIMIT_NOFILE, &files) == 0)
        return true;
    return complain(c,
                    "allow more of them: ulimit -Hn, or LimitNOFILE= of a unit",
                    "a process may open only %llu files; the agent needs %d",
                    (unsigned long long)files.rlim_max, LIMIT_DESCRIPTORS);
}

static bool
broker_open(struct broker *b, struct complaint *c)
{
    if (!descriptors_allow(c) || !places_find(&b->places, c) ||
        !places_prepare(&b->places, c) ||
        !listeners_bind(&b->listeners, &b->places, c))
        return false;
    systemd_forget();
    spares_init(&b->spares);
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (b->epoll < 0 || !signals_open(b))
        return complain(c, "try again", "the system refuses: %s",
                        strerror(errno));
    broker_watch(b, b->signals, SOURCE_SIGNAL, 0);
    b->builtin =
        builtin_collect(b->children.libexec, &b->places, LIMIT_BUILTIN_MS);
    children_set_builtin(&b->children, b->builtin);
    return true;
}

/* The sockets go first: whoever comes now shall see that nobody listens. */
static void
broker_drop(struct broker *b)
{
    systemd_notify("STOPPING=1");
    for (int i = 0; i < LISTENER_COUNT; i++)
        if (b->listeners.one[i].is_ours) {
            (void)unlink(b->listeners.one[i].path);
            fd_drop(&b->listeners.one[i].fd);
        }
    for (int i = 0; i < LIMIT_CONNECTIONS; i++)
        if (b->connections.one[i].state != CONNECTION_FREE)
            connection_close(&b->connections, &b->connections.one[i]);
    spares_drop(&b->spares);
    helpers_stop(&b->helpers);
    children_stop(&b->children);
    listeners_drop(&b->listeners);
    fd_drop(&b->builtin);
    fd_drop(&b->signals);
    fd_drop(&b->epoll);
    frame_drop(&b->frame);
    places_drop(&b->places);
}

int
broker_run(const char *libexec, struct complaint *c)
{
    AUTO(broker) struct broker b = {.builtin = -1, .epoll = -1, .signals = -1};

    b.listeners.lock = -1;
    for (int i = 0; i < LISTENER_COUNT; i++)
        b.listeners.one[i].fd = -1;
    frame_init(&b.frame);
    connections_init(&b.connections);
    spares_init(&b.spares);
    children_init(&b.children, &b.places, libexec);
    if (!broker_open(&b, c) || !broker_loop(&b, c))
        return 1;
    return 0;
}
