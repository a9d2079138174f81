/*
 * Runs smime-anchors once, when the agent starts, and keeps what it wrote for
 * the validators to come. The broker never looks into it.
 */
#ifndef AGENT_BROKER_BUILTIN_H
#define AGENT_BROKER_BUILTIN_H

#include "agent/base/limits.h"
#include "agent/broker/places.h"

/* Gives a descriptor of the list (no file has its name), or -1 when there is
 * none: a program that is missing, fails or takes longer than
 * PATIENCE_MS keeps no agent from starting. SIGCHLD must be
 * blocked. */
MUST_USE int builtin_collect(const char *libexec, const struct places *places,
                             int patience_ms);

#endif
