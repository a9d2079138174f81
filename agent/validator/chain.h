/*
 * Paths from a certificate to an anchor (RFC 5280 6, by libcrypto), judged
 * for mail at a given time. Runs in smime-validator; the intermediates are
 * the message's and trusted with nothing.
 */
#ifndef AGENT_VALIDATOR_CHAIN_H
#define AGENT_VALIDATOR_CHAIN_H

#include "agent/base/limits.h"
#include "agent/validator/anchors.h"
#include "agent/validator/certs.h"
#include "agent/validator/crls.h"
#include "agent/validator/path.h"

struct chain_verdict {
    enum chain chain;
    const char *reason; /* a word of reasons.def; NULL when OK */
    bool weak_digest;   /* a signature on the way, not the anchor's own */
    bool weak_key;
    int64_t from, until; /* it would be the same all this time (when OK) */
    /* Which of the intermediates are on the way, nearest first. */
    uint8_t issuer[LIMIT_CHAIN_DEPTH];
    size_t issuer_count;
    enum revocation revocation;
    bool crl_outdated; /* not checked, although there are CRLs */
    bool crl_weak;     /* the same */
    /* SHA-256 of the issuer's name, DER, of each certificate on a path that
     * ends before an anchor. */
    uint8_t wanted[LIMIT_CHAIN_DEPTH][32];
    size_t wanted_count;
    int64_t revoked_at; /* 0: never; may be after the time judged at */
};

/* Remembers good verdicts, each as long as all its certificates and CRLs are
 * valid and anchors and CRLs stay. */
struct chains;
struct chains *chains_new(void);
void chains_drop(struct chains **c);

struct chain_question {
    struct cert *leaf;
    struct cert *const *others;   /* may hold LEAF itself and NULLs */
    size_t n;                     /* at most LIMIT_INTERMEDIATES */
    int64_t at;                   /* seconds since 1970 */
    bool any_purpose;             /* issuers need not be for mail */
    int64_t fresh_at;             /* as in struct path_question */
    STACK_OF(X509_CRL) * crls;    /* of this request; may be NULL */
    STACK_OF(X509) * crl_issuers; /* beside those; may be NULL */
    const struct crls *stored;    /* those that stay; may be NULL */
    STACK_OF(X509_CRL) * brought; /* by the message: they revoke, and clear
                                     nobody; may be NULL */
    bool crls_required;
    const struct path_policy *policy;
};

/* Judges the leaf. Says nothing of what it may be used for: see facts.uses.
 * Only questions without policy, any_purpose and CRLs of their own are
 * remembered.
 * PATH, unless NULL, is given the certificates of the path found, leaf first
 * (owned by the caller; sk_X509_pop_free), also when something is wrong. */
struct chain_verdict chain_judge(struct chains *c, const struct anchors *a,
                                 const struct chain_question *q,
                                 STACK_OF(X509) * *path);

#endif
