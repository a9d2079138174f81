/*
 * The keyring's part of agent.conf: [contacts]. Read before the sandbox is
 * closed. What is wrong is logged and the default holds.
 */
#ifndef AGENT_KEYRING_SETTINGS_H
#define AGENT_KEYRING_SETTINGS_H

#include "agent/wire/values.h"

struct settings {
    enum on_change on_change;
};

/* Reads FILE over what is there; one that is absent is no error. */
void settings_load(struct settings *s, const char *file);

#endif
