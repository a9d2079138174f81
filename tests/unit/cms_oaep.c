/*
 * RSAES-OAEP as it is written: with every digest that a recipient can want,
 * and to a certificate that is for nothing else (RFC 4055 section 4).
 */
#include "agent/cms/certview.h"
#include "agent/cms/der.h"
#include "agent/cms/rsa_params.h"
#include "tests/unit/cms_fixture.h"

/* The SubjectPublicKeyInfo with id-RSAES-OAEP; HASH_NONE: no parameters. */
static void
put_spki(const struct cert_view *v, enum oid algorithm, enum hash hash,
         struct buf *out)
{
    const struct oaep oaep = {.hash = hash, .mgf_hash = hash};
    size_t mark = der_open(out, TAG_SEQUENCE);
    size_t name = der_open(out, TAG_SEQUENCE);

    der_put_oid(out, algorithm);
    if (hash != HASH_NONE)
        oaep_write(&oaep, out);
    der_close(out, name);
    buf_add_slice(out, v->key);
    der_close(out, mark);
}

/* ID's certificate with that key; nobody checks its signature here. */
static void
certificate_for(const struct identity *id, enum oid algorithm, enum hash hash,
                struct buf *out)
{
    struct der outer = der_of(buf_slice(&id->certificate));
    struct der cert = der_enter(&outer, TAG_SEQUENCE);
    struct slice tbs = der_take(&cert, TAG_SEQUENCE);
    struct cert_view v;
    size_t mark, inner;

    assert_true(cert_view_parse(buf_slice(&id->certificate), &v));
    assert_int_equal(v.key_algorithm, OID_RSA_ENCRYPTION);
    mark = der_open(out, TAG_SEQUENCE);
    inner = der_open(out, TAG_SEQUENCE);
    buf_add(out, tbs.p, (size_t)(v.spki.p - tbs.p));
    put_spki(&v, algorithm, hash, out);
    buf_add(out, v.spki.p + v.spki.n,
            (size_t)(tbs.p + tbs.n - (v.spki.p + v.spki.n)));
    der_close(out, inner);
    buf_add_slice(out, cert.rest);
    der_close(out, mark);
}

/* One recipient, who asked for WANTED; gives what was written. */
static enum err
encrypt_to(struct slice certificate, enum hash wanted, EVP_PKEY *key,
           enum scheme *scheme, enum hash *hash)
{
    struct envelope_recipient to = {.certificate = certificate, .oaep = wanted};
    AUTO(enveloped_writer) struct enveloped_writer *w = NULL;
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(enveloped_reader) struct enveloped_reader *r = NULL;
    AUTO(secret) struct secret *cek = secret_new();
    AUTO(buf) struct buf object = {0};
    const struct recipient_info *ri;
    struct sink_buf sink;
    struct steps from;
    enum err e;

    sink_buf_init(&sink, &object, SIZE_MAX / 2);
    e = enveloped_writer_begin(&sink.s, CIPHER_AES256_GCM, &to, 1, &w, NULL);
    if (e != ERR_OK)
        return e;
    assert_int_equal(enveloped_writer_end(w, NULL), ERR_OK);
    steps_init(&from, buf_slice(&object), 100);
    assert_int_equal(cms_object_open(&from.s, &o, NULL), ERR_OK);
    assert_int_equal(enveloped_reader_begin(o, &r, NULL), ERR_OK);
    ri = enveloped_recipient(r, 0);
    *scheme = ri->scheme;
    *hash = ri->hash;
    assert_true(ri->scheme != SCHEME_RSA_OAEP || ri->mgf_hash == ri->hash);
    assert_true(key_unwrap(key, ri, 32, cek));
    return ERR_OK;
}

static void
the_digest_is_the_one_that_was_wanted(void **state)
{
    static const enum hash all[] = {HASH_NONE, HASH_SHA256, HASH_SHA384,
                                    HASH_SHA512};
    struct identity id = identity_make("RSA", NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        enum scheme scheme;
        enum hash hash;

        assert_int_equal(encrypt_to(buf_slice(&id.certificate), all[i], id.key,
                                    &scheme, &hash),
                         ERR_OK);
        assert_int_equal(scheme, i ? SCHEME_RSA_OAEP : SCHEME_RSA_PKCS1);
        if (i)
            assert_int_equal(hash, all[i]);
    }
    identity_drop(&id);
}

static void
a_certificate_for_oaep_gets_what_it_says(void **state)
{
    static const struct {
        enum hash says, wanted, written;
    } cases[] = {{HASH_NONE, HASH_NONE, HASH_SHA256},
                 {HASH_NONE, HASH_SHA512, HASH_SHA512},
                 {HASH_SHA384, HASH_NONE, HASH_SHA384},
                 {HASH_SHA1, HASH_SHA256, HASH_SHA1}};
    struct identity id = identity_make("RSA", NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(buf) struct buf der = {0};
        enum scheme scheme;
        enum hash hash;

        certificate_for(&id, OID_RSA_OAEP, cases[i].says, &der);
        assert_int_equal(encrypt_to(buf_slice(&der), cases[i].wanted, id.key,
                                    &scheme, &hash),
                         ERR_OK);
        assert_int_equal(scheme, SCHEME_RSA_OAEP);
        assert_int_equal(hash, cases[i].written);
    }
    identity_drop(&id);
}

static void
a_certificate_for_signatures_is_not_encrypted_to(void **state)
{
    struct identity id = identity_make("RSA", NULL);
    AUTO(buf) struct buf der = {0};
    enum scheme scheme;
    enum hash hash;

    (void)state;
    certificate_for(&id, OID_RSA_PSS, HASH_NONE, &der);
    assert_int_equal(
        encrypt_to(buf_slice(&der), HASH_SHA256, id.key, &scheme, &hash),
        ERR_UNSUPPORTED);
    identity_drop(&id);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_the_one_that_was_wanted),
        cmocka_unit_test(a_certificate_for_oaep_gets_what_it_says),
        cmocka_unit_test(a_certificate_for_signatures_is_not_encrypted_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
