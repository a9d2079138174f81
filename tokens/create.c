/* Creating a private key: plainly, or wrapped where the token wants that,
 * and then a look at what it made of it. */
#include "tokens/internal.h"
#include "tokens/writing.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>

#ifndef CKM_EC_MONTGOMERY_KEY_PAIR_GEN
#define CKM_EC_MONTGOMERY_KEY_PAIR_GEN 0x1056UL
#endif

static bool
key_is_complete(const struct token_private_key *k)
{
    switch (k->type) {
    case TOKEN_KEY_RSA:
        return k->modulus.n && k->exponent.n && k->private_exponent.n &&
               k->prime1.n && k->prime2.n && k->exponent1.n && k->exponent2.n &&
               k->coefficient.n;
    case TOKEN_KEY_EC:
        return k->curve.n && k->point.n && k->value.n;
    case TOKEN_KEY_ED25519:
    case TOKEN_KEY_X25519:
        return k->point.n == 32 && k->value.n == 32;
    case TOKEN_KEY_UNKNOWN:
        break;
    }
    return false;
}

enum tokens_err
token_key_id(const struct token_private_key *key,
             uint8_t out[TOKEN_KEY_ID_BYTES])
{
    struct token_bytes b =
        key->type == TOKEN_KEY_RSA ? bytes_trim(key->modulus) : key->point;

    if (!b.p || b.n == 0)
        return TOKENS_ARGUMENT;
    SHA1(b.p, b.n, out);
    return TOKENS_OK;
}

static bool
push_rsa(OSSL_PARAM_BLD *b, BIGNUM **n, const struct token_private_key *k,
         bool with_private)
{
    const struct {
        const char *name;
        struct token_bytes v;
    } all[] = {
        {OSSL_PKEY_PARAM_RSA_N, k->modulus},
        {OSSL_PKEY_PARAM_RSA_E, k->exponent},
        {OSSL_PKEY_PARAM_RSA_D, k->private_exponent},
        {OSSL_PKEY_PARAM_RSA_FACTOR1, k->prime1},
        {OSSL_PKEY_PARAM_RSA_FACTOR2, k->prime2},
        {OSSL_PKEY_PARAM_RSA_EXPONENT1, k->exponent1},
        {OSSL_PKEY_PARAM_RSA_EXPONENT2, k->exponent2},
        {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, k->coefficient},
    };

    for (size_t i = 0; i < (with_private ? ARRAY_COUNT(all) : 2); i++) {
        n[i] = BN_bin2bn(all[i].v.p, (int)all[i].v.n, NULL);
        if (!n[i] || !OSSL_PARAM_BLD_push_BN(b, all[i].name, n[i]))
            return false;
    }
    return true;
}

static bool
push_ec(OSSL_PARAM_BLD *b, BIGNUM **n, const struct token_private_key *k,
        bool with_private)
{
    int nid = curve_nid(k->curve.p, k->curve.n);

    if (!nid ||
        !OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME,
                                         OBJ_nid2sn(nid), 0) ||
        !OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY,
                                          k->point.p, k->point.n))
        return false;
    if (!with_private)
        return true;
    n[0] = BN_bin2bn(k->value.p, (int)k->value.n, NULL);
    return n[0] && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, n[0]);
}

static EVP_PKEY *
build_raw(const struct token_private_key *k, bool with_private)
{
    int type = k->type == TOKEN_KEY_X25519 ? EVP_PKEY_X25519 : EVP_PKEY_ED25519;

    return with_private ? EVP_PKEY_new_raw_private_key(type, NULL, k->value.p,
                                                       k->value.n)
                        : EVP_PKEY_new_raw_public_key(type, NULL, k->point.p,
                                                      k->point.n);
}

