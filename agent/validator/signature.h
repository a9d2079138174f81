/*
 * One signature under one public key (RFC 5652 5.6). Runs in
 * smime-validator; holds no key of ours.
 */
#ifndef AGENT_VALIDATOR_SIGNATURE_H
#define AGENT_VALIDATOR_SIGNATURE_H

#include <openssl/evp.h>

#include "agent/cms/algorithm.h"
#include "agent/wire/values.h"

/*
 * Checks SIGNATURE over SIGNED (the signed attributes as a SET), or, when
 * SIGNED is empty, over content with this DIGEST of algorithm's hash. Gives
 * INTEGRITY_OK, INTEGRITY_SIGNATURE_WRONG (a key of another type too) or
 * INTEGRITY_UNSUPPORTED (EdDSA without attributes: the content itself would
 * be needed). KEY is of a certificate that is bounded.
 */
MUST_USE enum integrity signature_check(EVP_PKEY *key,
                                        const struct signature_algorithm *a,
                                        struct slice is_signed,
                                        struct slice digest,
                                        struct slice signature);

/* Forgets the keys that have verified. */
void signature_drop(void);

/* What the next new key needs is freed by now: it need not wait for that. */
void signature_make_room(void);

#endif
