/*
 * smime-validator: judges signatures and reads certificates. It parses what
 * others sent, against anchors that it can only read; it writes nothing,
 * knows no key and talks to the keyring alone.
 */
#ifndef AGENT_VALIDATOR_VALIDATOR_H
#define AGENT_VALIDATOR_VALIDATOR_H

#include "agent/validator/anchors.h"
#include "agent/validator/certs.h"
#include "agent/validator/chain.h"
#include "agent/validator/crls.h"
#include "agent/validator/trust.h"
#include "agent/wire/records.h"

struct validator {
    struct anchors *anchors;
    struct crls *crls; /* those that stay */
    struct certs *certs;
    struct chains *chains;
    struct trust trust; /* of one request */
    /* What the answer borrows until the next question. */
    struct buf described;
    struct buf encryption_described;
    struct buf hashes;
};

/* The folders of anchors and of CRLs (NULL ends each list; no list: none) are
 * borrowed. */
void validator_init(struct validator *v, const char *const *anchors,
                    const char *const *crls);
void validator_drop(struct validator *v);

/* Adds a reason of reasons.def, each once. Any other word is bug(). */
void reason_say(struct slice_list *reasons, const char *word);

/* The anchors that count for a request with this TRUST. */
const struct anchors *validator_anchors(const struct validator *v,
                                        uint32_t trust);

/* Looks whether anchors or CRLs changed. */
void validator_refresh(struct validator *v);

/* Tells the keyring of which issuers a certificate might help. */
void wanted_tell(const struct chain_verdict *c, struct buf *store,
                 struct slice_list *out);

/* The intermediates on the path of C, nearest first, out of the DER that
 * CERTS were parsed from, with the SHA-256 of the subject of each, whose
 * bytes replace those of STORE. What is over LIMIT_ISSUER_BYTES_TOTAL is left
 * out from its end. */
void issuers_tell(const struct chain_verdict *c, const struct slice *der,
                  struct cert *const *certs, struct buf *store,
                  struct slice_list *out_issuers, struct slice_list *out_names);

/* MSG_JUDGE. The answer borrows from Q and V. Errors: those of
 * trust_read. */
MUST_USE enum err validator_verdict(struct validator *v,
                                    const struct verify_request *q,
                                    struct verify_reply *out,
                                    struct problem *p);
/* The same with what was lent already read, or nothing. */
void validator_judge(struct validator *v, const struct verify_request *q,
                     struct verify_reply *out);

/* MSG_JUDGE_PATH. The answer borrows from V. Errors: those of trust_read,
 * ERR_BAD_CERTIFICATE when no certificate was sent, ERR_USAGE for a policy
 * that is no OID. */
MUST_USE enum err validator_check(struct validator *v,
                                  const struct check_request *q,
                                  struct check_reply *out, struct problem *p);

/* MSG_LIST_ANCHORS: a page of anchor records, borrowed from STORE. */
void validator_list(struct validator *v, uint32_t cursor, struct buf *store,
                    struct list_reply *out);

/* MSG_READ_CERTIFICATES: the records are appended to STORE one after the
 * other and borrowed from there. Every certificate of the list may serve as
 * an intermediate of the others. Records that would not fit into one answer
 * come empty. */
void validator_describe(struct validator *v, const struct describe_request *q,
                        struct buf *store, struct describe_reply *out);

/* Serves CHANNEL until it or CONTROL is closed. */
void validator_serve(struct validator *v, int control, int channel);

#endif
