/*
 * What CRLs say of one certificate, entry by entry, beside what libcrypto
 * makes of them: that takes one CRL of several, and of its entries the first.
 * Runs in smime-validator.
 */
#ifndef AGENT_VALIDATOR_NAMED_H
#define AGENT_VALIDATOR_NAMED_H

#include "agent/validator/path.h"

/* When the key can no longer be relied on: the earlier of the revocation and
 * the date the key was lost (RFC 5280 5.3.2). An unreadable date is ever. */
int64_t revocation_date(X509_REVOKED *r);

/* Is the certificate at AT of PATH, which is not its last, named by a CRL of
 * somebody who may revoke it, and not taken off again by a newer one? The date
 * of the earliest such revocation in *out. */
bool crls_revoke(const struct path_question *q, STACK_OF(X509) * path, int at,
                 int64_t *out);

/* Has ISSUER, who signed CRL that names X, taken it off again with a newer
 * one, which is current where CRL is? libcrypto looks at one CRL, and at one
 * delta, of which somebody says that there are any; nobody has to say so (RFC
 * 5280 5.2.4). */
bool crl_is_overtaken(const struct path_question *q, X509_CRL *crl, X509 *x,
                      X509 *issuer);

/* The same of BROUGHT, of which only what the issuer itself has signed counts,
 * and what one of OTHERS (may be NULL) or of BROUGHT has not taken off by
 * UNTIL. */
bool crls_brought_revoke(STACK_OF(X509_CRL) * brought,
                         STACK_OF(X509_CRL) * others, int64_t until,
                         STACK_OF(X509) * path, int at, int64_t *out);

/* Signed with a digest that others can collide: who can do that can leave a
 * certificate out, and gains nothing from naming one. */
bool crl_is_weak(const X509_CRL *crl);

#endif
