#include "agent/validator/inherit.h"

#include <openssl/err.h>
#include <openssl/evp.h>

static bool
dsa_parts(X509 *x, int *type, const void **value, const unsigned char **key,
          int *key_len)
{
    X509_PUBKEY *pub = X509_get_X509_PUBKEY(x);
    const ASN1_OBJECT *algorithm;
    X509_ALGOR *a = NULL;

    if (!pub || X509_PUBKEY_get0_param(NULL, key, key_len, &a, pub) != 1)
        return false;
    X509_ALGOR_get0(&algorithm, type, value, a);
    return OBJ_obj2nid(algorithm) == NID_dsa;
}

bool
inherits_parameters(X509 *x)
{
    const unsigned char *key;
    const void *value;
    int type, n;

    return dsa_parts(x, &type, &value, &key, &n) &&
           (type == V_ASN1_UNDEF || type == V_ASN1_NULL);
}

static EVP_PKEY *
key_with(const ASN1_STRING *parameters, const unsigned char *key, int n)
{
    X509_PUBKEY *pub = X509_PUBKEY_new();
    ASN1_STRING *copy = ASN1_STRING_dup(parameters);
    unsigned char *bits = OPENSSL_memdup(key, (size_t)n), *der = NULL;
    const unsigned char *p;
    EVP_PKEY *out = NULL;
    int len;

    if (!pub || !copy || !bits ||
        X509_PUBKEY_set0_param(pub, OBJ_nid2obj(NID_dsa), V_ASN1_SEQUENCE, copy,
                               bits, n) != 1)
        abort();
    len = i2d_X509_PUBKEY(pub, &der);
    p = der;
    if (len > 0)
        out = d2i_PUBKEY(NULL, &p, len);
    OPENSSL_free(der);
    X509_PUBKEY_free(pub);
    return out;
}

X509 *
inherit_parameters(X509 *x, X509 *issuer)
{
    const unsigned char *key, *issuer_key;
    const void *value, *parameters;
    int type, n, issuer_n;
    EVP_PKEY *whole;
    X509 *copy = NULL;

    if (!inherits_parameters(x) || !dsa_parts(x, &type, &value, &key, &n) ||
        !dsa_parts(issuer, &type, &parameters, &issuer_key, &issuer_n) ||
        type != V_ASN1_SEQUENCE)
        return NULL;
    whole = key_with(parameters, key, n);
    if (whole)
        copy = X509_dup(x);
    if (copy && X509_set_pubkey(copy, whole) != 1) {
        X509_free(copy);
        copy = NULL;
    }
    EVP_PKEY_free(whole);
    ERR_clear_error();
    return copy;
}
