/* What a key object says of its key: public components, uses. */
#include "tokens/objects.h"
#include "tokens/writing.h"

#include <openssl/asn1.h>

/* The point of CKA_EC_POINT: an OCTET STRING by the book, bare on some
 * tokens. size: what a bare one is long. */
static void
load_point(const CK_ATTRIBUTE *a, size_t size, struct token_identity *k,
           struct arena **arena)
{
    const unsigned char *p = a->pValue;
    ASN1_OCTET_STRING *s = NULL;

    if (!attribute_has(a))
        return;
    if (a->ulValueLen == size)
        k->point = arena_add(arena, a->pValue, k->point_len = size);
    else if ((s = d2i_ASN1_OCTET_STRING(NULL, &p, (long)a->ulValueLen)))
        k->point = arena_add(arena, ASN1_STRING_get0_data(s),
                             k->point_len = (size_t)ASN1_STRING_length(s));
    ASN1_OCTET_STRING_free(s);
}

/* 1.3.101.110 and 112, or the names PKCS#11 3.0 allows instead. */
static enum token_key_type
montgomery_or_edwards(const CK_ATTRIBUTE *params)
{
    static const uint8_t x25519[] = {6, 3, 0x2b, 0x65, 0x6e};
    static const uint8_t ed25519[] = {6, 3, 0x2b, 0x65, 0x70};
    const uint8_t *p = params->pValue;
    size_t n = params->ulValueLen;

    if (bytes_equal(p, n, x25519, 5) || bytes_equal(p, n,
                                                    "\x13\x0a"
                                                    "curve25519",
                                                    12))
        return TOKEN_KEY_X25519;
    if (bytes_equal(p, n, ed25519, 5) || bytes_equal(p, n,
                                                     "\x13\x0c"
                                                     "edwards25519",
                                                     14))
        return TOKEN_KEY_ED25519;
    return TOKEN_KEY_UNKNOWN;
}

static void
load_rsa(const struct object *o, struct token_identity *k, struct arena **a)
{
    struct token_bytes n = bytes_trim((struct token_bytes){
        o->a[A_MODULUS].pValue, o->a[A_MODULUS].ulValueLen});

    k->type = TOKEN_KEY_RSA;
    if (n.n)
        k->modulus = arena_add(a, n.p, k->modulus_len = n.n);
    if (n.n && attribute_has(&o->a[A_EXPONENT]))
        k->exponent = arena_add(a, o->a[A_EXPONENT].pValue,
                                k->exponent_len = o->a[A_EXPONENT].ulValueLen);
    unsigned top = n.n ? n.p[0] : 0, bits = n.n ? (unsigned)(n.n - 1) * 8 : 0;
    for (; top; top >>= 1)
        bits++;
    k->bits = bits;
}

void
object_add_components(const struct object *o, struct token_identity *k,
                      struct arena **a)
{
    const CK_ATTRIBUTE *params = &o->a[A_PARAMS];
    CK_ULONG type = attribute_ulong(&o->a[A_KEY_TYPE], CKK_VENDOR_DEFINED);

    if (type == CKK_RSA && !k->exponent)
        load_rsa(o, k, a);
    if (type == CKK_EC && attribute_has(params)) {
        k->type = TOKEN_KEY_EC;
        if (!k->curve)
            k->curve =
                arena_add(a, params->pValue, k->curve_len = params->ulValueLen);
        k->bits = curve_bits(params->pValue, params->ulValueLen);
        if (!k->point && k->bits)
            load_point(&o->a[A_POINT], 1 + 2 * ((k->bits + 7) / 8), k, a);
    }
    if ((type == CKK_EC_EDWARDS || type == CKK_EC_MONTGOMERY) &&
        attribute_has(params)) {
        k->type = montgomery_or_edwards(params);
        k->bits = k->type == TOKEN_KEY_UNKNOWN ? 0 : 253;
        if (!k->point)
            load_point(&o->a[A_POINT], 32, k, a);
    }
}

void
object_add_uses(const struct object *o, struct token_identity *k)
{
    k->has_private = true;
    k->always_authenticate = attribute_true(&o->a[A_ALWAYS]);
    k->uses = 0;
    if (attribute_true(&o->a[A_SIGN]))
        k->uses |= TOKEN_USE_SIGN;
    if (attribute_true(&o->a[A_DECRYPT]))
        k->uses |= TOKEN_USE_DECRYPT;
    if (attribute_true(&o->a[A_UNWRAP]))
        k->uses |= TOKEN_USE_UNWRAP;
    if (attribute_true(&o->a[A_DERIVE]))
        k->uses |= TOKEN_USE_DERIVE;
}
