/*
 * Signatures are verified before they leave (sign.c says which). A token that
 * makes a mistake, or is made to, gives its key away with it: of RSA by the
 * Chinese remainder one wrong signature is enough (Boneh, DeMillo, Lipton
 * 1997), of EdDSA a right and a wrong one of the same message.
 */
#include "tokens/signature.h"

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

/* r and s side by side become an Ecdsa-Sig-Value (RFC 3279, 2.2.3). */
enum tokens_err
ecdsa_encode(const uint8_t *raw, size_t raw_len, uint8_t *out, size_t room,
             size_t *out_len)
{
    size_t half = raw_len / 2;
    uint8_t *der = NULL;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(raw + half, (int)half, NULL);
    int n = -1;

    if (sig && r && s && raw_len == 2 * half &&
        ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL;
        n = i2d_ECDSA_SIG(sig, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(sig);
    if (n <= 0 || (size_t)n > room) {
        OPENSSL_free(der);
        return n <= 0 ? TOKENS_FAILED : TOKENS_ARGUMENT;
    }
    memcpy(out, der, (size_t)n);
    *out_len = (size_t)n;
    OPENSSL_free(der);
    return TOKENS_OK;
}

static bool
is_of_eddsa(EVP_PKEY *key, const uint8_t *data, size_t n, const uint8_t *sig,
            size_t sig_len)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool ok = c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(c, sig, sig_len, data, n) == 1;

    EVP_MD_CTX_free(c);
    return ok;
}

/* Without a hash an RSA signature is of the bytes as they are: no DigestInfo
 * on either side. */
static bool
set_padding(EVP_PKEY_CTX *c, enum token_scheme scheme, const EVP_MD *md)
{
    if (scheme == TOKEN_ECDSA)
        return true;
    if (EVP_PKEY_CTX_set_rsa_padding(c, scheme == TOKEN_RSA_PSS
                                            ? RSA_PKCS1_PSS_PADDING
                                            : RSA_PKCS1_PADDING) != 1)
        return false;
    return (!md || EVP_PKEY_CTX_set_signature_md(c, md) == 1) &&
           (scheme != TOKEN_RSA_PSS ||
            EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1);
}

bool
signature_is_of(EVP_PKEY *key, enum token_scheme scheme,
                const struct hash_row *hash, const uint8_t *data, size_t n,
                const uint8_t *sig, size_t sig_len)
{
    if (scheme == TOKEN_EDDSA)
        return is_of_eddsa(key, data, n, sig, sig_len);

    const EVP_MD *md = hash ? EVP_get_digestbynid(hash->nid) : NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    bool ok = c && EVP_PKEY_verify_init(c) == 1 && set_padding(c, scheme, md) &&
              EVP_PKEY_verify(c, sig, sig_len, data, n) == 1;

    EVP_PKEY_CTX_free(c);
    return ok;
}

/* Made once for each reading of a token. Borrows; NULL: it is not shown. */
static EVP_PKEY *
snapshot_public(struct snapshot *s, size_t index)
{
    EVP_PKEY *none = NULL;
    EVP_PKEY *key = __atomic_load_n(&s->publics[index], __ATOMIC_ACQUIRE);

    if (key)
        return key;
    key = identity_public_key(&s->all[index]);
    if (!key ||
        __atomic_compare_exchange_n(&s->publics[index], &none, key, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return key;
    EVP_PKEY_free(key); /* another thread was first */
    return none;
}

enum tokens_err
signature_verify(struct snapshot *s, size_t index, enum token_scheme scheme,
                 const struct hash_row *hash, const uint8_t *data, size_t n,
                 const uint8_t *sig, size_t sig_len)
{
    EVP_PKEY *key = snapshot_public(s, index);

    if (!key || signature_is_of(key, scheme, hash, data, n, sig, sig_len))
        return TOKENS_OK;
    ERR_clear_error();
    return TOKENS_BAD_SIGNATURE;
}
