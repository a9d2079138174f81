#include "tests/unit/cms_fixture.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "agent/cms/fetched.h"

/* ---- identities ------------------------------------------------------------
 */

static EVP_PKEY *
key_make(const char *type)
{
    EVP_PKEY *key;

    if (strcmp(type, "RSA") == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    else if (strncmp(type, "P-", 2) == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", type);
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, type);
    assert_non_null(key);
    return key;
}

static void
add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

struct identity
identity_make(const char *type, const struct identity *issuer)
{
    static long serial = 0x7f01;
    struct identity id = {.key = key_make(type), .x509 = X509_new()};
    X509_NAME *name = X509_get_subject_name(id.x509);
    bool ed = strcmp(type, "ED25519") == 0;
    unsigned char *der = NULL;
    int n;

    X509_set_version(id.x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(id.x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(id.x509), 86400);
    X509_set_pubkey(id.x509, id.key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)type, -1, -1, 0);
    X509_set_issuer_name(id.x509,
                         issuer ? X509_get_subject_name(issuer->x509) : name);
    add_extension(id.x509, NID_subject_key_identifier, "hash");
    add_extension(id.x509, NID_key_usage,
                  ed ? "digitalSignature,keyCertSign"
                     : "digitalSignature,keyEncipherment,keyAgreement,"
                       "keyCertSign");
    assert_true(X509_sign(id.x509, issuer ? issuer->key : id.key,
                          ed ? NULL : EVP_sha256()) > 0);
    n = i2d_X509(id.x509, &der);
    assert_true(n > 0);
    buf_add(&id.certificate, der, (size_t)n);
    OPENSSL_free(der);
    return id;
}

void
identity_drop(struct identity *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->x509);
    buf_drop(&id->certificate);
    *id = (struct identity){0};
}

/* ---- a keyholder in software ------------------------------------------------
 */

static void
set_signature_padding(EVP_PKEY_CTX *ctx, const struct signature_algorithm *a)
{
    if (a->scheme != SCHEME_RSA_PSS)
        return;
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING),
                     1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, a->salt_bytes), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash_md(a->mgf_hash)),
                     1);
}

void
identity_sign(const struct identity *id, const struct signature_algorithm *a,
              struct slice data, struct buf *out)
{
    const EVP_MD *md = a->scheme == SCHEME_EDDSA ? NULL : hash_md(a->hash);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key = NULL;
    uint8_t signature[1024];
    size_t n = sizeof(signature);

    assert_int_equal(EVP_DigestSignInit(ctx, &key, md, NULL, id->key), 1);
    set_signature_padding(key, a);
    assert_int_equal(EVP_DigestSign(ctx, signature, &n, data.p, data.n), 1);
    buf_add(out, signature, n);
    EVP_MD_CTX_free(ctx);
}

bool
identity_verify(const struct identity *id, const struct signature_algorithm *a,
                struct slice data, struct slice signature)
{
    const EVP_MD *md = a->scheme == SCHEME_EDDSA ? NULL : hash_md(a->hash);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key = NULL;
    bool ok;

    assert_int_equal(EVP_DigestVerifyInit(ctx, &key, md, NULL, id->key), 1);
    set_signature_padding(key, a);
    ok = EVP_DigestVerify(ctx, signature.p, signature.n, data.p, data.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool
set_transport_padding(EVP_PKEY_CTX *ctx, const struct recipient_info *r)
{
    if (r->scheme == SCHEME_RSA_PKCS1)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash_md(r->hash)) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash_md(r->mgf_hash)) == 1 &&
           EVP_PKEY_CTX_set0_rsa_oaep_label(
               ctx, OPENSSL_memdup(r->label.p, r->label.n), (int)r->label.n) ==
               1;
}

