/*
 * Bytes in the requests and replies of io.smimeagent.Raw: hexadecimal text.
 * Runs in smime-session.
 */
#ifndef AGENT_SESSION_USE_H
#define AGENT_SESSION_USE_H

#include "agent/session/request.h"

/* Bytes of any number as hexadecimal text: a new reference. */
json_t *use_hex(struct slice bytes);

#endif
