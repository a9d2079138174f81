/*
 * Addresses that an issuer's name constraints exclude (RFC 5280 4.2.1.10), in
 * the form that addresses are compared in. Runs in smime-validator behind
 * libcrypto's own check, which compares octets: a quoted local part, one in
 * other letters, an international domain in its other form would pass it and
 * be the excluded address all the same. Subtrees that permit need no second
 * look: what is not literally theirs is refused.
 */
#ifndef AGENT_VALIDATOR_EXCLUDED_H
#define AGENT_VALIDATOR_EXCLUDED_H

#include <openssl/x509.h>

#include "agent/validator/certs.h"

/* Is an address of LEAF excluded by one of the issuers on PATH, whose first
 * is LEAF itself? */
MUST_USE bool path_excludes_address(STACK_OF(X509) * path, struct cert *leaf);

#endif
