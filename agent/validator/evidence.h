/*
 * The certificates that come with one signature: which of them is its
 * signer's, and where each leads. Runs in smime-validator; whoever sends the
 * message chose them and their order, and may have added any.
 */
#ifndef AGENT_VALIDATOR_EVIDENCE_H
#define AGENT_VALIDATOR_EVIDENCE_H

#include "agent/cms/algorithm.h"
#include "agent/validator/validator.h"

struct evidence {
    struct validator *v;                  /* borrowed */
    const struct verify_request *q;       /* borrowed */
    struct cert *certs[LIMIT_LIST_ITEMS]; /* q's; NULL: cannot be read */
    size_t count;
    STACK_OF(X509_CRL) * crls; /* q's; NULL: none can be read */
    int64_t now;
};

void evidence_init(struct evidence *e, struct validator *v,
                   const struct verify_request *q, int64_t now);
void evidence_drop(struct evidence *e);

/*
 * The certificate that q names its signer by. Where several have that issuer
 * and number, or that key id, the one that suits best: its key made the
 * signature, it fits the signed attributes, somebody trusted vouches for it,
 * it names the author; of those that do alike the first. ALGORITHM is the
 * signature's, NULL where it is not known. False when there is none.
 */
MUST_USE bool evidence_signer(const struct evidence *e,
                              const struct signature_algorithm *algorithm,
                              size_t *out);

/* LEAF's chain at AT, with the others as intermediates. */
struct chain_verdict evidence_chain(const struct evidence *e, struct cert *leaf,
                                    int64_t at);

#endif
