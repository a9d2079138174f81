#include "agent/validator/attributes.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "agent/cms/algorithm.h"
#include "agent/validator/certs.h"
#include "agent/validator/drop.h"
#include "agent/wire/records.h"

enum kind {
    KIND_CONTENT_TYPE,
    KIND_MESSAGE_DIGEST,
    KIND_SIGNING_TIME,
    KIND_CERTIFICATE_V1,
    KIND_CERTIFICATE_V2,
    KIND_CAPABILITIES,
    KIND_PREFERENCE,
    KIND_PREFERENCE_MS,
    KIND_PROTECTION,
    KIND_OTHER
};

#define DER_DIRECTORY_NAME      0xa4
#define DER_SIGNATURE_ALGORITHM 0xa1 /* CMSAlgorithmProtection's */

#define PKCS9 "\x2a\x86\x48\x86\xf7\x0d\x01\x09"

static const struct {
    const char *oid;
    size_t n;
} oid_of_kind[KIND_OTHER] = {
    [KIND_CONTENT_TYPE] = {PKCS9 "\x03", 9},
    [KIND_MESSAGE_DIGEST] = {PKCS9 "\x04", 9},
    [KIND_SIGNING_TIME] = {PKCS9 "\x05", 9},
    [KIND_CAPABILITIES] = {PKCS9 "\x0f", 9},
    [KIND_CERTIFICATE_V1] = {PKCS9 "\x10\x02\x0c", 11},
    [KIND_CERTIFICATE_V2] = {PKCS9 "\x10\x02\x2f", 11},
    [KIND_PREFERENCE] = {PKCS9 "\x10\x02\x0b", 11},
    /* 1.3.6.1.4.1.311.16.4 */
    [KIND_PREFERENCE_MS] = {"\x2b\x06\x01\x04\x01\x82\x37\x10\x04", 9},
    [KIND_PROTECTION] = {PKCS9 "\x34", 9},
};

static enum kind
kind_of(struct slice oid)
{
    for (int k = 0; k < KIND_OTHER; k++)
        if (slice_equal(oid, slice_of(oid_of_kind[k].oid, oid_of_kind[k].n)))
            return (enum kind)k;
    return KIND_OTHER;
}

/* One value of the type that its attribute has; false: not so. */
static bool
take_value(enum kind kind, const struct strict *d,
           struct signed_attributes *out)
{
    switch (kind) {
    case KIND_CONTENT_TYPE:
        out->content_type = d->value;
        return d->tag == DER_OID && d->value.n > 0;
    case KIND_MESSAGE_DIGEST:
        out->message_digest = d->value;
        return d->tag == DER_OCTETS && d->value.n > 0;
    case KIND_SIGNING_TIME:
        out->has_signing_time = true;
        return strict_time(d, &out->signing_time);
    case KIND_CERTIFICATE_V1:
        out->certificate_v1 = d->whole;
        return d->tag == DER_SEQUENCE;
    case KIND_CERTIFICATE_V2:
        out->certificate_v2 = d->whole;
        return d->tag == DER_SEQUENCE;
    case KIND_CAPABILITIES:
        if (d->tag == DER_SEQUENCE && d->whole.n <= 4096)
            out->capabilities = d->whole;
        return true;
    case KIND_PREFERENCE:
        out->preference = d->whole;
        return true;
    case KIND_PREFERENCE_MS:
        out->preference_ms = d->whole;
        return true;
    case KIND_PROTECTION:
        out->protection = d->whole;
        return d->tag == DER_SEQUENCE;
    case KIND_OTHER:
        return true;
    }
    return false;
}

static bool
is_optional(enum kind kind)
{
    return kind == KIND_CAPABILITIES || kind == KIND_PREFERENCE ||
           kind == KIND_PREFERENCE_MS;
}

static bool
attribute_read(struct slice attribute, bool *seen,
               struct signed_attributes *out)
{
    struct slice oid, values;
    struct strict value;
    enum kind kind;

