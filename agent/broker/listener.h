/*
 * The listening sockets of the broker and the lock that keeps a second
 * agent away from them. Which socket a client came through is its right.
 */
#ifndef AGENT_BROKER_LISTENER_H
#define AGENT_BROKER_LISTENER_H

#include "agent/broker/complaint.h"
#include "agent/broker/places.h"
#include "agent/wire/values.h"

/* RAW is there only when agent.conf wants it ([raw] enabled); else its fd is
 * -1. */
enum listener_id {
    LISTENER_MAIL,
    LISTENER_MANAGE,
    LISTENER_RAW,
    LISTENER_COUNT
};

struct listener {
    int fd;           /* non-blocking, close-on-exec */
    enum right right; /* what its clients may do */
    bool is_ours;     /* bound by us: removed at the end */
    const char *path; /* borrowed from the places */
};

struct listeners {
    struct listener one[LISTENER_COUNT];
    int lock;
    const char *lock_path;
};

/* Takes the lock, then takes systemd's sockets or binds our own. A socket
 * that somebody answers on is never replaced. Borrows PLACES. Clients can
 * connect after listeners_open. */
MUST_USE bool listeners_bind(struct listeners *out, const struct places *places,
                             struct complaint *c);
MUST_USE bool listeners_open(struct listeners *l, struct complaint *c);

/* Closes the sockets, removes those that are ours, gives the lock back. */
void listeners_drop(struct listeners *l);

#endif
