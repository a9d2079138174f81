/* Key operations on a token, each checked against OpenSSL. */
#include "tests/unit/tokens_fixture.h"

static struct soft_key rsa, ec, ed;

static int
start(void **state)
{
    login_start(state);
    soft_rsa(&rsa);
    soft_ec(&ec);
    import_key(&rsa);
    import_key(&ec);
    soft_ed25519(&ed);
    import_key(&ed);
    return 0;
}

static int
end(void **state)
{
    soft_drop(&rsa);
    soft_drop(&ec);
    soft_drop(&ed);
    return fixture_end(state);
}

static bool
verifies(EVP_PKEY *key, int padding, const uint8_t *digest, const uint8_t *sig,
         size_t n)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);

    assert_int_equal(EVP_PKEY_verify_init(c), 1);
    if (padding)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(c, padding), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
    bool ok = EVP_PKEY_verify(c, sig, n, digest, 32) == 1;
    EVP_PKEY_CTX_free(c);
    return ok;
}

static void
check_signature(const struct soft_key *k, enum token_scheme scheme, int padding)
{
    uint8_t digest[32] = {1, 2, 3}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    assert_int_equal(token_sign(token, k->id, sizeof(k->id), scheme,
                                TOKEN_HASH_SHA256, digest, 32, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_OK);
    assert_true(verifies(k->key, padding, digest, sig, n));
    digest[0] ^= 1;
    assert_false(verifies(k->key, padding, digest, sig, n));
}

static void
rsa_ecdsa_and_pss_signatures_verify(void **state)
{
    (void)state;
    check_signature(&rsa, TOKEN_RSA_PKCS1, RSA_PKCS1_PADDING);
    check_signature(&rsa, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING);
    check_signature(&ec, TOKEN_ECDSA, 0);
}

static void
ed25519_signs_the_whole_message(void **state)
{
    uint8_t sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    (void)state;
    assert_int_equal(token_sign(token, ed.id, 20, TOKEN_EDDSA, TOKEN_HASH_NONE,
                                (const uint8_t *)"a message", 9, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_OK);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(c, NULL, NULL, NULL, ed.key), 1);
    assert_int_equal(
        EVP_DigestVerify(c, sig, n, (const uint8_t *)"a message", 9), 1);
    EVP_MD_CTX_free(c);
    EVP_PKEY *key = NULL;
    assert_int_equal(token_key_evp(token, ed.id, 20, &key), TOKENS_CANNOT);
}

static void
pss_goes_through_raw_rsa_when_the_token_refuses_it(void **state)
{
    (void)state;
    faults("C_SignInit 0x71 1\n");
    fault_reset();
    check_signature(&rsa, TOKEN_RSA_PSS, RSA_PKCS1_PSS_PADDING);
    assert_int_equal(fault_count("C_SignInit"), 2);
    faults("");
}

static void
a_digest_of_the_wrong_length_or_key_is_refused(void **state)
{
    uint8_t digest[32] = {0}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    (void)state;
    assert_int_equal(token_sign(token, rsa.id, 20, TOKEN_RSA_PKCS1,
                                TOKEN_HASH_SHA256, digest, 20, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_MESSAGE);
    assert_int_equal(token_sign(token, ec.id, 20, TOKEN_RSA_PKCS1,
                                TOKEN_HASH_SHA256, digest, 32, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_CANNOT);
    assert_int_equal(token_sign(token, digest, 20, TOKEN_RSA_PKCS1,
                                TOKEN_HASH_SHA256, digest, 32, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_NO_KEY);
    assert_int_equal(n, 0);
}

static void
a_warm_signature_is_two_calls(void **state)
{
    uint8_t digest[32] = {0}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        fault_reset();
        assert_int_equal(token_sign(token, ec.id, 20, TOKEN_ECDSA,
                                    TOKEN_HASH_SHA256, digest, 32, NULL, sig,
                                    sizeof(sig), &n),
                         TOKENS_OK);
    }
    assert_int_equal(fault_count("C_SignInit"), 1);
    assert_int_equal(fault_count("C_Sign"), 1);
    assert_int_equal(fault_count(NULL), 2);
}

/* SoftHSM has such a token at all times. */
static void
a_token_that_never_was_initialised_is_not_read(void **state)
{
    const struct token_identities *list = NULL;
    struct token *all[8];
    size_t n = token_store_list(store, all, 8), found = 0;

    (void)state;
    fault_reset();
    token_store_read_ahead(store);
    for (size_t i = 0; i < n && i < 8; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (info.initialized)
            continue;
        found++;
        assert_int_equal(token_identities_read(all[i], &list),
                         TOKENS_UNINITIALIZED);
    }
    assert_true(found > 0);
    assert_int_equal(fault_count("C_OpenSession"), 0);
}

static size_t
wrap(const struct token_padding *p, const EVP_MD *md, uint8_t *out, size_t room)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(rsa.key, NULL);
    bool oaep = p->scheme == TOKEN_RSA_OAEP;

    assert_int_equal(EVP_PKEY_encrypt_init(c), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(
                         c, oaep ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING),
                     1);
    if (oaep) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(c, md), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(c, md), 1);
        if (p->label_len)
            assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(
                                 c, OPENSSL_memdup(p->label, p->label_len),
                                 (int)p->label_len),
                             1);
    }
    assert_int_equal(
        EVP_PKEY_encrypt(c, out, &room, (const uint8_t *)"content key", 11), 1);
    EVP_PKEY_CTX_free(c);
    return room;
}

