/*
 * What was written to a token, for the client: shared by Keys.Import and
 * Keys.Install. Runs in smime-session.
 */
#ifndef AGENT_SESSION_KEYS_WRITTEN_H
#define AGENT_SESSION_KEYS_WRITTEN_H

#include "agent/session/session.h"

/* Gives the reply: the records described (type Imported) in member LIST, the
 * count of chain certificates, warnings. REPLY borrows from the keyholder's
 * frame. What cannot be described is a warning, for it is on the token. */
MUST_USE enum err import_report(struct request *r,
                                const struct import_reply *reply,
                                const char *list, json_t **out);

#endif
