/*
 * Names that libcrypto cannot compare with name constraints of their kind,
 * and lets pass (RFC 5280 4.2.1.10): a URI with a user, with an address for a
 * host, or whose host it takes for longer than it is, a name with the root's
 * dot at its end. Runs in smime-validator, behind libcrypto's own check.
 */
#ifndef AGENT_VALIDATOR_COMPARABLE_H
#define AGENT_VALIDATOR_COMPARABLE_H

#include <openssl/x509v3.h>

#include "agent/base/mem.h"

/* Has a certificate of PATH, whose last is the anchor, such a name of a kind
 * that an issuer above it limits? A limit that cannot be compared is one that
 * is not kept. */
bool path_has_incomparable(STACK_OF(X509) * path);

/* Does a URI name its host so that libcrypto finds it? */
bool uri_is_comparable(struct slice uri);

#endif
