/*
 * Deadlines that hold whatever a library is doing: when time is over the
 * connection is shut down under it, so that every call on it comes back; one
 * that does not come back even then ends with the process. Runs in
 * smime-fetcher, one deadline at a time.
 */
#ifndef AGENT_FETCHER_DEADLINE_H
#define AGENT_FETCHER_DEADLINE_H

#include <stdbool.h>

/* Before the sandbox. Time without a connection ends the process. */
void deadline_install(void);

/* Ends the process when the other end of CHANNEL is closed: then nobody waits
 * for an answer any more. Before the sandbox. */
void deadline_watch(int channel);

/* From now on: when MS have passed, FD (-1: none) is shut down. */
void deadline_start(int fd, int ms);
/* Ends it; true when it had passed. */
bool deadline_end(void);
bool deadline_is_over(void);

/* What is left, at least 0. */
int deadline_left_ms(void);

#endif
