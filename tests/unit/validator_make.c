#include "validator_made.h"

#include <openssl/conf.h>
#include <openssl/pem.h>
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

void
make_need(bool done, const char *what)
{
    if (!done) {
        fprintf(stderr, "making %s failed\n", what);
        abort();
    }
}

struct slice
make_own(struct buf *b)
{
    struct slice s = buf_slice(b);

    make_need(owned_count < MOST, "room");
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
    make_need(keys[i].key != NULL, kind);
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

    make_need(e && X509_add_ext(x, e, -1) == 1, value);
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
        make_need(X509_add1_ext_i2d(x, NID_subject_alt_name, all, 0, 0) == 1,
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
    make_need(X509_sign(m.x, by->key,
                        eddsa      ? NULL
                        : spec->md ? spec->md
                                   : EVP_sha256()) > 0,
              "a certificate");
    n = i2d_X509(m.x, &der);
    make_need(n > 0 && cert_count < MOST, "DER");
    buf_add(&copy, der, (size_t)n);
    OPENSSL_free(der);
    m.der = make_own(&copy);
    certs[cert_count++] = m.x;
    return m;
}

void
make_again(struct made *m, EVP_PKEY *issuer)
{
    unsigned char *der = NULL;
    struct buf copy = {0};
    int n;

    make_need(X509_sign(m->x, issuer, EVP_sha256()) > 0, "a certificate");
    n = i2d_X509(m->x, &der);
    make_need(n > 0, "DER");
    buf_add(&copy, der, (size_t)n);
    OPENSSL_free(der);
    m->der = make_own(&copy);
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
    make_need(
        X509_REVOKED_add1_ext_i2d(r, NID_certificate_issuer, names, 1, 0) == 1,
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
    make_need(ASN1_ENUMERATED_set(e, removal
                                         ? CRL_REASON_REMOVE_FROM_CRL
                                         : CRL_REASON_CERTIFICATE_HOLD) == 1,
              "a reason");
    make_need(!(removal || spec->hold) ||
                  X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, e, 0, 0) == 1,
              "a reason in an entry");
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
    make_need(
        X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0, 0) == 1,
        "a key identifier");
    AUTHORITY_KEYID_free(id);
}

static void
number_add(X509_CRL *crl, int nid, long number)
{
    ASN1_INTEGER *n = ASN1_INTEGER_new();

    make_need(number == 0 || (ASN1_INTEGER_set(n, number) == 1 &&
                              X509_CRL_add1_ext_i2d(
                                  crl, nid, n, nid == NID_delta_crl, 0) == 1),
              "a number of a CRL");
    ASN1_INTEGER_free(n);
}

static void
text_add(X509_CRL *crl, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    make_need(e && X509_CRL_add_ext(crl, e, -1) == 1, value);
    X509_EXTENSION_free(e);
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
    if (spec->scope)
        text_add(crl, NID_issuing_distribution_point, spec->scope);
    if (spec->freshest)
        text_add(crl, NID_freshest_crl, "URI:http://example.org/delta.crl");
    number_add(crl, NID_crl_number, spec->number);
    number_add(crl, NID_delta_crl, spec->base);
    make_need(X509_CRL_sign(
                  crl, spec->forged ? make_key("rsa2048") : spec->issuer->key,
                  spec->md ? spec->md : EVP_sha256()) > 0,
              "a CRL");
    n = i2d_X509_CRL(crl, &der);
    make_need(n > 0, "DER");
    buf_add(&copy, der, (size_t)n);
    OPENSSL_free(der);
    X509_CRL_free(crl);
    return make_own(&copy);
}

void
make_pem(const char *path, const struct made *list, size_t n)
{
    FILE *f = fopen(path, "w");

    make_need(f != NULL, path);
    for (size_t i = 0; i < n; i++)
        PEM_write_X509(f, list[i].x);
    fclose(f);
}

const char *
make_folder(void)
{
    char *name = folders[folder_count++];

    snprintf(name, sizeof(folders[0]), "/tmp/smime-test-XXXXXX");
    make_need(mkdtemp(name) != NULL, "a folder");
    return name;
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
        make_need(system(command) == 0, "room again");
    }
}
