#include "validator_make.h"

#include <openssl/conf.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define MOST 512

static void *owned[MOST];
static size_t owned_count;
static X509 *certs[MOST];
static size_t cert_count;
static struct {
    const char *kind;
    EVP_PKEY *key;
} keys[16];
static char folders[8][64];
static size_t folder_count;
static long serials = 1000;

static void
need(bool done, const char *what)
{
    if (!done) {
        fprintf(stderr, "making %s failed\n", what);
        abort();
    }
}

static struct slice
own(struct buf *b)
{
    struct slice s = buf_slice(b);

    need(owned_count < MOST, "room");
    owned[owned_count++] = b->data;
    *b = (struct buf){0};
    return s;
}

/* ---- keys and certificates ---------------------------------------------- */

EVP_PKEY *
make_key(const char *kind)
{
    size_t i = 0;

    for (; keys[i].kind; i++)
        if (strcmp(keys[i].kind, kind) == 0)
            return keys[i].key;
    keys[i].kind = kind;
    if (strncmp(kind, "rsa", 3) == 0)
        keys[i].key = EVP_RSA_gen((unsigned)strtoul(kind + 3, NULL, 10));
    else if (strncmp(kind, "p256", 4) == 0)
        keys[i].key = EVP_EC_gen("P-256");
    else
        keys[i].key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    need(keys[i].key != NULL, kind);
    return keys[i].key;
}

static void
extension_add(X509 *x, int nid, const char *value)
{
    CONF *none = NCONF_new(NULL);
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, NULL, x, NULL, NULL, 0);
    X509V3_set_nconf(&ctx, none);
    e = X509V3_EXT_nconf_nid(none, &ctx, nid, value);
    NCONF_free(none);

    need(e && X509_add_ext(x, e, -1) == 1, value);
    X509_EXTENSION_free(e);
}

static void
names_add(X509 *x, const struct cert_spec *spec)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();

    if (spec->email) {
        GENERAL_NAME *g = GENERAL_NAME_new();
        ASN1_IA5STRING *s = ASN1_IA5STRING_new();
        size_t n = spec->email_len ? spec->email_len : strlen(spec->email);

        ASN1_STRING_set(s, spec->email, (int)n);
        GENERAL_NAME_set0_value(g, GEN_EMAIL, s);
        sk_GENERAL_NAME_push(all, g);
    }
    if (spec->utf8) {
        GENERAL_NAME *g = GENERAL_NAME_new();
        ASN1_TYPE *t = ASN1_TYPE_new();
        ASN1_UTF8STRING *s = ASN1_UTF8STRING_new();

        ASN1_STRING_set(s, spec->utf8, -1);
        ASN1_TYPE_set(t, V_ASN1_UTF8STRING, s);
        GENERAL_NAME_set0_othername(g, OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox),
                                    t);
        sk_GENERAL_NAME_push(all, g);
    }
    if (sk_GENERAL_NAME_num(all) > 0)
        need(X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0) == 1,
             "names");
    GENERAL_NAMES_free(all);
}

static void
subject_set(X509 *x, const struct cert_spec *spec)
{
    X509_NAME *n = X509_get_subject_name(x);

    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8,
                               (const unsigned char *)spec->name, -1, -1, 0);
    if (spec->dn_email)
        X509_NAME_add_entry_by_NID(n, NID_pkcs9_emailAddress, V_ASN1_IA5STRING,
                                   (const unsigned char *)spec->dn_email, -1,
                                   -1, 0);
}

