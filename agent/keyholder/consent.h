/*
 * What a person has agreed to for a while: the same key for the same program
 * and operation, as [consent] window allows. Only after an answer in a prompt
 * that said so. A PIN that each operation wants (CKA_ALWAYS_AUTHENTICATE) is
 * kept along, in locked memory, once it has worked; it ends with its consent,
 * at any failure, and when the token is locked or taken out.
 *
 * Runs in smime-keyholder; from any thread. Makes no call to a token.
 */
#ifndef AGENT_KEYHOLDER_CONSENT_H
#define AGENT_KEYHOLDER_CONSENT_H

#include <pthread.h>

#include "agent/base/limits.h"
#include "agent/base/secret.h"
#include "agent/keyholder/caller.h"
#include "agent/keyholder/config.h"

/* Borrowed. OPERATION is a text of ours that outlives everything. */
struct consent_about {
    struct token *token;
    struct slice id; /* CKA_ID */
    const char *program;
    const char *operation;
    uint64_t since; /* for consent_add: consent_count before it was asked */
};

struct consent {
    struct token *token; /* NULL: free */
    uint8_t id[TOKEN_ID_BYTES];
    size_t id_len;
    char program[CALLER_BYTES];
    const char *operation;
    struct secret *pin; /* or NULL */
    unsigned insertion;
    unsigned uses_left; /* 0: as many as come */
    int64_t end_ms;
};

struct consents {
    pthread_mutex_t mutex;
    const struct config_consent *policy;
    struct consent one[LIMIT_CONSENTS];
    uint64_t forgotten; /* how often consent_forget was called */
};

/* Borrows POLICY. */
void consents_init(struct consents *all, const struct config_consent *policy);

/* Was this agreed to? Uses up one of its uses. OUT_PIN, when not NULL: only
 * together with its PIN, of which it gives a copy. */
MUST_USE bool consent_use(struct consents *all,
                          const struct consent_about *about,
                          struct secret **out_pin);

/* To be asked before the person is. */
uint64_t consent_count(struct consents *all);

/* The person has agreed just now, and this operation is done. PIN may be
 * empty. Does nothing without a window, nor when a token was locked since. */
void consent_add(struct consents *all, const struct consent_about *about,
                 struct slice pin);

/* Ends all for this token; NULL: all there are. */
void consent_forget(struct consents *all, const struct token *t);

/* Ends what is over; gives when to look again, INT64_MAX for never. */
int64_t consent_expire(struct consents *all, int64_t now);

#endif
