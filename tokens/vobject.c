/* The one object behind a virtual slot: a private key as its description
 * tells it. */
#include "tokens/internal.h"
#include "tokens/vtoken.h"

#include <openssl/asn1.h>
#include <openssl/crypto.h>

struct value {
    const void *p;
    size_t n;
    CK_ULONG number;
    CK_BBOOL flag;
    uint8_t *owned;
};

static void
value_bool(struct value *v, bool flag)
{
    v->flag = flag ? CK_TRUE : CK_FALSE;
    v->p = &v->flag;
    v->n = sizeof(v->flag);
}

static void
value_number(struct value *v, CK_ULONG number)
{
    v->number = number;
    v->p = &v->number;
    v->n = sizeof(v->number);
}

/* CKA_EC_POINT is the DER of an OCTET STRING. */
static void
value_point(struct value *v, const struct token_identity *k)
{
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();

    if (s && k->point &&
        ASN1_OCTET_STRING_set(s, k->point, (int)k->point_len) == 1) {
        int n = i2d_ASN1_OCTET_STRING(s, &v->owned);

        v->p = v->owned;
        v->n = n > 0 ? (size_t)n : 0;
    }
    ASN1_OCTET_STRING_free(s);
}

static bool
value_of_key(const struct token_identity *k, CK_ATTRIBUTE_TYPE type,
             struct value *v)
{
    if (type == CKA_ID)
        v->p = k->id, v->n = k->id_len;
    else if (type == CKA_MODULUS)
        v->p = k->modulus, v->n = k->modulus_len;
    else if (type == CKA_PUBLIC_EXPONENT)
        v->p = k->exponent, v->n = k->exponent_len;
    else if (type == CKA_EC_PARAMS)
        v->p = k->curve, v->n = k->curve_len;
    else if (type == CKA_LABEL)
        v->p = k->label, v->n = strlen(k->label);
    else if (type == CKA_EC_POINT)
        value_point(v, k);
    return v->p != NULL;
}

/* The PIN of each operation is asked by us, not by libp11: ALWAYS_AUTHENTICATE
 * is not shown. */
static bool
value_find(const struct vkey *key, CK_ATTRIBUTE_TYPE type, struct value *v)
{
    const struct token_identity *k = &key->snapshot->all[key->index];

    *v = (struct value){0};
    if (type == CKA_CLASS)
        value_number(v, CKO_PRIVATE_KEY);
    else if (type == CKA_KEY_TYPE)
        value_number(v, k->type == TOKEN_KEY_RSA ? CKK_RSA : CKK_EC);
    else if (type == CKA_SIGN)
        value_bool(v, k->uses & TOKEN_USE_SIGN);
    else if (type == CKA_DECRYPT)
        value_bool(v, k->uses & TOKEN_USE_DECRYPT);
    else if (type == CKA_TOKEN || type == CKA_PRIVATE || type == CKA_SENSITIVE)
        value_bool(v, true);
    else if (type == CKA_EXTRACTABLE || type == CKA_ALWAYS_AUTHENTICATE)
        value_bool(v, false);
    else
        return value_of_key(k, type, v);
    return true;
}

CK_RV
vobject_read(const struct vkey *k, CK_ATTRIBUTE *a, CK_ULONG count)
{
    CK_RV rv = CKR_OK;

    for (CK_ULONG i = 0; i < count; i++) {
        struct value v;

        if (!value_find(k, a[i].type, &v)) {
            a[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        } else if (!a[i].pValue) {
            a[i].ulValueLen = v.n;
        } else if (a[i].ulValueLen < v.n) {
            a[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
            rv = CKR_BUFFER_TOO_SMALL;
        } else {
            memcpy(a[i].pValue, v.p, v.n);
            a[i].ulValueLen = v.n;
        }
        OPENSSL_free(v.owned);
    }
    return rv;
}

bool
vobject_matches(const struct vkey *k, const CK_ATTRIBUTE *a, CK_ULONG count)
{
    bool all = true;

    for (CK_ULONG i = 0; i < count; i++) {
        struct value v;
        bool same = value_find(k, a[i].type, &v) && a[i].ulValueLen == v.n &&
                    memcmp(a[i].pValue, v.p, v.n) == 0;

        OPENSSL_free(v.owned);
        all = all && same;
    }
    return all;
}
