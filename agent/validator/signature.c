#include "agent/validator/signature.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

static void
pkey_ctx_drop(EVP_PKEY_CTX **c)
{
    EVP_PKEY_CTX_free(*c);
    *c = NULL;
}

static void
md_ctx_drop(EVP_MD_CTX **c)
{
    EVP_MD_CTX_free(*c);
    *c = NULL;
}

static bool
key_fits(const EVP_PKEY *key, const struct signature_algorithm *a)
{
    int type = EVP_PKEY_get_base_id(key);

    switch (a->scheme) {
    case SCHEME_RSA_PKCS1:
        return type == EVP_PKEY_RSA;
    case SCHEME_RSA_PSS:
        return type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS;
    case SCHEME_ECDSA:
        return type == EVP_PKEY_EC;
    case SCHEME_EDDSA:
        return type ==
               (a->hash == HASH_SHAKE256 ? EVP_PKEY_ED448 : EVP_PKEY_ED25519);
    case SCHEME_RSA_OAEP:
        break;
    }
    return false;
}

static bool
pss_set(EVP_PKEY_CTX *ctx, const struct signature_algorithm *a)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash_md(a->mgf_hash)) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, a->salt_bytes) == 1;
}

/* Ready to verify with KEY; NULL: it cannot. */
static EVP_PKEY_CTX *
verifier_new(EVP_PKEY *key, const struct signature_algorithm *a)
{
    AUTO(pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

    if (!ctx || EVP_PKEY_verify_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ctx, hash_md(a->hash)) != 1)
        return NULL;
    if (a->scheme == SCHEME_RSA_PSS && !pss_set(ctx, a))
        return NULL;
    if (a->scheme == SCHEME_RSA_PKCS1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1)
        return NULL;
    return TAKE(ctx);
}

/* Those of the last signers: to make one takes a third of using it. Each holds
 * its key, so that no other key can have come to the same place. */
#define KEPT_VERIFIERS 8

static struct verifier {
    EVP_PKEY_CTX *ctx;
    enum hash hash;
} verifiers[KEPT_VERIFIERS];
static size_t next_verifier;

static EVP_PKEY_CTX *
verifier_find(const EVP_PKEY *key, const struct signature_algorithm *a)
{
    for (size_t i = 0; i < KEPT_VERIFIERS; i++) {
        const struct verifier *v = &verifiers[i];

        if (v->ctx && EVP_PKEY_CTX_get0_pkey(v->ctx) == key &&
            v->hash == a->hash)
            return v->ctx;
    }
    return NULL;
}

/* Takes CTX, and lends it until KEPT_VERIFIERS more came. */
static EVP_PKEY_CTX *
verifier_keep(EVP_PKEY_CTX *ctx, const struct signature_algorithm *a)
{
    struct verifier *v = &verifiers[next_verifier++ % KEPT_VERIFIERS];

    pkey_ctx_drop(&v->ctx);
    *v = (struct verifier){ctx, a->hash};
    return ctx;
}

void
signature_make_room(void)
{
    pkey_ctx_drop(&verifiers[next_verifier % KEPT_VERIFIERS].ctx);
}

void
signature_drop(void)
{
    for (size_t i = 0; i < KEPT_VERIFIERS; i++)
        pkey_ctx_drop(&verifiers[i].ctx);
}

/* One for PSS is not kept: it has more that would have to be the same. Beside
 * that a key has one scheme. */
static bool
digest_is_signed(EVP_PKEY *key, const struct signature_algorithm *a,
                 struct slice digest, struct slice signature)
{
    bool keeps = a->scheme != SCHEME_RSA_PSS;
    AUTO(pkey_ctx) EVP_PKEY_CTX *own = NULL;
    EVP_PKEY_CTX *ctx = keeps ? verifier_find(key, a) : NULL;

    if (!ctx) {
        ctx = own = verifier_new(key, a);
        if (keeps && own)
            ctx = verifier_keep(TAKE(own), a);
    }
    return ctx && EVP_PKEY_verify(ctx, signature.p, signature.n, digest.p,
                                  digest.n) == 1;
}

static bool
bytes_are_signed(EVP_PKEY *key, struct slice bytes, struct slice signature)
{
    AUTO(md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    return ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
           EVP_DigestVerify(ctx, signature.p, signature.n, bytes.p, bytes.n) ==
               1;
}

static enum integrity
answer(bool right)
{
    ERR_clear_error();
    return right ? INTEGRITY_OK : INTEGRITY_SIGNATURE_WRONG;
}

enum integrity
signature_check(EVP_PKEY *key, const struct signature_algorithm *a,
                struct slice is_signed, struct slice digest,
                struct slice signature)
{
    uint8_t of_attributes[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!key_fits(key, a))
        return INTEGRITY_SIGNATURE_WRONG;
    if (a->scheme == SCHEME_EDDSA) {
        if (is_signed.n == 0)
            return INTEGRITY_UNSUPPORTED;
        return answer(bytes_are_signed(key, is_signed, signature));
    }
    if (!hash_md(a->hash))
        return INTEGRITY_UNSUPPORTED;
    if (is_signed.n > 0) {
        if (EVP_Digest(is_signed.p, is_signed.n, of_attributes, &n,
                       hash_md(a->hash), NULL) != 1)
            return INTEGRITY_UNSUPPORTED;
        digest = slice_of(of_attributes, n);
    }
    if (digest.n != hash_bytes(a->hash))
        return INTEGRITY_UNSUPPORTED;
    return answer(digest_is_signed(key, a, digest, signature));
}
