/*
 * What is in the file as items: integers of keys, DER and fields of
 * certificates.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/importer/internal.h"
#include "agent/wire/values.h"

#define SPKI_LIMIT    2048
#define ED25519_BYTES 32

static enum key_type
type_of(const EVP_PKEY *pkey)
{
    /* A token knows RSA keys only; the certificate says that one of them is
     * for RSASSA-PSS (RFC 4055 section 3). */
    if (EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_is_a(pkey, "RSA-PSS"))
        return KEY_RSA;
    if (EVP_PKEY_is_a(pkey, "EC"))
        return KEY_EC;
    if (EVP_PKEY_is_a(pkey, "ED25519"))
        return KEY_ED25519;
    return EVP_PKEY_is_a(pkey, "X25519") ? KEY_X25519 : KEY_UNKNOWN;
}

/* The OID of a named curve, or NULL (owned by libcrypto's table). */
static const ASN1_OBJECT *
curve_of(const EVP_PKEY *pkey)
{
    char name[80];
    size_t n = 0;
    int nid;

    if (!EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name,
                                        sizeof(name), &n))
        return NULL;
    nid = OBJ_txt2nid(name);
    return nid == NID_undef ? NULL : OBJ_nid2obj(nid);
}

static bool
is_multi_prime(const EVP_PKEY *pkey)
{
    BIGNUM *third = NULL;
    bool is = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_FACTOR3, &third);

    BN_clear_free(third);
    return is;
}

enum err
key_check(EVP_PKEY *pkey, struct problem *p)
{
    enum err e = ERR_OK;

    switch (type_of(pkey)) {
    case KEY_RSA:
        if (EVP_PKEY_get_bits(pkey) > LIMIT_P12_RSA_BITS)
            e = fail(p, ERR_P12_UNSUPPORTED,
                     "an RSA key of %d bits, where %d are the most",
                     EVP_PKEY_get_bits(pkey), LIMIT_P12_RSA_BITS);
        else if (is_multi_prime(pkey))
            e = fail(p, ERR_P12_UNSUPPORTED,
                     "an RSA key of more than two primes");
        break;
    case KEY_EC:
        if (!curve_of(pkey))
            e = fail(p, ERR_P12_UNSUPPORTED, "an EC key on an unnamed curve");
        break;
    case KEY_ED25519:
    case KEY_X25519:
        break;
    case KEY_UNKNOWN:
        e = fail(p, ERR_P12_UNSUPPORTED, "a key of the type %s",
                 EVP_PKEY_get0_type_name(pkey) ? EVP_PKEY_get0_type_name(pkey)
                                               : "?");
        break;
    }
    ERR_clear_error();
    return e;
}

enum err
certificate_check(X509 *x, struct problem *p)
{
    if (i2d_X509(x, NULL) > LIMIT_CERT_BYTES ||
        i2d_X509_NAME(X509_get_subject_name(x), NULL) > LIMIT_NAME_BYTES ||
        i2d_X509_NAME(X509_get_issuer_name(x), NULL) > LIMIT_NAME_BYTES ||
        i2d_ASN1_INTEGER(X509_get0_serialNumber(x), NULL) > 64)
        return fail(p, ERR_LIMIT,
                    "a certificate of more than %d KiB, or with a name of more "
                    "than %d bytes",
                    LIMIT_CERT_BYTES / 1024, LIMIT_NAME_BYTES);
    return ERR_OK;
}

/* ---- values ------------------------------------------------------------ */

/* Encodes by an i2d function into B, which is cleared first. */
#define ENCODE(b, call, object)                                                \
    do {                                                                       \
        int n_ = call(object, NULL);                                           \
        unsigned char *at_;                                                    \
                                                                               \
        buf_clear(b);                                                          \
        if (n_ <= 0)                                                           \
            break;                                                             \
        buf_reserve((b), (size_t)n_);                                          \
        at_ = (b)->data;                                                       \
        (b)->len = (size_t)call(object, &at_);                                 \
    } while (0)

/* An integer as big-endian octets, at least WIDTH of them. */
static void
put_integer(struct buf *b, const EVP_PKEY *pkey, const char *which, int width)
{
    BIGNUM *bn = NULL;
    int n;

    buf_clear(b);
    if (!EVP_PKEY_get_bn_param(pkey, which, &bn))
        return;
    n = BN_num_bytes(bn) > width ? BN_num_bytes(bn) : width;
    buf_reserve(b, (size_t)n);
    if (BN_bn2binpad(bn, b->data, n) == n)
        b->len = (size_t)n;
    BN_clear_free(bn);
}