struct made
make_cert(const struct cert_spec *spec)
{
    struct made m = {.x = X509_new(), .key = make_key(spec->key)};
    const struct made *by = spec->issuer ? spec->issuer : &m;
    bool eddsa = EVP_PKEY_get_base_id(by->key) == EVP_PKEY_ED25519;
    bool whole_year = spec->from == 0 && spec->until == 0;
    unsigned char *der = NULL;
    struct buf copy = {0};
    int n;

    X509_set_version(m.x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(m.x),
                     spec->serial ? spec->serial : ++serials);
    X509_gmtime_adj(X509_getm_notBefore(m.x),
                    whole_year ? -30 * DAY : spec->from);
    X509_gmtime_adj(X509_getm_notAfter(m.x),
                    whole_year ? 365 * DAY : spec->until);
    subject_set(m.x, spec);
    X509_set_issuer_name(m.x, X509_get_subject_name(by->x));
    X509_set_pubkey(m.x, m.key);
    if (spec->ca) {
        extension_add(m.x, NID_basic_constraints, "critical,CA:TRUE");
        extension_add(m.x, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else if (spec->usage) {
        extension_add(m.x, NID_key_usage, spec->usage);
    }
    if (spec->extra_nid)
        extension_add(m.x, spec->extra_nid, spec->extra);
    if (spec->extended)
        extension_add(m.x, NID_ext_key_usage, spec->extended);
    names_add(m.x, spec);
    need(X509_sign(m.x, by->key,
                   eddsa      ? NULL
                   : spec->md ? spec->md
                              : EVP_sha256()) > 0,
         "a certificate");
    n = i2d_X509(m.x, &der);
    need(n > 0 && cert_count < MOST, "DER");
    buf_add(&copy, der, (size_t)n);
    OPENSSL_free(der);
    m.der = own(&copy);
    certs[cert_count++] = m.x;
    return m;
}

void
make_again(struct made *m, EVP_PKEY *issuer)
{
    unsigned char *der = NULL;
    struct buf copy = {0};
    int n;

    need(X509_sign(m->x, issuer, EVP_sha256()) > 0, "a certificate");
    n = i2d_X509(m->x, &der);
    need(n > 0, "DER");
    buf_add(&copy, der, (size_t)n);
    OPENSSL_free(der);
    m->der = own(&copy);
}

/* Whose certificate the entry of an indirect CRL speaks of. */
static void
issuer_add(X509_REVOKED *r, const struct made *of)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();

    GENERAL_NAME_set0_value(name, GEN_DIRNAME,
                            X509_NAME_dup(X509_get_subject_name(of->x)));
    sk_GENERAL_NAME_push(names, name);
    need(X509_REVOKED_add1_ext_i2d(r, NID_certificate_issuer, names, 1, 0) == 1,
         "an issuer");
    GENERAL_NAMES_free(names);
}

static void
crl_add(X509_CRL *crl, const struct crl_spec *spec, bool removal)
{
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_TIME *t = X509_gmtime_adj(NULL, spec->when);
    ASN1_ENUMERATED *e = ASN1_ENUMERATED_new();

    X509_REVOKED_set_revocationDate(r, t);
    X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(spec->revoked->x));
    need(ASN1_ENUMERATED_set(e, CRL_REASON_REMOVE_FROM_CRL) == 1, "a reason");
    need(!removal || X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, e, 0, 0) == 1,
         "a removal");
    if (spec->of)
        issuer_add(r, spec->of);
    X509_CRL_add0_revoked(crl, r);
    ASN1_ENUMERATED_free(e);
    ASN1_TIME_free(t);
}

/* Which of the certificates of the issuer's name it is (RFC 5280 5.2.1). */
static void
key_add(X509_CRL *crl, const struct made *issuer)
{
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();

    id->serial = ASN1_INTEGER_dup(X509_get0_serialNumber(issuer->x));
    need(X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0) ==
             1,
         "a key identifier");
    AUTHORITY_KEYID_free(id);
}

struct slice
make_crl(const struct crl_spec *spec)
{
    bool usual = spec->from == 0 && spec->until == 0;
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = X509_gmtime_adj(NULL, usual ? -DAY : spec->from);
    unsigned char *der = NULL;
    struct buf copy = {0};
    int n;

    X509_CRL_set_version(crl, 1);
    key_add(crl, spec->issuer);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(spec->issuer->x));
    X509_CRL_set1_lastUpdate(crl, t);
    X509_gmtime_adj(t, usual ? 30 * DAY : spec->until);
    X509_CRL_set1_nextUpdate(crl, t);
    if (spec->revoked && (spec->removed_before || spec->removed_only))
        crl_add(crl, spec, true);
    if (spec->revoked && !spec->removed_only)
        crl_add(crl, spec, false);
    ASN1_TIME_free(t);
    if (spec->scope) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(
            NULL, NULL, NID_issuing_distribution_point, spec->scope);

        need(e && X509_CRL_add_ext(crl, e, -1) == 1, spec->scope);
        X509_EXTENSION_free(e);
    }
    need(X509_CRL_sign(crl,
                       spec->forged ? make_key("rsa2048") : spec->issuer->key,
                       spec->md ? spec->md : EVP_sha256()) > 0,
         "a CRL");
    n = i2d_X509_CRL(crl, &der);
    need(n > 0, "DER");
    buf_add(&copy, der, (size_t)n);
    OPENSSL_free(der);
    X509_CRL_free(crl);
    return own(&copy);
}

