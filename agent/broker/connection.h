/*
 * The clients' connections. The broker holds each and polls it, but never
 * reads a byte of it: when one becomes readable it goes to a session, and
 * comes back when the session has handed it back.
 */
#ifndef AGENT_BROKER_CONNECTION_H
#define AGENT_BROKER_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/base/limits.h"
#include "agent/wire/values.h"

enum connection_state {
    CONNECTION_FREE,    /* this place is empty */
    CONNECTION_IDLE,    /* polled: the client has nothing to say */
    CONNECTION_WAITING, /* a request is there, no session is free yet */
    CONNECTION_SERVED   /* a session has it; polled is the session's ctl */
};

struct connection {
    enum connection_state state;
    int fd;
    int ctl;       /* the serving session; else -1 */
    int keyholder; /* the keyholder's end of its channel, until it is given
                      there; else -1 */
    bool wants_keyholder;
    bool keys;        /* give it at once: the last session has used it */
    uint64_t session; /* its number */
    enum right right; /* by the listening socket */
    pid_t pid;        /* the client, as the kernel says */
    uid_t uid;
    bool has_scratch; /* the serving session does */
    uint64_t ticket;  /* waiting connections are served in this order */
    int64_t since;    /* clock_ms of the last step */
    unsigned served;  /* requests that sessions have handed back after */
};

struct connections {
    struct connection one[LIMIT_CONNECTIONS];
    int count;  /* those that are not free */
    int served; /* those that a session has */
    uint64_t next_ticket;
};

void connections_init(struct connections *all);

/* Takes the accepted FD into a free place. False, and FD closed, when the
 * peer is another user or cannot be told. The count must be below the
 * limit. */
bool connection_add(struct connections *all, int fd, enum right right,
                    struct connection **out);

/* The one setter of the state; notes the time. */
void connection_set_state(struct connections *all, struct connection *c,
                          enum connection_state state);

/* The session has it by now, or needs it no more. */
void connection_drop_keyholder(struct connection *c);

/* Shuts the connection and its session's ctl; the place is free again. */
void connection_close(struct connections *all, struct connection *c);

/* The waiting connection whose turn it is, or NULL. Borrows. */
struct connection *connection_find_waiting(struct connections *all);

/* The idle connection that has been so for longest, or NULL. */
struct connection *connection_find_idlest(struct connections *all);

/* Must the idle C make room, when it is NOW (clock_ms) and somebody waits? */
bool connection_is_overdue(const struct connection *c, int64_t now);

enum connection_input {
    INPUT_NONE,
    INPUT_BYTES, /* a request, or a part of one */
    INPUT_END    /* the client has left */
};
/* What a readable connection has, without reading it. */
enum connection_input connection_peek(const struct connection *c);

#endif