static void
check_unwrap(const struct token_padding *p, const EVP_MD *md)
{
    uint8_t wrapped[512], plain[64];
    size_t wn = wrap(p, md, wrapped, sizeof(wrapped)), n = 0;

    assert_int_equal(token_unwrap(token, rsa.id, 20, p, wrapped, wn, NULL,
                                  plain, sizeof(plain), &n),
                     TOKENS_OK);
    assert_int_equal(n, 11);
    assert_memory_equal(plain, "content key", 11);
    n = 99;
    wrapped[17] ^= 1;
    assert_int_equal(token_unwrap(token, rsa.id, 20, p, wrapped, wn, NULL,
                                  plain, sizeof(plain), &n),
                     TOKENS_MESSAGE);
    assert_int_equal(token_unwrap(token, rsa.id, 20, p, wrapped, wn - 1, NULL,
                                  plain, sizeof(plain), &n),
                     TOKENS_MESSAGE);
    assert_int_equal(n, 99);
    assert_true(token_is_logged_in(token));
}

static void
content_keys_unwrap_and_bad_padding_is_the_messages_fault(void **state)
{
    const struct token_padding all[] = {
        {.scheme = TOKEN_RSA_PKCS1},
        {.scheme = TOKEN_RSA_OAEP, .hash = TOKEN_HASH_SHA1},
        {.scheme = TOKEN_RSA_OAEP, .hash = TOKEN_HASH_SHA256},
        {.scheme = TOKEN_RSA_OAEP,
         .hash = TOKEN_HASH_SHA256,
         .label = (const uint8_t *)"label",
         .label_len = 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        check_unwrap(&all[i], all[i].hash == TOKEN_HASH_SHA1 ? EVP_sha1()
                                                             : EVP_sha256());
}

static void
ecdh_agrees_with_openssl(void **state)
{
    EVP_PKEY *peer = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(ec.key, NULL);
    unsigned char *point = NULL;
    uint8_t here[64], there[64];
    size_t n = sizeof(here), tn = 0;

    (void)state;
    size_t pn = EVP_PKEY_get1_encoded_public_key(peer, &point);
    assert_int_equal(EVP_PKEY_derive_init(c), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(c, peer), 1);
    assert_int_equal(EVP_PKEY_derive(c, here, &n), 1);
    assert_int_equal(token_agree(token, ec.id, 20, point, pn, NULL, there,
                                 sizeof(there), &tn),
                     TOKENS_OK);
    assert_int_equal(tn, n);
    assert_memory_equal(here, there, n);
    /* Off the curve, and not even a point. */
    point[pn - 1] ^= 1;
    fault_reset();
    assert_int_equal(token_agree(token, ec.id, 20, point, pn, NULL, there,
                                 sizeof(there), &tn),
                     TOKENS_MESSAGE);
    assert_int_equal(token_agree(token, ec.id, 20, point, pn - 1, NULL, there,
                                 sizeof(there), &tn),
                     TOKENS_MESSAGE);
    assert_int_equal(fault_count("C_DeriveKey"), 0);
    OPENSSL_free(point);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(peer);
}

static void
an_evp_key_outlives_the_sessions_it_runs_on(void **state)
{
    EVP_PKEY *key = NULL;
    uint8_t digest[32] = {9}, sig[512];
    size_t n = sizeof(sig);

    (void)state;
    assert_int_equal(token_key_evp(token, ec.id, 20, &key), TOKENS_OK);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    assert_int_equal(EVP_PKEY_sign_init(c), 1);
    faults("C_SignInit 0xb3 1\nC_GetSessionInfo 0xb3 1\n");
    int ok = EVP_PKEY_sign(c, sig, &n, digest, 32);
    faults("");
    if (ok != 1) { /* the login went with the sessions */
        assert_int_equal(token_login(token, (const uint8_t *)PIN, 6),
                         TOKENS_OK);
        n = sizeof(sig);
        ok = EVP_PKEY_sign(c, sig, &n, digest, 32);
    }
    assert_int_equal(ok, 1);
    assert_true(verifies(ec.key, 0, digest, sig, n));
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
}

/* A certificate whose attributes take all the room that each may have. */
static void
store_large(CK_SESSION_HANDLE s, const uint8_t *der, size_t der_len,
            CK_BYTE number)
{
    static uint8_t label[65535], value[65535], id[65535];
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_BYTE subject[] = {0x30, 0};
    CK_OBJECT_HANDLE o;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof(class)},
                        {CKA_CERTIFICATE_TYPE, &type, sizeof(type)},
                        {CKA_TOKEN, &yes, 1},
                        {CKA_PRIVATE, &no, 1},
                        {CKA_SUBJECT, subject, sizeof(subject)},
                        {CKA_ID, id, sizeof(id)},
                        {CKA_LABEL, label, sizeof(label)},
                        {CKA_VALUE, value, sizeof(value)}};

    memset(label, 'x', sizeof(label));
    memcpy(value, der, der_len);
    id[0] = number;
    assert_int_equal(raw->C_CreateObject(s, t, sizeof(t) / sizeof(t[0]), &o),
                     0);
}

