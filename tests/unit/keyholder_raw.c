/* Keys used by themselves, through the raw socket. */
#include "tests/unit/keyholder_session.h"

#include "agent/keyholder/oracle.h"

/* ---- how many may fail -----------------------------------------------------
 */

static void
so_many_failures_are_allowed_and_then_one_each_period(void **state)
{
    struct oracle o;
    unsigned wait_s = 0;
    int64_t now = 1000000;

    (void)state;
    oracle_init(&o);
    for (int i = 0; i < LIMIT_RAW_FAILURES; i++)
        assert_true(oracle_begin(&o, now, &wait_s));
    assert_false(oracle_begin(&o, now, &wait_s));
    assert_int_equal(wait_s, LIMIT_RAW_FAILURE_MS / 1000);
    assert_false(oracle_begin(&o, now + LIMIT_RAW_FAILURE_MS - 1, &wait_s));
    assert_int_equal(wait_s, 1);
    assert_true(oracle_begin(&o, now + LIMIT_RAW_FAILURE_MS, &wait_s));
    assert_false(oracle_begin(&o, now + LIMIT_RAW_FAILURE_MS, &wait_s));
    now += 100LL * LIMIT_RAW_FAILURES * LIMIT_RAW_FAILURE_MS;
    for (int i = 0; i < LIMIT_RAW_FAILURES; i++)
        assert_true(oracle_begin(&o, now, &wait_s));
    assert_false(oracle_begin(&o, now, &wait_s));
}

static void
what_succeeds_is_not_counted(void **state)
{
    struct oracle o;
    unsigned wait_s = 0;

    (void)state;
    oracle_init(&o);
    for (int i = 0; i < 10 * LIMIT_RAW_FAILURES; i++) {
        assert_true(oracle_begin(&o, 5, &wait_s));
        oracle_succeeded(&o);
    }
}

/* ---- sessions --------------------------------------------------------------
 */

static void
raw_open(struct session *s, struct slice key)
{
    session_open(s, RIGHT_RAW);
    session_narrow(s, VERB_RAW, 100, key);
}

static void
signatures_of_a_digest_and_of_what_is_given_verify(void **state)
{
    static const uint8_t sha256_info[] = {
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
    EVP_PKEY *rsa = public_key("rsa.crt");
    AUTO(session) struct session s;
    struct sign_request request = {.key = buf_slice(&rsa_ref),
                                   .scheme = SCHEME_RSA_PKCS1};
    struct sign_reply reply;
    uint8_t info[sizeof(sha256_info) + 32];

    (void)state;
    raw_open(&s, buf_slice(&rsa_ref));
    assert_int_equal(
        sign_with(&s, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1, &reply), ERR_OK);
    assert_true(verifies(rsa, RSA_PKCS1_PADDING, reply.signature));
    memcpy(info, sha256_info, sizeof(sha256_info));
    SHA256((const uint8_t *)"hello", 5, info + sizeof(sha256_info));
    request.data = slice_of(info, sizeof(info));
    assert_int_equal(session_call(&s, MSG_SIGN, &request, &reply), ERR_OK);
    assert_true(verifies(rsa, RSA_PKCS1_PADDING, reply.signature));
    assert_int_equal(sign_with(&s, buf_slice(&ec_ref), SCHEME_ECDSA, &reply),
                     ERR_NOT_ALLOWED);
    EVP_PKEY_free(rsa);
}

static size_t
wrap(const uint8_t *key, size_t n, uint8_t out[512])
{
    EVP_PKEY *k = public_key("rsa.crt");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k, NULL);
    size_t len = 512;

    EVP_PKEY_encrypt_init(ctx);
    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len, key, n), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(k);
    return len;
}

static void
what_was_encrypted_comes_back_whatever_its_length(void **state)
{
    static const char text[] = "a text that is longer than any key of a cipher "
                               "that a mail can be encrypted with, by far";
    AUTO(session) struct session s;
    uint8_t wrapped[512];
    size_t len = wrap((const uint8_t *)text, sizeof(text), wrapped);
    struct unwrap_request request = {.key = buf_slice(&rsa_ref),
                                     .scheme = SCHEME_RSA_PKCS1,
                                     .wrapped = slice_of(wrapped, len)};
    struct decrypt_reply reply;
    struct unwrap_reply key;

    (void)state;
    raw_open(&s, buf_slice(&rsa_ref));
    assert_int_equal(session_call(&s, MSG_DECRYPT, &request, &reply), ERR_OK);
    assert_int_equal(reply.plain.n, sizeof(text));
    assert_memory_equal(reply.plain.p, text, sizeof(text));
    /* With a length nobody is told: a random key. */
    request.key_bytes = 32;
    assert_int_equal(session_call(&s, MSG_UNWRAP, &request, &key), ERR_OK);
    assert_int_equal(key.key.n, 32);
}

