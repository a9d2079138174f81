/*
 * One key of the person's own, or what lies on a token without one, as
 * io.smimeagent.Keys describes it. Runs in smime-session.
 */
#ifndef AGENT_SESSION_KEY_JSON_H
#define AGENT_SESSION_KEY_JSON_H

#include <jansson.h>

#include "agent/session/session.h"

/* Gives a Key. NOW: seconds since 1970, for its state. */
json_t *own_key_json(const struct own_key *k, uint64_t now);

#endif
