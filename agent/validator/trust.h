/*
 * What one request brings along: anchors that alone count for it, CRLs, the
 * certificate to check and its issuers. Lent by the keyring under a name and
 * kept until the next one comes. Runs in smime-validator; nothing here
 * outlives the request's channel or reaches another's verdict.
 */
#ifndef AGENT_VALIDATOR_TRUST_H
#define AGENT_VALIDATOR_TRUST_H

#include "agent/base/limits.h"
#include "agent/validator/anchors.h"
#include "agent/wire/records.h"
#include "agent/wire/values.h"

struct trust {
    uint32_t name; /* 0: nothing is lent */
    struct buf bytes[TRUST_KINDS];
    bool given[TRUST_KINDS];
    bool read;                    /* the fields below are what the bytes say */
    struct anchors *anchors;      /* NULL: those of the agent count */
    STACK_OF(X509_CRL) * crls;    /* NULL: none was given */
    STACK_OF(X509) * crl_issuers; /* what lay beside them */
    struct buf certs;             /* DER, one after the other */
    size_t cert_end[LIMIT_TRUST_CERTS + 1];
    size_t cert_count;
};

void trust_drop(struct trust *t);

/* Appends what was lent; another name, or TRUST_FORGET, begins anew. False
 * when that is more than LIMIT_TRUST_BYTES or of no kind. */
MUST_USE bool trust_add(struct trust *t, const struct lent_trust *lent);

/* Reads what has come. Errors: ERR_BAD_CERTIFICATE and, for CRLs, ERR_INPUT
 * for anything that is not what it should be, ERR_LIMIT, ERR_INTERNAL
 * when NAME is not what was lent. NAME 0 is fine. */
MUST_USE enum err trust_read(struct trust *t, uint32_t name, struct problem *p);

/* The certificate to check (0) and its issuers, borrowed. */
size_t trust_cert_count(const struct trust *t);
struct slice trust_cert(const struct trust *t, size_t i);

#endif
