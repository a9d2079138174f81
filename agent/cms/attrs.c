#include <time.h>

#include "agent/cms/certview.h"
#include "agent/cms/der.h"
#include "agent/cms/signed.h"
#include "agent/cms/signer_info.h"

#define ATTRIBUTE_COUNT      6
#define DIRECTORY_NAME       (TAG_CONTEXT_CONSTRUCTED + 4)
#define UTC_TIME_END         2524608000 /* 2050-01-01, RFC 5652 section 11.3 */
#define GENERALIZED_TIME_END 253402300800 /* 10000-01-01 */

/* Attributes one behind the other, with where each begins. */
struct attributes {
    struct buf bytes;
    size_t start[ATTRIBUTE_COUNT];
    size_t count;
};

/* Where an open attribute's SEQUENCE and SET began. */
struct open_attribute {
    size_t sequence;
    size_t values;
};

static struct open_attribute
attribute_open(struct attributes *a, enum oid oid)
{
    struct open_attribute open;

    if (a->count == ATTRIBUTE_COUNT)
        bug("more signed attributes than there are");
    a->start[a->count++] = a->bytes.len;
    open.sequence = der_open(&a->bytes, TAG_SEQUENCE);
    der_put_oid(&a->bytes, oid);
    open.values = der_open(&a->bytes, TAG_SET);
    return open;
}

static void
attribute_close(struct attributes *a, struct open_attribute open)
{
    der_close(&a->bytes, open.values);
    der_close(&a->bytes, open.sequence);
}

static enum err
add_signing_time(struct attributes *a, int64_t seconds, struct problem *p)
{
    struct open_attribute open = attribute_open(a, OID_SIGNING_TIME);
    bool utc = seconds >= 0 && seconds < UTC_TIME_END;
    time_t at = (time_t)seconds;
    struct tm tm;
    char text[32];
    size_t n;

    if (seconds < 0 || seconds >= GENERALIZED_TIME_END || !gmtime_r(&at, &tm))
        return fail(p, ERR_INTERNAL, "a signing time that cannot be written");
    n = strftime(text, sizeof(text), utc ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ",
                 &tm);
    der_put(&a->bytes, utc ? TAG_UTC_TIME : TAG_GENERALIZED_TIME,
            slice_of(text, n));
    attribute_close(a, open);
    return ERR_OK;
}

/* ESSCertIDv2 with SHA-256, its default, and issuerSerial (RFC 5035 4). */
static enum err
add_signing_certificate(struct attributes *a, const struct cert_view *cert,
                        struct problem *p)
{
    struct open_attribute open = attribute_open(a, OID_SIGNING_CERTIFICATE_V2);
    size_t v2 = der_open(&a->bytes, TAG_SEQUENCE);
    size_t certs = der_open(&a->bytes, TAG_SEQUENCE);
    size_t id = der_open(&a->bytes, TAG_SEQUENCE), serial, names, name;
    uint8_t digest[32];
    unsigned n = 0;

    if (EVP_Digest(cert->der.p, cert->der.n, digest, &n, hash_md(HASH_SHA256),
                   NULL) != 1)
        return fail(p, ERR_INTERNAL, "a digest failed");
    der_put(&a->bytes, TAG_OCTET_STRING, slice_of(digest, n));
    serial = der_open(&a->bytes, TAG_SEQUENCE);
    names = der_open(&a->bytes, TAG_SEQUENCE);
    name = der_open(&a->bytes, DIRECTORY_NAME);
    buf_add_slice(&a->bytes, cert->issuer);
    der_close(&a->bytes, name);
    der_close(&a->bytes, names);
    der_put(&a->bytes, TAG_INTEGER, cert->serial);
    der_close(&a->bytes, serial);
    der_close(&a->bytes, id);
    der_close(&a->bytes, certs);
    der_close(&a->bytes, v2);
    attribute_close(a, open);
    return ERR_OK;
}

static bool
is_signing_key_only(const struct cert_view *cert)
{
    return cert->key_algorithm == OID_ED25519 ||
           cert->key_algorithm == OID_RSA_PSS;
}

