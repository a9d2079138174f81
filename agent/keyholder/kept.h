/*
 * PINs that are kept, where [pin] cache = yes says so: for logging in again
 * after a token lost its login, and for nothing else. A PIN is kept only
 * after a token has taken it, in locked memory that no core dump holds, and
 * is wiped at its limits, when the token is locked or taken out, and at any
 * error of a login.
 *
 * Runs in smime-keyholder; from any thread. Makes no call to a token.
 */
#ifndef AGENT_KEYHOLDER_KEPT_H
#define AGENT_KEYHOLDER_KEPT_H

#include <pthread.h>

#include "agent/base/limits.h"
#include "agent/base/secret.h"
#include "agent/keyholder/config.h"

struct kept_one {
    struct token *token; /* NULL: free */
    struct secret *pin;  /* may be NULL: only its times are known */
    unsigned insertion;  /* of the token, as token_info counts them */
    int64_t typed_ms;    /* when somebody gave it */
    int64_t used_ms;     /* when the token was last used */
};

struct kept {
    pthread_mutex_t mutex;
    const struct config_pin *policy;
    struct kept_one one[LIMIT_KEPT];
};

/* Borrows POLICY. */
void kept_init(struct kept *k, const struct config_pin *policy);

/* A PIN that the token has just taken. TYPED_MS: when the person gave it (0:
 * now). Does nothing unless the policy says to keep it. */
void kept_save(struct kept *k, struct token *t, struct slice pin,
               int64_t typed_ms);

/* Takes the PIN out, for one login: whoever could log in with it saves it
 * again with *out_typed_ms. False: there is none any more. */
MUST_USE bool kept_take(struct kept *k, struct token *t, struct secret **out,
                        int64_t *out_typed_ms);

/* Somebody works with the token: the time until it is idle begins anew. */
void kept_touch(struct kept *k, struct token *t);

/* When the token was last used; 0: not since it was last locked. */
int64_t kept_used_ms(struct kept *k, struct token *t);

/* Wipes the token's PIN; NULL: all of them. */
void kept_forget(struct kept *k, struct token *t);

/* Wipes what is over its limits or whose token is out. Gives when to look
 * again, INT64_MAX when nothing is kept. */
int64_t kept_expire(struct kept *k, int64_t now);

/* Milliseconds for which the PIN may still be used; 0: it is not kept. */
int64_t kept_left_ms(struct kept *k, struct token *t, int64_t now);

void kept_drop(struct kept *k);

#endif
