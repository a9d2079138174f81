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

/* A context that is ready to verify; NULL: there is none for this. */
static EVP_PKEY_CTX *
context_new(EVP_PKEY *key, enum token_scheme scheme,
            const struct hash_row *hash)
{
    const EVP_MD *md = hash ? EVP_get_digestbynid(hash->nid) : NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);

    if (c && EVP_PKEY_verify_init(c) == 1 && set_padding(c, scheme, md))
        return c;
    EVP_PKEY_CTX_free(c);
    return NULL;
}

bool
signature_is_of(EVP_PKEY *key, enum token_scheme scheme,
                const struct hash_row *hash, const uint8_t *data, size_t n,
                const uint8_t *sig, size_t sig_len)
{
    if (scheme == TOKEN_EDDSA)
        return is_of_eddsa(key, data, n, sig, sig_len);

    EVP_PKEY_CTX *c = context_new(key, scheme, hash);
    bool ok = c && EVP_PKEY_verify(c, sig, sig_len, data, n) == 1;

    EVP_PKEY_CTX_free(c);
    return ok;
}

/* A key, with a context for the kind of signature that it made first: without
 * one, to verify takes half as long again. It is only copied, so threads share
 * it. */
struct verifier {
    EVP_PKEY *key;
    EVP_PKEY_CTX *ready; /* NULL: of EdDSA */
    enum token_scheme scheme;
    const struct hash_row *hash;
};

void
verifier_drop(struct verifier **v)
{
    if (!*v)
        return;
    EVP_PKEY_CTX_free((*v)->ready);
    EVP_PKEY_free((*v)->key);
    free(*v);
    *v = NULL;
}

static struct verifier *
verifier_new(const struct token_identity *k, enum token_scheme scheme,
             const struct hash_row *hash)
{
    struct verifier *v = calloc(1, sizeof(*v));

    if (!v)
        return NULL;
    v->scheme = scheme;
    v->hash = hash;
    v->key = identity_public_key(k);
    if (!v->key)
        verifier_drop(&v);
    else if (scheme != TOKEN_EDDSA)
        v->ready = context_new(v->key, scheme, hash);
    return v;
}

/* Made once for each reading of a token. Borrows; NULL: no key is shown. */
static const struct verifier *
snapshot_verifier(struct snapshot *s, size_t index, enum token_scheme scheme,
                  const struct hash_row *hash)
{
    struct verifier *none = NULL;
    struct verifier *v =
        __atomic_load_n(&s->verifiers[index], __ATOMIC_ACQUIRE);

    if (v)
        return v;
    v = verifier_new(&s->all[index], scheme, hash);
    if (!v || __atomic_compare_exchange_n(&s->verifiers[index], &none, v, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return v;
    verifier_drop(&v); /* another thread was first */
    return none;
}

static bool
verifier_accepts(const struct verifier *v, enum token_scheme scheme,
                 const struct hash_row *hash, const uint8_t *data, size_t n,
                 const uint8_t *sig, size_t sig_len)
{
    bool fits = v->ready && v->scheme == scheme && v->hash == hash;
    EVP_PKEY_CTX *c = fits ? EVP_PKEY_CTX_dup(v->ready) : NULL;

    if (!c)
        return signature_is_of(v->key, scheme, hash, data, n, sig, sig_len);
    bool ok = EVP_PKEY_verify(c, sig, sig_len, data, n) == 1;
    EVP_PKEY_CTX_free(c);
    return ok;
}

enum tokens_err
signature_verify(struct snapshot *s, size_t index, enum token_scheme scheme,
                 const struct hash_row *hash, const uint8_t *data, size_t n,
                 const uint8_t *sig, size_t sig_len)
{
    const struct verifier *v = snapshot_verifier(s, index, scheme, hash);

    if (!v || verifier_accepts(v, scheme, hash, data, n, sig, sig_len))
        return TOKENS_OK;
    ERR_clear_error();
    return TOKENS_BAD_SIGNATURE;
}
