/*
 * Bytes in the requests and replies of io.smimeagent.Raw: hexadecimal text.
 * Runs in smime-session.
 */
#ifndef AGENT_SESSION_USE_H
#define AGENT_SESSION_USE_H

#include "agent/session/request.h"

/* Appends the bytes of parameter NAME to OUT; nothing when it is absent.
 * Errors: ERR_USAGE, the subject is the parameter's name. */
MUST_USE enum err use_bytes(struct request *r, const char *name,
                            struct buf *out);

/* Bytes of any number as hexadecimal text: a new reference. */
json_t *use_hex(struct slice bytes);

#endif
