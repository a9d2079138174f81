/*
 * Logins at use: asks the person when an operation needs one.
 */
#ifndef AGENT_KEYHOLDER_UNLOCK_H
#define AGENT_KEYHOLDER_UNLOCK_H

#include "agent/keyholder/prompt.h"

/* True when the token wants a login that it does not have. Makes no call. */
bool unlock_is_needed(struct token *t);

/* Logs in, asking the person: at most pin_prompts times, each PIN tried
 * exactly once. ERR_OK also when somebody else logged in meanwhile. */
MUST_USE enum err unlock_by_prompt(struct client *c, const struct purpose *why,
                                   struct problem *p);

/* For a key that wants a PIN each time; see struct token_prompt. */
struct ask_each_time {
    struct client *client;
    const struct purpose *why;
    struct problem problem; /* of the prompt, when it failed */
};
enum tokens_err unlock_ask(void *arg, struct token *t, uint8_t *pin,
                           size_t room, size_t *out_len);

#endif
