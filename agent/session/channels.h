/*
 * The session's channels, one at a time; session.h has the calls that
 * methods use. Runs in smime-session.
 */
#ifndef AGENT_SESSION_CHANNELS_H
#define AGENT_SESSION_CHANNELS_H

#include "agent/base/limits.h"
#include "agent/session/session.h"

/* Narrows one channel to VERB without key operations, for a report that
 * must not fail when one side is lost. The session's own verb is not
 * changed: nothing else may follow in this session. */
MUST_USE enum err keyholder_narrow(struct request *r, enum verb verb);
/* With a descriptor (borrowed) that comes along, for work that may take long.
 */
MUST_USE enum err keyring_call_fd(struct request *r, enum message m,
                                  const void *request, int fd, void *reply);
MUST_USE enum err keyring_narrow(struct request *r, enum verb verb);

#endif
