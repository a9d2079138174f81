/*
 * The one place where a token's error becomes a request's error.
 */
#ifndef AGENT_KEYHOLDER_TOKEN_PROBLEM_H
#define AGENT_KEYHOLDER_TOKEN_PROBLEM_H

#include "agent/base/err.h"
#include "tokens/tokens.h"

/* What a person calls the token: its label, else its serial number. */
void token_name(struct token *t, char out[TOKEN_LABEL_BYTES]);

/* What means this token alone, in a command: of two with one label, that is the
 * serial number. */
void token_handle(struct token *t, char out[TOKEN_LABEL_BYTES]);

/* False: the token does not say how long a PIN is, or says nonsense. */
bool token_has_pin_limits(const struct token_info *info);

/* Fills *p for E (not TOKENS_OK) with the token's label and the tries left,
 * and gives its code. TOKEN may be NULL. Call it in the thread that got E. */
enum err token_problem(enum tokens_err e, struct token *token,
                       struct problem *p);

/* The same where a certificate was to be written. */
enum err token_certificate_problem(enum tokens_err e, struct token *token,
                                   struct problem *p);

/* ERR_TOKEN_HUNG, naming the module and its call. Calls no token. */
enum err token_hung_problem(const struct token_info *info,
                            const struct token_hang *hang, struct problem *p);

#endif