static void
an_oracle_is_closed_before_it_tells_enough(void **state)
{
    AUTO(session) struct session s;
    uint8_t wrapped[512];
    size_t len = wrap((const uint8_t *)"0123456789abcdef", 16, wrapped);
    struct unwrap_request request = {.key = buf_slice(&rsa_ref),
                                     .scheme = SCHEME_RSA_PKCS1,
                                     .wrapped = slice_of(wrapped, len)};
    struct decrypt_reply reply;

    (void)state;
    raw_open(&s, buf_slice(&rsa_ref));
    wrapped[len / 2] ^= 1;
    for (int i = 0; i < LIMIT_RAW_FAILURES; i++)
        assert_int_equal(session_call(&s, MSG_DECRYPT, &request, &reply),
                         ERR_CANNOT_DECRYPT);
    assert_int_equal(session_call(&s, MSG_DECRYPT, &request, &reply),
                     ERR_REFUSED);
    assert_non_null(strstr(s.problem.detail, "an attack on the key: wait"));
    /* Also what would decrypt: nobody is to learn that. */
    wrapped[len / 2] ^= 1;
    assert_int_equal(session_call(&s, MSG_DECRYPT, &request, &reply),
                     ERR_REFUSED);
}

static enum err
agree(uint32_t kdf, struct slice peer, uint32_t bytes, size_t *out_n)
{
    AUTO(session) struct session s;
    struct agree_request request = {.key = buf_slice(&ec_ref),
                                    .peer = peer,
                                    .hash = HASH_SHA256,
                                    .kdf = kdf,
                                    .kek_bytes = bytes};
    struct agree_reply reply;
    enum err e;

    raw_open(&s, buf_slice(&ec_ref));
    e = session_call(&s, MSG_AGREE, &request, &reply);
    if (e == ERR_OK)
        *out_n = reply.kek.n;
    return e;
}

static void
a_shared_secret_is_given_out_only_where_agent_conf_says_so(void **state)
{
    EVP_PKEY *mine = EVP_EC_gen("P-256");
    unsigned char *point = NULL;
    size_t n = EVP_PKEY_get1_encoded_public_key(mine, &point), got = 0;
    struct slice peer = slice_of(point, n);

    (void)state;
    assert_int_equal(agree(KDF_X963, peer, 32, &got), ERR_OK);
    assert_int_equal(got, 32);
    assert_int_equal(agree(KDF_X963, peer, 33, &got), ERR_USAGE);
    assert_int_equal(agree(KDF_NONE, peer, 0, &got), ERR_REFUSED);
    point[n - 1] ^= 1;
    assert_int_equal(agree(KDF_X963, peer, 32, &got), ERR_USAGE);
    point[n - 1] ^= 1;
    (void)keyholder_stop();
    fixture_run("printf '[raw]\\nshared-secret = yes\\n' >>agent.conf\n");
    keyholder_start();
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, NULL, NULL),
                     ERR_OK);
    assert_int_equal(agree(KDF_NONE, peer, 0, &got), ERR_OK);
    assert_int_equal(got, 32);
    OPENSSL_free(point);
    EVP_PKEY_free(mine);
}

/* ---- the person ------------------------------------------------------------
 */

static void
a_pin_is_asked_for_but_never_taken(void **state)
{
    AUTO(session) struct session s;
    struct token_choice choice = {.token = slice_text("test token")};
    struct token_record record;
    struct problem p = {0};

    (void)state;
    lock_all();
    assert_int_equal(unlock("1234\n", RIGHT_RAW, VERB_RAW, &p, NULL),
                     ERR_NOT_ALLOWED);
    pinentry_expect("1234", NULL, NULL);
    session_open(&s, RIGHT_RAW);
    session_narrow(&s, VERB_RAW, 0, slice_of(NULL, 0));
    assert_int_equal(session_call(&s, MSG_UNLOCK, &choice, &record), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_true(pinentry_saw("wants to unlock a token"));
}

static void
a_locked_token_is_asked_for_with_what_it_is_for(void **state)
{
    AUTO(session) struct session s;
    struct sign_reply reply;

    (void)state;
    lock_all();
    pinentry_expect("1234", NULL, NULL);
    raw_open(&s, buf_slice(&rsa_ref));
    assert_int_equal(
        sign_with(&s, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1, &reply), ERR_OK);
    assert_true(pinentry_saw("wants to sign data"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_failures_are_allowed_and_then_one_each_period),
        cmocka_unit_test(what_succeeds_is_not_counted),
        cmocka_unit_test(signatures_of_a_digest_and_of_what_is_given_verify),
        cmocka_unit_test(what_was_encrypted_comes_back_whatever_its_length),
        cmocka_unit_test(an_oracle_is_closed_before_it_tells_enough),
        cmocka_unit_test(
            a_shared_secret_is_given_out_only_where_agent_conf_says_so),
        cmocka_unit_test(a_pin_is_asked_for_but_never_taken),
        cmocka_unit_test(a_locked_token_is_asked_for_with_what_it_is_for),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    return cmocka_run_group_tests(tests, set_up_keys, tear_down);
}
