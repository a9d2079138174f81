/*
 * Which token somebody means, and what is said when that is none or several.
 */
#ifndef AGENT_KEYHOLDER_CHOICE_H
#define AGENT_KEYHOLDER_CHOICE_H

#include "agent/keyholder/keyholder.h"

/* Finds the token that WHICH (label, serial, URI; empty: the only one) names.
 * ERR_TOKEN_ABSENT, ERR_TOKEN_EMPTY, ERR_TOKEN_CHOICE with the labels. */
MUST_USE enum err token_choose(struct token_store *store, struct slice which,
                               struct token **out, struct problem *p);

/* There is no token to use: ERR_TOKEN_EMPTY when there is one that only has to
 * be initialised, else ERR_TOKEN_ABSENT with DETAIL, or NULL. */
enum err token_absent_problem(struct token_store *store, const char *detail,
                              struct problem *p);

#define SILENCE_BYTES 320

/* A module does not answer, or is left out: says so; nobody knows its tokens.
 * False: there is none. */
bool module_silence(struct token_store *store, char out[SILENCE_BYTES]);

/* ERR_TOKEN_CHOICE that names these tokens. */
enum err token_choice_problem(struct token *const *all, size_t n,
                              struct problem *p);

#endif
