/*
 * The table of algorithms: object identifiers and AlgorithmIdentifiers to
 * what the engine knows, and back (RFC 5754, 8017, 5753, 5084, 8419, 9688).
 * Runs in smime-session and smime-validator.
 */
#ifndef AGENT_CMS_ALGORITHM_H
#define AGENT_CMS_ALGORITHM_H

#include <openssl/evp.h>

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "agent/cms/oid.h"
#include "agent/wire/values.h"

/* Fetched once, before any sandbox (algorithm_warm_up); never freed. */
void algorithm_warm_up(void);
const EVP_MD *hash_md(enum hash h); /* NULL for HASH_NONE */
size_t hash_bytes(enum hash h);
const char *hash_name(enum hash h);        /* "SHA-256" */
const char *hash_micalg(enum hash h);      /* "sha-256" (RFC 8551 3.5.3.2) */
enum hash hash_from_micalg(const char *s); /* also "sha256", "sha1" */

/* Of a DER AlgorithmIdentifier; HASH_NONE when unknown. */
enum hash hash_from_algorithm(struct slice der);
void hash_write_algorithm(enum hash h, struct buf *out);

/* A signature AlgorithmIdentifier (with DIGEST of the SignerInfo for
 * rsaEncryption and id-ecPublicKey style names). */
struct signature_algorithm {
    enum scheme scheme;
    enum hash hash;     /* that the signature itself uses */
    enum hash mgf_hash; /* PSS */
    int salt_bytes;     /* PSS */
};
MUST_USE bool signature_from_algorithm(struct slice der, enum hash digest,
                                       struct signature_algorithm *out);
void signature_write_algorithm(const struct signature_algorithm *a,
                               struct buf *out);
/* "RSA PKCS#1 v1.5 with SHA-256" for reports. */
const char *signature_name(const struct signature_algorithm *a);

enum cipher {
    CIPHER_NONE,
    CIPHER_AES128_CBC,
    CIPHER_AES192_CBC,
    CIPHER_AES256_CBC,
    CIPHER_AES128_GCM,
    CIPHER_AES192_GCM,
    CIPHER_AES256_GCM,
    CIPHER_AES128_CCM,
    CIPHER_AES192_CCM,
    CIPHER_AES256_CCM,
    CIPHER_3DES_CBC,
    CIPHER_RC2_CBC
};
struct cipher_algorithm {
    enum cipher cipher;
    size_t key_bytes;
    size_t iv_bytes;
    uint8_t iv[16];
    size_t tag_bytes; /* AEAD */
    int rc2_bits;
};
MUST_USE bool cipher_from_algorithm(struct slice der,
                                    struct cipher_algorithm *out);
/* Not for a cipher that is read only: bug(). */
void cipher_write_algorithm(const struct cipher_algorithm *a, struct buf *out);
size_t cipher_key_bytes(enum cipher c); /* 0: RC2, by its parameters */
const char *cipher_name(enum cipher c); /* "AES-256-GCM" */
/* Hyphens and case aside: "aes256-gcm"; CIPHER_NONE for any other and for
 * what is never written. */
enum cipher cipher_from_name(const char *s);
enum cipher cipher_of_oid(enum oid oid); /* CIPHER_NONE: of no cipher */
bool cipher_is_aead(enum cipher c);
bool cipher_is_ccm(enum cipher c);
bool cipher_is_written(enum cipher c); /* the others are read only */
bool cipher_is_legacy(enum cipher c);  /* 3DES, RC2: read only, warned of */

#endif
