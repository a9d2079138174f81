/*
 * What an unfinished harvest has behind it, so that it can go on: the keys of
 * its messages, in a file of XDG_STATE_HOME/smime-agent/harvest for each
 * mailbox. A harvest that came to its end leaves nothing: whether a mail
 * teaches something depends on what is trusted, so the next one reads all.
 */
#ifndef CLIENT_CLI_HARVEST_STATE_H
#define CLIENT_CLI_HARVEST_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct harvest_state;

/* Opens the state of the mailbox at PATH; AGAIN forgets it first. NULL where
 * there can be none (a stream, no home, no room): then a harvest that is
 * interrupted begins anew. */
struct harvest_state *harvest_state_open(const char *path, bool again);

bool harvest_state_has(const struct harvest_state *s, uint64_t key);

/* The agent has answered for it. S may be NULL. */
void harvest_state_add(struct harvest_state *s, uint64_t key);

/* The mailbox was read to its end: removes the file. S may be NULL. */
void harvest_state_finish(struct harvest_state *s);
void harvest_state_drop(struct harvest_state **s);

#endif
