/*
 * PEM (RFC 7468), and the forms in which a CA hands out certificates. Runs in
 * smime-session: nothing here looks into a certificate.
 */
#ifndef AGENT_SESSION_PEM_H
#define AGENT_SESSION_PEM_H

#include <jansson.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/wire/records.h"

/* Gives DER as PEM text under LABEL ("CERTIFICATE"). */
json_t *json_pem(const char *label, struct slice der);

/* Certificates as DER; the slices borrow from bytes. */
struct certificate_bundle {
    struct buf bytes;
    struct slice item[LIMIT_BUNDLE_CERTIFICATES];
    size_t count;
};
void certificate_bundle_drop(struct certificate_bundle *b);

/* Reads a file of certificates: PEM (any number of blocks, certificates or
 * certs-only PKCS#7), DER, or a certs-only SignedData (RFC 8551 3.8); bare
 * base64 of the latter two as well. Errors: ERR_BAD_CERTIFICATE, ERR_LIMIT. */
MUST_USE enum err certificate_bundle_read(struct slice file,
                                          struct certificate_bundle *out,
                                          struct problem *p);

#endif
