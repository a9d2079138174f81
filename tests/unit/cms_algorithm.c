#include "agent/cms/algorithm.h"

#include "agent/cms/certview.h"
#include "agent/cms/curve.h"
#include "agent/cms/der.h"
#include "agent/cms/rsa_params.h"
#include "tests/unit/cms_fixture.h"

static void
digests_go_out_without_parameters_and_come_back(void **state)
{
    (void)state;
    for (int h = HASH_SHA1; h < HASH_COUNT; h++) {
        AUTO(buf) struct buf der = {0};

        hash_write_algorithm((enum hash)h, &der);
        assert_int_equal(hash_from_algorithm(buf_slice(&der)), h);
        assert_int_equal(hash_from_micalg(hash_micalg((enum hash)h)), h);
        assert_non_null(hash_md((enum hash)h));
        if (h != HASH_SHAKE256) /* it has any length */
            assert_int_equal(EVP_MD_get_size(hash_md((enum hash)h)),
                             hash_bytes((enum hash)h));
    }
}

static void
a_null_parameter_is_accepted_any_other_is_not(void **state)
{
    (void)state;
    assert_int_equal(hash_from_algorithm(slice_of(
                         "\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00", 11)),
                     HASH_SHA1);
    assert_int_equal(
        hash_from_algorithm(
            slice_of("\x30\x0a\x06\x05\x2b\x0e\x03\x02\x1a\x02\x01\x05", 12)),
        HASH_NONE);
    assert_int_equal(hash_from_algorithm(slice_of("\x30\x03\x06\x01\x00", 5)),
                     HASH_NONE);
    assert_int_equal(hash_from_algorithm(slice_of("", 0)), HASH_NONE);
}

static void
micalg_is_read_in_old_and_new_spelling(void **state)
{
    (void)state;
    assert_int_equal(hash_from_micalg("sha-256"), HASH_SHA256);
    assert_int_equal(hash_from_micalg("SHA256"), HASH_SHA256);
    assert_int_equal(hash_from_micalg("sha1"), HASH_SHA1);
    assert_int_equal(hash_from_micalg("sha-512"), HASH_SHA512);
    assert_int_equal(hash_from_micalg("sha-25"), HASH_NONE);
    assert_int_equal(hash_from_micalg("sha-2566"), HASH_NONE);
    assert_int_equal(hash_from_micalg(""), HASH_NONE);
    assert_null(hash_md(HASH_NONE));
}

static void
expect_signature_back(struct signature_algorithm a, const char *name)
{
    AUTO(buf) struct buf der = {0};
    struct signature_algorithm read;

    signature_write_algorithm(&a, &der);
    assert_true(signature_from_algorithm(buf_slice(&der), a.hash, &read));
    assert_int_equal(read.scheme, a.scheme);
    assert_int_equal(read.hash, a.hash);
    assert_int_equal(read.mgf_hash, a.mgf_hash);
    assert_int_equal(read.salt_bytes, a.salt_bytes);
    assert_string_equal(signature_name(&read), name);
}

static void
signature_algorithms_go_out_and_come_back(void **state)
{
    (void)state;
    expect_signature_back((struct signature_algorithm){SCHEME_RSA_PKCS1,
                                                       HASH_SHA256, HASH_NONE,
                                                       0},
                          "RSA PKCS#1 v1.5 with SHA-256");
    expect_signature_back((struct signature_algorithm){SCHEME_RSA_PSS,
                                                       HASH_SHA384, HASH_SHA384,
                                                       48},
                          "RSA-PSS with SHA-384");
    expect_signature_back(
        (struct signature_algorithm){SCHEME_ECDSA, HASH_SHA512, HASH_NONE, 0},
        "ECDSA with SHA-512");
    expect_signature_back(
        (struct signature_algorithm){SCHEME_EDDSA, HASH_SHA512, HASH_NONE, 0},
        "Ed25519");
}

/* rsaEncryption goes out for RSA, whatever the hash: these come from others. */
static void
every_hash_has_its_signatures(void **state)
{
    static const struct {
        const char *oid;
        size_t n;
        enum scheme scheme;
        enum hash hash;
    } known[] = {
        {"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x0e", 13,
         SCHEME_RSA_PKCS1, HASH_SHA3_256},
        {"\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x10\x05\x00", 15,
         SCHEME_RSA_PKCS1, HASH_SHA3_512},
        {"\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x0b", 13,
         SCHEME_ECDSA, HASH_SHA3_384},
        {"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x10\x05\x00", 15,
         SCHEME_RSA_PKCS1, HASH_SHA512_256},
    };
    struct signature_algorithm a;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        assert_true(signature_from_algorithm(slice_of(known[i].oid, known[i].n),
                                             HASH_SHA256, &a));
        assert_int_equal(a.scheme, known[i].scheme);
        assert_int_equal(a.hash, known[i].hash);
        assert_non_null(strstr(signature_name(&a), hash_name(a.hash)));
    }
    for (int h = HASH_SHA1; h < HASH_SHAKE256; h++)
        expect_signature_back((struct signature_algorithm){SCHEME_RSA_PSS,
                                                           (enum hash)h,
                                                           (enum hash)h, 20},
                              signature_name(&(struct signature_algorithm){
                                  SCHEME_RSA_PSS, (enum hash)h, HASH_NONE, 0}));
}

