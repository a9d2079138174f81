/*
 * The signatures along a path (RFC 5280 6.1.3 (a) (1) and (2)). That an
 * issuer's own certificate is signed and by whom was seen with the mail
 * before: that is not computed once more for each new person of that issuer.
 */
#ifndef AGENT_VALIDATOR_LINKS_H
#define AGENT_VALIDATOR_LINKS_H

#include <openssl/x509_vfy.h>

/*
 * CTX, whose time is set, will look here first. Where every signature holds
 * and every certificate is valid at that time, that is its answer, as
 * libcrypto's own would be, but that the callback hears of faults only; else
 * libcrypto goes through the path itself, once more from its top, and tells
 * each fault.
 */
void links_watch(X509_STORE_CTX *ctx);

/* Forgets all that was seen. */
void links_drop(void);

#endif
