/*
 * Starts a program for the broker: its channel at descriptor 3 (a second one
 * at 4, a file at 5), nothing else inherited but stderr, no controlling
 * terminal (a session may read a client's terminal without being stopped),
 * default signals.
 */
#ifndef AGENT_BROKER_SPAWN_H
#define AGENT_BROKER_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/base/err.h"

struct spawn_plan {
    const char *program; /* a path, or a name for PATH */
    char *const *argv;
    bool whole_environment; /* else the few variables a process needs */
    int channel;            /* borrowed; -1: none */
    int second;             /* borrowed; -1: none */
    int file;               /* borrowed; -1: none. Wants a second one */
    int standard;           /* becomes stdin and stdout; -1: /dev/null */
};

/* Gives the process id; false with errno when it cannot be started. */
MUST_USE bool spawn_process(const struct spawn_plan *s, pid_t *out);

#endif
