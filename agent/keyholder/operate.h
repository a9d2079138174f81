/*
 * One operation with one key: finds it, asks for a login, a PIN or a yes
 * where they are needed, calls the token, writes the audit. Runs in
 * smime-keyholder, in the thread of its session.
 */
#ifndef AGENT_KEYHOLDER_OPERATE_H
#define AGENT_KEYHOLDER_OPERATE_H

#include "agent/keyholder/unlock.h"

struct operation {
    struct client *client;
    const char *audited; /* its word in the audit */
    struct purpose why;
    bool must_ask;          /* a rule for the program wants it */
    bool decrypts;          /* of a message: its failures are bounded */
    struct key_facts facts; /* empty until they are needed */
    struct token *token;
    struct slice id;
    const void *request;
    uint8_t *out;
    size_t room, out_len;
    /* Tried, and once more after a login that turned out to be needed. */
    enum tokens_err (*call)(struct operation *op,
                            const struct token_prompt *prompt);
};

/* Gives ERR_OK with TOKENS_OK or TOKENS_MESSAGE in *out_result; everything
 * else is a problem of the token or the person. A bad message is no failure
 * of the key: it is audited as done. */
MUST_USE enum err key_operation_run(struct operation *op, struct slice key,
                                    enum tokens_err *out_result,
                                    struct problem *p);

/* The call of an unwrap_request; op->out has room for LIMIT_PLAIN_BYTES. */
enum tokens_err key_operation_unwrap(struct operation *op,
                                     const struct token_prompt *prompt);

#endif
