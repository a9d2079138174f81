/*
 * The broker's work for clients: accept, wait for a request, hand it to a
 * session with marked channels, take it back.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/broker/broker.h"
#include "agent/broker/scratch.h"

/* A fork must not compete with the request that used up a spare. */
#define REFILL_DELAY_MS   5
#define REFILL_LEISURE_MS 50 /* while two or more spares wait, at most */
#define REFILL_QUIET_MS   1  /* then as soon as nobody has asked for so long */
#define RETRY_DELAY_MS    50

static void session_send_ahead(struct broker *b, struct connection *c);

static uint64_t
event_name(enum source source, int index)
{
    return (uint64_t)source << 32 | (uint32_t)index;
}

static void
watch_change(struct broker *b, int operation, int fd, uint64_t name)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP,
                                .data.u64 = name};

    if (epoll_ctl(b->epoll, operation, fd, &event) != 0)
        bug("a descriptor that cannot be watched");
}

void
broker_watch(struct broker *b, int fd, enum source source, int index)
{
    watch_change(b, EPOLL_CTL_ADD, fd, event_name(source, index));
}

/* For a descriptor that is watched already under another name. */
static void
broker_rewatch(struct broker *b, int fd, enum source source, int index)
{
    watch_change(b, EPOLL_CTL_MOD, fd, event_name(source, index));
}

static void
broker_unwatch(struct broker *b, int fd)
{
    watch_change(b, EPOLL_CTL_DEL, fd, 0);
}

static int
index_of(const struct broker *b, const struct connection *c)
{
    return (int)(c - b->connections.one);
}

/* ---- connections --------------------------------------------------------- */

static void
client_close(struct broker *b, struct connection *c)
{
    /* A watched descriptor must leave the set before it is closed: a session
     * may hold a copy, which would keep the events coming. */
    if (c->state == CONNECTION_IDLE)
        broker_unwatch(b, c->fd);
    if (c->state == CONNECTION_SERVED)
        broker_unwatch(b, c->ctl);
    connection_close(&b->connections, c);
}

static void
client_wait(struct broker *b, struct connection *c)
{
    broker_unwatch(b, c->fd);
    connection_set_state(&b->connections, c, CONNECTION_WAITING);
}

void
clients_accept(struct broker *b, int listener)
{
    const struct listener *l = &b->listeners.one[listener];
    struct connection *c;
    int fd;

    if (b->connections.count >= LIMIT_CONNECTIONS)
        return;
    fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            log_error("a client cannot be accepted: %s", strerror(errno));
        return;
    }
    if (!connection_add(&b->connections, fd, l->right, &c))
        return;
    broker_watch(b, c->fd, SOURCE_CONNECTION, index_of(b, c));
    /* Most clients have asked before we come to look. */
    if (connection_peek(c) == INPUT_BYTES)
        client_wait(b, c);
}

void
clients_input(struct broker *b, int index)
{
    struct connection *c = &b->connections.one[index];

    switch (connection_peek(c)) {
    case INPUT_BYTES:
        client_wait(b, c);
        break;
    case INPUT_END:
        client_close(b, c);
        break;
    case INPUT_NONE:
        break;
    }
}

/* ---- the children ---------------------------------------------------------
 */

/*
 * Gives CHILD its marked ends. A child that is down, or that takes no
 * messages, gets none: then the session finds its channel ended and says so
 * to the client, and the others go on.
 */
static void
channel_attach(struct child *child, const struct attach *mark, const int *ends,
               int count)
{
    if (!child_is_up(child) ||
        channel_send(child->served.fd, MSG_ATTACH, mark, ends, count))
        return;
    log_error("%s takes no new session: %s", child_name(child->id),
              strerror(errno));
    if (errno == EPIPE || errno == ECONNRESET)
        child_kill(child, "its channel ended");
}

/* A child that was just killed by accident is back in a moment: its clients
 * need not hear of it. Also one whose end was not reported yet. */
static bool
is_coming(struct child *child)
{
    struct pollfd end = {.fd = child->served.fd};

    if (child_is_up(child) && poll(&end, 1, 0) > 0)
        child_kill(child, "its channel ended");
    return child_is_coming(child, clock_ms());
}

static struct attach
mark_of(const struct connection *c)
{
    return (struct attach){.session = c->session,
                           .rights = (uint32_t)c->right,
                           .pid = (uint32_t)c->pid,
                           .uid = (uint32_t)c->uid};
}

/* To those that want it: who reads what nobody encrypted does not. */
static void
keyholder_attach_all(struct broker *b)
{
    struct child *keyholder = &b->children.one[CHILD_KEYHOLDER];

    for (int i = 0; i < LIMIT_CONNECTIONS; i++) {
        struct connection *c = &b->connections.one[i];
        const struct attach mark = mark_of(c);

        if (!c->wants_keyholder)
            continue;
        if (is_coming(keyholder))
            return;
        channel_attach(keyholder, &mark, &c->keyholder, 1);
        if (child_is_coming(keyholder, clock_ms()))
            return; /* that was its end */
        connection_drop_keyholder(c);
    }
}

