#include "agent/cms/certview.h"

#include "agent/cms/der.h"

#define VERSION_FIELD     TAG_CONTEXT_CONSTRUCTED
#define ISSUER_UID_FIELD  (TAG_CONTEXT + 1)
#define SUBJECT_UID_FIELD (TAG_CONTEXT + 2)
#define EXTENSIONS_FIELD  (TAG_CONTEXT_CONSTRUCTED + 3)

/* keyUsage bits 2 and 4 (RFC 5280 4.2.1.3), counted from the highest. */
#define KEY_ENCIPHERMENT 0x20
#define KEY_AGREEMENT    0x08

static void
read_extension(struct slice name, struct slice value, struct cert_view *out)
{
    enum oid oid = oid_find(name);
    struct der d = der_of(value);
    struct slice body;

    if (oid == OID_SUBJECT_KEY_ID) {
        body = der_take(&d, TAG_OCTET_STRING);
        out->key_id = der_done(&d) ? body : slice_of(NULL, 0);
    } else if (oid == OID_KEY_USAGE) {
        body = der_take(&d, TAG_BIT_STRING);
        out->may_encrypt =
            body.n > 1 && (body.p[1] & (KEY_ENCIPHERMENT | KEY_AGREEMENT));
    }
}

static bool
read_extensions(struct der *tbs, struct cert_view *out)
{
    struct der field = der_enter(tbs, EXTENSIONS_FIELD);
    struct der list = der_enter(&field, TAG_SEQUENCE);

    while (der_is(&list, TAG_SEQUENCE)) {
        struct der d = der_enter(&list, TAG_SEQUENCE);
        struct slice name = der_take(&d, TAG_OID), value;

        if (der_is(&d, TAG_BOOLEAN))
            (void)der_take(&d, TAG_BOOLEAN);
        value = der_take(&d, TAG_OCTET_STRING);
        if (!der_done(&d))
            return false;
        read_extension(name, value, out);
    }
    return der_done(&list) && der_done(&field);
}

/* A certificate is one whatever its key is; an unknown one has no name. */
static void
read_key(struct cert_view *out)
{
    struct der outer = der_of(out->spki);
    struct der d = der_enter(&outer, TAG_SEQUENCE);
    struct slice algorithm = der_take_whole(&d, TAG_SEQUENCE);
    struct slice key = der_take_whole(&d, TAG_BIT_STRING), parameters;
    enum oid oid;

    if (!der_done(&d) || !der_done(&outer) ||
        !der_algorithm(algorithm, &oid, &parameters))
        return;
    out->key_algorithm = oid;
    out->key_parameters = parameters;
    out->key = key;
}

/* TBSCertificate, RFC 5280 section 4.1. */
static bool
read_tbs(struct der *d, struct cert_view *out)
{
    if (der_is(d, VERSION_FIELD))
        (void)der_take(d, VERSION_FIELD);
    out->serial = der_take(d, TAG_INTEGER);
    (void)der_take(d, TAG_SEQUENCE); /* signature */
    out->issuer = der_take_whole(d, TAG_SEQUENCE);
    (void)der_take(d, TAG_SEQUENCE); /* validity */
    out->subject = der_take_whole(d, TAG_SEQUENCE);
    out->spki = der_take_whole(d, TAG_SEQUENCE);
    if (der_is(d, ISSUER_UID_FIELD))
        (void)der_take(d, ISSUER_UID_FIELD);
    if (der_is(d, SUBJECT_UID_FIELD))
        (void)der_take(d, SUBJECT_UID_FIELD);
    if (der_is(d, EXTENSIONS_FIELD) && !read_extensions(d, out))
        return false;
    read_key(out);
    return der_done(d) && out->serial.n > 0;
}

bool
cert_view_parse(struct slice der, struct cert_view *out)
{
    struct cert_view view = {.der = der, .may_encrypt = true};
    struct der outer = der_of(der);
    struct der cert = der_enter(&outer, TAG_SEQUENCE);
    struct der tbs = der_enter(&cert, TAG_SEQUENCE);

    (void)der_take(&cert, TAG_SEQUENCE); /* signatureAlgorithm */
    (void)der_take(&cert, TAG_BIT_STRING);
    if (!read_tbs(&tbs, &view) || !der_done(&cert) || !der_done(&outer))
        return false;
    *out = view;
    return true;
}
