/*
 * Anchors, CRLs and certificates that a request brings along as descriptors:
 * handed on to the keyring as bytes. Runs in smime-session, which reads none
 * of them.
 */
#ifndef AGENT_SESSION_TRUST_H
#define AGENT_SESSION_TRUST_H

#include "agent/session/session.h"
#include "agent/wire/values.h"

/* Sends what the parameter NAME (a descriptor, or a list of them) indexes;
 * nothing when it is absent. The session must be narrowed to a verb that may
 * bring something along. Errors: ERR_USAGE, ERR_INPUT, ERR_LIMIT,
 * ERR_KEYRING_LOST. */
MUST_USE enum err trust_bring(struct request *r, const char *name,
                              enum trust_kind kind);

#endif
