/*
 * What a certificate says, for people and for choices. Foreign text is cut
 * here and escaped where it is shown.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "agent/base/log.h"
#include "agent/cms/algorithm.h"
#include "agent/cms/curve.h"
#include "agent/validator/address.h"
#include "agent/validator/bounds.h"
#include "agent/validator/certs.h"

void
facts_drop(struct facts **f)
{
    if (!*f)
        return;
    for (size_t i = 0; i < (*f)->address_count; i++)
        free((*f)->addresses[i]);
    free(*f);
    *f = NULL;
}

/* Cuts at a character's beginning; NUL becomes '?', so that the rest of a
 * name cannot hide behind it. */
static void
text_copy(char *out, size_t size, const uint8_t *p, size_t n)
{
    size_t len = n < size ? n : size - 1;

    while (len < n && len > 0 && (p[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = p[i] ? (char)p[i] : '?';
    out[len] = '\0';
}

/* ---- addresses ---------------------------------------------------------- */

static void
address_add(struct facts *f, const uint8_t *p, int n, bool utf8)
{
    AUTO(buf) struct buf address = {0};
    struct slice s;

    if (!address_read(slice_of(p, n > 0 ? (size_t)n : 0), utf8, &address)) {
        f->bad_address = true;
        return;
    }
    s = buf_slice(&address);
    for (size_t i = 0; i < f->address_count; i++)
        if (address_equal(slice_text(f->addresses[i]), s))
            return;
    if (f->address_count < LIMIT_CERT_ADDRESSES)
        f->addresses[f->address_count++] = mem_text(s);
    else
        f->more_addresses = true;
}

static void
address_of_general_name(struct facts *f, const GENERAL_NAME *g)
{
    const ASN1_STRING *s;

    if (g->type == GEN_EMAIL) {
        s = g->d.rfc822Name;
        address_add(f, ASN1_STRING_get0_data(s), ASN1_STRING_length(s), false);
    } else if (g->type == GEN_OTHERNAME &&
               OBJ_obj2nid(g->d.otherName->type_id) ==
                   NID_id_on_SmtpUTF8Mailbox) {
        if (g->d.otherName->value->type != V_ASN1_UTF8STRING) {
            f->bad_address = true;
            return;
        }
        s = g->d.otherName->value->value.utf8string;
        address_add(f, ASN1_STRING_get0_data(s), ASN1_STRING_length(s), true);
    }
}

static void
addresses_read(struct facts *f, X509 *x)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = -1;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        address_of_general_name(f, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    while ((at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress,
                                            at)) >= 0) {
        const ASN1_STRING *s =
            X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
        int type = ASN1_STRING_type(s);

        if (type == V_ASN1_IA5STRING || type == V_ASN1_UTF8STRING ||
            type == V_ASN1_PRINTABLESTRING)
            address_add(f, ASN1_STRING_get0_data(s), ASN1_STRING_length(s),
                        false);
        else
            f->bad_address = true;
    }
}

/* ---- names and numbers -------------------------------------------------- */

void
name_print(const X509_NAME *name, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    long n;

    if (!bio)
        abort();
    X509_NAME_print_ex(bio, name, 0,
                       XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    n = BIO_get_mem_data(bio, &p);
    text_copy(out, size, (const uint8_t *)p, n > 0 ? (size_t)n : 0);
    BIO_free(bio);
}

static void
common_name_read(struct facts *f, X509 *x)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = -1, last = -1, n;
    unsigned char *utf8 = NULL;

    while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
        last = at;
    if (last >= 0) {
        n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(
                                           X509_NAME_get_entry(subject, last)));
        if (n > 0)
            text_copy(f->name, sizeof(f->name), utf8, (size_t)n);
        OPENSSL_free(utf8);
    }
    if (f->name[0] == '\0' && f->address_count > 0)
        text_copy(f->name, sizeof(f->name), (const uint8_t *)f->addresses[0],
                  strlen(f->addresses[0]));
}

static void
serial_read(struct facts *f, X509 *x)
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(x);
    size_t n = (size_t)ASN1_STRING_length(s), most = 38;
    char *out = f->serial;

    if (ASN1_STRING_type(s) == V_ASN1_NEG_INTEGER)
        *out++ = '-';
    text_hex(slice_of(ASN1_STRING_get0_data(s), n < most ? n : most), out);
    if (n > most)
        memcpy(out + strlen(out), "...", 4);
}

int64_t
asn1_seconds(const ASN1_TIME *t, int64_t otherwise)
{
    struct tm tm;

    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : otherwise;
}

int64_t
x509_not_before(const X509 *x)
{
    return asn1_seconds(X509_get0_notBefore(x), INT64_MAX);
}

int64_t
x509_not_after(const X509 *x)
{
    return asn1_seconds(X509_get0_notAfter(x), 0);
}

/* ---- the key and what it may be used for -------------------------------- */

static enum key_type
type_of(const EVP_PKEY *key)
{
    switch (key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        return KEY_RSA;
    case EVP_PKEY_EC:
        return KEY_EC;
    case EVP_PKEY_ED25519:
        return KEY_ED25519;
    case EVP_PKEY_X25519:
        return KEY_X25519;
    }
    return KEY_UNKNOWN;
}

