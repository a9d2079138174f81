/*
 * Tokens and keys as records.
 */
#ifndef AGENT_KEYHOLDER_LIST_H
#define AGENT_KEYHOLDER_LIST_H

#include "agent/keyholder/keyholder.h"

/* Finds the token that WHICH (label, serial, URI; empty: the only one) names.
 * ERR_TOKEN_ABSENT, ERR_TOKEN_EMPTY, ERR_TOKEN_CHOICE with the labels. */
MUST_USE enum err token_choose(struct token_store *store, struct slice which,
                               struct token **out, struct problem *p);

/* There is no token to use: ERR_TOKEN_EMPTY when there is one that only has to
 * be initialised, else ERR_TOKEN_ABSENT with DETAIL, or NULL. */
enum err token_absent_problem(struct token_store *store, const char *detail,
                              struct problem *p);

/* ERR_TOKEN_CHOICE that names these tokens. */
enum err token_choice_problem(struct token *const *all, size_t n,
                              struct problem *p);

/* Fills a record; its texts are appended to ROOM and borrow from it, so it is
 * filled and used before ROOM grows again. */
void token_record_fill(struct token *t, struct token_record *out,
                       struct buf *room);

#endif
