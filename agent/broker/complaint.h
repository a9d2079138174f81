/*
 * Why smime-agent cannot start: a sentence and a next step for the person at
 * the terminal. Only the broker's start uses it; once running it logs.
 */
#ifndef AGENT_BROKER_COMPLAINT_H
#define AGENT_BROKER_COMPLAINT_H

#include <stdbool.h>

#include "agent/base/limits.h"

struct complaint {
    char what[LIMIT_COMPLAINT_BYTES];
    char next[LIMIT_COMPLAINT_BYTES];
};

/* Fills *c (cut to fit) and gives false, so that a failure is one line. */
bool complain(struct complaint *c, const char *next, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

#endif