/* The certificate that mail to the signer is to be encrypted to. */
static bool
find_encryption(const struct signer_spec *spec, const struct cert_view *signer,
                struct cert_view *out)
{
    if (spec->encryption.n > 0)
        return cert_view_parse(spec->encryption, out);
    *out = *signer;
    return signer->may_encrypt && !is_signing_key_only(signer);
}

/* issuerAndSerialNumber [0] (RFC 8551 section 2.5.3). */
static void
add_key_preference(struct attributes *a, const struct cert_view *encryption)
{
    struct open_attribute open = attribute_open(a, OID_KEY_PREFERENCE);

    issuer_and_serial_write(TAG_CONTEXT_CONSTRUCTED, encryption->issuer,
                            encryption->serial, &a->bytes);
    attribute_close(a, open);
}

static void
add_encryption(struct attributes *a, const struct signer_spec *spec,
               const struct cert_view *signer)
{
    struct abilities abilities = {.cbc_only = spec->cbc_only};
    struct open_attribute open;
    struct cert_view encryption;
    bool can = find_encryption(spec, signer, &encryption);
    enum oid key = can ? encryption.key_algorithm : OID_UNKNOWN;

    abilities.oaep =
        spec->oaep && (key == OID_RSA_ENCRYPTION || key == OID_RSA_OAEP);
    abilities.agreement = key == OID_EC_PUBLIC_KEY || key == OID_X25519;
    open = attribute_open(a, OID_CAPABILITIES);
    capabilities_write(&abilities, &a->bytes);
    attribute_close(a, open);
    if (can)
        add_key_preference(a, &encryption);
}

static void
write_sorted(const struct attributes *a, struct buf *out)
{
    struct slice item[ATTRIBUTE_COUNT];

    for (size_t i = 0; i < a->count; i++) {
        size_t end = i + 1 < a->count ? a->start[i + 1] : a->bytes.len;

        item[i] = slice_of(a->bytes.data + a->start[i], end - a->start[i]);
    }
    der_put_set(out, TAG_SET, item, a->count);
}

static void
attributes_drop(struct attributes *a)
{
    buf_drop(&a->bytes);
}

enum err
signed_attrs_lasting(const struct signer_spec *spec, struct buf *out,
                     struct problem *p)
{
    AUTO(attributes) struct attributes a = {0};
    struct cert_view cert;
    enum err e;

    if (!cert_view_parse(spec->certificate, &cert))
        return fail(p, ERR_BAD_CERTIFICATE, "the signer's");
    if ((e = add_signing_certificate(&a, &cert, p)) != ERR_OK)
        return e;
    add_encryption(&a, spec, &cert);
    buf_add_slice(out, buf_slice(&a.bytes));
    return ERR_OK;
}

static void
add_lasting(struct attributes *a, struct slice lasting)
{
    struct der rest = der_of(lasting);

    while (der_is(&rest, TAG_SEQUENCE)) {
        if (a->count == ATTRIBUTE_COUNT)
            bug("more signed attributes than there are");
        a->start[a->count++] = a->bytes.len;
        buf_add_slice(&a->bytes, der_take_whole(&rest, TAG_SEQUENCE));
    }
}

enum err
signed_attrs_build(const struct signer_spec *spec, struct slice lasting,
                   struct slice content_digest, struct buf *out,
                   struct problem *p)
{
    AUTO(attributes) struct attributes a = {0};
    struct open_attribute open;
    enum err e;

    if (content_digest.n != hash_bytes(spec->hash) || content_digest.n == 0)
        bug("a content digest of the wrong size");
    open = attribute_open(&a, OID_CONTENT_TYPE);
    der_put_oid(&a.bytes, OID_DATA);
    attribute_close(&a, open);
    open = attribute_open(&a, OID_MESSAGE_DIGEST);
    der_put(&a.bytes, TAG_OCTET_STRING, content_digest);
    attribute_close(&a, open);
    if ((e = add_signing_time(&a, spec->signing_time, p)) != ERR_OK)
        return e;
    add_lasting(&a, lasting);
    write_sorted(&a, out);
    return ERR_OK;
}
