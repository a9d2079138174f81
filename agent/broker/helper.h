/*
 * Programs that the keyholder asks for: an importer, pinentry, or a PKCS#11
 * module in a process of its own. The broker
 * starts them because the keyholder, which holds the logins, may not fork.
 * fetcher.h has the keyring's.
 */
#ifndef AGENT_BROKER_HELPER_H
#define AGENT_BROKER_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/base/limits.h"
#include "agent/broker/places.h"
#include "agent/wire/channel.h"

struct helpers {
    pid_t pid[LIMIT_HELPERS]; /* 0: free */
};

/* Answers MSG_SPAWN on the keyholder's channel FD: with a descriptor (not for
 * a module, whose end came in FRAME), or with a problem when the helper cannot
 * be started. False: it could not be
 * answered. */
MUST_USE bool helper_answer(struct helpers *all, int fd,
                            const struct spawn *request,
                            const struct frame *frame, const char *libexec,
                            const struct places *places);

/* Starts the process ARGV[0] in LIBEXEC with a channel to it, whose end is
 * *OUT (given). Borrows. False with errno. */
bool helper_spawn(const char *libexec, char *argv[], pid_t *pid, int *out);

/* Where the number of one more process goes; NULL when there are too many. */
pid_t *helpers_room(struct helpers *all);

/* PID ended; false when it was none of these. */
bool helpers_reaped(struct helpers *all, pid_t pid);

/* Ends those that still run. */
void helpers_stop(struct helpers *all);

#endif
