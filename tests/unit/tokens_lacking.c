/* What happens where a token lacks a mechanism, or does not tell: another way,
 * or a clear no. */
#include "tests/unit/tokens_every.h"
#include "tokens/write.h"

/* ---- tokens that lack something --------------------------------------------
 */

static unsigned
uses_of(const struct soft_key *k)
{
    const struct token_identities *list = NULL;
    unsigned uses = ~0U;

    assert_int_equal(token_identities_read(token, &list), TOKENS_OK);
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].id_len == 20 &&
            memcmp(list->all[i].id, k->id, 20) == 0)
            uses = list->all[i].uses;
    token_identities_drop(&list);
    return uses;
}

static void
without_padding_on_the_token_it_is_padded_here(void **state)
{
    (void)state;
    reopen("hide 0x1\nhide 0x9\nhide 0xd\n"); /* RSA_PKCS, OAEP, PSS */
    check_signatures(&rsa, TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING);
    check_signatures(&rsa, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING);
    check_unwrap(&v15, NULL, NULL);
    check_oaep();
    assert_int_equal(uses_of(&rsa), TOKEN_USE_SIGN | TOKEN_USE_DECRYPT);
}

/* Some tokens look at the parameters no earlier than at the data. */
static void
parameters_that_are_refused_late_go_the_raw_way(void **state)
{
    const struct token_padding p = {.scheme = TOKEN_RSA_OAEP,
                                    .hash = TOKEN_HASH_SHA1};
    uint8_t digest[32] = {0}, wrapped[256], plain[64];
    uint8_t sig[TOKEN_SIGNATURE_BYTES];
    size_t wn = wrap(&p, EVP_sha1(), EVP_sha1(), wrapped, sizeof(wrapped));
    size_t n = 0;

    (void)state;
    faults("C_Decrypt 0x71 1\nC_Sign 0x71 1\n");
    fault_reset();
    assert_int_equal(unwrap(&p, wrapped, wn, plain, &n), TOKENS_OK);
    assert_int_equal(fault_count("C_Decrypt"), 2);
    assert_int_equal(
        sign(&rsa, TOKEN_RSA_PSS, TOKEN_HASH_SHA256, digest, 32, sig, &n),
        TOKENS_OK);
    assert_true(
        verifies(rsa.key, RSA_PKCS1_PSS_PADDING, EVP_sha256(), digest, sig, n));
    assert_int_equal(fault_count("C_Sign"), 2);
}

/* EM encrypted as it is: what the padding is made of is our own choice. */
static enum tokens_err
unwrap_block(const uint8_t *em, uint8_t *plain, size_t *n)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa.key, NULL);
    uint8_t wrapped[256];
    size_t wn = sizeof(wrapped);

    assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(c, wrapped, &wn, em, 256), 1);
    EVP_PKEY_CTX_free(c);
    return unwrap(&v15, wrapped, wn, plain, n);
}

static void
padding_that_is_none_is_the_messages_fault_here_too(void **state)
{
    uint8_t em[256], plain[64];
    size_t n = 0;

    (void)state;
    reopen("hide 0x1\n");
    memset(em, 0x5a, sizeof(em));
    em[0] = 0, em[1] = 2;
    em[239] = 0;
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_OK);
    assert_int_equal(n, 16);
    assert_memory_equal(plain, em + 240, 16);
    n = 3;
    em[1] = 1; /* a signature's block */
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_MESSAGE);
    em[1] = 2, em[239] = 9; /* no end of the padding */
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_MESSAGE);
    em[9] = 0; /* seven bytes of it */
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_MESSAGE);
    em[9] = 1, em[200] = 0; /* room for 64 only, and here are 55 */
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_OK);
    assert_int_equal(n, 55);
    assert_memory_equal(plain, em + 201, 55);
    em[180] = 0;
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_MESSAGE);
    em[255] = 0;
    em[180] = em[200] = 1;
    assert_int_equal(unwrap_block(em, plain, &n), TOKENS_OK);
    assert_int_equal(n, 0);
}

static void
without_raw_rsa_the_token_pads_or_says_no(void **state)
{
    const struct token_padding sha1 = {.scheme = TOKEN_RSA_OAEP,
                                       .hash = TOKEN_HASH_SHA1};
    const struct token_padding sha256 = {.scheme = TOKEN_RSA_OAEP,
                                         .hash = TOKEN_HASH_SHA256};
    uint8_t wrapped[256], plain[64];
    size_t n = 0;

    (void)state;
    reopen("hide 0x3\n");
    check_signatures(&rsa, TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING);
    check_signatures(&rsa, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING);
    check_unwrap(&sha1, EVP_sha1(), EVP_sha1());
    /* SoftHSM's OAEP knows no other hash. */
    size_t wn =
        wrap(&sha256, EVP_sha256(), EVP_sha256(), wrapped, sizeof(wrapped));
    assert_int_equal(unwrap(&sha256, wrapped, wn, plain, &n), TOKENS_CANNOT);
}

