/*
 * One certification path: found, and judged as RFC 5280 6.1 and 6.3 say, by
 * libcrypto and where that falls short by checks of our own beside it. Runs
 * in smime-validator; what is wrong is told in libcrypto's numbers and in
 * words of reasons.def.
 */
#ifndef AGENT_VALIDATOR_PATH_H
#define AGENT_VALIDATOR_PATH_H

#include <openssl/x509.h>

#include "agent/base/limits.h"
#include "agent/validator/anchors.h"
#include "agent/wire/values.h"

/* The inputs (c) to (g) of RFC 5280 6.1.1. */
struct path_policy {
    STACK_OF(ASN1_OBJECT) * initial; /* NULL or empty: any */
    bool explicit_policy;
    bool inhibit_mapping;
    bool inhibit_any;
};

struct path_question {
    X509 *leaf;
    STACK_OF(X509) * untrusted;
    const struct anchors *anchors;
    int64_t at;
    /* Revocation is asked for as of this time: the present, also where a
     * certificate is judged at the signing time, which is the signer's word;
     * 0: AT. */
    int64_t fresh_at;
    STACK_OF(X509_CRL) * crls; /* NULL: revocation is not looked at */
    bool crls_required;        /* a certificate that no CRL speaks of fails */
    const struct path_policy *policy; /* NULL: any policy will do */
};

struct path_verdict {
    int error;             /* X509_V_ERR_... */
    int depth;             /* of the error; 0: the leaf */
    STACK_OF(X509) * path; /* owned; leaf first, as far as it was found */
    enum revocation revocation;
    bool weak;          /* not clear: a CRL of it has a weak signature */
    bool outdated;      /* not clear, and some CRL of it is out of date */
    int64_t revoked_at; /* also when that was after the time judged at */
};

/* Everything is borrowed. In search.c. */
void path_judge(const struct path_question *q, struct path_verdict *out);
void path_verdict_drop(struct path_verdict *v);

/* The one path that libcrypto finds with these certificates between the leaf
 * and ONLY, the anchors that count; NULL: all of them. */
void path_walk(const struct path_question *q, STACK_OF(X509) * untrusted,
               STACK_OF(X509) * only, struct path_verdict *v);

enum spoken {
    SPOKEN_NOT,
    SPOKEN_REVOKED,
    SPOKEN_NOT_REVOKED /* also by one that is out of date */
};
/* What q->crls say of X of PATH, which ends with its anchor. As libcrypto
 * reads them: their scope, of whom their entries speak, and who may issue
 * them, with q->untrusted to find that one's path. */
enum spoken path_spoken_of(const struct path_question *q, STACK_OF(X509) * path,
                           X509 *x);

#endif