static size_t
put_rsa(struct p12 *p12, const EVP_PKEY *pkey)
{
    static const char *const part[] = {
        OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

    for (size_t i = 0; i < ARRAY_COUNT(part); i++)
        put_integer(&p12->value[i], pkey, part[i], 1);
    return ARRAY_COUNT(part);
}

static size_t
put_ec(struct p12 *p12, const EVP_PKEY *pkey)
{
    int width = (EVP_PKEY_get_bits(pkey) + 7) / 8;
    AUTO(buf) struct buf y = {0};

    ENCODE(&p12->value[0], i2d_ASN1_OBJECT, curve_of(pkey));
    put_integer(&p12->value[2], pkey, OSSL_PKEY_PARAM_EC_PUB_X, width);
    put_integer(&y, pkey, OSSL_PKEY_PARAM_EC_PUB_Y, width);
    buf_clear(&p12->value[1]);
    buf_add_byte(&p12->value[1], POINT_CONVERSION_UNCOMPRESSED);
    buf_add_slice(&p12->value[1], buf_slice(&p12->value[2]));
    buf_add_slice(&p12->value[1], buf_slice(&y));
    put_integer(&p12->value[2], pkey, OSSL_PKEY_PARAM_PRIV_KEY, width);
    return 3;
}

static size_t
put_edwards(struct p12 *p12, const EVP_PKEY *pkey)
{
    size_t n = ED25519_BYTES;

    for (size_t i = 0; i < 3; i++) {
        buf_clear(&p12->value[i]);
        buf_reserve(&p12->value[i], n);
    }
    if (EVP_PKEY_get_raw_public_key(pkey, p12->value[1].data, &n))
        p12->value[1].len = n;
    n = ED25519_BYTES;
    if (EVP_PKEY_get_raw_private_key(pkey, p12->value[2].data, &n))
        p12->value[2].len = n;
    return 3;
}

static size_t
put_key(struct p12 *p12, const EVP_PKEY *pkey, struct p12_item *out)
{
    out->bits = (uint32_t)EVP_PKEY_get_bits(pkey);
    out->type = type_of(pkey);
    switch (type_of(pkey)) {
    case KEY_RSA:
        return put_rsa(p12, pkey);
    case KEY_EC:
        return put_ec(p12, pkey);
    case KEY_ED25519:
    case KEY_X25519:
        return put_edwards(p12, pkey);
    case KEY_UNKNOWN:
        break;
    }
    bug("a key that key_check let through");
}

/* ---- labels ------------------------------------------------------------ */

/* As much of TEXT as fits, without cutting a character in two. */
static void
put_label(struct buf *b, const char *text)
{
    size_t n = strlen(text);

    if (n > LIMIT_LABEL_BYTES) {
        n = LIMIT_LABEL_BYTES;
        while (n > 0 && ((uint8_t)text[n] & 0xc0) == 0x80)
            n--;
    }
    buf_clear(b);
    buf_add(b, text, n);
}

/* The first address that a certificate names; false: none. */
static bool
put_address(struct buf *b, X509 *x)
{
    STACK_OF(OPENSSL_STRING) *all = X509_get1_email(x);
    bool found = false;

    for (int i = 0; !found && i < sk_OPENSSL_STRING_num(all); i++) {
        const char *s = sk_OPENSSL_STRING_value(all, i);

        found = utf8_is_valid(slice_text(s));
        if (found)
            put_label(b, s);
    }
    X509_email_free(all);
    return found;
}

static bool
put_common_name(struct buf *b, X509 *x)
{
    const X509_NAME *name = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *text = NULL;
    int n;

    if (at < 0)
        return false;
    n = ASN1_STRING_to_UTF8(
        &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (n > 0 && !memchr(text, 0, (size_t)n))
        put_label(b, (const char *)text);
    OPENSSL_free(text);
    return b->len > 0;
}

/* friendlyName of the key or the certificate, else the certificate's e-mail
 * address, else its common name. */
static void
choose_label(struct p12 *p12, const char *first, const char *second, X509 *x)
{
    struct buf *b = &p12->label;

    buf_clear(b);
    if (first)
        put_label(b, first);
    else if (second)
        put_label(b, second);
    else if (x && !put_address(b, x))
        (void)put_common_name(b, x);
    ERR_clear_error();
}

/* ---- items ------------------------------------------------------------- */

static void
add_value(struct p12_item *out, const struct buf *value)
{
    if (!slice_list_add(&out->value, buf_slice(value)))
        bug("an item of more values than a list takes");
}

/* What all certificates of a key allow together: a key with a signing and an
 * encryption certificate serves both. */
static uint32_t
usage_of_key(const struct p12 *p12, const EVP_PKEY *pkey,
             const struct p12_certificate **out_first)
{
    uint32_t usage = 0;

    *out_first = NULL;
    for (size_t i = 0; i < p12->certificate_count; i++) {
        const struct p12_certificate *c = &p12->certificate[i];

        if (c->key != pkey)
            continue;
        if (!*out_first)
            *out_first = c;
        usage |= X509_get_key_usage(c->x509);
    }
    return *out_first ? usage : UINT32_MAX;
}

static void
fill_key(struct p12 *p12, const struct p12_key *key, struct p12_item *out)
{
    const struct p12_certificate *c;
    size_t values;

    out->kind = P12_KEY;
    out->key_usage = usage_of_key(p12, key->pkey, &c);
    values = put_key(p12, key->pkey, out);
    for (size_t i = 0; i < values; i++)
        add_value(out, &p12->value[i]);
    choose_label(p12, key->label, c ? c->label : NULL, c ? c->x509 : NULL);
    ENCODE(&p12->spki, i2d_PUBKEY, key->pkey);
    if (c)
        ENCODE(&p12->subject, i2d_X509_NAME, X509_get_subject_name(c->x509));
}

static void
fill_certificate(struct p12 *p12, const struct p12_certificate *c,
                 struct p12_item *out)
{
    X509 *x = c->x509;

    out->kind = P12_CERTIFICATE;
    out->key_usage = X509_get_key_usage(x);
    out->is_ca = X509_check_ca(x) > 0;
    ENCODE(&p12->value[0], i2d_X509, x);
    add_value(out, &p12->value[0]);
    ENCODE(&p12->subject, i2d_X509_NAME, X509_get_subject_name(x));
    ENCODE(&p12->issuer, i2d_X509_NAME, X509_get_issuer_name(x));
    ENCODE(&p12->serial, i2d_ASN1_INTEGER, X509_get0_serialNumber(x));
    /* The key's own encoding, where there is a key: so the reader pairs by
     * comparing bytes. */
    if (c->key)
        ENCODE(&p12->spki, i2d_PUBKEY, c->key);
    else
        ENCODE(&p12->spki, i2d_X509_PUBKEY, X509_get_X509_PUBKEY(x));
    if (p12->spki.len > SPKI_LIMIT)
        buf_clear(&p12->spki);
    choose_label(p12, c->label, NULL, x);
}

static void
fill_end(struct p12 *p12, struct p12_item *out)
{
    out->kind = P12_END;
    buf_clear(&p12->label);
    if (p12->legacy.len > 0)
        buf_addf(&p12->label,
                 "the file has legacy encryption (%s), "
                 "which is weak: let nobody copy it",
                 buf_text(&p12->legacy));
    if (p12->left_out)
        buf_addf(&p12->label,
                 "%san item that is neither key nor certificate "
                 "was left out",
                 p12->label.len > 0 ? "; " : "");
}

void
p12_next(struct p12 *p12, struct p12_item *out)
{
    size_t i = p12->next;

    memset(out, 0, sizeof(*out));
    buf_clear(&p12->spki);
    buf_clear(&p12->subject);
    buf_clear(&p12->issuer);
    buf_clear(&p12->serial);
    for (size_t k = 0; k < ARRAY_COUNT(p12->value); k++)
        buf_clear(&p12->value[k]);
    if (i < p12->key_count)
        fill_key(p12, &p12->key[i], out);
    else if (i - p12->key_count < p12->certificate_count)
        fill_certificate(p12, &p12->certificate[i - p12->key_count], out);
    else
        fill_end(p12, out);
    if (out->kind != P12_END)
        p12->next++;
    out->label = buf_slice(&p12->label);
    out->spki = buf_slice(&p12->spki);
    out->subject = buf_slice(&p12->subject);
    out->issuer = buf_slice(&p12->issuer);
    out->serial = buf_slice(&p12->serial);
}
