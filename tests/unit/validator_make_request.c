/* What a message brings to be judged: a SignerInfo, and what it covers. */
#include "validator_made.h"

#include <openssl/rsa.h>
#include <stdio.h>
#include <time.h>

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

    make_need(EVP_DigestSignInit(ctx, &pctx, eddsa ? NULL : hash_md(h), NULL,
                                 m->signer->key) == 1,
              "a signature");
    if (m->pss) {
        EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
    }
    buf_reserve(out, n);
    make_need(EVP_DigestSign(ctx, out->data, &n, over.p, over.n) == 1,
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
    q->sid_issuer = make_own(&issuer);
    q->sid_serial = make_own(&serial);
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
    q->digest_algorithm = make_own(&digest);
    q->signature_algorithm = make_own(&signature);
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
    q->content_digest = make_own(&digest);
    q->content_type = slice_of("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", 9);
    sid_make(m->signer->x, q);
    algorithms_make(m, h, q);
    if (!(m->flags & MAKE_NO_ATTRS)) {
        attributes_make(m, q->content_digest, &attrs);
        q->signed_attrs = make_own(&attrs);
    }
    signature_make(m, h,
                   q->signed_attrs.n ? q->signed_attrs : slice_text(content),
                   &signature);
    q->signature = make_own(&signature);
    for (size_t i = 0; i < 4 && m->others[i]; i++)
        q->certificates.item[q->certificates.n++] = m->others[i]->der;
    q->certificates.item[q->certificates.n++] = m->signer->der;
    if (m->from)
        q->from.item[q->from.n++] = slice_text(m->from);
}