    if (!strict_take(&attribute, DER_OID, &oid) ||
        !strict_take(&attribute, DER_SET, &values) || attribute.n != 0)
        return false;
    kind = kind_of(oid);
    if (kind == KIND_OTHER)
        return true;
    if (seen[kind] || !strict_next(&values, &value) || values.n != 0) {
        seen[kind] = true;
        if (kind == KIND_CAPABILITIES)
            out->capabilities = slice_of(NULL, 0);
        if (kind == KIND_PREFERENCE)
            out->preference = slice_of(NULL, 0);
        if (kind == KIND_PREFERENCE_MS)
            out->preference_ms = slice_of(NULL, 0);
        return is_optional(kind);
    }
    seen[kind] = true;
    return take_value(kind, &value, out);
}

bool
attributes_parse(struct slice der, struct signed_attributes *out)
{
    struct signed_attributes a = {0};
    bool seen[KIND_OTHER] = {0};
    struct slice set, attribute;

    if (!strict_take(&der, DER_SET, &set) || der.n != 0)
        return false;
    while (set.n > 0)
        if (!strict_take(&set, DER_SEQUENCE, &attribute) ||
            !attribute_read(attribute, seen, &a))
            return false;
    if (!seen[KIND_CONTENT_TYPE] || !seen[KIND_MESSAGE_DIGEST])
        return false;
    *out = a;
    return true;
}

/* IssuerSerial (RFC 5035 4), where it is there: the hash says which
 * certificate, this must not say another. */
static bool
issuer_serial_names(struct slice id, X509 *certificate)
{
    struct slice body, names, serial;
    struct strict issuer;

    if (id.n == 0)
        return true;
    return strict_take(&id, DER_SEQUENCE, &body) && id.n == 0 &&
           strict_take(&body, DER_SEQUENCE, &names) &&
           strict_take(&body, DER_INTEGER, &serial) && body.n == 0 &&
           strict_next(&names, &issuer) && names.n == 0 &&
           issuer.tag == DER_DIRECTORY_NAME &&
           x509_is_named(certificate, issuer.value, serial);
}

/* The first ESSCertID(v2): the signer's own (RFC 5035 4). */
static bool
ess_names(struct slice attribute, bool v2, X509 *certificate, struct slice der)
{
    enum hash h = v2 ? HASH_SHA256 : HASH_SHA1;
    struct slice certs, id, wanted, body;
    uint8_t digest[EVP_MAX_MD_SIZE];
    struct strict first;
    unsigned n = 0;

    if (!strict_take(&attribute, DER_SEQUENCE, &body) ||
        !strict_take(&body, DER_SEQUENCE, &certs) ||
        !strict_take(&certs, DER_SEQUENCE, &id))
        return false;
    if (v2 && id.n > 0 && id.p[0] == DER_SEQUENCE) {
        if (!strict_next(&id, &first))
            return false;
        h = hash_from_algorithm(first.whole);
    }
    return h != HASH_NONE && strict_take(&id, DER_OCTETS, &wanted) &&
           EVP_Digest(der.p, der.n, digest, &n, hash_md(h), NULL) == 1 &&
           slice_equal(wanted, slice_of(digest, n)) &&
           issuer_serial_names(id, certificate);
}

bool
attributes_name_certificate(const struct signed_attributes *a,
                            X509 *certificate, struct slice der)
{
    return (a->certificate_v1.n == 0 ||
            ess_names(a->certificate_v1, false, certificate, der)) &&
           (a->certificate_v2.n == 0 ||
            ess_names(a->certificate_v2, true, certificate, der));
}

/* Only the names are compared: some leave out a parameter that is NULL. */
static bool
is_same_algorithm(struct slice content, struct slice algorithm)
{
    struct slice body, a, b;

    return strict_take(&algorithm, DER_SEQUENCE, &body) &&
           strict_take(&content, DER_OID, &a) &&
           strict_take(&body, DER_OID, &b) && slice_equal(a, b);
}

bool
attributes_protect(const struct signed_attributes *a, struct slice digest,
                   struct slice signature)
{
    struct slice rest = a->protection, body, first, second;

