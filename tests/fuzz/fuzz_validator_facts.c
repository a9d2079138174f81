/*
 * One certificate: its addresses are those that OpenSSL names, none holds a
 * NUL, and the outline that a session reads has the same names, number and
 * key.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/cms/algorithm.h"
#include "agent/cms/certview.h"
#include "agent/cms/der.h"
#include "agent/validator/address.h"
#include "agent/validator/certs.h"
#include "tests/fuzz/mutate.h"

MUTATES_DER(0)

static bool
is_in(const char *address, STACK_OF(OPENSSL_STRING) * all)
{
    for (int i = 0; i < sk_OPENSSL_STRING_num(all); i++)
        if (address_equal(slice_text(address),
                          slice_text(sk_OPENSSL_STRING_value(all, i))))
            return true;
    return false;
}

/* An emailAddress of the subject that is no IA5String: OpenSSL's list has
 * only those. */
static bool
is_in_subject(const char *address, X509 *x)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = -1;

    while ((at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress,
                                            at)) >= 0) {
        const ASN1_STRING *s =
            X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));

        if (address_equal(slice_of(ASN1_STRING_get0_data(s),
                                   (size_t)ASN1_STRING_length(s)),
                          slice_text(address)))
            return true;
    }
    return false;
}

/* SmtpUTF8Mailbox (RFC 8398), which X509_get1_email leaves out. */
static bool
is_in_other_names(const char *address, X509 *x)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        ASN1_OBJECT *type = NULL;
        ASN1_TYPE *value = NULL;

        if (GENERAL_NAME_get0_otherName(sk_GENERAL_NAME_value(names, i), &type,
                                        &value) != 1 ||
            OBJ_obj2nid(type) != NID_id_on_SmtpUTF8Mailbox ||
            value->type != V_ASN1_UTF8STRING)
            continue;
        found |= address_equal(
            slice_of(ASN1_STRING_get0_data(value->value.utf8string),
                     (size_t)ASN1_STRING_length(value->value.utf8string)),
            slice_text(address));
    }
    GENERAL_NAMES_free(names);
    return found;
}

static void
check_addresses(const struct facts *f, X509 *x)
{
    STACK_OF(OPENSSL_STRING) *all = X509_get1_email(x);

    REQUIRE(f->address_count <= LIMIT_CERT_ADDRESSES);
    for (size_t i = 0; i < f->address_count; i++) {
        AUTO(buf) struct buf again = {0};

        /* What was read once reads as itself. */
        REQUIRE(address_read(slice_text(f->addresses[i]), true, &again) &&
                slice_is(buf_slice(&again), f->addresses[i]));
        REQUIRE(is_in(f->addresses[i], all) ||
                is_in_subject(f->addresses[i], x) ||
                is_in_other_names(f->addresses[i], x));
    }
    for (int i = 0; i < sk_OPENSSL_STRING_num(all); i++) {
        bool known = false;

        for (size_t k = 0; k < f->address_count; k++)
            known |= address_equal(slice_text(f->addresses[k]),
                                   slice_text(sk_OPENSSL_STRING_value(all, i)));
        REQUIRE(known || f->bad_address ||
                f->address_count == LIMIT_CERT_ADDRESSES);
    }
    X509_email_free(all);
}

static struct slice
name_der(const X509_NAME *name)
{
    const unsigned char *der = NULL;
    size_t n = 0;

    REQUIRE(X509_NAME_get0_der(name, &der, &n) == 1);
    return slice_of(der, n);
}

/* A session finds keys and signers by these. */
static void
check_outline(struct slice der, X509 *x)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(x);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    struct cert_view v;

    if (!cert_view_parse(der, &v))
        return;
    REQUIRE(slice_equal(v.issuer, name_der(X509_get_issuer_name(x))));
    REQUIRE(slice_equal(v.subject, name_der(X509_get_subject_name(x))));
    if (ASN1_STRING_type(serial) == V_ASN1_INTEGER && v.serial.p[0] != 0)
        REQUIRE(slice_equal(v.serial,
                            slice_of(ASN1_STRING_get0_data(serial),
                                     (size_t)ASN1_STRING_length(serial))));
    if (id && X509_get_ext_by_NID(
                  x, NID_subject_key_identifier,
                  X509_get_ext_by_NID(x, NID_subject_key_identifier, -1)) < 0)
        /* Empty: something stands behind it in its extension, which OpenSSL
         * passes over. Such a certificate is found by its issuer. */
        REQUIRE(
            v.key_id.n == 0 ||
            slice_equal(v.key_id, slice_of(ASN1_STRING_get0_data(id),
                                           (size_t)ASN1_STRING_length(id))));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct certs *certs;
    struct slice der = slice_of(data, size);
    AUTO(buf) struct buf record = {0};
    struct description d;
    struct cert *cert;
    const uint8_t *p = data;
    X509 *x;

    if (!certs) {
        algorithm_warm_up();
        certs = certs_new();
    }
    if (!(cert = certs_find(certs, der)))
        return 0;
    x = d2i_X509(NULL, &p, (long)size);
    REQUIRE(x && p == data + size);
    check_addresses(cert_facts(cert), x);
    check_outline(der, x);
    cert_describe(cert, CHAIN_NOT_ASKED, false, &record);
    REQUIRE(record_decode(RECORD_description, buf_slice(&record), &d));
    REQUIRE(d.addresses.n == cert_facts(cert)->address_count);
    X509_free(x);
    ERR_clear_error();
    return 0;
}
