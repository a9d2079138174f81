/* Every algorithm on a token, each checked against OpenSSL. */
#include "tests/unit/tokens_every.h"
#include "tokens/write.h"

static void
every_scheme_signs_with_every_hash(void **state)
{
    (void)state;
    check_signatures(&rsa, TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING);
    check_signatures(&rsa, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING);
    for (size_t i = 0; i < COUNT(ec); i++)
        check_signatures(&ec[i], TOKEN_ECDSA, 0);
}

/* Many tokens refuse what is longer than the order of the curve. */
static void
a_digest_longer_than_the_order_goes_cut_to_the_token(void **state)
{
    (void)state;
    faults("strict 32\n");
    check_signatures(&ec[0], TOKEN_ECDSA, 0);
    faults("strict 48\n");
    check_signatures(&ec[1], TOKEN_ECDSA, 0);
    faults("strict 66\n");
    check_signatures(&ec[2], TOKEN_ECDSA, 0);
    faults("");
}

/* The order of P-521 ends within its 66th octet. */
static void
what_is_longer_than_the_order_of_p_521_is_cut_by_the_bit(void **state)
{
    uint8_t data[80], sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    (void)state;
    memset(data, 0xa5, sizeof(data));
    faults("strict 66\n");
    assert_int_equal(
        sign(&ec[2], TOKEN_ECDSA, TOKEN_HASH_NONE, data, sizeof(data), sig, &n),
        TOKENS_OK);
    faults("");
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(ec[2].key, NULL);
    assert_int_equal(EVP_PKEY_verify_init(c), 1);
    assert_int_equal(EVP_PKEY_verify(c, sig, n, data, sizeof(data)), 1);
    EVP_PKEY_CTX_free(c);
}

static void
content_keys_unwrap_with_every_hash_label_and_mask(void **state)
{
    (void)state;
    check_unwrap(&v15, NULL, NULL);
    check_oaep();
}

static void
every_curve_agrees_as_openssl_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ec); i++)
        check_agreement(&ec[i]);
    check_agreement(&x);
}

static void
a_point_of_another_curve_is_the_messages_fault(void **state)
{
    uint8_t secret[128], zero[32] = {0};
    const struct token_bytes other = ec[1].parts.point;
    size_t n = 5;

    (void)state;
    assert_int_equal(token_agree(token, ec[0].id, 20, other.p, other.n, NULL,
                                 secret, sizeof(secret), &n),
                     TOKENS_MESSAGE);
    /* Of small order: the secret would be zero for every key. */
    assert_int_not_equal(token_agree(token, x.id, 20, zero, 32, NULL, secret,
                                     sizeof(secret), &n),
                         TOKENS_OK);
    assert_int_equal(n, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scheme_signs_with_every_hash),
        cmocka_unit_test(a_digest_longer_than_the_order_goes_cut_to_the_token),
        cmocka_unit_test(
            what_is_longer_than_the_order_of_p_521_is_cut_by_the_bit),
        cmocka_unit_test(content_keys_unwrap_with_every_hash_label_and_mask),
        cmocka_unit_test(every_curve_agrees_as_openssl_does),
        cmocka_unit_test(a_point_of_another_curve_is_the_messages_fault),
    };

    return cmocka_run_group_tests(tests, start, end);
}
