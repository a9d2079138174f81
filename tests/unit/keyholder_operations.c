/* What sessions may have done with keys, and what they may not. */
#include "tests/unit/keyholder_session.h"

/* ---- signing ----------------------------------------------------------- */

static void
signatures_verify(void **state)
{
    EVP_PKEY *rsa = public_key("rsa.crt"), *ec = public_key("ec.crt");
    AUTO(session) struct session s;
    AUTO(session) struct session t;
    struct sign_reply reply;

    (void)state;
    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_SIGN, 2, buf_slice(&rsa_ref));
    assert_int_equal(
        sign_with(&s, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1, &reply), ERR_OK);
    assert_true(verifies(rsa, RSA_PKCS1_PADDING, reply.signature));
    assert_int_equal(sign_with(&s, buf_slice(&rsa_ref), SCHEME_RSA_PSS, &reply),
                     ERR_OK);
    assert_true(verifies(rsa, RSA_PKCS1_PSS_PADDING, reply.signature));
    session_open(&t, RIGHT_MAIL);
    session_narrow(&t, VERB_ENCRYPT, 1, buf_slice(&ec_ref));
    assert_int_equal(sign_with(&t, buf_slice(&ec_ref), SCHEME_ECDSA, &reply),
                     ERR_OK);
    assert_true(verifies(ec, 0, reply.signature));
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

static void
a_session_signs_only_what_it_narrowed_itself_to(void **state)
{
    AUTO(session) struct session s;
    AUTO(session) struct session manage;
    struct sign_reply reply;

    (void)state;
    session_open(&manage, RIGHT_MANAGE);
    session_narrow(&manage, VERB_SIGN, 1, buf_slice(&rsa_ref));
    assert_int_equal(
        sign_with(&manage, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1, &reply),
        ERR_NOT_ALLOWED);
    session_open(&s, RIGHT_MAIL);
    assert_int_equal(
        sign_with(&s, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1, &reply),
        ERR_NOT_ALLOWED);
    session_narrow(&s, VERB_SIGN, 1, buf_slice(&rsa_ref));
    assert_int_equal(sign_with(&s, buf_slice(&ec_ref), SCHEME_ECDSA, &reply),
                     ERR_NOT_ALLOWED);
    assert_int_equal(
        session_narrow_refused(&s, VERB_SIGN, 5, buf_slice(&rsa_ref)),
        ERR_NOT_ALLOWED);
    assert_int_equal(
        session_narrow_refused(&s, VERB_DECRYPT, 1, buf_slice(&rsa_ref)),
        ERR_NOT_ALLOWED);
    assert_int_equal(
        sign_with(&s, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1, &reply), ERR_OK);
    assert_int_equal(
        sign_with(&s, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1, &reply),
        ERR_NOT_ALLOWED);
}

static void
a_key_that_is_not_there_is_said(void **state)
{
    uint8_t ref[28];
    struct problem p;

    (void)state;
    memcpy(ref, rsa_ref.data, 28);
    ref[20] ^= 1;
    assert_int_equal(sign_once(slice_of(ref, 28), &p), ERR_NO_KEY);
    ref[0] ^= 1;
    assert_int_equal(sign_once(slice_of(ref, 28), &p), ERR_TOKEN_ABSENT);
    assert_int_equal(sign_once(slice_of(ref, 4), &p), ERR_USAGE);
}

/* ---- decrypting -------------------------------------------------------- */

static size_t
wrap(const char *certificate, int padding, const uint8_t *key, size_t n,
     uint8_t out[512])
{
    EVP_PKEY *k = public_key(certificate);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k, NULL);
    size_t len = 512;

    EVP_PKEY_encrypt_init(ctx);
    EVP_PKEY_CTX_set_rsa_padding(ctx, padding);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len, key, n), 1);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(k);
    return len;
}

static enum err
unwrap(enum scheme scheme, struct slice wrapped, uint32_t bytes,
       uint8_t out[64], size_t *n)
{
    AUTO(session) struct session s;
    struct unwrap_request request = {.key = buf_slice(&rsa_ref),
                                     .scheme = scheme,
                                     .hash = HASH_SHA1,
                                     .wrapped = wrapped,
                                     .key_bytes = bytes};
    struct unwrap_reply reply;
    enum err e;

    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_DECRYPT, 4, slice_of(NULL, 0));
    e = session_call(&s, MSG_UNWRAP, &request, &reply);
    if (e == ERR_OK) {
        memcpy(out, reply.key.p, reply.key.n);
        *n = reply.key.n;
    }
    return e;
}

static void
a_content_key_is_unwrapped(void **state)
{
    static const uint8_t key[32] = "0123456789abcdef0123456789abcde";
    uint8_t wrapped[512], out[64];
    size_t len = wrap("rsa.crt", RSA_PKCS1_PADDING, key, 32, wrapped), n = 0;

    (void)state;
    assert_int_equal(
        unwrap(SCHEME_RSA_PKCS1, slice_of(wrapped, len), 32, out, &n), ERR_OK);
    assert_int_equal(n, 32);
    assert_memory_equal(out, key, 32);
    len = wrap("rsa.crt", RSA_PKCS1_OAEP_PADDING, key, 32, wrapped);
    assert_int_equal(
        unwrap(SCHEME_RSA_OAEP, slice_of(wrapped, len), 32, out, &n), ERR_OK);
    assert_memory_equal(out, key, 32);
    assert_int_equal(
        unwrap(SCHEME_RSA_OAEP, slice_of(wrapped, len), 0, out, &n), ERR_OK);
    assert_int_equal(n, 32);
    assert_memory_equal(out, key, 32);
}

