/*
 * What a certificate may cost. Who sends mail chooses the certificates in
 * it, and some are cheap to make and dear to look at. Honest ones are far
 * below each bound, a LIMIT_ of limits.def; one that is not is used for
 * nothing. Runs in smime-validator.
 */
#ifndef AGENT_VALIDATOR_BOUNDS_H
#define AGENT_VALIDATOR_BOUNDS_H

#include <openssl/x509.h>

#include "agent/base/mem.h"

/* False when the key or a list of names or policies is over its bound, or an
 * elliptic curve is spelt out instead of named (RFC 5480 2.1.1 forbids it). */
bool cert_is_bounded(X509 *x, EVP_PKEY *key);

/* The same for a key alone. */
bool key_is_bounded(EVP_PKEY *key);

/* The public exponent of an RSA key, for the caller to free; NULL: there is
 * none. */
BIGNUM *rsa_exponent(const EVP_PKEY *key);

#endif
