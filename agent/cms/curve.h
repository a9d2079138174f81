/*
 * What the curve of a public key is called. Two curves of one size are not
 * one another's keys: secp256k1 is no P-256. Runs in smime-session and
 * smime-validator. Says nothing about what may be used.
 */
#ifndef AGENT_CMS_CURVE_H
#define AGENT_CMS_CURVE_H

#include <openssl/x509.h>

#include "agent/base/mem.h"

/* "P-256" where NIST has named it (FIPS 186-5), else as SEC 2 or RFC 5639 do:
 * "secp256k1", "brainpoolP256r1"; "" for a key on no curve, or on one that has
 * no known name. Lasts. */
const char *curve_name(const X509_PUBKEY *key);

/* The same of a SubjectPublicKeyInfo's DER. */
const char *curve_name_of(struct slice spki);

#endif
