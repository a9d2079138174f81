/*
 * Whoever is told whether a ciphertext of their choice decrypts can decrypt
 * any other one with enough questions (Bleichenbacher 1998): ten thousand for
 * the best of such oracles, a million for the usual one. RFC 3218 has no
 * answer where the length of the plaintext is not known, as in C_Decrypt. So
 * only few questions may fail: LIMIT_RAW_FAILURES at once, then one each
 * LIMIT_RAW_FAILURE_MS, over all keys and programs together.
 *
 * Runs in smime-keyholder; from any thread. Makes no call to a token.
 */
#ifndef AGENT_KEYHOLDER_ORACLE_H
#define AGENT_KEYHOLDER_ORACLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/base/limits.h"

struct oracle {
    pthread_mutex_t mutex;
    unsigned spent;   /* failures that count still, and questions at work */
    int64_t since_ms; /* when the last one of them was given back */
};

void oracle_init(struct oracle *o);

/* Takes the right to fail once, before the token is asked: so that many
 * questions at once are no more than one after the other. False: none is
 * left; *out_wait_s says for how long. NOW is clock_ms. */
bool oracle_begin(struct oracle *o, int64_t now, unsigned *out_wait_s);

/* It did not fail: the right is given back. */
void oracle_succeeded(struct oracle *o);

#endif
