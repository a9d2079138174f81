/*
 * smime-mailbox FOLDER COUNT SIGNERS: a mailbox of COUNT mails of 4 KiB,
 * signed by SIGNERS people in turn, each with a certificate of an
 * intermediate authority:
 *
 *   FOLDER/root.pem      the trust anchor
 *   FOLDER/cur/N         the mail
 *   FOLDER/content/N     its signed entity, with CRLF
 *   FOLDER/p7s/N         its SignedData, DER
 *
 * The people share a few keys, for these are what takes long to make; no
 * certificate is like another.
 */
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/bench/bench.h"

#define KEYS       8
#define MAIL_BYTES 4096
#define MUST(what)                                                             \
    do {                                                                       \
        if (!(what))                                                           \
            die("%s", #what);                                                  \
    } while (0)

struct authority {
    X509 *cert;
    EVP_PKEY *key;
};

static void
extension_add(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(ext && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

static X509 *
certificate_begin(const char *name, EVP_PKEY *key, X509 *issuer, long serial)
{
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    MUST(X509_set_version(cert, X509_VERSION_3) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * 365);
    MUST(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                    (const unsigned char *)name, -1, -1,
                                    0) == 1);
    X509_set_issuer_name(cert,
                         issuer ? X509_get_subject_name(issuer) : subject);
    MUST(X509_set_pubkey(cert, key) == 1);
    return cert;
}

static struct authority
authority_new(const char *name, const struct authority *issuer, long serial)
{
    struct authority a = {.key = EVP_RSA_gen(2048)};

    a.cert =
        certificate_begin(name, a.key, issuer ? issuer->cert : NULL, serial);
    extension_add(a.cert, a.cert, NID_basic_constraints, "critical,CA:TRUE");
    extension_add(a.cert, a.cert, NID_key_usage,
                  "critical,keyCertSign,cRLSign");
    extension_add(a.cert, a.cert, NID_subject_key_identifier, "hash");
    MUST(X509_sign(a.cert, issuer ? issuer->key : a.key, EVP_sha256()) > 0);
    return a;
}

static X509 *
person_new(long n, EVP_PKEY *key, const struct authority *issuer)
{
    char name[64], address[80];
    X509 *cert;

    snprintf(name, sizeof(name), "Person %ld", n);
    snprintf(address, sizeof(address), "email:person%ld@example.org", n);
    cert = certificate_begin(name, key, issuer->cert, n + 1000);
    extension_add(cert, issuer->cert, NID_basic_constraints, "CA:FALSE");
    extension_add(cert, issuer->cert, NID_key_usage,
                  "critical,digitalSignature,keyEncipherment");
    extension_add(cert, issuer->cert, NID_ext_key_usage, "emailProtection");
    extension_add(cert, issuer->cert, NID_authority_key_identifier, "keyid");
    extension_add(cert, issuer->cert, NID_subject_alt_name, address);
    MUST(X509_sign(cert, issuer->key, EVP_sha256()) > 0);
    return cert;
}

static FILE *
file_new(const char *folder, const char *kind, long n)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s/%ld", folder, kind, n);
    f = fopen(path, "we");
    MUST(f != NULL);
    return f;
}

static int
entity_write(char *out, size_t size, long n)
{
    int at = snprintf(out, size, "Content-Type: text/plain\r\n\r\n");

    while (at < MAIL_BYTES - 2600)
        at +=
            snprintf(out + at, size - (size_t)at,
                     "Line at %d of mail %ld, as people write it.\r\n", at, n);
    return at;
}

static void
mail_write(const char *folder, long n, long person, const char *entity,
           const unsigned char *der, int der_len)
{
    FILE *f = file_new(folder, "cur", n);
    unsigned char line[80];

    fprintf(f,
            "From: Person %ld <person%ld@example.org>\r\n"
            "To: me@example.org\r\nSubject: mail %ld\r\n"
            "Message-ID: <%ld@example.org>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/signed; micalg=sha-256; boundary=b;\r\n"
            " protocol=\"application/pkcs7-signature\"\r\n\r\n--b\r\n%s\r\n"
            "--b\r\nContent-Type: application/pkcs7-signature;\r\n"
            " name=smime.p7s\r\nContent-Transfer-Encoding: base64\r\n\r\n",
            person, person, n, n, entity);
    for (int at = 0; at < der_len; at += 48) {
        EVP_EncodeBlock(line, der + at, der_len - at < 48 ? der_len - at : 48);
        fprintf(f, "%s\r\n", line);
    }
    fputs("--b--\r\n", f);
    MUST(fclose(f) == 0);
}

static void
mail_new(const char *folder, long n, long person, X509 *cert, EVP_PKEY *key,
         STACK_OF(X509) * chain)
{
    char entity[MAIL_BYTES];
    int length = entity_write(entity, sizeof(entity), n);
    BIO *in = BIO_new_mem_buf(entity, length);
    CMS_ContentInfo *cms =
        CMS_sign(cert, key, chain, in, CMS_DETACHED | CMS_BINARY);
    unsigned char *der = NULL;
    int der_len;
    FILE *f;

    MUST(cms != NULL);
    der_len = i2d_CMS_ContentInfo(cms, &der);
    MUST(der_len > 0);
    f = file_new(folder, "p7s", n);
    MUST(fwrite(der, 1, (size_t)der_len, f) == (size_t)der_len);
    MUST(fclose(f) == 0);
    f = file_new(folder, "content", n);
    MUST(fwrite(entity, 1, (size_t)length, f) == (size_t)length);
    MUST(fclose(f) == 0);
    mail_write(folder, n, person, entity, der, der_len);
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(in);
}

static void
folders_new(const char *folder)
{
    static const char *const names[] = {"",     "/cur",     "/new",
                                        "/tmp", "/content", "/p7s"};
    char path[512];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", folder, names[i]);
        (void)mkdir(path, 0755);
    }
}

static void
anchor_write(const char *folder, X509 *root)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof(path), "%s/root.pem", folder);
    f = fopen(path, "we");
    MUST(f && PEM_write_X509(f, root) == 1);
    MUST(fclose(f) == 0);
}

int
main(int argc, char **argv)
{
    struct authority root, issuer;
    EVP_PKEY *key[KEYS];
    STACK_OF(X509) *chain = sk_X509_new_null();
    long count, signers;
    X509 **person;

    if (argc != 4)
        die("usage: smime-mailbox FOLDER COUNT SIGNERS");
    count = strtol(argv[2], NULL, 10);
    signers = strtol(argv[3], NULL, 10);
    folders_new(argv[1]);
    root = authority_new("Bench root", NULL, 1);
    issuer = authority_new("Bench issuer", &root, 2);
    anchor_write(argv[1], root.cert);
    sk_X509_push(chain, issuer.cert);
    for (int i = 0; i < KEYS; i++)
        key[i] = EVP_RSA_gen(2048);
    person = calloc((size_t)signers, sizeof(*person));
    MUST(person != NULL);
    for (long i = 0; i < signers; i++)
        person[i] = person_new(i, key[i % KEYS], &issuer);
    for (long i = 0; i < count; i++) {
        long who = i % signers;

        mail_new(argv[1], i, who, person[who], key[who % KEYS], chain);
    }
    return 0;
}