EVP_PKEY *
key_build(const struct token_private_key *k, bool with_private)
{
    if (k->type == TOKEN_KEY_ED25519 || k->type == TOKEN_KEY_X25519)
        return build_raw(k, with_private);
    bool rsa = k->type == TOKEN_KEY_RSA;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *n[8] = {0};
    EVP_PKEY *key = NULL;
    bool pushed = b && (rsa ? push_rsa(b, n, k, with_private)
                            : push_ec(b, n, k, with_private));
    OSSL_PARAM *params = pushed ? OSSL_PARAM_BLD_to_param(b) : NULL;
    EVP_PKEY_CTX *c =
        EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "EC", NULL);

    if (params && c && EVP_PKEY_fromdata_init(c) == 1 &&
        EVP_PKEY_fromdata(c, &key,
                          with_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(c);
    for (OSSL_PARAM *p = params; p && p->key; p++)
        OPENSSL_cleanse(p->data, p->data_size);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    for (size_t i = 0; i < ARRAY_COUNT(n); i++)
        BN_clear_free(n[i]);
    return key;
}

enum tokens_err
create_object(struct hold *h, struct template *t, CK_OBJECT_HANDLE *out)
{
    if (t->failed)
        return TOKENS_MEMORY;
    if (CALL(h, C_CreateObject, h->session, t->all, t->count, out))
        return h->result;
    return TOKENS_OK;
}

/* How tokens say that they take no private key in the clear. */
static bool
rv_wants_wrapping(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_VALUE_INVALID ||
           rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_TEMPLATE_INCOMPLETE ||
           rv == CKR_ATTRIBUTE_READ_ONLY || rv == CKR_FUNCTION_NOT_SUPPORTED ||
           rv == CKR_MECHANISM_INVALID;
}

bool
token_has_montgomery(struct hold *h)
{
    return token_has_mechanism(h, CKM_EC_MONTGOMERY_KEY_PAIR_GEN);
}

enum tokens_err
create_private_key(struct hold *h, const struct token_private_key *k,
                   struct token_bytes id, CK_OBJECT_HANDLE *out)
{
    AUTO(template) struct template whole = {0};
    AUTO(template) struct template attributes = {0};

    if (!key_is_complete(k))
        return TOKENS_ARGUMENT;
    whole.montgomery = attributes.montgomery = token_has_montgomery(h);
    template_private(&whole, k, id);
    template_private_secrets(&whole, k);
    enum tokens_err e = create_object(h, &whole, out);
    if (e == TOKENS_OK || whole.failed || !rv_wants_wrapping(h->rv))
        return e;
    template_private(&attributes, k, id);
    return wrap_create(h, k, &attributes, out);
}

enum tokens_err
create_check(struct hold *h, CK_OBJECT_HANDLE o,
             const struct token_private_key *k)
{
    CK_ATTRIBUTE a[] = {
        {CKA_TOKEN, NULL, 0},     {CKA_PRIVATE, NULL, 0},
        {CKA_SENSITIVE, NULL, 0}, {CKA_EXTRACTABLE, NULL, 0},
        {CKA_SIGN, NULL, 0},      {CKA_DECRYPT, NULL, 0},
        {CKA_UNWRAP, NULL, 0},    {CKA_DERIVE, NULL, 0},
    };
    const bool want[ARRAY_COUNT(a)] = {
        true,
        true,
        true,
        false,
        k->uses & TOKEN_USE_SIGN,
        k->uses & TOKEN_USE_DECRYPT,
        k->uses & TOKEN_USE_UNWRAP,
        k->uses & TOKEN_USE_DERIVE,
    };
    enum tokens_err e = TOKENS_OK;

    if (object_read(h, o, a, ARRAY_COUNT(a)) != CKR_OK)
        return h->result;
    for (size_t i = 0; i < ARRAY_COUNT(a); i++)
        if (attribute_true(&a[i]) != want[i])
            e = TOKENS_DIFFERENT;
    /* Not being told is not being told no. */
    if (!attribute_has(&a[3]))
        e = TOKENS_DIFFERENT;
    attributes_wipe(a, ARRAY_COUNT(a));
    return e;
}
