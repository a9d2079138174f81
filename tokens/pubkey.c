/* Public keys between PKCS#11's components and OpenSSL's EVP_PKEY. */
#include "tokens/internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

int
curve_nid(const uint8_t *der, size_t len)
{
    const unsigned char *p = der;
    ASN1_OBJECT *o = der ? d2i_ASN1_OBJECT(NULL, &p, (long)len) : NULL;
    int nid = o && p == der + len ? OBJ_obj2nid(o) : NID_undef;

    ASN1_OBJECT_free(o);
    return nid;
}

/* 0: it is no curve that is known. */
static unsigned
curve_number(const uint8_t *der, size_t len, int (*of)(const EC_GROUP *))
{
    int nid = curve_nid(der, len);
    EC_GROUP *g = nid ? EC_GROUP_new_by_curve_name(nid) : NULL;
    int number = g ? of(g) : 0;

    EC_GROUP_free(g);
    return (unsigned)number;
}

unsigned
curve_bits(const uint8_t *der, size_t len)
{
    return curve_number(der, len, EC_GROUP_get_degree);
}

unsigned
curve_order_bits(const uint8_t *der, size_t len)
{
    return curve_number(der, len, EC_GROUP_order_bits);
}

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *b, int selection)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (params && c && EVP_PKEY_fromdata_init(c) == 1 &&
        EVP_PKEY_fromdata(c, &key, selection, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *
rsa_public(const struct token_identity *k)
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn(k->modulus, (int)k->modulus_len, NULL);
    BIGNUM *e = BN_bin2bn(k->exponent, (int)k->exponent_len, NULL);
    EVP_PKEY *key = NULL;

    if (b && n && e && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e))
        key = from_params("RSA", b, EVP_PKEY_PUBLIC_KEY);
    BN_free(n);
    BN_free(e);
    OSSL_PARAM_BLD_free(b);
    return key;
}

static EVP_PKEY *
ec_public(const struct token_identity *k)
{
    int nid = curve_nid(k->curve, k->curve_len);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;

    if (b && nid &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME,
                                        OBJ_nid2sn(nid), 0) &&
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, k->point,
                                         k->point_len))
        key = from_params("EC", b, EVP_PKEY_PUBLIC_KEY);
    OSSL_PARAM_BLD_free(b);
    return key;
}

EVP_PKEY *
identity_public_key(const struct token_identity *k)
{
    switch (k->type) {
    case TOKEN_KEY_RSA:
        return k->modulus && k->exponent ? rsa_public(k) : NULL;
    case TOKEN_KEY_EC:
        return k->point && k->curve ? ec_public(k) : NULL;
    case TOKEN_KEY_ED25519:
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, k->point,
                                           k->point_len);
    case TOKEN_KEY_X25519:
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, k->point,
                                           k->point_len);
    case TOKEN_KEY_UNKNOWN:
        break;
    }
    return NULL;
}

static bool
add_bn(struct arena **a, EVP_PKEY *key, const char *name, const uint8_t **out,
       size_t *out_len)
{
    BIGNUM *n = NULL;
    uint8_t bytes[2048];

    if (!EVP_PKEY_get_bn_param(key, name, &n) ||
        (size_t)BN_num_bytes(n) > sizeof(bytes)) {
        BN_free(n);
        return false;
    }
    *out_len = (size_t)BN_bn2bin(n, bytes);
    *out = arena_add(a, bytes, *out_len);
    BN_free(n);
    return *out != NULL;
}

static bool
load_ec(EVP_PKEY *key, struct token_identity *out, struct arena **a)
{
    uint8_t point[512];
    char name[64];
    size_t n = 0;

    if (!EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         sizeof(point), &n) ||
        !EVP_PKEY_get_group_name(key, name, sizeof(name), NULL))
        return false;
    /* Without a name for the curve there is no OID: not for us. */
    ASN1_OBJECT *o = OBJ_txt2obj(name, 0);
    unsigned char *der = NULL;
    int len = o ? i2d_ASN1_OBJECT(o, &der) : -1;
    if (len > 0) {
        out->curve = arena_add(a, der, (size_t)len);
        out->curve_len = (size_t)len;
        out->point = arena_add(a, point, n);
        out->point_len = n;
    }
    OPENSSL_free(der);
    ASN1_OBJECT_free(o);
    return len > 0 && out->curve && out->point;
}

static bool
load_raw(EVP_PKEY *key, struct token_identity *out, struct arena **a)
{
    uint8_t point[64];
    size_t n = sizeof(point);

    if (EVP_PKEY_get_raw_public_key(key, point, &n) != 1)
        return false;
    out->point = arena_add(a, point, n);
    out->point_len = n;
    return out->point != NULL;
}

/* Fills type, components and bits from an EVP_PKEY. */
bool
identity_load_key(EVP_PKEY *key, struct token_identity *out, struct arena **a)
{
    bool ok = false;

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        out->type = TOKEN_KEY_RSA;
        ok = add_bn(a, key, OSSL_PKEY_PARAM_RSA_N, &out->modulus,
                    &out->modulus_len) &&
             add_bn(a, key, OSSL_PKEY_PARAM_RSA_E, &out->exponent,
                    &out->exponent_len);
        break;
    case EVP_PKEY_EC:
        out->type = TOKEN_KEY_EC;
        ok = load_ec(key, out, a);
        break;
    case EVP_PKEY_ED25519:
        out->type = TOKEN_KEY_ED25519;
        ok = load_raw(key, out, a);
        break;
    case EVP_PKEY_X25519:
        out->type = TOKEN_KEY_X25519;
        ok = load_raw(key, out, a);
        break;
    }
    out->bits = ok ? (unsigned)EVP_PKEY_get_bits(key) : 0;
    return ok;
}