/* 50 of 192 KiB are more than 8 MiB; the keys are not among what is passed
 * over. */
static void
a_token_is_not_read_without_end(void **state)
{
    const struct token_identities *list = NULL;
    struct soft_key other;
    uint8_t *der = NULL;
    CK_SLOT_ID ids[8];
    CK_ULONG n = 8;
    CK_SESSION_HANDLE s;
    size_t bytes = 0, keys = 0;

    (void)state;
    soft_ec(&other);
    size_t der_len = soft_certificate(&other, "large", &der);
    assert_int_equal(raw->C_GetSlotList(CK_TRUE, ids, &n), 0);
    assert_int_equal(raw->C_OpenSession(ids[0],
                                        CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                        NULL, NULL, &s),
                     0);
    for (int i = 0; i < 50; i++)
        store_large(s, der, der_len, (CK_BYTE)i);
    raw->C_CloseSession(s);
    token_store_drop(&store);
    assert_int_equal(open_store_with((struct token_config){0}), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    assert_int_equal(token_identities_read(token, &list), TOKENS_OK);
    for (size_t i = 0; i < list->count; i++) {
        bytes += strlen(list->all[i].label) + list->all[i].certificate_len;
        keys += list->all[i].has_private;
    }
    assert_in_range(bytes, 5 * 1024 * 1024, 8 * 1024 * 1024 / 3 * 2);
    assert_int_equal(keys, 3);
    token_identities_drop(&list);
    OPENSSL_free(der);
    soft_drop(&other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa_ecdsa_and_pss_signatures_verify),
        cmocka_unit_test(ed25519_signs_the_whole_message),
        cmocka_unit_test(pss_goes_through_raw_rsa_when_the_token_refuses_it),
        cmocka_unit_test(a_digest_of_the_wrong_length_or_key_is_refused),
        cmocka_unit_test(a_warm_signature_is_two_calls),
        cmocka_unit_test(a_token_that_never_was_initialised_is_not_read),
        cmocka_unit_test(
            content_keys_unwrap_and_bad_padding_is_the_messages_fault),
        cmocka_unit_test(ecdh_agrees_with_openssl),
        cmocka_unit_test(an_evp_key_outlives_the_sessions_it_runs_on),
        cmocka_unit_test(a_token_is_not_read_without_end),
    };

    return cmocka_run_group_tests(tests, start, end);
}
