/*
 * libcrypto's implementations, fetched once and shared: fetching costs more
 * than a small digest. Runs in smime-session and smime-validator, first
 * before any sandbox.
 */
#ifndef AGENT_CMS_FETCHED_H
#define AGENT_CMS_FETCHED_H

#include <openssl/evp.h>

#include "agent/cms/algorithm.h"

const EVP_CIPHER *cipher_evp(enum cipher c);  /* NULL: not available */
const EVP_CIPHER *wrap_evp(size_t kek_bytes); /* RFC 3394; 16, 24, 32 */
const EVP_CIPHER *wrap_3des_evp(void);        /* RFC 3217 */
const EVP_CIPHER *ecb_evp(size_t key_bytes);  /* AES, one block */

/* X9.63's KDF (RFC 5753 section 7.2): OUT_BYTES from SECRET and INFO. */
MUST_USE bool x963_derive(enum hash h, struct slice secret, struct slice info,
                          uint8_t *out, size_t out_bytes);

/* For AUTO(). */
static inline void
evp_key_drop(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
    *key = NULL;
}

static inline void
evp_key_ctx_drop(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
    *ctx = NULL;
}

static inline void
cipher_ctx_drop(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
    *ctx = NULL;
}

#endif
