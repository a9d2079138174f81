/*
 * The thread that locks tokens nobody asked it to: those that were not used
 * for [lock] idle seconds, and all of them when smime-watcher says that the
 * screen is locked or the machine goes to sleep ([lock] on).
 */
#ifndef AGENT_KEYHOLDER_LOCKER_H
#define AGENT_KEYHOLDER_LOCKER_H

#include "agent/keyholder/keyholder.h"

/* Starts it when the configuration asks for it. */
MUST_USE bool locker_start(struct keyholder *k);

/* What is to lock the tokens, and whether it is watched. */
void locker_state(struct keyholder *k, struct lock_state *out);

#endif
