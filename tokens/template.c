/* Templates for new objects. Every value is a copy that is wiped. */
#include "tokens/internal.h"
#include "tokens/writing.h"

#include <openssl/asn1.h>
#include <openssl/crypto.h>

static const uint8_t ed25519_oid[] = {6, 3, 0x2b, 0x65, 0x70};
static const uint8_t x25519_oid[] = {6, 3, 0x2b, 0x65, 0x6e};

void
template_remove_uses(struct template *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->count; i++) {
        CK_ATTRIBUTE_TYPE type = t->all[i].type;

        if (type == CKA_VERIFY || type == CKA_ENCRYPT || type == CKA_WRAP)
            attributes_wipe(&t->all[i], 1);
        else
            t->all[n++] = t->all[i];
    }
    t->count = n;
}

struct token_bytes
bytes_trim(struct token_bytes b)
{
    if (!b.p)
        return (struct token_bytes){0};
    while (b.n > 0 && b.p[0] == 0)
        b.p++, b.n--;
    return b;
}

void
template_add(struct template *t, CK_ATTRIBUTE_TYPE type, const void *p,
             size_t n)
{
    void *copy = malloc(n + 1);

    if (!copy || t->count == LIMIT_TEMPLATE) {
        free(copy);
        t->failed = true;
        return;
    }
    if (n)
        memcpy(copy, p, n);
    t->all[t->count++] = (CK_ATTRIBUTE){type, copy, n};
}

void
template_add_ulong(struct template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    template_add(t, type, &value, sizeof(value));
}

void
template_add_bool(struct template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL b = value ? CK_TRUE : CK_FALSE;

    template_add(t, type, &b, sizeof(b));
}

void
template_drop(struct template *t)
{
    attributes_wipe(t->all, t->count);
    *t = (struct template){0};
}

static void
add_bytes(struct template *t, CK_ATTRIBUTE_TYPE type, struct token_bytes b)
{
    template_add(t, type, b.p, b.n);
}

static void
add_names(struct template *t, const struct token_private_key *k,
          struct token_bytes id)
{
    template_add(t, CKA_ID, id.p, id.n);
    if (k->label)
        template_add(t, CKA_LABEL, k->label, strlen(k->label));
    if (k->subject.n)
        add_bytes(t, CKA_SUBJECT, k->subject);
}

static CK_KEY_TYPE
key_type(const struct template *t, const struct token_private_key *k)
{
    if (k->type == TOKEN_KEY_RSA)
        return CKK_RSA;
    if (k->type == TOKEN_KEY_X25519 && t->montgomery)
        return CKK_EC_MONTGOMERY;
    return k->type == TOKEN_KEY_EC ? CKK_EC : CKK_EC_EDWARDS;
}

void
template_add_curve(struct template *t, const struct token_private_key *k)
{
    if (k->type == TOKEN_KEY_EC)
        add_bytes(t, CKA_EC_PARAMS, k->curve);
    else if (k->type == TOKEN_KEY_X25519)
        template_add(t, CKA_EC_PARAMS, x25519_oid, sizeof(x25519_oid));
    else
        template_add(t, CKA_EC_PARAMS, ed25519_oid, sizeof(ed25519_oid));
}

/* Every use is said: tokens take what is left out as allowed. */
void
template_private(struct template *t, const struct token_private_key *k,
                 struct token_bytes id)
{
    template_add_ulong(t, CKA_CLASS, CKO_PRIVATE_KEY);
    template_add_ulong(t, CKA_KEY_TYPE, key_type(t, k));
    template_add_bool(t, CKA_TOKEN, true);
    template_add_bool(t, CKA_PRIVATE, true);
    template_add_bool(t, CKA_SENSITIVE, true);
    template_add_bool(t, CKA_EXTRACTABLE, false);
    template_add_bool(t, CKA_SIGN, k->uses & TOKEN_USE_SIGN);
    template_add_bool(t, CKA_SIGN_RECOVER, false);
    template_add_bool(t, CKA_DECRYPT, k->uses & TOKEN_USE_DECRYPT);
    template_add_bool(t, CKA_UNWRAP, k->uses & TOKEN_USE_UNWRAP);
    template_add_bool(t, CKA_DERIVE, k->uses & TOKEN_USE_DERIVE);
    add_names(t, k, id);
}

static void
add_scalar(struct template *t, const struct token_private_key *k)
{
    uint8_t padded[128] = {0};
    struct token_bytes v = bytes_trim(k->value);
    size_t size = 32;

    if (k->type == TOKEN_KEY_EC)
        size = (curve_bits(k->curve.p, k->curve.n) + 7) / 8;
    else
        v = k->value; /* an Ed25519 seed or X25519 key is a string, not a number
                       */
    if (v.n > size || size == 0 || size > sizeof(padded)) {
        t->failed = true;
        return;
    }
    memcpy(padded + size - v.n, v.p, v.n);
    template_add(t, CKA_VALUE, padded, size);
    OPENSSL_cleanse(padded, sizeof(padded));
}

void
template_private_secrets(struct template *t, const struct token_private_key *k)
{
    if (k->type != TOKEN_KEY_RSA) {
        template_add_curve(t, k);
        add_scalar(t, k);
        return;
    }
    add_bytes(t, CKA_MODULUS, bytes_trim(k->modulus));
    add_bytes(t, CKA_PUBLIC_EXPONENT, bytes_trim(k->exponent));
    add_bytes(t, CKA_PRIVATE_EXPONENT, bytes_trim(k->private_exponent));
    add_bytes(t, CKA_PRIME_1, bytes_trim(k->prime1));
    add_bytes(t, CKA_PRIME_2, bytes_trim(k->prime2));
    add_bytes(t, CKA_EXPONENT_1, bytes_trim(k->exponent1));
    add_bytes(t, CKA_EXPONENT_2, bytes_trim(k->exponent2));
    add_bytes(t, CKA_COEFFICIENT, bytes_trim(k->coefficient));
}

static void
add_point(struct template *t, const struct token_private_key *k)
{
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    unsigned char *der = NULL;
    int n = -1;

    if (s && ASN1_OCTET_STRING_set(s, k->point.p, (int)k->point.n) == 1)
        n = i2d_ASN1_OCTET_STRING(s, &der);
    if (n > 0)
        template_add(t, CKA_EC_POINT, der, (size_t)n);
    else
        t->failed = true;
    OPENSSL_free(der);
    ASN1_OCTET_STRING_free(s);
}

void
template_public_start(struct template *t, const struct token_private_key *k,
                      struct token_bytes id)
{
    template_add_ulong(t, CKA_CLASS, CKO_PUBLIC_KEY);
    template_add_ulong(t, CKA_KEY_TYPE, key_type(t, k));
    template_add_bool(t, CKA_TOKEN, true);
    template_add_bool(t, CKA_PRIVATE, false);
    template_add_bool(t, CKA_VERIFY, k->uses & TOKEN_USE_SIGN);
    template_add_bool(t, CKA_ENCRYPT, k->uses & TOKEN_USE_DECRYPT);
    template_add_bool(t, CKA_WRAP, k->uses & TOKEN_USE_UNWRAP);
    add_names(t, k, id);
}

void
template_public(struct template *t, const struct token_private_key *k,
                struct token_bytes id)
{
    template_public_start(t, k, id);
    if (k->type == TOKEN_KEY_RSA) {
        add_bytes(t, CKA_MODULUS, bytes_trim(k->modulus));
        add_bytes(t, CKA_PUBLIC_EXPONENT, bytes_trim(k->exponent));
    } else {
        template_add_curve(t, k);
        add_point(t, k);
    }
}
