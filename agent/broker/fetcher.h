/*
 * smime-fetcher, the only process with the network: started for one question
 * of the keyring, and only when agent.conf names a directory. The
 * configuration is read anew each time, so that it counts at once.
 */
#ifndef AGENT_BROKER_FETCHER_H
#define AGENT_BROKER_FETCHER_H

#include "agent/broker/helper.h"

/* Answers MSG_FETCH with MSG_FETCHER on the keyring's channel FD: a fetcher's
 * channel, or why there is none. False: it could not be answered. */
MUST_USE bool fetcher_answer(struct helpers *all, int fd,
                             const struct fetch *request, const char *libexec,
                             const struct places *places);

#endif
