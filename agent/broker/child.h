/*
 * The broker's four lasting children: keyholder, keyring, validator, and the
 * zygote that sessions are forked from. Starts them, restarts one that died
 * (at once the first time, then more and more slowly), wires the validator
 * to the keyring.
 */
#ifndef AGENT_BROKER_CHILD_H
#define AGENT_BROKER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/base/limits.h"
#include "agent/broker/places.h"
#include "agent/wire/channel.h"

enum child_id {
    CHILD_KEYHOLDER,
    CHILD_KEYRING,
    CHILD_VALIDATOR,
    CHILD_ZYGOTE,
    CHILD_COUNT
};

enum child_state {
    CHILD_DOWN,     /* no process; starts again at restart_at */
    CHILD_STARTING, /* its channel takes messages already */
    CHILD_READY,
    CHILD_ENDING /* told to end, or its channel broke; not yet gone */
};

struct child {
    enum child_id id;
    enum child_state state;
    pid_t pid;            /* 0 when down */
    struct served served; /* its channel; fd -1 when there is none */
    int failures;         /* deaths in a row */
    bool is_expected;     /* the coming death is our own doing */
    int64_t restart_at;   /* clock_ms */
    int64_t started_at;
    int64_t since; /* clock_ms of the last change of state */
};

struct children {
    struct child one[CHILD_COUNT];
    const struct places *places; /* borrowed */
    const char *libexec;         /* borrowed */
    int builtin;                 /* the built-in anchors, or -1: none */
    int notes;                   /* the keyholder's, of modules that crash */
};

void children_init(struct children *all, const struct places *places,
                   const char *libexec);

/* Borrows BUILTIN, a file that every validator reads from its beginning; -1:
 * none. */
void children_set_builtin(struct children *all, int builtin);

/* The name of its executable, e.g. "smime-keyring". */
const char *child_name(enum child_id id);

/* True when messages can be sent to it. */
bool child_is_up(const struct child *c);

/* True when it is not up but will be in a moment: worth waiting for. */
bool child_is_coming(const struct child *c, int64_t now);

/* Starts every child that is down and due. Gives the ids of those that were
 * started as a set of bits: their channels are new. */
unsigned children_start_due(struct children *all, int64_t now);

/* When the next one is due, in clock_ms; INT64_MAX: none. */
int64_t children_due_at(const struct children *all);

/* Its first message came. */
void child_set_ready(struct child *c);

/* Its channel is broken or it misbehaves: no channel from now on, and it is
 * killed; children_reaped follows. */
void child_kill(struct child *c, const char *why);

/* PID ended with STATUS. Gives false when it was none of these. The
 * keyring's end takes the validator along, whose channel led there. */
bool children_reaped(struct children *all, pid_t pid, int status, int64_t now);

/* Closes every channel and waits until all have ended: they see the end of
 * the channel, later a signal, at last SIGKILL. SIGCHLD must be blocked. */
void children_stop(struct children *all);

#endif
