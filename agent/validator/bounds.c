#include "agent/validator/bounds.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/x509v3.h>

#include "agent/base/limits.h"
#include "agent/validator/strict.h"

/* EVP_PKEY_get_bn_param reads and writes two kilobytes, whatever the number:
 * honest exponents have four bytes at most. */
#define SMALL_BYTES 8

BIGNUM *
rsa_exponent(const EVP_PKEY *key)
{
    unsigned char small[SMALL_BYTES];
    OSSL_PARAM wanted[] = {
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, small, sizeof(small)),
        OSSL_PARAM_construct_end()};
    BIGNUM *e = NULL;

    if (EVP_PKEY_get_params(key, wanted) == 1 &&
        OSSL_PARAM_modified(&wanted[0]) && OSSL_PARAM_get_BN(wanted, &e) == 1)
        return e;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
        e = NULL;
    ERR_clear_error();
    return e;
}

static bool
exponent_is_bounded(const EVP_PKEY *key)
{
    BIGNUM *e = rsa_exponent(key);
    bool bounded = e && BN_num_bits(e) <= LIMIT_RSA_EXPONENT_BITS;

    BN_free(e);
    return bounded;
}

bool
key_is_bounded(EVP_PKEY *key)
{
    char group[64];
    size_t n;

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return EVP_PKEY_get_bits(key) <= LIMIT_RSA_BITS &&
               exponent_is_bounded(key);
    case EVP_PKEY_DSA:
        return EVP_PKEY_get_bits(key) <= LIMIT_DSA_BITS;
    case EVP_PKEY_EC:
        return EVP_PKEY_get_group_name(key, group, sizeof(group), &n) == 1 &&
               n > 0;
    }
    return true;
}

/* A curve that is spelt out can look like a named one. */
static bool
curve_is_named(X509 *x)
{
    const ASN1_OBJECT *algorithm;
    X509_ALGOR *a = NULL;
    const void *value;
    int type;

    if (X509_PUBKEY_get0_param(NULL, NULL, NULL, &a, X509_get_X509_PUBKEY(x)) !=
        1)
        return true;
    X509_ALGOR_get0(&algorithm, &type, &value, a);
    return OBJ_obj2nid(algorithm) != NID_X9_62_id_ecPublicKey ||
           type == V_ASN1_OBJECT;
}

/* ---- lists --------------------------------------------------------------- */

/* Elements inside the first one of BYTES; SIZE_MAX when malformed. */
static size_t
elements_of(struct slice bytes)
{
    struct strict outer, one;
    size_t n = 0;

    if (!strict_next(&bytes, &outer))
        return SIZE_MAX;
    for (struct slice rest = outer.value; rest.n > 0; n++)
        if (!strict_next(&rest, &one))
            return SIZE_MAX;
    return n;
}

/* NameConstraints ::= SEQUENCE { [0] permitted, [1] excluded } */
static size_t
subtrees_of(struct slice bytes)
{
    struct strict outer, list;
    size_t n = 0;

    if (!strict_next(&bytes, &outer))
        return SIZE_MAX;
    for (struct slice rest = outer.value; rest.n > 0;) {
        size_t more;

        if (!strict_next(&rest, &list))
            return SIZE_MAX;
        more = elements_of(list.whole);
        if (more > SIZE_MAX - n)
            return SIZE_MAX;
        n += more;
    }
    return n;
}

static bool
extension_is_bounded(X509_EXTENSION *e)
{
    const ASN1_OCTET_STRING *s = X509_EXTENSION_get_data(e);
    struct slice value =
        slice_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));

    switch (OBJ_obj2nid(X509_EXTENSION_get_object(e))) {
    case NID_subject_alt_name:
        return elements_of(value) <= LIMIT_CERT_NAMES;
    case NID_name_constraints:
        return subtrees_of(value) <= LIMIT_CERT_SUBTREES;
    case NID_certificate_policies:
        return elements_of(value) <= LIMIT_CERT_POLICIES;
    case NID_policy_mappings:
        return elements_of(value) <= LIMIT_CERT_MAPPINGS;
    }
    return true;
}

bool
cert_is_bounded(X509 *x, EVP_PKEY *key)
{
    bool bounded =
        (!key || key_is_bounded(key)) && curve_is_named(x) &&
        X509_NAME_entry_count(X509_get_subject_name(x)) <= LIMIT_CERT_NAMES;

    for (int i = 0; bounded && i < X509_get_ext_count(x); i++)
        bounded = extension_is_bounded(X509_get_ext(x, i));
    ERR_clear_error();
    return bounded;
}
