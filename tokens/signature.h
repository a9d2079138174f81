/*
 * Signatures as tokens make them, and whether they are any (verify.c). Runs in
 * the key-holding process; asks no module.
 */
#ifndef TOKENS_SIGNATURE_H
#define TOKENS_SIGNATURE_H

#include "tokens/operation.h"

/* CKM_ECDSA's r and s, side by side, to DER. TOKENS_FAILED: they are none;
 * TOKENS_ARGUMENT: no room. */
enum tokens_err ecdsa_encode(const uint8_t *raw, size_t raw_len, uint8_t *out,
                             size_t room, size_t *out_len);

/* Is SIG (of ECDSA: DER) the signature by KEY of DATA, which is a digest made
 * with HASH, or, where that is NULL, bytes that are signed as they are? */
bool signature_is_of(struct evp_pkey_st *key, enum token_scheme scheme,
                     const struct hash_row *hash, const uint8_t *data, size_t n,
                     const uint8_t *sig, size_t sig_len);

/* A snapshot's own. */
void verifier_drop(struct verifier **v);

/* The same with the public key of identity INDEX: TOKENS_BAD_SIGNATURE. What a
 * token shows no public key of passes. */
enum tokens_err signature_verify(struct snapshot *s, size_t index,
                                 enum token_scheme scheme,
                                 const struct hash_row *hash,
                                 const uint8_t *data, size_t n,
                                 const uint8_t *sig, size_t sig_len);

#endif
