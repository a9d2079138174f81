/*
 * The CRLs that stay: files in folders that only the user or the
 * administrator writes. Owned by smime-validator, which only reads them.
 * Whether one counts is decided for each certificate, by its signature and
 * its times (path.h): the folder is a store, not a ground for trust.
 *
 * Files that come, go or change are noticed, as with anchors.
 */
#ifndef AGENT_VALIDATOR_CRLS_H
#define AGENT_VALIDATOR_CRLS_H

#include <openssl/x509.h>

#include "agent/validator/folder.h"

struct stored_crl {
    X509_CRL *crl;
    char *source; /* the file */
    int64_t this_update;
    int64_t next_update; /* INT64_MAX: it does not say */
    uint32_t revoked;    /* how many it names */
    bool indirect;       /* speaks of other issuers' certificates too */
};

/* Reads what is exactly one CRL, or the certificate of somebody who may have
 * issued one; of the two out-parameters the other stays. False when DER is
 * neither. */
MUST_USE bool crl_or_issuer_read(struct slice der, X509_CRL **out_crl,
                                 X509 **out_issuer);

struct crls;

/* Borrows the folder names (NULL ends the list). Reads them. */
struct crls *crls_new(const char *const *folders);
void crls_drop(struct crls **c);

/* Looks whether something changed, at most every FOLDER_LOOK_MS, and reads
 * the files that did. */
void crls_refresh(struct crls *c);

/* All borrowed until the next refresh. The generation changes with them. */
uint64_t crls_generation(const struct crls *c);
size_t crls_count(const struct crls *c);
const struct stored_crl *crls_at(const struct crls *c, size_t i);
const struct faulty_list *crls_faulty(const struct crls *c);

/* Those GIVEN (may be NULL) and the stored ones that could speak of the leaf
 * or one of OTHERS. NULL when there are none; else the stack is the caller's
 * (sk_X509_CRL_free), what is in it borrowed. C may be NULL. */
STACK_OF(X509_CRL) * crls_select(const struct crls *c,
                                 STACK_OF(X509_CRL) * given, X509 *leaf,
                                 STACK_OF(X509) * others);

/* Appends the certificates that lie beside the CRLs, borrowed: an indirect
 * CRL's issuer is on no path, and whoever is revoked by it does not send it
 * along. */
void crls_issuers(const struct crls *c, STACK_OF(X509) * out);

/* Does it say that it speaks of other issuers' certificates too (RFC 5280
 * 5.2.5)? */
bool crl_is_indirect(const X509_CRL *crl);

/* Seconds since 1970 of thisUpdate and nextUpdate; one that cannot be read
 * or is not there: 0 and INT64_MAX. */
int64_t crl_this_update(const X509_CRL *crl);
int64_t crl_next_update(const X509_CRL *crl);

#endif