/* ---- what sessions say --------------------------------------------------- */

/* What a session says to the broker. */
enum said {
    SAID_HANDBACK,
    SAID_UNUSED, /* the same, and it has served nothing */
    SAID_ENOUGH, /* it was answered and goes on */
    SAID_NOTHING /* it ended, or says what it may not */
};

static enum said
session_hear(struct broker *b, struct connection *c)
{
    struct served served = {.fd = c->ctl, .self = PROCESS_BROKER};
    union any_record request;
    enum message m = MSG_NONE;

    if (channel_receive(&served, &b->frame, &m, &request) != RECEIVED_REQUEST)
        return SAID_NOTHING;
    if (m == MSG_HANDBACK && request.handback.unused)
        return SAID_UNUSED;
    if (m == MSG_HANDBACK) {
        c->keys = request.handback.keys != 0;
        return SAID_HANDBACK;
    }
    if (m == MSG_KEYHOLDER && c->keyholder >= 0 && !c->wants_keyholder) {
        c->wants_keyholder = true;
        return SAID_ENOUGH;
    }
    if (m != MSG_SCRATCH || c->has_scratch)
        return SAID_NOTHING;
    c->has_scratch = true;
    return scratch_answer(c->ctl, b->places.cache) ? SAID_ENOUGH : SAID_NOTHING;
}

static void
client_take_back(struct broker *b, int index, bool unused)
{
    struct connection *c = &b->connections.one[index];

    broker_unwatch(b, c->ctl);
    fd_drop(&c->ctl);
    connection_drop_keyholder(c);
    connection_set_state(&b->connections, c, CONNECTION_IDLE);
    broker_watch(b, c->fd, SOURCE_CONNECTION, index);
    clients_input(b, index);
    c->served += unused ? 0 : 1;
    b->busy_at = clock_ms();
    if (c->state == CONNECTION_IDLE && !unused)
        session_send_ahead(b, c);
}

void
clients_session(struct broker *b, int index)
{
    struct connection *c = &b->connections.one[index];
    enum said said = session_hear(b, c);

    switch (said) {
    case SAID_HANDBACK:
    case SAID_UNUSED:
        client_take_back(b, index, said == SAID_UNUSED);
        break;
    case SAID_ENOUGH:
        break;
    case SAID_NOTHING:
        client_close(b, c);
        break;
    }
}

void
clients_spare(struct broker *b, int place)
{
    log_debug("a spare session ended unused");
    broker_unwatch(b, b->spares.ctl[place]);
    spare_died(&b->spares, place, clock_ms());
}

/* ---- sessions ------------------------------------------------------------ */

enum serving {
    SERVING_BEGUN,
    SERVING_LATER, /* a child is being restarted */
    SERVING_FAILED /* that spare cannot take it */
};

/* Gives connection C to the spare at PLACE; else the connection is as it
 * was. */
static enum serving
session_serve(struct broker *b, struct connection *c, int place, bool ahead)
{
    const struct serve serve = {.session = ++b->next_session,
                                .rights = (uint32_t)c->right,
                                .pid = (uint32_t)c->pid,
                                .uid = (uint32_t)c->uid,
                                .ahead = ahead,
                                .has_keyholder = c->keys};
    struct wires *w = &b->spares.wires[place];
    int ctl = b->spares.ctl[place];
    struct attach mark;

    if (is_coming(&b->children.one[CHILD_KEYRING]))
        return SERVING_LATER;
    if (spares_are_full(&b->spares))
        b->full_at = clock_ms();
    /* The session first: it reads its request while the others are told. */
    if (!channel_send(
            ctl, MSG_SERVE, &serve,
            (int[]){c->fd, w->keyholder[1], w->keyring[1], w->narrowing[1]}, 4))
        return SERVING_FAILED;
    c->session = serve.session;
    c->keyholder = fd_take(&w->keyholder[0]);
    c->wants_keyholder = c->keys;
    mark = mark_of(c);
    channel_attach(&b->children.one[CHILD_KEYRING], &mark,
                   (int[]){w->keyring[0], w->narrowing[0]}, 2);
    wires_drop(w);
    c->ctl = fd_take(&b->spares.ctl[place]);
    c->has_scratch = false;
    connection_set_state(&b->connections, c, CONNECTION_SERVED);
    broker_rewatch(b, c->ctl, SOURCE_SESSION, index_of(b, c));
    spares_recover(&b->spares);
    log_debug("session %llu: process %d, rights %u",
              (unsigned long long)serve.session, (int)c->pid, serve.rights);
    return SERVING_BEGUN;
}

/* Forking competes with the request that took the spare, which often is not
 * the last one of its client. */
static int
refill_delay(const struct broker *b)
{
    return spares_count(&b->spares) >= 2 ? REFILL_QUIET_MS : REFILL_DELAY_MS;
}

/* Who has asked twice asks again soon: a fresh session waits for that on the
 * connection itself, and the broker's share of the next request is done. Not
 * at the expense of anybody who has a request already. */
