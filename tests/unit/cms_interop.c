/* Both directions against the openssl command. */
#include <stdio.h>

#include "tests/unit/cms_fixture.h"

static struct identity rsa, p256, p384;
static struct buf content;

static int
make_keys(void **state)
{
    (void)state;
    rsa = identity_make("RSA", NULL);
    p256 = identity_make("P-256", NULL);
    p384 = identity_make("P-384", NULL);
    identity_save(&rsa, "rsa");
    identity_save(&p256, "p256");
    identity_save(&p384, "p384");
    fill_pattern(&content, 100000);
    save_file(scratch("content"), buf_slice(&content));
    return 0;
}

static int
drop_keys(void **state)
{
    (void)state;
    identity_drop(&rsa);
    identity_drop(&p256);
    identity_drop(&p384);
    buf_drop(&content);
    return 0;
}

/* A file is there and has exactly the content. */
static void
expect_file(const char *name)
{
    AUTO(buf) struct buf got = {0};

    assert_true(load_file(scratch(name), &got));
    assert_true(slice_equal(buf_slice(&got), buf_slice(&content)));
}

static void
expect_openssl_verifies(const struct identity *id, const char *name,
                        enum scheme scheme, enum hash hash)
{
    struct signer_spec spec = spec_for(id, scheme, hash);
    AUTO(buf) struct buf detached = {0};
    AUTO(buf) struct buf opaque = {0};

    sign_detached(id, spec, buf_slice(&content), &detached);
    sign_opaque(id, spec, buf_slice(&content), 1 << 16, &opaque);
    save_file(scratch("detached"), buf_slice(&detached));
    save_file(scratch("opaque"), buf_slice(&opaque));
    assert_int_equal(run("openssl cms -verify -binary -inform DER -in detached"
                         " -content content -CAfile %s.crt -purpose any"
                         " -out verified",
                         name),
                     0);
    expect_file("verified");
    assert_int_equal(run("openssl cms -verify -binary -inform DER -in opaque"
                         " -CAfile %s.crt -purpose any -out verified",
                         name),
                     0);
    expect_file("verified");
    /* The neighbour: another content. */
    assert_int_not_equal(
        run("openssl cms -verify -binary -inform DER -in detached"
            " -content %s.crt -CAfile %s.crt -purpose any -out verified",
            name, name),
        0);
}

static void
openssl_verifies_what_we_sign(void **state)
{
    (void)state;
    expect_openssl_verifies(&rsa, "rsa", SCHEME_RSA_PKCS1, HASH_SHA256);
    expect_openssl_verifies(&rsa, "rsa", SCHEME_RSA_PKCS1, HASH_SHA512);
    expect_openssl_verifies(&rsa, "rsa", SCHEME_RSA_PSS, HASH_SHA256);
    expect_openssl_verifies(&rsa, "rsa", SCHEME_RSA_PSS, HASH_SHA384);
    expect_openssl_verifies(&p256, "p256", SCHEME_ECDSA, HASH_SHA256);
    expect_openssl_verifies(&p384, "p384", SCHEME_ECDSA, HASH_SHA384);
    expect_openssl_verifies(&p384, "p384", SCHEME_ECDSA, HASH_SHA512);
}

static void
expect_we_read(const struct identity *id, const char *name, const char *how)
{
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};
    AUTO(signed_data) struct signed_data read = {0};
    const struct signer_info *s = &read.signer[0];
    struct signature_algorithm a;

    assert_int_equal(run("openssl cms -sign -binary -in content"
                         " -signer %s.crt -inkey %s.key -outform DER"
                         " -out signed %s",
                         name, name, how),
                     0);
    assert_true(load_file(scratch("signed"), &object));
    assert_int_equal(read_signed(buf_slice(&object), 4096, &read, &got, NULL),
                     ERR_OK);
    if (read.has_content)
        assert_true(slice_equal(buf_slice(&got), buf_slice(&content)));
    assert_int_equal(read.signer_count, 1);
    assert_int_equal(read.certificate_count, 1);
    assert_true(slice_equal(read.certificate[0], buf_slice(&id->certificate)));
    assert_true(signature_from_algorithm(s->signature_algorithm, s->hash, &a));
    assert_true(identity_verify(
        id, &a, s->signed_attrs.n ? s->signed_attrs : buf_slice(&content),
        s->signature));
    assert_true(read.hashes & 1u << s->hash);
}

