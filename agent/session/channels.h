/*
 * The session's two channels, one at a time; session.h has the calls that
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

/* Gets one record of a list, borrowed; it makes no call itself, and its error
 * ends the list. */
typedef enum err keyholder_record(struct request *r, struct slice record,
                                  void *arg);
/* All pages of the list that M (of a struct page) asks for. Errors: those of
 * keyholder_call and of EACH. */
MUST_USE enum err keyholder_list(struct request *r, enum message m,
                                 keyholder_record *each, void *arg);

#endif
