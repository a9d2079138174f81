/*
 * What libcrypto 3.0 refuses of name constraints and should not: it looks for
 * a SmtpUTF8Mailbox below the domain ".example" with two dots, so that none is
 * (RFC 9598 6 has it compared like an rfc822Name), and the host of a URI that
 * ends at "?" or "#" for longer. Runs in smime-validator.
 */
#ifndef AGENT_VALIDATOR_PERMITTED_H
#define AGENT_VALIDATOR_PERMITTED_H

#include <openssl/x509v3.h>
#include <stdbool.h>

#include "agent/base/err.h"

/* Do all issuers on PATH permit what LEAF, its first, names: all other names
 * by libcrypto's word, of a URI's host alone, each SmtpUTF8Mailbox as it has
 * to be compared? Says nothing of mailboxes that they exclude. */
MUST_USE bool path_permits_names(STACK_OF(X509) * path, X509 *leaf);

#endif
