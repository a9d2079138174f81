/*
 * Addresses that an issuer's name constraints exclude (RFC 5280 4.2.1.10), in
 * the form that addresses are compared in. Runs in smime-validator behind
 * libcrypto's own check, which compares octets: a quoted local part, one in
 * other letters, an international domain in its other form would pass it and
 * be the excluded address all the same. Subtrees that permit need a second
 * look only where libcrypto refuses wrongly (permitted.h): what is not
 * literally theirs is refused.
 */
#ifndef AGENT_VALIDATOR_EXCLUDED_H
#define AGENT_VALIDATOR_EXCLUDED_H

#include <openssl/x509v3.h>

#include "agent/validator/certs.h"

/* Is an address of LEAF excluded by one of the issuers on PATH, whose first
 * is LEAF itself? */
MUST_USE bool path_excludes_address(STACK_OF(X509) * path, struct cert *leaf);

/* Is ADDRESS, in its canonical form, of SUBTREE: a mailbox, a host, or all
 * hosts of a domain (".example")? */
MUST_USE bool address_is_within(struct slice address, struct slice subtree);

/* The octets of an rfc822Name, borrowed. */
struct slice rfc822_name(const GENERAL_NAME *name);

/* SmtpUTF8Mailbox (RFC 9598)? */
bool is_utf8_mailbox(const GENERAL_NAME *name);

#endif
