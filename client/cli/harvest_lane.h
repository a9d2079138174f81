/*
 * smime harvest: the calls that are under way. A lane is one batch of
 * messages on a connection and a thread of its own; it keeps its messages
 * until they are answered for, so that they can be asked about again.
 */
#ifndef CLIENT_CLI_HARVEST_LANE_H
#define CLIENT_CLI_HARVEST_LANE_H

#include <pthread.h>

#include "client/cli/cli.h"
#include "client/cli/mailbox.h"

struct lane {
    struct smime_client *client;
    struct call call;
    struct mail_found mail[SMIME_LIMIT_FDS]; /* without fd and origin */
    pthread_t thread;
    bool is_out; /* its thread is at work */
    bool is_sent;
    int failed;
    json_t *reply;
    struct smime_error error;
};
void lane_drop(struct lane *l);

/* Adds M, whose descriptors are taken. */
void lane_add(struct lane *l, const struct mail_found *m);

/* Calls with what was added; lane_wait returns when reply or error is there. */
void lane_send(struct lane *l);
void lane_wait(struct lane *l);

/* Gives a lane with nothing but message number I of L, to be asked about
 * alone. */
struct lane lane_split(struct lane *l, int i);

/* Whether L failed because a process ended, be it by one of L's messages. */
bool lane_is_lost(const struct lane *l);

/* Waits, some seconds, until the agent and its keyring answer again; false
 * with the lane's error otherwise. */
bool lane_await_agent(struct lane *l);

#endif
