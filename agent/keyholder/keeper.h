/*
 * The thread that watches the clock: kept PINs and consents end at their
 * limits, and a client whose operation takes long is told what the person can
 * do about it. Makes no call to a token, so that no token can hold it up.
 */
#ifndef AGENT_KEYHOLDER_KEEPER_H
#define AGENT_KEYHOLDER_KEEPER_H

#include "agent/keyholder/keyholder.h"

/* An operation that takes longer than this is told of. */
#define NOTICE_DELAY_MS 2000

/* Starts it; false when no thread is to be had. */
MUST_USE bool keeper_start(struct keyholder *k);

/* Something will end earlier than was known: looks at the limits again. */
void keeper_wake(struct keyholder *k);

/* A call of the client's to TOKEN begins: after NOTICE_DELAY_MS it gets a
 * notice, unless the call has ended. */
void notice_begin(struct client *c, struct token *token);
void notice_end(struct client *c);

/* Tells the client now. */
void notice_now(struct client *c, enum notice_kind kind, struct token *token);

#endif