static void
without_any_rsa_the_key_is_there_and_can_nothing(void **state)
{
    uint8_t wrapped[256], plain[64];
    size_t n = 0, wn = wrap(&v15, NULL, NULL, wrapped, sizeof(wrapped));

    (void)state;
    reopen("hide 0x1\nhide 0x3\nhide 0x9\nhide 0xd\n");
    cannot_sign(&rsa, TOKEN_RSA_PKCS1, TOKEN_HASH_SHA256, "RSA (PKCS #1 v1.5)");
    cannot_sign(&rsa, TOKEN_RSA_PSS, TOKEN_HASH_SHA256, "raw RSA");
    assert_int_equal(unwrap(&v15, wrapped, wn, plain, &n), TOKENS_CANNOT);
    assert_int_equal(uses_of(&rsa), 0);
    assert_int_equal(uses_of(&ec[0]), TOKEN_USE_SIGN | TOKEN_USE_DERIVE);
}

static void
an_elliptic_key_can_what_its_token_has(void **state)
{
    uint8_t secret[128];
    size_t n = 0;

    (void)state;
    reopen("hide 0x1041\nhide 0x1057\n"); /* ECDSA, EdDSA */
    cannot_sign(&ec[0], TOKEN_ECDSA, TOKEN_HASH_SHA256, "ECDSA");
    cannot_sign(&ed, TOKEN_EDDSA, TOKEN_HASH_NONE, "EdDSA");
    check_agreement(&ec[0]);
    assert_int_equal(uses_of(&ec[0]), TOKEN_USE_DERIVE);
    assert_int_equal(uses_of(&ed), 0);
    reopen("hide 0x1050\n"); /* ECDH */
    check_signatures(&ec[0], TOKEN_ECDSA, 0);
    assert_int_equal(token_agree(token, ec[0].id, 20, ec[0].parts.point.p,
                                 ec[0].parts.point.n, NULL, secret,
                                 sizeof(secret), &n),
                     TOKENS_CANNOT);
    assert_string_equal(tokens_last_mechanism(), "ECDH");
    assert_int_equal(uses_of(&ec[0]), TOKEN_USE_SIGN);
    assert_int_equal(uses_of(&x), 0);
}

/* Mail encrypted to such a certificate could never be read. */
static void
a_key_that_could_not_decrypt_is_not_taken_for_it(void **state)
{
    struct token_import *i = NULL;
    struct soft_key k;
    bool already = false;

    (void)state;
    reopen("hide 0x1050\n");
    soft_ec(&k);
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &k.parts, &already), TOKENS_OK);
    assert_int_equal(token_import_prove(i), TOKENS_CANNOT);
    token_import_drop(&i);
    assert_int_equal(uses_of(&k), ~0U);
    k.parts.uses = TOKEN_USE_SIGN;
    import_key(&k);
    assert_int_equal(uses_of(&k), TOKEN_USE_SIGN);
    soft_drop(&k);
}

static enum tokens_err
generate(enum token_key_type type, uint8_t *id)
{
    const struct token_generation what = {
        .type = type, .bits = 2048, .curve = ec[0].parts.curve, .label = "new"};
    struct token_import *i = NULL;
    size_t n = 0;

    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    enum tokens_err e = token_import_generate(i, &what, id, &n);
    if (e == TOKENS_OK)
        e = token_import_prove(i);
    if (e == TOKENS_OK)
        e = token_import_commit(i);
    token_import_drop(&i);
    return e;
}

static void
what_is_generated_is_for_what_the_token_can(void **state)
{
    struct soft_key k = {0};
    uint8_t id[TOKEN_ID_BYTES];

    (void)state;
    reopen("hide 0x1050\n");
    assert_int_equal(generate(TOKEN_KEY_EC, id), TOKENS_OK);
    memcpy(k.id, id, 20);
    assert_int_equal(uses_of(&k), TOKEN_USE_SIGN);
    reopen(""); /* the key itself was not made for more either */
    assert_int_equal(uses_of(&k), TOKEN_USE_SIGN);
    reopen("hide 0x1041\n");
    assert_int_equal(generate(TOKEN_KEY_EC, id), TOKENS_CANNOT);
    assert_string_equal(tokens_last_mechanism(), "EC keys");
    reopen("hide 0x1\n");
    assert_int_equal(generate(TOKEN_KEY_RSA, id), TOKENS_OK);
}

static void
a_token_that_tells_no_mechanisms_is_tried(void **state)
{
    (void)state;
    reopen("C_GetMechanismList 0x5 -1\n");
    assert_int_equal(uses_of(&ec[0]), TOKEN_USE_SIGN | TOKEN_USE_DERIVE);
    check_signatures(&ec[0], TOKEN_ECDSA, 0);
    check_agreement(&x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            without_padding_on_the_token_it_is_padded_here, whole),
        cmocka_unit_test_teardown(
            parameters_that_are_refused_late_go_the_raw_way, whole),
        cmocka_unit_test_teardown(
            padding_that_is_none_is_the_messages_fault_here_too, whole),
        cmocka_unit_test_teardown(without_raw_rsa_the_token_pads_or_says_no,
                                  whole),
        cmocka_unit_test_teardown(
            without_any_rsa_the_key_is_there_and_can_nothing, whole),
        cmocka_unit_test_teardown(an_elliptic_key_can_what_its_token_has,
                                  whole),
        cmocka_unit_test_teardown(
            a_key_that_could_not_decrypt_is_not_taken_for_it, whole),
        cmocka_unit_test_teardown(what_is_generated_is_for_what_the_token_can,
                                  whole),
        cmocka_unit_test_teardown(a_token_that_tells_no_mechanisms_is_tried,
                                  whole),
    };

    return cmocka_run_group_tests(tests, start, end);
}
