#include "agent/broker/connection.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"

static const char *const state_names[] = {
    [CONNECTION_FREE] = "free",
    [CONNECTION_IDLE] = "idle",
    [CONNECTION_WAITING] = "waiting",
    [CONNECTION_SERVED] = "served",
};

/* From each state, the set of those it may go to. */
static const unsigned steps[] = {
    [CONNECTION_FREE] = 1U << CONNECTION_IDLE,
    [CONNECTION_IDLE] = 1U << CONNECTION_WAITING | 1U << CONNECTION_SERVED |
                        1U << CONNECTION_FREE,
    [CONNECTION_WAITING] = 1U << CONNECTION_SERVED | 1U << CONNECTION_FREE,
    [CONNECTION_SERVED] = 1U << CONNECTION_IDLE | 1U << CONNECTION_FREE,
};

void
connections_init(struct connections *all)
{
    *all = (struct connections){.count = 0};
    for (int i = 0; i < LIMIT_CONNECTIONS; i++) {
        all->one[i].fd = -1;
        all->one[i].ctl = -1;
        all->one[i].keyholder = -1;
    }
}

void
connection_set_state(struct connections *all, struct connection *c,
                     enum connection_state state)
{
    if ((steps[c->state] & 1U << state) == 0)
        bug("a step that a connection cannot take");
    log_debug("connection %d: %s to %s", (int)(c - all->one),
              state_names[c->state], state_names[state]);
    if (c->state == CONNECTION_FREE)
        all->count++;
    if (state == CONNECTION_FREE)
        all->count--;
    if (state == CONNECTION_SERVED)
        all->served++;
    if (c->state == CONNECTION_SERVED)
        all->served--;
    if (state == CONNECTION_WAITING)
        c->ticket = all->next_ticket++;
    c->state = state;
    c->since = clock_ms();
}

/* Another user has no business here, root neither: whoever is root can become
 * the user first, and then it shows in the audit as such. */
static bool
peer_is_ours(int fd, struct ucred *out)
{
    socklen_t size = sizeof(*out);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, out, &size) != 0 ||
        size != sizeof(*out))
        return false;
    if (out->uid == geteuid())
        return true;
    log_error("refused: process %d of user %u", (int)out->pid,
              (unsigned)out->uid);
    return false;
}

bool
connection_add(struct connections *all, int fd, enum right right,
               struct connection **out)
{
    struct connection *c = all->one;
    struct ucred peer;

    if (!peer_is_ours(fd, &peer)) {
        fd_drop(&fd);
        return false;
    }
    while (c < all->one + LIMIT_CONNECTIONS && c->state != CONNECTION_FREE)
        c++;
    if (c == all->one + LIMIT_CONNECTIONS)
        bug("a connection was accepted beyond the limit");
    c->fd = fd;
    c->right = right;
    c->served = 0;
    c->keys = true; /* who has not asked yet may be about to sign */
    c->pid = peer.pid;
    c->uid = peer.uid;
    connection_set_state(all, c, CONNECTION_IDLE);
    *out = c;
    return true;
}

void
connection_drop_keyholder(struct connection *c)
{
    fd_drop(&c->keyholder);
    c->wants_keyholder = false;
}

void
connection_close(struct connections *all, struct connection *c)
{
    /* A session may still hold a copy: end it for the client all the same. */
    (void)shutdown(c->fd, SHUT_RDWR);
    fd_drop(&c->fd);
    fd_drop(&c->ctl);
    connection_drop_keyholder(c);
    connection_set_state(all, c, CONNECTION_FREE);
}

struct connection *
connection_find_waiting(struct connections *all)
{
    struct connection *found = NULL;

    for (int i = 0; i < LIMIT_CONNECTIONS; i++) {
        struct connection *c = &all->one[i];

        if (c->state == CONNECTION_WAITING &&
            (!found || c->ticket < found->ticket))
            found = c;
    }
    return found;
}

struct connection *
connection_find_idlest(struct connections *all)
{
    struct connection *found = NULL;

    for (int i = 0; i < LIMIT_CONNECTIONS; i++) {
        struct connection *c = &all->one[i];

        if (c->state == CONNECTION_IDLE && (!found || c->since < found->since))
            found = c;
    }
    return found;
}

bool
connection_is_overdue(const struct connection *c, int64_t now)
{
    return c->state == CONNECTION_IDLE &&
           now - c->since >= LIMIT_IDLE_PATIENCE_MS;
}

enum connection_input
connection_peek(const struct connection *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN | POLLRDHUP};
    int bytes = 0;

    if (ioctl(c->fd, FIONREAD, &bytes) == 0 && bytes > 0)
        return INPUT_BYTES;
    if (poll(&p, 1, 0) > 0 &&
        (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
        return INPUT_END;
    return INPUT_NONE;
}