void
make_pem(const char *path, const struct made *list, size_t n)
{
    FILE *f = fopen(path, "w");

    need(f != NULL, path);
    for (size_t i = 0; i < n; i++)
        PEM_write_X509(f, list[i].x);
    fclose(f);
}

const char *
make_folder(void)
{
    char *name = folders[folder_count++];

    snprintf(name, sizeof(folders[0]), "/tmp/smime-test-XXXXXX");
    need(mkdtemp(name) != NULL, "a folder");
    return name;
}

/* ---- evidence ----------------------------------------------------------- */

static void
der_add(struct buf *out, uint8_t tag, const void *p, size_t n)
{
    buf_add_byte(out, tag);
    if (n >= 256) {
        buf_add_byte(out, 0x82);
        buf_add_byte(out, (uint8_t)(n >> 8));
    } else if (n >= 128) {
        buf_add_byte(out, 0x81);
    }
    buf_add_byte(out, (uint8_t)n);
    buf_add(out, p, n);
}

static void
attribute_add(struct buf *out, const char *oid, struct slice values)
{
    AUTO(buf) struct buf body = {0};
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);

    der_add(&body, 0x06, OBJ_get0_data(o), OBJ_length(o));
    der_add(&body, 0x31, values.p, values.n);
    der_add(out, 0x30, body.data, body.len);
    ASN1_OBJECT_free(o);
}

static void
time_add(struct buf *out, long offset)
{
    AUTO(buf) struct buf value = {0};
    time_t t = time(NULL) + offset;
    struct tm tm;
    char text[32];

    gmtime_r(&t, &tm);
    strftime(text, sizeof(text), "%y%m%d%H%M%SZ", &tm);
    der_add(&value, 0x17, text, strlen(text));
    attribute_add(out, "1.2.840.113549.1.9.5", buf_slice(&value));
}

static void
v2_add(struct buf *out, struct slice der, bool wrong)
{
    AUTO(buf) struct buf id = {0}, list = {0}, certs_seq = {0}, value = {0};
    uint8_t digest[32];

    EVP_Digest(der.p, der.n, digest, NULL, EVP_sha256(), NULL);
    digest[0] ^= wrong;
    der_add(&id, 0x04, digest, 32);
    der_add(&list, 0x30, id.data, id.len);
    der_add(&certs_seq, 0x30, list.data, list.len);
    der_add(&value, 0x30, certs_seq.data, certs_seq.len);
    attribute_add(out, "1.2.840.113549.1.9.16.2.47", buf_slice(&value));
}

static void
preference_add(struct buf *out, X509 *x, bool microsoft)
{
    AUTO(buf) struct buf body = {0}, value = {0};
    unsigned char *der = NULL;
    int n = i2d_X509_NAME(X509_get_issuer_name(x), &der);

    buf_add(&body, der, (size_t)n);
    OPENSSL_free(der);
    der = NULL;
    n = i2d_ASN1_INTEGER(X509_get_serialNumber(x), &der);
    buf_add(&body, der, (size_t)n);
    OPENSSL_free(der);
    der_add(&value, microsoft ? 0x30 : 0xa0, body.data, body.len);
    attribute_add(
        out, microsoft ? "1.3.6.1.4.1.311.16.4" : "1.2.840.113549.1.9.16.2.11",
        buf_slice(&value));
}