/* One message may be encrypted to keys on several tokens. */
static void
a_token_that_was_found_is_not_taken_for_another(void **state)
{
    AUTO(session) struct session s;
    AUTO(buf) struct buf elsewhere = {0};
    uint8_t wrapped[512];
    struct unwrap_request request = {
        .scheme = SCHEME_RSA_PKCS1,
        .wrapped = slice_of(wrapped, wrap("rsa.crt", RSA_PKCS1_PADDING,
                                          (const uint8_t *)"0123456789abcdef",
                                          16, wrapped)),
        .key_bytes = 16};
    struct unwrap_reply reply;

    (void)state;
    buf_add_slice(&elsewhere, buf_slice(&rsa_ref));
    elsewhere.data[0] ^= 1;
    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_DECRYPT, 4, slice_of(NULL, 0));
    request.key = buf_slice(&rsa_ref);
    assert_int_equal(session_call(&s, MSG_UNWRAP, &request, &reply), ERR_OK);
    request.key = buf_slice(&elsewhere);
    assert_int_equal(session_call(&s, MSG_UNWRAP, &request, &reply),
                     ERR_TOKEN_ABSENT);
    request.key = buf_slice(&rsa_ref);
    assert_int_equal(session_call(&s, MSG_UNWRAP, &request, &reply), ERR_OK);
}

static void
a_bad_message_gets_a_random_key_each_time(void **state)
{
    static const uint8_t key[32] = "0123456789abcdef0123456789abcde";
    uint8_t wrapped[512], first[64], second[64];
    size_t len = wrap("rsa.crt", RSA_PKCS1_PADDING, key, 32, wrapped), n = 0;

    (void)state;
    /* the right padding, another length than announced */
    assert_int_equal(
        unwrap(SCHEME_RSA_PKCS1, slice_of(wrapped, len), 16, first, &n),
        ERR_OK);
    assert_int_equal(n, 16);
    assert_memory_not_equal(first, key, 16);
    wrapped[len / 2] ^= 1;
    assert_int_equal(
        unwrap(SCHEME_RSA_PKCS1, slice_of(wrapped, len), 32, first, &n),
        ERR_OK);
    assert_int_equal(n, 32);
    assert_int_equal(
        unwrap(SCHEME_RSA_PKCS1, slice_of(wrapped, len), 32, second, &n),
        ERR_OK);
    assert_memory_not_equal(first, key, 32);
    assert_memory_not_equal(first, second, 32);
    assert_int_equal(
        unwrap(SCHEME_RSA_PKCS1, slice_of(wrapped, 17), 32, first, &n), ERR_OK);
    assert_int_equal(n, 32);
    assert_int_equal(
        unwrap(SCHEME_RSA_PKCS1, slice_of(wrapped, len), 0, first, &n),
        ERR_USAGE);
}

/* ECDH with an ephemeral key and a KDF, by libcrypto alone. */
static void
derive_outside(EVP_PKEY *mine, const char *name, const char *salt,
               uint8_t kek[32])
{
    EVP_PKEY *ec = public_key("ec.crt");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(mine, NULL);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *k = EVP_KDF_CTX_new(kdf);
    uint8_t shared[64];
    size_t n = sizeof(shared);
    OSSL_PARAM params[5];

    EVP_PKEY_derive_init(ctx);
    EVP_PKEY_derive_set_peer(ctx, ec);
    assert_int_equal(EVP_PKEY_derive(ctx, shared, &n), 1);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                 (char *)"SHA256", 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, shared, n);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                  (char *)"info", 4);
    params[3] =
        salt ? OSSL_PARAM_construct_octet_string(
                   OSSL_KDF_PARAM_SALT, (char *)(uintptr_t)salt, strlen(salt))
             : OSSL_PARAM_construct_end();
    params[4] = OSSL_PARAM_construct_end();
    assert_int_equal(EVP_KDF_derive(k, kek, 32, params), 1);
    EVP_KDF_CTX_free(k);
    EVP_KDF_free(kdf);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(ec);
}

static enum err
agree_by(struct slice peer, uint32_t kdf, const char *salt, uint8_t kek[32])
{
    AUTO(session) struct session s;
    struct agree_request request = {.key = buf_slice(&ec_ref),
                                    .peer = peer,
                                    .hash = HASH_SHA256,
                                    .info = slice_text("info"),
                                    .kek_bytes = 32,
                                    .kdf = kdf,
                                    .salt = slice_text(salt)};
    struct agree_reply reply;
    enum err e;

    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_OPEN, 4, slice_of(NULL, 0));
    e = session_call(&s, MSG_AGREE, &request, &reply);
    if (e == ERR_OK) {
        assert_int_equal(reply.kek.n, 32);
        memcpy(kek, reply.kek.p, 32);
    }
    return e;
}