/* What no token can decrypt is no OAEP that is known. */
static void
oaep_is_read_with_the_hashes_of_tokens(void **state)
{
    struct oaep out;

    (void)state;
    for (int h = HASH_SHA1; h < HASH_COUNT; h++) {
        AUTO(buf) struct buf der = {0};

        oaep_write(&(struct oaep){(enum hash)h, (enum hash)h, {0}}, &der);
        assert_int_equal(oaep_read(buf_slice(&der), &out), h <= HASH_MD5);
    }
}

static void
pss_without_its_fields_means_sha1_and_without_parameters_nothing(void **state)
{
    static const char oid[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
    AUTO(buf) struct buf der = {0};
    struct signature_algorithm a;
    size_t mark = der_open(&der, TAG_SEQUENCE);

    (void)state;
    buf_add(&der, oid, 11);
    der_close(&der, mark);
    assert_false(signature_from_algorithm(buf_slice(&der), HASH_SHA256, &a));
    buf_clear(&der);
    mark = der_open(&der, TAG_SEQUENCE);
    buf_add(&der, oid, 11);
    buf_add(&der, "\x30\x00", 2);
    der_close(&der, mark);
    assert_true(signature_from_algorithm(buf_slice(&der), HASH_SHA256, &a));
    assert_int_equal(a.hash, HASH_SHA1);
    assert_int_equal(a.mgf_hash, HASH_SHA1);
    assert_int_equal(a.salt_bytes, 20);
}

static void
an_unknown_signature_or_digest_is_refused(void **state)
{
    struct signature_algorithm a;

    (void)state;
    assert_false(signature_from_algorithm(
        slice_of("\x30\x05\x06\x03\x2b\x65\x72", 7), HASH_SHA256, &a));
    assert_false(signature_from_algorithm(
        slice_of("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00",
                 15),
        HASH_NONE, &a));
    /* RSA with SHAKE256 has a name of its own (RFC 8702 3.2). */
    assert_false(signature_from_algorithm(
        slice_of("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00",
                 15),
        HASH_SHAKE256, &a));
}

/* RFC 8419 2.3: with 512 bits, or without a length, which is the same. */
static void
ed448_has_its_digest(void **state)
{
    static const char with_length[] =
        "\x30\x0f\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x12\x02\x02\x02\x00";
    struct signature_algorithm a;

    (void)state;
    assert_true(signature_from_algorithm(
        slice_of("\x30\x05\x06\x03\x2b\x65\x71", 7), HASH_NONE, &a));
    assert_int_equal(a.scheme, SCHEME_EDDSA);
    assert_string_equal(signature_name(&a), "Ed448");
    assert_int_equal(hash_from_algorithm(slice_of(with_length, 17)),
                     HASH_SHAKE256);
    assert_int_equal(
        hash_from_algorithm(slice_of("\x30\x0f\x06\x09\x60\x86\x48\x01\x65\x03"
                                     "\x04\x02\x12\x02\x02\x01\x00",
                                     17)),
        HASH_NONE);
}

static void
content_ciphers_go_out_and_come_back(void **state)
{
    static const enum cipher all[] = {CIPHER_AES128_CBC, CIPHER_AES192_CBC,
                                      CIPHER_AES256_CBC, CIPHER_AES128_GCM,
                                      CIPHER_AES192_GCM, CIPHER_AES256_GCM};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        bool aead = cipher_is_aead(all[i]);
        struct cipher_algorithm a = {.cipher = all[i],
                                     .iv_bytes = aead ? 12 : 16,
                                     .iv = {1, 2, 3},
                                     .tag_bytes = aead ? 16 : 0};
        AUTO(buf) struct buf der = {0};
        struct cipher_algorithm read;

        cipher_write_algorithm(&a, &der);
        assert_true(cipher_from_algorithm(buf_slice(&der), &read));
        assert_int_equal(read.cipher, a.cipher);
        assert_int_equal(read.key_bytes, cipher_key_bytes(a.cipher));
        assert_int_equal(read.iv_bytes, a.iv_bytes);
        assert_int_equal(read.tag_bytes, a.tag_bytes);
        assert_memory_equal(read.iv, a.iv, a.iv_bytes);
        assert_false(cipher_is_legacy(read.cipher));
    }
}