static void
we_read_what_openssl_signs(void **state)
{
    (void)state;
    expect_we_read(&rsa, "rsa", "-md sha256");
    expect_we_read(&rsa, "rsa", "-md sha256 -nodetach");
    expect_we_read(&rsa, "rsa", "-md sha256 -nodetach -stream");
    expect_we_read(&rsa, "rsa", "-md sha512 -noattr");
    expect_we_read(&rsa, "rsa", "-md sha256 -keyid -nodetach");
    expect_we_read(&rsa, "rsa", "-md sha384 -keyopt rsa_padding_mode:pss");
    expect_we_read(&p256, "p256", "-md sha256 -nodetach -stream");
    expect_we_read(&p384, "p384", "-md sha384");
}

static void
expect_openssl_decrypts(const struct identity *id, const char *name,
                        enum cipher cipher, bool oaep)
{
    AUTO(buf) struct buf object = {0};

    assert_int_equal(envelope(cipher, &id, 1, oaep, buf_slice(&content),
                              1 << 16, &object, NULL),
                     ERR_OK);
    save_file(scratch("encrypted"), buf_slice(&object));
    assert_int_equal(run("openssl cms -decrypt -binary -inform DER"
                         " -in encrypted -recip %s.crt -inkey %s.key"
                         " -out decrypted",
                         name, name),
                     0);
    expect_file("decrypted");
}

static void
openssl_decrypts_what_we_encrypt(void **state)
{
    (void)state;
    expect_openssl_decrypts(&rsa, "rsa", CIPHER_AES256_CBC, false);
    expect_openssl_decrypts(&rsa, "rsa", CIPHER_AES128_CBC, true);
    expect_openssl_decrypts(&rsa, "rsa", CIPHER_AES256_GCM, false);
    expect_openssl_decrypts(&p256, "p256", CIPHER_AES256_CBC, false);
    expect_openssl_decrypts(&p256, "p256", CIPHER_AES128_GCM, false);
    expect_openssl_decrypts(&p384, "p384", CIPHER_AES256_CBC, false);
    expect_openssl_decrypts(&p384, "p384", CIPHER_AES256_GCM, false);
}

static void
expect_we_decrypt(const struct identity *id, const char *name, const char *how)
{
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};

    assert_int_equal(run("openssl cms -encrypt -binary -in content"
                         " -outform DER -out encrypted %s -recip %s.crt %s",
                         strncmp(how, "-key", 4) == 0 ? "" : how, name,
                         strncmp(how, "-key", 4) == 0 ? how : ""),
                     0);
    assert_true(load_file(scratch("encrypted"), &object));
    assert_int_equal(
        open_envelope(buf_slice(&object), id->key, 4096, &got, NULL), ERR_OK);
    assert_true(slice_equal(buf_slice(&got), buf_slice(&content)));
}

static void
we_decrypt_what_openssl_encrypts(void **state)
{
    (void)state;
    expect_we_decrypt(&rsa, "rsa", "-aes256");
    expect_we_decrypt(&rsa, "rsa", "-aes256 -stream");
    expect_we_decrypt(&rsa, "rsa", "-des3");
    expect_we_decrypt(&rsa, "rsa", "-aes192 -keyid");
    expect_we_decrypt(&rsa, "rsa", "-aes-256-gcm");
    expect_we_decrypt(&rsa, "rsa", "-aes-128-gcm -stream");
    expect_we_decrypt(&rsa, "rsa", "-keyopt rsa_padding_mode:oaep -aes128");
    expect_we_decrypt(&rsa, "rsa",
                      "-keyopt rsa_padding_mode:oaep"
                      " -keyopt rsa_oaep_md:sha256 -aes128");
    expect_we_decrypt(&p256, "p256", "-aes128");
    expect_we_decrypt(&p256, "p256", "-aes256 -stream");
    expect_we_decrypt(&p256, "p256", "-keyopt ecdh_kdf_md:sha512 -aes192");
    expect_we_decrypt(&p256, "p256", "-keyopt ecdh_cofactor_mode:1 -aes192");
    expect_we_decrypt(&p256, "p256", "-des3");
    expect_we_decrypt(&p384, "p384", "-aes-256-gcm");
}

static void
we_decrypt_rc2_where_openssl_still_writes_it(void **state)
{
    (void)state;
    if (run("openssl cms -encrypt -provider legacy -provider default"
            " -rc2-40 -binary -in content -outform DER -out probe"
            " -recip rsa.crt") != 0)
        skip();
    expect_we_decrypt(&rsa, "rsa",
                      "-provider legacy -provider default -rc2-40");
    expect_we_decrypt(&rsa, "rsa",
                      "-provider legacy -provider default -rc2-128");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_verifies_what_we_sign),
        cmocka_unit_test(we_read_what_openssl_signs),
        cmocka_unit_test(openssl_decrypts_what_we_encrypt),
        cmocka_unit_test(we_decrypt_what_openssl_encrypts),
        cmocka_unit_test(we_decrypt_rc2_where_openssl_still_writes_it),
    };

    if (run("openssl version") != 0)
        return 77;
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
