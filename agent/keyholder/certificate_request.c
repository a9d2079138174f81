#include "agent/keyholder/certificate_request.h"

#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "agent/base/limits.h"

struct certificate_request {
    X509_REQ *req;
    enum key_type type;
};

void
certificate_request_drop(struct certificate_request **r)
{
    if (*r)
        X509_REQ_free((*r)->req);
    free(*r);
    *r = NULL;
}

/* ---- what may stand in it ---------------------------------------------- */

/* Characters of valid UTF-8 without controls; -1 when it is none. */
static int
text_chars(struct slice text)
{
    int chars = 0;

    while (text.n > 0) {
        unsigned long c;
        int n = UTF8_getc(text.p, (int)text.n, &c);

        if (n <= 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
            return -1;
        text.p += n;
        text.n -= (size_t)n;
        chars++;
    }
    return chars;
}

static bool
is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 0x80)
            return false;
    return true;
}

static bool
is_local_part(struct slice s)
{
    if (s.n == 0 || text_chars(s) < 0)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (strchr(" \"(),:;<>@[\\]", s.p[i]) != NULL)
            return false;
    return s.p[0] != '.' && s.p[s.n - 1] != '.';
}

static bool
is_domain(struct slice s)
{
    bool dot = true; /* none at the start, no two in a row, none at the end */

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

        if (c == '.' ? dot : !letter && c != '-' && (c < '0' || c > '9'))
            return false;
        dot = c == '.';
    }
    return !dot;
}

static struct slice
local_part(struct slice address)
{
    const uint8_t *at = address.n ? memchr(address.p, '@', address.n) : NULL;

    return slice_of(address.p, at ? (size_t)(at - address.p) : 0);
}

enum err
certificate_request_check(struct slice address, struct slice name,
                          struct problem *p)
{
    struct slice local = local_part(address);
    struct slice domain;

    if (local.n > LIMIT_LOCAL_BYTES)
        return fail(p, ERR_BAD_REQUEST,
                    "an address with more than %d bytes before its @",
                    LIMIT_LOCAL_BYTES);
    if (!is_local_part(local))
        return fail(p, ERR_BAD_REQUEST, "that is no mail address");
    domain = slice_of(address.p + local.n + 1, address.n - local.n - 1);
    if (domain.n > LIMIT_DOMAIN_BYTES)
        return fail(p, ERR_BAD_REQUEST,
                    "an address with more than %d bytes behind its @",
                    LIMIT_DOMAIN_BYTES);
    if (!is_domain(domain))
        return fail(p, ERR_BAD_REQUEST, "%s",
                    is_ascii(domain)
                        ? "that is no mail address"
                        : "the domain of the address must be ASCII (xn--...)");
    if (text_chars(name) < 0 || text_chars(name) > LIMIT_NAME_CHARS)
        return fail(p, ERR_BAD_REQUEST, "a name of more than %d characters",
                    LIMIT_NAME_CHARS);
    return ERR_OK;
}

/* ---- building it ------------------------------------------------------- */

static bool
add_subject(X509_REQ *req, struct slice address, struct slice name)
{
    struct slice cn = name.n > 0 ? name : address;

    if (text_chars(cn) > LIMIT_NAME_CHARS)
        return true; /* subjectAltName alone says who it is */
    return X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(req),
                                      NID_commonName, MBSTRING_UTF8, cn.p,
                                      (int)cn.n, -1, 0) == 1;
}

static bool
set_ascii(GENERAL_NAME *g, struct slice address)
{
    ASN1_IA5STRING *s = ASN1_IA5STRING_new();

    if (!s || ASN1_STRING_set(s, address.p, (int)address.n) != 1) {
        ASN1_IA5STRING_free(s);
        return false;
    }
    GENERAL_NAME_set0_value(g, GEN_EMAIL, s);
    return true;
}

/* RFC 9598: id-on-SmtpUTF8Mailbox, a UTF8String. */
static bool
set_utf8(GENERAL_NAME *g, struct slice address)
{
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_UTF8STRING *s = ASN1_UTF8STRING_new();

    if (!value || !s || ASN1_STRING_set(s, address.p, (int)address.n) != 1) {
        ASN1_TYPE_free(value);
        ASN1_UTF8STRING_free(s);
        return false;
    }
    ASN1_TYPE_set(value, V_ASN1_UTF8STRING, s);
    if (GENERAL_NAME_set0_othername(g, OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox),
                                    value) == 1)
        return true;
    ASN1_TYPE_free(value);
    return false;
}

/* Critical where the subject is empty (RFC 5280 4.2.1.6). */
static bool
add_address(STACK_OF(X509_EXTENSION) * *extensions, struct slice address,
            bool critical)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *g = GENERAL_NAME_new();
    bool done =
        names && g &&
        (is_ascii(address) ? set_ascii(g, address) : set_utf8(g, address));

    if (done && sk_GENERAL_NAME_push(names, g) > 0)
        g = NULL;
    done = done && !g &&
           X509V3_add1_i2d(extensions, NID_subject_alt_name, names, critical,
                           X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAME_free(g);
    GENERAL_NAMES_free(names);
    return done;
}

