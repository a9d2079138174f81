/*
 * What smime doctor finds: a list of objects, each with what there is and what
 * to type next. Runs in smime.
 */
#ifndef CLIENT_CLI_DOCTOR_H
#define CLIENT_CLI_DOCTOR_H

#include <jansson.h>

/* Adds WHAT, followed by ABOUT, which is foreign text. */
void finding_add(json_t *findings, const char *next, const char *what,
                 const char *about);

/* The same about a token, one of TOKENS; next: COMMAND for it. */
void finding_add_token(json_t *findings, const char *command, const char *what,
                       json_t *token, json_t *tokens);

/* KEYS, TOKENS and CHECK as io.smimeagent.Keys.List, Tokens and Check give
 * them. */
void doctor_look_at_keys(json_t *keys, json_t *tokens, json_t *check,
                         json_t *findings);

#endif