static void
attributes_make(const struct message_spec *m, struct slice digest,
                struct buf *out)
{
    static const uint8_t id_data[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
                                     "\x01";
    static const uint8_t aes128[] =
        "\x30\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02";
    AUTO(buf) struct buf all = {0}, value = {0};

    der_add(&value, 0x04, digest.p, digest.n);
    if (m->flags & MAKE_WRONG_DIGEST)
        value.data[5] ^= 1;
    if (m->flags & MAKE_TWO_VALUES)
        der_add(&value, 0x04, digest.p, digest.n);
    if (!(m->flags & MAKE_NO_CONTENT_TYPE))
        attribute_add(&all, "1.2.840.113549.1.9.3", slice_of(id_data, 11));
    attribute_add(&all, "1.2.840.113549.1.9.4", buf_slice(&value));
    if (m->flags & MAKE_DIGEST_TWICE)
        attribute_add(&all, "1.2.840.113549.1.9.4", buf_slice(&value));
    if (m->signing_time)
        time_add(&all, m->signing_time);
    if (m->flags & MAKE_TIME_TWICE)
        time_add(&all, m->signing_time);
    if (m->flags & (MAKE_V2 | MAKE_V2_WRONG))
        v2_add(&all, m->signer->der, m->flags & MAKE_V2_WRONG);
    if (m->flags & MAKE_CAPABILITIES)
        attribute_add(&all, "1.2.840.113549.1.9.15", slice_of(aes128, 15));
    if (m->prefers)
        preference_add(&all, m->prefers->x, (m->flags & MAKE_PREFERS_MS) != 0);
    der_add(out, 0x31, all.data, all.len);
}

static void
signature_make(const struct message_spec *m, enum hash h, struct slice over,
               struct buf *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool eddsa = EVP_PKEY_get_base_id(m->signer->key) == EVP_PKEY_ED25519;
    size_t n = 1024;

    need(EVP_DigestSignInit(ctx, &pctx, eddsa ? NULL : hash_md(h), NULL,
                            m->signer->key) == 1,
         "a signature");
    if (m->pss) {
        EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
    }
    buf_reserve(out, n);
    need(EVP_DigestSign(ctx, out->data, &n, over.p, over.n) == 1,
         "a signature");
    out->len = n;
    out->data[n / 2] ^= (m->flags & MAKE_BAD_SIGNATURE) != 0;
    EVP_MD_CTX_free(ctx);
}

static void
sid_make(X509 *x, struct verify_request *q)
{
    struct buf issuer = {0}, serial = {0};
    unsigned char *der = NULL;
    int n = i2d_X509_NAME(X509_get_issuer_name(x), &der);

    buf_add(&issuer, der, (size_t)n);
    OPENSSL_free(der);
    der = NULL;
    n = i2d_ASN1_INTEGER(X509_get_serialNumber(x), &der);
    buf_add(&serial, der + 2, (size_t)n - 2);
    OPENSSL_free(der);
    q->sid_issuer = own(&issuer);
    q->sid_serial = own(&serial);
}

static void
algorithms_make(const struct message_spec *m, enum hash h,
                struct verify_request *q)
{
    struct buf digest = {0}, signature = {0};
    struct signature_algorithm a = {
        .hash = h, .mgf_hash = h, .salt_bytes = (int)hash_bytes(h)};
    int type = EVP_PKEY_get_base_id(m->signer->key);

    a.scheme = m->pss                     ? SCHEME_RSA_PSS
               : type == EVP_PKEY_EC      ? SCHEME_ECDSA
               : type == EVP_PKEY_ED25519 ? SCHEME_EDDSA
                                          : SCHEME_RSA_PKCS1;
    hash_write_algorithm(h, &digest);
    signature_write_algorithm(&a, &signature);
    q->digest_algorithm = own(&digest);
    q->signature_algorithm = own(&signature);
}

void
make_request(const struct message_spec *m, struct verify_request *q)
{
    static const char content_default[] = "Hello\r\n";
    const char *content = m->content ? m->content : content_default;
    enum hash h = m->hash ? m->hash : HASH_SHA256;
    struct buf attrs = {0}, signature = {0}, digest = {0};
    uint8_t md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    *q = (struct verify_request){.covers = 1, .learn = 1};
    EVP_Digest(content, strlen(content), md, &n, hash_md(h), NULL);
    buf_add(&digest, md, n);
    q->content_digest = own(&digest);
    q->content_type = slice_of("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9);
    sid_make(m->signer->x, q);
    algorithms_make(m, h, q);
    if (!(m->flags & MAKE_NO_ATTRS)) {
        attributes_make(m, q->content_digest, &attrs);
        q->signed_attrs = own(&attrs);
    }
    signature_make(m, h,
                   q->signed_attrs.n ? q->signed_attrs : slice_text(content),
                   &signature);
    q->signature = own(&signature);
    for (size_t i = 0; i < 4 && m->others[i]; i++)
        q->certificates.item[q->certificates.n++] = m->others[i]->der;
    q->certificates.item[q->certificates.n++] = m->signer->der;
    if (m->from)
        q->from.item[q->from.n++] = slice_text(m->from);
}

void
make_end(void)
{
    char command[128];

    while (owned_count > 0)
        free(owned[--owned_count]);
    while (cert_count > 0)
        X509_free(certs[--cert_count]);
    for (size_t i = 0; keys[i].kind; i++) {
        EVP_PKEY_free(keys[i].key);
        keys[i].kind = NULL;
    }
    while (folder_count > 0) {
        snprintf(command, sizeof(command), "rm -rf '%s'",
                 folders[--folder_count]);
        need(system(command) == 0, "room again");
    }
}