static bool
rsa_unwrap(EVP_PKEY *key, const struct recipient_info *r, size_t want,
           struct secret *out)
{
    AUTO(evp_key_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    uint8_t plain[1024];
    size_t n = sizeof(plain);

    if (!ctx || EVP_PKEY_decrypt_init(ctx) != 1 ||
        !set_transport_padding(ctx, r) ||
        EVP_PKEY_decrypt(ctx, plain, &n, r->encrypted_key.p,
                         r->encrypted_key.n) != 1 ||
        (want > 0 && n != want))
        return false;
    memcpy(secret_room(out, n), plain, n);
    return true;
}

static bool
ec_unwrap(EVP_PKEY *key, const struct recipient_info *r, size_t want,
          struct secret *out)
{
    AUTO(evp_key) EVP_PKEY *peer = EVP_PKEY_new();
    AUTO(evp_key_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    uint8_t shared[128], kek[32];
    size_t n = sizeof(shared);

    if (EVP_PKEY_copy_parameters(peer, key) != 1 ||
        EVP_PKEY_set1_encoded_public_key(peer, r->originator.p,
                                         r->originator.n) != 1 ||
        EVP_PKEY_derive_init(ctx) != 1 ||
        EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
        EVP_PKEY_derive(ctx, shared, &n) != 1 ||
        !x963_derive(r->hash, slice_of(shared, n), r->shared_info, kek,
                     r->kek_bytes))
        return false;
    return kek_unwrap(slice_of(kek, r->kek_bytes), r->encrypted_key, want, out);
}

bool
key_unwrap(EVP_PKEY *key, const struct recipient_info *r, size_t want,
           struct secret *out)
{
    bool rsa = EVP_PKEY_is_a(key, "RSA");

    if (!r->supported)
        return false;
    if (r->kind == RECIPIENT_KEY_TRANSPORT)
        return rsa && rsa_unwrap(key, r, want, out);
    return !rsa && ec_unwrap(key, r, want, out);
}

/* ---- streams
 * ----------------------------------------------------------------- */

static enum err
steps_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
           struct problem *p)
{
    struct steps *m = (struct steps *)s;
    size_t n = m->rest.n < size ? m->rest.n : size;

    (void)p;
    n = n < m->step ? n : m->step;
    if (n > 0) {
        memcpy(out, m->rest.p, n);
        m->rest.p += n;
        m->rest.n -= n;
    }
    *got = n;
    return ERR_OK;
}

void
steps_init(struct steps *s, struct slice bytes, size_t step)
{
    *s = (struct steps){.s = {steps_read}, .rest = bytes, .step = step};
}

void
fill_pattern(struct buf *b, size_t n)
{
    uint32_t x = 0x2545f491;

    buf_reserve(b, n);
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        b->data[b->len++] = (uint8_t)(x >> 24);
    }
}

enum err
read_in_steps(struct stream *s, size_t step, struct buf *out, struct problem *p)
{
    for (;;) {
        size_t got = 0;
        enum err e;

        buf_reserve(out, step);
        e = stream_read(s, out->data + out->len, step, &got, p);
        if (e != ERR_OK || got == 0)
            return e;
        out->len += got;
    }
}

void
digest_of(enum hash h, struct slice bytes, struct buf *out)
{
    AUTO(digests) struct digests *d = digests_new(1u << h);

    assert_int_equal(sink_write(digests_sink(d), bytes.p, bytes.n, NULL),
                     ERR_OK);
    buf_add_slice(out, digests_get(d, h));
}

/* ---- objects
 * ------------------------------------------------------------------ */

struct signer_spec
spec_for(const struct identity *id, enum scheme scheme, enum hash h)
{
    return (struct signer_spec){
        .certificate = buf_slice(&id->certificate),
        .hash = h,
        .signature = {.scheme = scheme,
                      .hash = h,
                      .mgf_hash = h,
                      .salt_bytes = (int)hash_bytes(h)},
        .signing_time = 1700000000,
    };
}

static void
attributes_and_signature(const struct identity *id,
                         const struct signer_spec *spec, struct slice content,
                         struct buf *attrs, struct buf *signature)
{
    AUTO(buf) struct buf digest = {0};
    AUTO(buf) struct buf lasting = {0};

    digest_of(spec->hash, content, &digest);
    assert_int_equal(signed_attrs_lasting(spec, &lasting, NULL), ERR_OK);
    assert_int_equal(signed_attrs_build(spec, buf_slice(&lasting),
                                        buf_slice(&digest), attrs, NULL),
                     ERR_OK);
    identity_sign(id, &spec->signature, buf_slice(attrs), signature);
}

void
sign_detached(const struct identity *id, struct signer_spec spec,
              struct slice content, struct buf *out)
{
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf signature = {0};