static void
rc2_versions_become_effective_bits(void **state)
{
    static const char forty[] = "\x30\x1a\x06\x08\x2a\x86\x48\x86\xf7\x0d\x03"
                                "\x02\x30\x0e\x02\x02\x00\xa0\x04\x08"
                                "12345678";
    struct cipher_algorithm a;
    char odd[sizeof(forty)];

    (void)state;
    assert_true(cipher_from_algorithm(slice_of(forty, 28), &a));
    assert_int_equal(a.cipher, CIPHER_RC2_CBC);
    assert_int_equal(a.rc2_bits, 40);
    assert_int_equal(a.key_bytes, 5);
    assert_true(cipher_is_legacy(a.cipher));
    memcpy(odd, forty, sizeof(odd));
    odd[17] = '\x21'; /* no version that means anything */
    assert_false(cipher_from_algorithm(slice_of(odd, 28), &a));
}

static void
a_wrong_iv_or_tag_length_is_refused(void **state)
{
    struct cipher_algorithm a;

    (void)state;
    assert_false(cipher_from_algorithm(
        slice_of("\x30\x0f\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a\x04\x02"
                 "ab",
                 17),
        &a));
    assert_false(cipher_from_algorithm(
        slice_of("\x30\x14\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2e\x30\x07"
                 "\x04\x02"
                 "ab\x02\x01\x11",
                 22),
        &a));
    assert_true(cipher_from_algorithm(
        slice_of("\x30\x11\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2e\x30\x04"
                 "\x04\x02"
                 "ab",
                 19),
        &a));
    assert_int_equal(a.tag_bytes, 12);
}

static void
oaep_parameters_go_out_and_come_back(void **state)
{
    AUTO(buf) struct buf der = {0};
    struct oaep oaep;

    (void)state;
    oaep_write(&(struct oaep){.hash = HASH_SHA256, .mgf_hash = HASH_SHA256},
               &der);
    assert_true(oaep_read(buf_slice(&der), &oaep));
    assert_int_equal(oaep.hash, HASH_SHA256);
    assert_int_equal(oaep.mgf_hash, HASH_SHA256);
    assert_int_equal(oaep.label.n, 0);
    assert_true(oaep_read(slice_of(NULL, 0), &oaep));
    assert_int_equal(oaep.hash, HASH_SHA1);
    assert_false(oaep_read(slice_of("\x30\x02\xa5\x00", 4), &oaep));
}

static void
a_certificate_shows_its_names_and_key(void **state)
{
    struct identity id = identity_make("P-256", NULL);
    struct cert_view view;
    unsigned char *name = NULL;
    int n = i2d_X509_NAME(X509_get_issuer_name(id.x509), &name);

    (void)state;
    assert_true(cert_view_parse(buf_slice(&id.certificate), &view));
    assert_true(slice_equal(view.issuer, slice_of(name, (size_t)n)));
    assert_true(slice_equal(view.subject, view.issuer));
    assert_int_equal(view.key_id.n, 20);
    assert_int_equal(view.serial.n, 2);
    assert_true(view.may_encrypt);
    OPENSSL_free(name);
    for (size_t cut = 0; cut < id.certificate.len; cut++)
        assert_false(
            cert_view_parse(slice_of(id.certificate.data, cut), &view));
    identity_drop(&id);
}

/* Three of them have the size of P-256. */
static void
a_curve_has_its_own_name(void **state)
{
    static const char *const names[] = {"P-256", "P-521", "secp256k1",
                                        "brainpoolP256r1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        EVP_PKEY *key = EVP_EC_gen(names[i]);
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(key, &der);

        assert_true(n > 0);
        assert_string_equal(curve_name_of(slice_of(der, (size_t)n)), names[i]);
        assert_string_equal(curve_name_of(slice_of(der, (size_t)n - 1)), "");
        OPENSSL_free(der);
        EVP_PKEY_free(key);
    }
    EVP_PKEY *rsa = EVP_RSA_gen(1024);
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(rsa, &der);
    assert_string_equal(curve_name_of(slice_of(der, (size_t)n)), "");
    OPENSSL_free(der);
    EVP_PKEY_free(rsa);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_go_out_without_parameters_and_come_back),
        cmocka_unit_test(a_null_parameter_is_accepted_any_other_is_not),
        cmocka_unit_test(micalg_is_read_in_old_and_new_spelling),
        cmocka_unit_test(signature_algorithms_go_out_and_come_back),
        cmocka_unit_test(every_hash_has_its_signatures),
        cmocka_unit_test(oaep_is_read_with_the_hashes_of_tokens),
        cmocka_unit_test(
            pss_without_its_fields_means_sha1_and_without_parameters_nothing),
        cmocka_unit_test(an_unknown_signature_or_digest_is_refused),
        cmocka_unit_test(ed448_has_its_digest),
        cmocka_unit_test(content_ciphers_go_out_and_come_back),
        cmocka_unit_test(rc2_versions_become_effective_bits),
        cmocka_unit_test(a_wrong_iv_or_tag_length_is_refused),
        cmocka_unit_test(oaep_parameters_go_out_and_come_back),
        cmocka_unit_test(a_certificate_shows_its_names_and_key),
        cmocka_unit_test(a_curve_has_its_own_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
