/*
 * fd 3: new sessions come from the broker on it, and helpers are asked for.
 * The main thread alone reads it; answers are handed to the thread that
 * waits for one.
 */
#ifndef AGENT_KEYHOLDER_BROKER_LINK_H
#define AGENT_KEYHOLDER_BROKER_LINK_H

#include <pthread.h>

#include "agent/base/err.h"
#include "agent/wire/channel.h"
#include "agent/wire/values.h"

struct broker_link {
    int fd;
    pthread_mutex_t turn;  /* one request at a time */
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t answered;
    unsigned stale; /* answers still to come that nobody waits for */
    bool waiting, done, closed, wants_fd;
    int helper; /* the answer: a descriptor, or -1 and the problem */
    struct problem problem;
};

void broker_link_init(struct broker_link *link, int fd);

/* Gives a channel to a new helper. Waits at most ten seconds. Any thread but
 * the one in broker_link_run. Errors: what the broker said;
 * ERR_KEYHOLDER_LOST when it is gone or does not answer. */
MUST_USE enum err broker_spawn(struct broker_link *link, enum helper which,
                               int *out, struct problem *p);

/* Has the module NAME of agent.conf served at FD (borrowed), in a process of
 * its own. Errors as above. */
MUST_USE enum err broker_serve(struct broker_link *link, const char *name,
                               int fd, struct problem *p);

/* Reads until the broker is gone; WAIT returns when FD can be read. ATTACHED
 * takes the channel. false: the broker sent something malformed. */
bool broker_link_run(struct broker_link *link, void (*wait)(void *arg, int fd),
                     void (*attached)(void *arg, const struct attach *a,
                                      int channel),
                     void *arg);

#endif
