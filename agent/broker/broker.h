/*
 * smime-agent, the broker: listens, looks who is there, starts the other
 * processes and wires them together. It holds no secret, reads no byte of a
 * client and parses nothing that comes from one.
 */
#ifndef AGENT_BROKER_BROKER_H
#define AGENT_BROKER_BROKER_H

#include "agent/broker/child.h"
#include "agent/broker/complaint.h"
#include "agent/broker/connection.h"
#include "agent/broker/helper.h"
#include "agent/broker/listener.h"
#include "agent/broker/spare.h"

/* Who an event is from: in the upper half of an epoll event's data; the
 * lower half is the index among its kind. */
enum source {
    SOURCE_SIGNAL,
    SOURCE_LISTENER,
    SOURCE_CHILD,
    SOURCE_SPARE,
    SOURCE_CONNECTION, /* the client */
    SOURCE_SESSION     /* the ctl of the session that serves a connection */
};

enum broker_state { BROKER_STARTING, BROKER_LISTENING, BROKER_ENDING };

struct broker {
    enum broker_state state;
    struct places places;
    struct listeners listeners;
    struct children children;
    struct helpers helpers;
    struct connections connections;
    struct spares spares;
    struct frame frame; /* whatever was received last */
    int builtin;        /* what smime-anchors found, or -1 */
    int epoll;
    int signals;
    bool accepts;     /* the listeners are polled */
    int64_t asked_at; /* clock_ms when a request was last given out */
    int64_t busy_at;  /* and when one was last answered */
    int64_t full_at;  /* and when there were last spares enough */
    uint64_t next_session;
};

/*
 * Runs the agent until SIGTERM or SIGINT, with the other executables in the
 * folder LIBEXEC. Places come from the environment. Gives the exit code: 0,
 * or 1 with *c filled when it could not start.
 */
int broker_run(const char *libexec, struct complaint *c);

/* ---- parts of it: clients.c ---------------------------------------------- */

/* Watches FD for input; SOURCE and INDEX come back with the event. */
void broker_watch(struct broker *b, int fd, enum source source, int index);

/* A client knocks at the listener. */
void clients_accept(struct broker *b, int listener);
/* A client has something to say, or has left. */
void clients_input(struct broker *b, int index);
/* The session of a connection says it is done, or ended. */
void clients_session(struct broker *b, int index);
/* An unused spare said something: it can only have ended. */
void clients_spare(struct broker *b, int place);
/* Gives waiting connections to spare sessions, forks new spares when due,
 * polls the listeners or not: after every event. */
void clients_advance(struct broker *b);
/* When clients_advance wants to run next; INT64_MAX: after an event. */
int64_t clients_due_at(const struct broker *b);

#endif