    if (rest.n == 0)
        return true;
    return strict_take(&rest, DER_SEQUENCE, &body) &&
           strict_take(&body, DER_SEQUENCE, &first) &&
           strict_take(&body, DER_SIGNATURE_ALGORITHM, &second) &&
           body.n == 0 && is_same_algorithm(first, digest) &&
           is_same_algorithm(second, signature);
}

static void
name_drop(X509_NAME **name)
{
    X509_NAME_free(*name);
    *name = NULL;
}

/* Some write the issuer anew with other string types: then RFC 5280 7.1. */
static bool
issuer_is(X509 *cert, struct slice issuer)
{
    const X509_NAME *own = X509_get_issuer_name(cert);
    AUTO(name) X509_NAME *other = NULL;
    const uint8_t *der = NULL, *p = issuer.p;
    size_t n = 0;

    if (issuer.n == 0 || issuer.n > LIMIT_NAME_BYTES)
        return false;
    if (X509_NAME_get0_der(own, &der, &n) == 1 &&
        slice_equal(slice_of(der, n), issuer))
        return true;
    other = d2i_X509_NAME(NULL, &p, (long)issuer.n);
    return other && p == issuer.p + issuer.n && X509_NAME_cmp(own, other) == 0;
}

bool
x509_is_named(X509 *cert, struct slice issuer, struct slice serial)
{
    const ASN1_INTEGER *own = X509_get0_serialNumber(cert);
    uint8_t der[128], *p = der;
    struct slice rest, value;
    int n = i2d_ASN1_INTEGER(own, NULL);

    if (n <= 0 || n > (int)sizeof(der) || i2d_ASN1_INTEGER(own, &p) != n)
        return false;
    rest = slice_of(der, (size_t)n);
    return strict_take(&rest, DER_INTEGER, &value) &&
           slice_equal(value, serial) && issuer_is(cert, issuer);
}

bool
x509_has_key_id(X509 *cert, struct slice key_id)
{
    const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(cert);

    return own && key_id.n > 0 &&
           slice_equal(slice_of(ASN1_STRING_get0_data(own),
                                (size_t)ASN1_STRING_length(own)),
                       key_id);
}

/* szOID_MICROSOFT_Encryption_Key_Preference ([MS-OXOSMIME] 2.2.2): an
 * IssuerAndSerialNumber. */
static bool
prefers_by_microsoft(struct slice value, X509 *certificate)
{
    struct slice names, serial;
    struct strict issuer;

    return strict_take(&value, DER_SEQUENCE, &names) &&
           strict_next(&names, &issuer) &&
           strict_take(&names, DER_INTEGER, &serial) &&
           x509_is_named(certificate, issuer.whole, serial);
}

/* RFC 8551 2.5.3: [0] issuerAndSerialNumber, [1] recipientKeyId, [2]
 * subjectAltKeyIdentifier, all with implicit tags. */
bool
attributes_prefer(const struct signed_attributes *a, X509 *certificate)
{
    struct slice rest = a->preference, serial, key_id;
    struct strict choice, issuer;

    if (rest.n == 0 && a->preference_ms.n > 0)
        return prefers_by_microsoft(a->preference_ms, certificate);
    if (!strict_next(&rest, &choice))
        return false;
    switch (choice.tag) {
    case 0xa0:
        return strict_next(&choice.value, &issuer) &&
               strict_take(&choice.value, DER_INTEGER, &serial) &&
               x509_is_named(certificate, issuer.whole, serial);
    case 0xa1:
        return strict_take(&choice.value, DER_OCTETS, &key_id) &&
               x509_has_key_id(certificate, key_id);
    case 0x82:
        return x509_has_key_id(certificate, choice.value);
    }
    return false;
}

bool
attributes_fit_certificate(struct slice signed_attrs, int64_t now,
                           X509 *certificate, struct slice der)
{
    struct signed_attributes a = {0};
    int64_t at = now;

    if (attributes_parse(signed_attrs, &a)) {
        if (!attributes_name_certificate(&a, certificate, der))
            return false;
        at = a.has_signing_time ? a.signing_time : now;
    }
    return at >= x509_not_before(certificate) &&
           at <= x509_not_after(certificate);
}
