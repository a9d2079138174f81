/*
 * How often what a key unwrapped did not decrypt: whoever can have made-up
 * messages decrypted may learn something from many of them (Bleichenbacher,
 * Vaudenay), so there is a bound in a time, [decrypt] of agent.conf. Every
 * try counts alike, be it the padding, the key or the content that was wrong:
 * a difference in the counting would be an oracle of its own. A session says
 * when all of a message decrypted well; what it does not say so of has failed
 * when its channel ends.
 *
 * Runs in smime-keyholder; from any thread. Makes no call to a token.
 */
#ifndef AGENT_KEYHOLDER_FAILURES_H
#define AGENT_KEYHOLDER_FAILURES_H

#include <pthread.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/keyholder/config.h"

struct failed_key {
    struct token *token; /* NULL: free */
    uint8_t id[TOKEN_ID_BYTES];
    size_t id_len;
    int64_t at_ms[LIMIT_DECRYPT_FAILURES]; /* a ring, of the last ones */
    unsigned next;
    unsigned count;
};

struct failures {
    pthread_mutex_t mutex;
    const struct config_decrypt *policy;
    struct failed_key key[LIMIT_FAILED_KEYS];
};

/* The keys that one channel used since it last said that all was well. */
struct attempts {
    struct {
        struct token *token;
        uint8_t id[TOKEN_ID_BYTES];
        size_t id_len;
    } one[LIMIT_KEY_TRIES];
    unsigned count;
};

/* Borrows POLICY. */
void failures_init(struct failures *all, const struct config_decrypt *policy);

/* May the key decrypt now (NOW_MS of clock_ms), the attempts of its channel
 * counted as failures? Errors: ERR_TOO_MANY_FAILURES, without
 * the name of the token. */
MUST_USE enum err failures_check(struct failures *all,
                                 const struct attempts *mine,
                                 struct token *token, struct slice id,
                                 int64_t now_ms, struct problem *p);

/* The key was used. Beyond LIMIT_KEY_TRIES the earlier ones have failed. */
void attempts_add(struct attempts *mine, struct failures *all,
                  struct token *token, struct slice id, int64_t now_ms);

/* The channel has ended, or never comes back to them. */
void attempts_fail(struct attempts *mine, struct failures *all, int64_t now_ms);

#endif