    attributes_and_signature(id, &spec, content, &attrs, &signature);
    assert_int_equal(signed_write_detached(&spec, buf_slice(&attrs),
                                           buf_slice(&signature), out, NULL),
                     ERR_OK);
}

void
sign_opaque(const struct identity *id, struct signer_spec spec,
            struct slice content, size_t step, struct buf *out)
{
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf signature = {0};
    struct steps from;
    struct sink_buf to;
    struct signed_writer *w;

    attributes_and_signature(id, &spec, content, &attrs, &signature);
    sink_buf_init(&to, out, SIZE_MAX / 2);
    steps_init(&from, content, step);
    w = signed_writer_new(&to.s, spec.hash);
    assert_int_equal(signed_writer_begin(w, NULL), ERR_OK);
    assert_int_equal(stream_pump(&from.s, signed_writer_content(w), NULL),
                     ERR_OK);
    assert_int_equal(signed_writer_end(w, &spec, buf_slice(&attrs),
                                       buf_slice(&signature), NULL),
                     ERR_OK);
    signed_writer_drop(&w);
}

enum err
envelope(enum cipher cipher, const struct identity *const *to, size_t count,
         bool oaep, struct slice content, size_t step, struct buf *out,
         struct problem *p)
{
    AUTO(enveloped_writer) struct enveloped_writer *w = NULL;
    struct envelope_recipient *recipients =
        mem_new(count * sizeof(*recipients));
    struct sink_buf sink;
    struct steps from;
    enum err e;

    for (size_t i = 0; i < count; i++)
        recipients[i] = (struct envelope_recipient){
            .certificate = buf_slice(&to[i]->certificate),
            .oaep = oaep ? HASH_SHA256 : HASH_NONE};
    sink_buf_init(&sink, out, SIZE_MAX / 2);
    steps_init(&from, content, step);
    e = enveloped_writer_begin(&sink.s, cipher, recipients, count, &w, p);
    free(recipients);
    if (e != ERR_OK ||
        (e = stream_pump(&from.s, enveloped_writer_content(w), p)) != ERR_OK)
        return e;
    return enveloped_writer_end(w, p);
}

static enum err
try_recipients(struct enveloped_reader *r, EVP_PKEY *key, size_t step,
               struct buf *out, struct problem *p)
{
    AUTO(secret) struct secret *cek = secret_new();
    struct stream *content = NULL;
    enum err e;

    for (size_t i = 0; i < enveloped_recipient_count(r); i++) {
        if (!key_unwrap(key, enveloped_recipient(r, i),
                        enveloped_cipher(r)->key_bytes, cek))
            continue;
        e = enveloped_reader_content(r, cek, &content, p);
        return e == ERR_OK ? read_in_steps(content, step, out, p) : e;
    }
    return fail(p, ERR_NOT_FOR_US, NULL);
}

enum err
open_envelope(struct slice object, EVP_PKEY *key, size_t step, struct buf *out,
              struct problem *p)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(enveloped_reader) struct enveloped_reader *r = NULL;
    struct steps from;
    enum err e;

    steps_init(&from, object, step);
    if ((e = cms_object_open(&from.s, &o, p)) != ERR_OK)
        return e;
    if (cms_object_type(o) != CMS_TYPE_ENVELOPED &&
        cms_object_type(o) != CMS_TYPE_AUTH_ENVELOPED)
        return fail(p, ERR_NOT_SMIME, NULL);
    if ((e = enveloped_reader_begin(o, &r, p)) != ERR_OK)
        return e;
    return try_recipients(r, key, step, out, p);
}

enum err
read_signed(struct slice object, size_t step, struct signed_data *out,
            struct buf *content, struct problem *p)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(signed_reader) struct signed_reader *r = NULL;
    struct steps from;
    enum err e;

    steps_init(&from, object, step);
    if ((e = cms_object_open(&from.s, &o, p)) != ERR_OK)
        return e;
    if (cms_object_type(o) != CMS_TYPE_SIGNED)
        return fail(p, ERR_NOT_SMIME, NULL);
    if ((e = signed_reader_begin(o, out, &r, p)) != ERR_OK ||
        (e = read_in_steps(signed_reader_content(r), step, content, p)) !=
            ERR_OK)
        return e;
    return signed_reader_finish(r, out, p);
}
