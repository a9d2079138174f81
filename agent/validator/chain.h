/*
 * Paths from a certificate to an anchor (RFC 5280 6, by libcrypto), judged
 * for mail at a given time. Runs in smime-validator; the intermediates are
 * the message's and trusted with nothing.
 */
#ifndef AGENT_VALIDATOR_CHAIN_H
#define AGENT_VALIDATOR_CHAIN_H

#include "agent/validator/anchors.h"
#include "agent/validator/certs.h"

#define LIMIT_CHAIN_DEPTH    10
#define LIMIT_INTERMEDIATES  64
#define LIMIT_CHAIN_VERDICTS 256

struct chain_verdict {
    enum chain chain;
    const char *reason; /* a word of reasons.def; NULL when OK */
    bool weak_digest;   /* a signature on the way, not the anchor's own */
    bool weak_key;
    int64_t from, until; /* it would be the same all this time (when OK) */
    /* Which of the intermediates are on the way, nearest first. */
    uint8_t issuer[LIMIT_CHAIN_DEPTH];
    size_t issuer_count;
};

/* Remembers good verdicts, each as long as all its certificates are valid
 * and the anchors stay. */
struct chains;
struct chains *chains_new(void);
void chains_drop(struct chains **c);

/* Judges LEAF at AT (seconds since 1970). Says nothing of what the leaf may
 * be used for: see facts.uses. OTHERS may hold LEAF itself and NULLs; at most
 * LIMIT_INTERMEDIATES. */
struct chain_verdict chain_judge(struct chains *c, const struct anchors *a,
                                 struct cert *leaf, struct cert *const *others,
                                 size_t n, int64_t at);

#endif
