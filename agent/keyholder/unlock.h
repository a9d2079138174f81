/*
 * Logins at use: asks the person when an operation needs one.
 */
#ifndef AGENT_KEYHOLDER_UNLOCK_H
#define AGENT_KEYHOLDER_UNLOCK_H

#include "agent/keyholder/prompt.h"

/* True when the token wants a login that it does not have. Makes no call. */
bool unlock_is_needed(struct token *t);

/* Logs in: with the PIN that is kept, where one is, else by asking the person
 * at most pin_prompts times, each PIN tried exactly once. ERR_OK also when
 * somebody else logged in meanwhile. All who waited while somebody was asked
 * get that answer, also when it was no. *out_asked (may be NULL): the person
 * was asked for this very request. */
MUST_USE enum err unlock_by_prompt(struct client *c, const struct purpose *why,
                                   bool *out_asked, struct problem *p);

/* For a key that wants a PIN each time; see struct token_prompt. Zero but for
 * CLIENT, WHY, ID and FACTS, which are borrowed. */
struct ask_each_time {
    struct client *client;
    const struct purpose *why;
    struct slice id;
    struct key_facts *facts; /* to be filled for the prompt; NULL: none */
    struct problem problem;  /* of the prompt, when it failed */
    struct secret *pin;      /* that was asked for */
    uint64_t since;          /* consent_count when it was */
    unsigned wrong;          /* PINs that were */
    bool mistyped;           /* the last of them was typed, not kept */
    bool at_pad;             /* none was asked for */
};
enum tokens_err unlock_ask(void *arg, struct token *t, uint8_t *pin,
                           size_t room, size_t *out_len);

/* How the operation ended for which a PIN may have been asked: what worked is
 * kept as [consent] allows, what did not is forgotten. Wipes the PIN. */
void unlock_asked(struct ask_each_time *ask, enum tokens_err result);

/* True when RESULT is a wrong PIN and the person may be asked for another one:
 * call the operation again. */
bool unlock_ask_again(const struct ask_each_time *ask, enum tokens_err result);

/* ERR_LAST_TRY when a wrong PIN would block the token now: a PIN that nobody
 * typed just now is not worth that. Asks the token. */
MUST_USE enum err unlock_check_tries(struct token *t, struct problem *p);

/* Forgets all PINs and consents of the token (NULL: of all). */
void unlock_forget(struct keyholder *k, struct token *t);

/* Logs out and forgets; true when there was a login. */
MUST_USE bool unlock_end(struct keyholder *k, struct token *t);

#endif
