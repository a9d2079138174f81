/* One key, many signatures: what one left behind is no other's. */
#include "validator_case.h"

#include <openssl/rsa.h>

#include "agent/validator/signature.h"

static const uint8_t digest[32] = "what is signed: thirty-two bytes";

static struct signature_algorithm
algorithm(enum scheme scheme, int salt)
{
    return (struct signature_algorithm){.scheme = scheme,
                                        .hash = HASH_SHA256,
                                        .mgf_hash = HASH_SHA256,
                                        .salt_bytes = salt};
}

static struct slice
sign(EVP_PKEY *key, int padding, int salt, struct buf *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    size_t n = 1024;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
    if (padding != 0)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    if (padding == RSA_PKCS1_PSS_PADDING)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt), 1);
    buf_reserve(out, n);
    assert_int_equal(EVP_PKEY_sign(ctx, out->data, &n, digest, sizeof(digest)),
                     1);
    out->len = n;
    EVP_PKEY_CTX_free(ctx);
    return buf_slice(out);
}

static bool
holds(EVP_PKEY *key, struct signature_algorithm a, struct slice signature)
{
    return signature_check(key, &a, slice_of(NULL, 0),
                           slice_of(digest, sizeof(digest)),
                           signature) == INTEGRITY_OK;
}

static void
schemes_and_salts_are_told_apart(void **state)
{
    AUTO(buf) struct buf a = {0}, b = {0}, c = {0};
    EVP_PKEY *key = make_key("rsa2048");
    struct slice pkcs1 = sign(key, RSA_PKCS1_PADDING, 0, &a);
    struct slice pss32 = sign(key, RSA_PKCS1_PSS_PADDING, 32, &b);
    struct slice pss20 = sign(key, RSA_PKCS1_PSS_PADDING, 20, &c);

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(holds(key, algorithm(SCHEME_RSA_PKCS1, 0), pkcs1));
        assert_true(holds(key, algorithm(SCHEME_RSA_PSS, 32), pss32));
        assert_true(holds(key, algorithm(SCHEME_RSA_PSS, 20), pss20));
        assert_false(holds(key, algorithm(SCHEME_RSA_PSS, 20), pss32));
        assert_false(holds(key, algorithm(SCHEME_RSA_PSS, 32), pss20));
        assert_false(holds(key, algorithm(SCHEME_RSA_PKCS1, 0), pss32));
        assert_false(holds(key, algorithm(SCHEME_RSA_PSS, 32), pkcs1));
    }
}

static void
a_wrong_one_spoils_no_right_one(void **state)
{
    AUTO(buf) struct buf a = {0}, b = {0};
    EVP_PKEY *rsa = make_key("rsa2048"), *ec = make_key("p256");
    struct slice by_rsa = sign(rsa, RSA_PKCS1_PADDING, 0, &a);
    struct slice by_ec = sign(ec, 0, 0, &b);

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(holds(rsa, algorithm(SCHEME_RSA_PKCS1, 0), by_rsa));
        assert_true(holds(ec, algorithm(SCHEME_ECDSA, 0), by_ec));
        a.data[100] ^= 1;
        b.data[20] ^= 1;
        assert_false(holds(rsa, algorithm(SCHEME_RSA_PKCS1, 0), by_rsa));
        assert_false(holds(ec, algorithm(SCHEME_ECDSA, 0), by_ec));
        assert_false(holds(rsa, algorithm(SCHEME_RSA_PKCS1, 0),
                           slice_of(by_rsa.p, by_rsa.n - 1)));
        a.data[100] ^= 1;
        b.data[20] ^= 1;
    }
}

/* More keys than are kept, and back to the first. */
static void
keys_are_told_apart(void **state)
{
    AUTO(buf) struct buf first = {0};
    EVP_PKEY *rsa = make_key("rsa2048");
    struct slice by_rsa = sign(rsa, RSA_PKCS1_PADDING, 0, &first);

    (void)state;
    for (int i = 0; i < 20; i++) {
        AUTO(buf) struct buf b = {0};
        EVP_PKEY *key = EVP_EC_gen("P-256");
        struct slice signature = sign(key, 0, 0, &b);

        assert_true(holds(key, algorithm(SCHEME_ECDSA, 0), signature));
        assert_false(
            holds(make_key("p256"), algorithm(SCHEME_ECDSA, 0), signature));
        EVP_PKEY_free(key);
        if (i % 3 == 0)
            signature_make_room();
        assert_true(holds(rsa, algorithm(SCHEME_RSA_PKCS1, 0), by_rsa));
    }
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(schemes_and_salts_are_told_apart),
        T(a_wrong_one_spoils_no_right_one),
        T(keys_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
