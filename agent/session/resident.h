/*
 * The pages a session touches with every mail. After a fork each of them
 * faults once; one by one they cost more than reading a small mail. What is
 * only read comes with the fork; what is written a spare takes while it
 * waits. Runs in smime-session.
 */
#ifndef AGENT_SESSION_RESIDENT_H
#define AGENT_SESSION_RESIDENT_H

#include <stddef.h>

/* In the zygote, when it is warm and before its sandbox: looks where its
 * data lies and has its code copied by fork. Without /proc, or on a kernel
 * before 5.14, nothing is gained and nothing is lost. */
void resident_find(void);

/* In the zygote, when it allocates no more. */
void resident_settle(void);

/* In a session that was just forked. */
void resident_take(void);

/* The same for the first BYTES at FROM, which is the session's. */
void resident_take_part(const void *from, size_t bytes);

#endif