static void
session_send_ahead(struct broker *b, struct connection *c)
{
    int place = spare_find(&b->spares);

    if (c->served < 2 || place < 0 || spares_count(&b->spares) < 2 ||
        b->connections.served >= LIMIT_SERVED / 2 ||
        connection_find_waiting(&b->connections) ||
        is_coming(&b->children.one[CHILD_KEYRING]))
        return;
    switch (session_serve(b, c, place, true)) {
    case SERVING_BEGUN:
        broker_unwatch(b, c->fd);
        spares_want(&b->spares, clock_ms() + refill_delay(b));
        break;
    case SERVING_LATER:
        break;
    case SERVING_FAILED:
        clients_spare(b, place);
        break;
    }
}

static void
serve_waiting(struct broker *b)
{
    struct connection *c;

    while (b->connections.served < LIMIT_SERVED &&
           (c = connection_find_waiting(&b->connections)) != NULL) {
        int place = spare_find(&b->spares);

        if (place < 0)
            spares_want(&b->spares, clock_ms());
        if (place < 0)
            return;
        switch (session_serve(b, c, place, false)) {
        case SERVING_BEGUN:
            b->asked_at = clock_ms();
            spares_want(&b->spares, clock_ms() + refill_delay(b));
            break;
        case SERVING_LATER:
            return;
        case SERVING_FAILED:
            clients_spare(b, place);
            break;
        }
    }
}

/* While one is at work, or they follow one another closely, and there is one
 * to spare. */
static bool
refill_can_wait(const struct broker *b)
{
    int64_t now = clock_ms();

    return spares_count(&b->spares) >= 2 &&
           (b->asked_at > b->busy_at || now - b->busy_at <= REFILL_QUIET_MS) &&
           now - b->full_at < REFILL_LEISURE_MS;
}

static void
refill(struct broker *b)
{
    const struct child *zygote = &b->children.one[CHILD_ZYGOTE];
    int place;

    if (b->spares.refill_at > clock_ms())
        return;
    b->spares.refill_at = INT64_MAX;
    /* Its readiness asks again. */
    if (zygote->state != CHILD_READY)
        return;
    if (refill_can_wait(b)) {
        spares_want(&b->spares, clock_ms() + REFILL_QUIET_MS);
        return;
    }
    while (!spares_are_full(&b->spares)) {
        if (!spare_fork(&b->spares, zygote->served.fd, &place)) {
            spares_want(&b->spares, clock_ms() + RETRY_DELAY_MS);
            return;
        }
        broker_watch(b, b->spares.ctl[place], SOURCE_SPARE, place);
    }
}

/* ---- a full house
 * ------------------------------------------------------------ */

static bool
somebody_knocks(const struct broker *b)
{
    struct pollfd doors[LISTENER_COUNT];

    for (int i = 0; i < LISTENER_COUNT; i++)
        doors[i] =
            (struct pollfd){.fd = b->listeners.one[i].fd, .events = POLLIN};
    return poll(doors, LISTENER_COUNT, 0) > 0;
}

/* The connection that has to make room now, or NULL. */
static struct connection *
overdue_find(struct broker *b)
{
    struct connection *c = connection_find_idlest(&b->connections);

    if (!c || !connection_is_overdue(c, clock_ms()) || !somebody_knocks(b))
        return NULL;
    return c;
}

/* Who comes when every place is taken waits in the backlog. */
static void
doors_update(struct broker *b)
{
    struct connection *overdue;
    bool accepts;

    if (b->connections.count >= LIMIT_CONNECTIONS &&
        (overdue = overdue_find(b)) != NULL) {
        log_note("all places are taken: an idle connection is closed");
        client_close(b, overdue);
    }
    accepts = b->state == BROKER_LISTENING &&
              b->connections.count < LIMIT_CONNECTIONS;
    if (accepts == b->accepts)
        return;
    for (int i = 0; i < LISTENER_COUNT; i++)
        if (b->listeners.one[i].fd < 0)
            continue;
        else if (accepts)
            broker_watch(b, b->listeners.one[i].fd, SOURCE_LISTENER, i);
        else
            broker_unwatch(b, b->listeners.one[i].fd);
    b->accepts = accepts;
}

void
clients_advance(struct broker *b)
{
    serve_waiting(b);
    keyholder_attach_all(b);
    refill(b);
    serve_waiting(b);
    doors_update(b);
}

static bool
a_child_is_coming(const struct broker *b)
{
    int64_t now = clock_ms();

    return child_is_coming(&b->children.one[CHILD_KEYHOLDER], now) ||
           child_is_coming(&b->children.one[CHILD_KEYRING], now);
}

int64_t
clients_due_at(const struct broker *b)
{
    int64_t due = b->spares.refill_at;

    /* Somebody waits for a child that may never end. */
    if (due > clock_ms() + RETRY_DELAY_MS && a_child_is_coming(b))
        due = clock_ms() + RETRY_DELAY_MS;
    /* Full: look again each second whether somebody has become overdue. */
    if (b->connections.count >= LIMIT_CONNECTIONS && due > clock_ms() + 1000)
        due = clock_ms() + 1000;
    return due;
}
