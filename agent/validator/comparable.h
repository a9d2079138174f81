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

/* libcrypto takes what is behind the first ":" and "//" up to the next ":", or
 * where there is none up to "/", for the host, and refuses itself where no
 * "//" is there. */
enum uri {
    URI_COMPARABLE, /* with its host as libcrypto takes it, or refuses it */
    URI_MISREAD,    /* libcrypto takes the host for longer than it is */
    URI_UNREADABLE  /* what stands there for a host is none */
};
/* The host, borrowed, where it is misread; else *out_host is untouched. */
enum uri uri_read(struct slice uri, struct slice *out_host);

#endif
