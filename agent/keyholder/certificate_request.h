/*
 * PKCS#10 requests (RFC 2986) for keys that this process can only ask a token
 * to use: built here, signed elsewhere, put together here. Parses nothing.
 */
#ifndef AGENT_KEYHOLDER_CERTIFICATE_REQUEST_H
#define AGENT_KEYHOLDER_CERTIFICATE_REQUEST_H

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "agent/wire/values.h"

struct certificate_request;

/* Whether a certificate can be asked for with these: one mailbox, local part
 * in UTF-8, domain in ASCII; a name of at most 64 characters. ERR_BAD_REQUEST
 * says what is wrong. */
MUST_USE enum err certificate_request_check(struct slice address,
                                            struct slice name,
                                            struct problem *p);

/* Builds CertificationRequestInfo for the public key SPKI (DER): subject CN
 * (name, else the address), subjectAltName rfc822Name, or SmtpUTF8Mailbox
 * (RFC 9598) where the local part is not ASCII, and the key usages of S/MIME
 * that fit TYPE and, for what decrypts, the token. Gives *out; the bytes to
 * sign go to TBS. ERR_BAD_REQUEST, ERR_INTERNAL. */
MUST_USE enum err certificate_request_new(struct slice spki, enum key_type type,
                                          bool decrypts, struct slice address,
                                          struct slice name,
                                          struct certificate_request **out,
                                          struct buf *tbs, struct problem *p);

/* Adds the signature (PKCS#1 v1.5, ECDSA as DER, Ed25519) made with HASH and
 * writes
 * the whole request as DER. */
MUST_USE enum err certificate_request_finish(struct certificate_request *r,
                                             enum hash hash,
                                             struct slice signature,
                                             struct buf *out,
                                             struct problem *p);

void certificate_request_drop(struct certificate_request **r);

#endif