static bool
add_text_extension(STACK_OF(X509_EXTENSION) * *extensions, int nid,
                   const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool done = e && X509v3_add_ext(extensions, e, -1) != NULL;

    X509_EXTENSION_free(e);
    return done;
}

static const char *
usage_of(enum key_type type, bool decrypts)
{
    if (type == KEY_ED25519 || !decrypts)
        return "critical,digitalSignature";
    return type == KEY_RSA ? "critical,digitalSignature,keyEncipherment"
                           : "critical,digitalSignature,keyAgreement";
}

static bool
add_extensions(X509_REQ *req, enum key_type type, bool decrypts,
               struct slice address)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    bool bare = X509_NAME_entry_count(X509_REQ_get_subject_name(req)) == 0;
    bool done =
        add_address(&extensions, address, bare) &&
        add_text_extension(&extensions, NID_key_usage,
                           usage_of(type, decrypts)) &&
        add_text_extension(&extensions, NID_ext_key_usage, "emailProtection") &&
        X509_REQ_add_extensions(req, extensions) == 1;

    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return done;
}

static bool
set_key(X509_REQ *req, struct slice spki)
{
    const unsigned char *at = spki.p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.n);
    bool done = key && X509_REQ_set_pubkey(req, key) == 1;

    EVP_PKEY_free(key);
    return done;
}

static bool
write_tbs(X509_REQ *req, struct buf *out)
{
    unsigned char *der = NULL;
    int n = i2d_re_X509_REQ_tbs(req, &der);

    if (n > 0)
        buf_add(out, der, (size_t)n);
    OPENSSL_free(der);
    return n > 0;
}

enum err
certificate_request_new(struct slice spki, enum key_type type, bool decrypts,
                        struct slice address, struct slice name,
                        struct certificate_request **out, struct buf *tbs,
                        struct problem *p)
{
    AUTO(certificate_request)
    struct certificate_request *r = mem_new(sizeof(*r));
    enum err e = certificate_request_check(address, name, p);

    if (e != ERR_OK)
        return e;
    r->type = type;
    r->req = X509_REQ_new();
    if (!r->req || X509_REQ_set_version(r->req, X509_REQ_VERSION_1) != 1 ||
        !add_subject(r->req, address, name) || !set_key(r->req, spki) ||
        !add_extensions(r->req, type, decrypts, address) ||
        !write_tbs(r->req, tbs))
        return fail(p, ERR_INTERNAL, "the request could not be built");
    *out = TAKE(r);
    return ERR_OK;
}

/* ---- the signature ----------------------------------------------------- */

static int
signature_nid(enum key_type type, enum hash hash)
{
    if (type == KEY_RSA)
        return hash == HASH_SHA384   ? NID_sha384WithRSAEncryption
               : hash == HASH_SHA512 ? NID_sha512WithRSAEncryption
                                     : NID_sha256WithRSAEncryption;
    if (type == KEY_ED25519)
        return NID_ED25519;
    return hash == HASH_SHA384   ? NID_ecdsa_with_SHA384
           : hash == HASH_SHA512 ? NID_ecdsa_with_SHA512
                                 : NID_ecdsa_with_SHA256;
}

static bool
set_signature(struct certificate_request *r, enum hash hash,
              struct slice signature)
{
    ASN1_OBJECT *oid = OBJ_nid2obj(signature_nid(r->type, hash));
    X509_ALGOR *algorithm = X509_ALGOR_new();
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    bool done =
        oid && algorithm && bits &&
        X509_ALGOR_set0(algorithm, oid,
                        r->type == KEY_RSA ? V_ASN1_NULL : V_ASN1_UNDEF,
                        NULL) == 1 &&
        X509_REQ_set1_signature_algo(r->req, algorithm) == 1 &&
        ASN1_BIT_STRING_set(bits, (unsigned char *)(uintptr_t)signature.p,
                            (int)signature.n) == 1;

    X509_ALGOR_free(algorithm);
    if (!done) {
        ASN1_BIT_STRING_free(bits);
        return false;
    }
    bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07);
    bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    X509_REQ_set0_signature(r->req, bits);
    return true;
}

enum err
certificate_request_finish(struct certificate_request *r, enum hash hash,
                           struct slice signature, struct buf *out,
                           struct problem *p)
{
    unsigned char *der = NULL;
    int n = set_signature(r, hash, signature) ? i2d_X509_REQ(r->req, &der) : -1;

    if (n > 0)
        buf_add(out, der, (size_t)n);
    OPENSSL_free(der);
    return n > 0 ? ERR_OK
                 : fail(p, ERR_INTERNAL, "the request could not be written");
}