static enum err
agree(struct slice peer, uint8_t kek[32])
{
    return agree_by(peer, KDF_X963, NULL, kek);
}

static void
hkdf_is_with_and_without_a_salt(void **state)
{
    EVP_PKEY *mine = EVP_EC_gen("P-256");
    unsigned char *point = NULL;
    size_t n = EVP_PKEY_get1_encoded_public_key(mine, &point);
    struct slice peer = slice_of(point, n);
    uint8_t expected[32], got[32];

    (void)state;
    derive_outside(mine, "HKDF", NULL, expected);
    assert_int_equal(agree_by(peer, KDF_HKDF, NULL, got), ERR_OK);
    assert_memory_equal(got, expected, 32);
    derive_outside(mine, "HKDF", "ukm", expected);
    assert_int_equal(agree_by(peer, KDF_HKDF, "ukm", got), ERR_OK);
    assert_memory_equal(got, expected, 32);
    assert_int_equal(agree_by(peer, KDF_HKDF + 1, NULL, got), ERR_USAGE);
    OPENSSL_free(point);
    EVP_PKEY_free(mine);
}

static void
a_key_is_agreed_on_and_a_bad_point_gets_a_random_one(void **state)
{
    EVP_PKEY *mine = EVP_EC_gen("P-256");
    unsigned char *point = NULL;
    size_t n = EVP_PKEY_get1_encoded_public_key(mine, &point);
    uint8_t expected[32], got[32], again[32];

    (void)state;
    derive_outside(mine, "X963KDF", NULL, expected);
    assert_int_equal(agree(slice_of(point, n), got), ERR_OK);
    assert_memory_equal(got, expected, 32);
    point[n - 1] ^= 1;
    assert_int_equal(agree(slice_of(point, n), got), ERR_OK);
    assert_int_equal(agree(slice_of(point, n), again), ERR_OK);
    assert_memory_not_equal(got, expected, 32);
    assert_memory_not_equal(got, again, 32);
    OPENSSL_free(point);
    EVP_PKEY_free(mine);
}

/* How many lines of the audit tell of OPERATION with the key of ADDRESS. */
static int
audited(const char *operation, const char *address)
{
    struct buf audit =
        fixture_read(fixture_path("state/smime-agent/audit.log"));
    char wanted[64];
    int count = 0;

    snprintf(wanted, sizeof(wanted), "operation=%s ", operation);
    for (const char *line = buf_text(&audit); *line;
         line += strcspn(line, "\n") + 1) {
        size_t n = strcspn(line, "\n");

        count += memmem(line, n, wanted, strlen(wanted)) &&
                 memmem(line, n, address, strlen(address));
    }
    buf_drop(&audit);
    return count;
}

/* Two messages of one session, to two keys, and the first one again. */
static void
the_audit_names_the_address_of_each_key(void **state)
{
    static const uint8_t rubbish[256] = {1};
    struct unwrap_request unwrap_it = {.key = buf_slice(&rsa_ref),
                                       .scheme = SCHEME_RSA_PKCS1,
                                       .wrapped =
                                           slice_of(rubbish, sizeof(rubbish)),
                                       .key_bytes = 16};
    struct agree_request agree_on_it = {.key = buf_slice(&ec_ref),
                                        .peer = slice_of(rubbish, 65),
                                        .hash = HASH_SHA256,
                                        .info = slice_text("info"),
                                        .kek_bytes = 32,
                                        .kdf = KDF_X963};
    int unwrapped = audited("unwrap", "alice@example.org");
    int agreed = audited("agree", "eve@example.org");
    struct unwrap_reply key;
    struct agree_reply kek;
    AUTO(session) struct session s;

    (void)state;
    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_DECRYPT, 4, slice_of(NULL, 0));
    assert_int_equal(session_call(&s, MSG_UNWRAP, &unwrap_it, &key), ERR_OK);
    assert_int_equal(session_call(&s, MSG_AGREE, &agree_on_it, &kek), ERR_OK);
    assert_int_equal(session_call(&s, MSG_UNWRAP, &unwrap_it, &key), ERR_OK);
    assert_int_equal(audited("unwrap", "alice@example.org"), unwrapped + 2);
    assert_int_equal(audited("agree", "eve@example.org"), agreed + 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_verify),
        cmocka_unit_test(a_session_signs_only_what_it_narrowed_itself_to),
        cmocka_unit_test(a_key_that_is_not_there_is_said),
        cmocka_unit_test(a_content_key_is_unwrapped),
        cmocka_unit_test(a_token_that_was_found_is_not_taken_for_another),
        cmocka_unit_test(a_bad_message_gets_a_random_key_each_time),
        cmocka_unit_test(hkdf_is_with_and_without_a_salt),
        cmocka_unit_test(a_key_is_agreed_on_and_a_bad_point_gets_a_random_one),
        cmocka_unit_test(the_audit_names_the_address_of_each_key),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    return cmocka_run_group_tests(tests, set_up_keys, tear_down);
}