static bool
exponent_is_odd(const EVP_PKEY *key)
{
    BIGNUM *e = rsa_exponent(key);
    bool odd = e && BN_is_odd(e) && !BN_is_one(e);

    BN_free(e);
    return odd;
}

/* The ordinates of points whose multiples are eight at most, the last ones
 * written with the modulus added: to such a key anybody can sign (RFC 8032
 * 5.1.7 with A of small order). The highest bit is the abscissa's sign. */
static const char *const small_order[] = {
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    "\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
    "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
    "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
    "\xed\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\xee\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
};

static bool
is_small_on_25519(const uint8_t *point)
{
    for (size_t i = 0; i < ARRAY_COUNT(small_order); i++)
        if (memcmp(point, small_order[i], 32) == 0)
            return true;
    return false;
}

static bool
is_all(const uint8_t *p, size_t n, uint8_t octet)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != octet)
            return false;
    return true;
}

/* 0, 1, and the modulus 2^448 - 2^224 - 1 with -1, 0 and 1. */
static bool
is_small_on_448(const uint8_t *y)
{
    if (is_all(y + 1, 55, 0))
        return y[0] <= 1;
    if (is_all(y, 28, 0))
        return is_all(y + 28, 28, 0xff);
    return y[0] >= 0xfe && is_all(y + 1, 27, 0xff) && y[28] == 0xfe &&
           is_all(y + 29, 27, 0xff);
}

static bool
point_is_small(const EVP_PKEY *key)
{
    uint8_t point[57] = {0};
    size_t n = sizeof(point);

    if (EVP_PKEY_get_raw_public_key(key, point, &n) != 1)
        return true;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448)
        return is_small_on_448(point);
    point[31] &= 0x7f;
    return is_small_on_25519(point);
}

bool
key_is_weak(EVP_PKEY *key)
{
    int bits = key ? EVP_PKEY_get_bits(key) : 0;

    switch (type_of(key)) {
    case KEY_RSA:
        return bits < 2048 || !exponent_is_odd(key);
    case KEY_EC:
        return bits < 224;
    case KEY_ED25519:
        return point_is_small(key);
    case KEY_X25519:
        return false;
    case KEY_UNKNOWN:
        break;
    }
    if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448)
        return point_is_small(key);
    return !key || EVP_PKEY_get_base_id(key) != EVP_PKEY_X448;
}

bool
x509_is_for_mail(X509 *x)
{
    return (X509_get_extension_flags(x) & EXFLAG_XKUSAGE) == 0 ||
           (X509_get_extended_key_usage(x) & (XKU_SMIME | XKU_ANYEKU)) != 0;
}

/* RFC 8550 4.4.2 and 4.4.4; without an extension everything is allowed. */
static uint32_t
uses_of(X509 *x, const EVP_PKEY *key, enum key_type type)
{
    const uint32_t signs = USE_SIGN | USE_COMMIT;
    uint32_t usage = X509_get_key_usage(x), uses = 0;

    if ((X509_get_extension_flags(x) & EXFLAG_INVALID) || !x509_is_for_mail(x))
        return 0;
    if (usage & (X509v3_KU_DIGITAL_SIGNATURE | X509v3_KU_NON_REPUDIATION))
        uses |= USE_SIGN;
    if ((uses & USE_SIGN) && !(usage & X509v3_KU_DIGITAL_SIGNATURE))
        uses |= USE_COMMIT;
    if (usage & X509v3_KU_KEY_ENCIPHERMENT)
        uses |= USE_DECRYPT;
    if (usage & X509v3_KU_KEY_AGREEMENT)
        uses |= USE_AGREE;
    switch (type) {
    case KEY_RSA:
        return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS
                   ? uses & signs
                   : uses & (signs | USE_DECRYPT);
    case KEY_EC:
        return uses & (signs | USE_AGREE);
    case KEY_ED25519:
        return uses & signs;
    case KEY_X25519:
        return uses & USE_AGREE;
    case KEY_UNKNOWN:
        break;
    }
    /* Others sign with Ed448 (RFC 8419); a DSA key is weak, but for nothing
     * else than that. */
    return key && (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448 ||
                   EVP_PKEY_get_base_id(key) == EVP_PKEY_DSA)
               ? uses & signs
               : 0;
}

static void
key_hash_read(struct facts *f, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

    if (n > 0)
        EVP_Digest(der, (size_t)n, f->key_hash, NULL, hash_md(HASH_SHA256),
                   NULL);
    OPENSSL_free(der);
}

struct facts *
facts_read(X509 *x, EVP_PKEY *key)
{
    struct facts *f = mem_new(sizeof(*f));

    addresses_read(f, x);
    name_print(X509_get_subject_name(x), f->subject, sizeof(f->subject));
    name_print(X509_get_issuer_name(x), f->issuer, sizeof(f->issuer));
    common_name_read(f, x);
    serial_read(f, x);
    f->not_before = x509_not_before(x);
    f->not_after = x509_not_after(x);
    f->type = type_of(key);
    f->bits = key ? (uint32_t)EVP_PKEY_get_bits(key) : 0;
    f->curve = key && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448
                   ? "Ed448"
                   : curve_name(X509_get_X509_PUBKEY(x));
    f->weak_key = key_is_weak(key);
    f->is_ca = X509_check_ca(x) == 1;
    f->uses = uses_of(x, key, f->type);
    key_hash_read(f, x);
    ERR_clear_error();
    return f;
}
