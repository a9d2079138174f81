/*
 * What writes to tokens share: the choice of the token, its login, and the
 * journal, so that each write is whole or not at all. Runs in
 * smime-keyholder.
 */
#ifndef AGENT_KEYHOLDER_WRITING_H
#define AGENT_KEYHOLDER_WRITING_H

#include "agent/keyholder/journal.h"
#include "agent/keyholder/keyholder.h"
#include "agent/keyholder/prompt.h"
#include "tokens/write.h"

/* ERR_TOKEN_EMPTY, ERR_TOKEN_READ_ONLY. */
MUST_USE enum err writing_check(struct token *t, struct problem *p);

/* Logs in where that is needed (asks the person), then takes back what an
 * earlier write left. The errors of unlock_by_prompt and journals_undo. */
MUST_USE enum err writing_unlock(struct client *c, const struct purpose *why,
                                 struct problem *p);

/* After a login: takes back what was cut off. What cannot be is logged and
 * waits for the next login. */
void writing_recover(struct client *c, struct token *t);

/* After a failure with FIRST: rolls all COUNT imports back, drops them, and
 * closes the journal, or leaves it when something may remain. Gives the
 * problem to tell. */
MUST_USE enum err writing_undo(struct token_import **imports, size_t count,
                               struct journal *j, const struct problem *first,
                               struct problem *p);

#endif
