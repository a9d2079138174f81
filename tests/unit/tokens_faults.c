/* What a token does wrong while it works: lost sessions and logins, removal,
 * slowness, stuck operations. */
#include "tests/unit/tokens_fixture.h"

#include <pthread.h>

static struct soft_key rsa, ec, each;

/* A key with CKA_ALWAYS_AUTHENTICATE, made behind the library's back. */
static void
make_always(void)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_EC;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_SLOT_ID ids[8];
    CK_ULONG n = 8;
    CK_SESSION_HANDLE s;
    CK_OBJECT_HANDLE o;
    CK_ATTRIBUTE t[] = {
        {CKA_CLASS, &class, sizeof(class)},
        {CKA_KEY_TYPE, &type, sizeof(type)},
        {CKA_TOKEN, &yes, 1},
        {CKA_PRIVATE, &yes, 1},
        {CKA_SENSITIVE, &yes, 1},
        {CKA_EXTRACTABLE, &no, 1},
        {CKA_SIGN, &yes, 1},
        {CKA_ALWAYS_AUTHENTICATE, &yes, 1},
        {CKA_ID, each.id, sizeof(each.id)},
        {CKA_EC_PARAMS, (void *)each.parts.curve.p, each.parts.curve.n},
        {CKA_VALUE, (void *)each.parts.value.p, each.parts.value.n},
    };

    assert_int_equal(raw->C_GetSlotList(CK_TRUE, ids, &n), 0);
    assert_int_equal(raw->C_OpenSession(ids[0],
                                        CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                        NULL, NULL, &s),
                     0);
    assert_int_equal(raw->C_CreateObject(s, t, sizeof(t) / sizeof(t[0]), &o),
                     0);
    raw->C_CloseSession(s);
}

static int
start(void **state)
{
    login_start(state);
    soft_rsa(&rsa);
    soft_ec(&ec);
    soft_ec(&each);
    import_key(&rsa);
    import_key(&ec);
    make_always();
    return 0;
}

static int
end(void **state)
{
    soft_drop(&rsa);
    soft_drop(&ec);
    soft_drop(&each);
    return fixture_end(state);
}

static int
again(void **state)
{
    (void)state;
    faults("");
    assert_int_equal(token_store_refresh(store, 60000), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    return 0;
}

static enum tokens_err
sign_with(const struct soft_key *k, const struct token_prompt *prompt)
{
    uint8_t digest[32] = {0}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    return token_sign(token, k->id, 20, TOKEN_ECDSA, TOKEN_HASH_SHA256, digest,
                      32, prompt, sig, sizeof(sig), &n);
}

static void
sessions_closed_under_us_need_a_login_then_work(void **state)
{
    CK_SLOT_ID ids[8];
    CK_ULONG n = 8;

    (void)state;
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    assert_int_equal(raw->C_GetSlotList(CK_TRUE, ids, &n), 0);
    for (CK_ULONG i = 0; i < n; i++)
        raw->C_CloseAllSessions(ids[i]);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_LOCKED);
    assert_false(token_is_logged_in(token));
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
}

static void
one_lost_session_does_not_cost_the_login(void **state)
{
    (void)state;
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    faults("C_Sign 0xb3 1\nC_GetSessionInfo 0xb3 1\n");
    fault_reset();
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    assert_int_equal(fault_count("C_Sign"), 2);
    assert_int_equal(fault_count("C_Login"), 0);
    assert_true(token_is_logged_in(token));
}

static void
a_stuck_operation_costs_one_session_and_one_retry(void **state)
{
    (void)state;
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    faults("C_SignInit 0x90 1\n");
    fault_reset();
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    assert_int_equal(fault_count("C_SignInit"), 2);
    assert_int_equal(fault_count("C_CloseSession"), 1);
    faults("C_SignInit 0x90 -1\n");
    fault_reset();
    assert_int_equal(sign_with(&ec, NULL), TOKENS_FAILED);
    assert_int_equal(fault_count("C_SignInit"), 2);
    assert_int_equal(tokens_last_rv(), 0x90);
    assert_string_equal(tokens_last_call(), "C_SignInit");
    /* What the second try ends with is told, not why there was one. */
    faults("C_SignInit 0x90 1\nC_Sign 0x0 1\n");
    assert_int_equal(sign_with(&ec, NULL), TOKENS_FAILED);
    assert_int_equal(tokens_last_rv(), 0);
}

static void
a_card_reset_behind_us_needs_a_real_login(void **state)
{
    (void)state;
    faults("C_SignInit 0x101 1\n");
    assert_int_equal(sign_with(&ec, NULL), TOKENS_LOCKED);
    assert_false(token_is_logged_in(token));
    fault_reset();
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    assert_int_equal(fault_count("C_Login"), 1);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
}

static void
a_device_error_costs_a_new_session_and_one_retry(void **state)
{
    (void)state;
    faults("C_Sign 0x32 1\n");
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    faults("C_Sign 0x30 -1\n");
    fault_reset();
    assert_int_equal(sign_with(&ec, NULL), TOKENS_FAILED);
    assert_int_equal(fault_count("C_Sign"), 2);
}

/* Neither says that a key should be removed, or that no token is there. */
static void
a_token_that_cannot_work_is_neither_full_nor_absent(void **state)
{
    static const char *const plans[] = {
        "C_Sign 0x31 -1\n", "C_SignInit 0x31 -1\n", "C_Sign 0xe1 -1\n",
        "C_SignInit 0xe1 -1\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
        bool memory = strstr(plans[i], "0x31") != NULL;

        faults(plans[i]);
        assert_int_equal(sign_with(&ec, NULL), TOKENS_FAILED);
        assert_int_equal(tokens_last_rv(), memory ? 0x31 : 0xe1);
        assert_memory_equal(tokens_last_call(), plans[i],
                            strlen(tokens_last_call()));
    }
    faults("");
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
}

/* A login has no key and no message that could be at fault, and a digest of the
 * right length is none. */
static void
an_error_says_only_what_its_call_can_mean(void **state)
{
    (void)state;
    assert_int_equal(token_logout(token), TOKENS_OK);
    faults("C_Login 0x82 1\nC_Login 0x20 1\n");
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6),
                     TOKENS_FAILED);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6),
                     TOKENS_FAILED);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    faults("C_Sign 0x21 1\n");
    assert_int_equal(sign_with(&ec, NULL), TOKENS_CANNOT);
    assert_int_equal(tokens_last_rv(), 0x21);
}

static void
a_stale_key_handle_is_found_anew(void **state)
{
    (void)state;
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    faults("C_SignInit 0x60 1\n");
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    /* It may not be noticed before there is an operation in the session. */
    faults("C_Sign 0x60 1\n");
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
}

static void
assert_read(enum tokens_err e, const char *label)
{
    const struct token_identities *list = NULL;
    struct token_module_info m;

    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    assert_int_equal(token_identities_read(token, &list), e);
    token_identities_drop(&list);
    assert_int_equal(token_unread(token), e);
    assert_int_equal(tokens_last_rv(), e ? 0x5 : 0);
    assert_true(token_store_module_info(store, 0, &m));
    assert_string_equal(m.token, label);
    assert_int_equal(m.rv, e ? 0x5 : 0);
    assert_string_equal(m.call, e ? "C_FindObjects" : "");
}

static void
keys_that_cannot_be_read_are_told_of(void **state)
{
    (void)state;
    assert_read(TOKENS_OK, "");
    faults("C_FindObjects 0x5 -1\n");
    assert_read(TOKENS_FAILED, "one");
    faults("");
    assert_read(TOKENS_OK, "");
}

static void
a_removed_token_is_told_from_a_bad_message(void **state)
{
    const struct token_padding p = {.scheme = TOKEN_RSA_PKCS1};
    uint8_t wrapped[256] = {0}, plain[64];
    size_t n = 0;

    (void)state;
    assert_int_equal(token_unwrap(token, rsa.id, 20, &p, wrapped, 256, NULL,
                                  plain, sizeof(plain), &n),
                     TOKENS_MESSAGE);
    faults("C_Decrypt 0x5 1\nC_GetSessionInfo 0xb3 -1\n"
           "C_GetTokenInfo 0xe0 -1\nC_OpenSession 0xe0 -1\n");
    assert_int_equal(token_unwrap(token, rsa.id, 20, &p, wrapped, 256, NULL,
                                  plain, sizeof(plain), &n),
                     TOKENS_REMOVED);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_ABSENT);
    again(state);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
}

static void *
sign_slowly(void *arg)
{
    *(enum tokens_err *)arg = sign_with(&ec, NULL);
    return NULL;
}

/* The store of this test gives up its turn after 200 ms. */
static void
a_slow_token_makes_others_busy_not_stuck(void **state)
{
    enum tokens_err slow = TOKENS_FAILED;
    pthread_t thread;

    (void)state;
    token_store_drop(&store);
    assert_int_equal(
        open_store_with((struct token_config){.lock_timeout_ms = 200}),
        TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &token), TOKENS_OK);
    assert_int_equal(token_login(token, (const uint8_t *)PIN, 6), TOKENS_OK);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
    faults("C_Sign @ 1\n");
    assert_int_equal(pthread_create(&thread, NULL, sign_slowly, &slow), 0);
    while (fault_hanging() == 0)
        usleep(1000);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_BUSY);
    faults("");
    pthread_join(thread, NULL);
    assert_int_equal(slow, TOKENS_OK);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
}

static enum tokens_err
give_pin(void *arg, struct token *t, uint8_t *pin, size_t room, size_t *out_len)
{
    const char *text = arg;

    (void)t;
    assert_true(room >= 6);
    if (!text)
        return TOKENS_CANCELLED;
    memcpy(pin, text, 6);
    *out_len = 6;
    return TOKENS_OK;
}

static void
a_key_that_authenticates_each_time_asks_each_time(void **state)
{
    struct token_prompt right = {give_pin, (void *)PIN};
    struct token_prompt wrong = {give_pin, (void *)"000000"};
    struct token_prompt none = {give_pin, NULL};

    (void)state;
    assert_int_equal(sign_with(&each, NULL), TOKENS_LOCKED);
    assert_int_equal(sign_with(&each, &none), TOKENS_CANCELLED);
    assert_int_equal(sign_with(&each, &right), TOKENS_OK);
    fault_reset();
    assert_int_equal(sign_with(&each, &wrong), TOKENS_PIN_WRONG);
    assert_int_equal(fault_count("C_Login"), 1);
    assert_int_equal(fault_count("C_CloseSession"), 1);
    assert_int_equal(sign_with(&each, &right), TOKENS_OK);
    assert_true(token_is_logged_in(token));
}

static void *
sign_often(void *arg)
{
    for (int i = 0; i < 20; i++)
        if (sign_with(&ec, NULL) != TOKENS_OK)
            *(int *)arg += 1;
    return NULL;
}

static void
threads_share_a_token(void **state)
{
    pthread_t threads[4];
    int failed[4] = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, sign_often, &failed[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failed[i], 0);
    }
}

static enum tokens_err
sign_rsa(enum token_scheme scheme)
{
    uint8_t digest[32] = {0}, sig[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;

    return token_sign(token, rsa.id, 20, scheme, TOKEN_HASH_SHA256, digest, 32,
                      NULL, sig, sizeof(sig), &n);
}

/* CKR_OK, and the buffer as it was; or fewer bytes than a signature has. */
static void
what_was_not_signed_is_no_signature(void **state)
{
    static const char *const plans[] = {"C_Sign 0x0 1\n", "C_Sign =40 1\n",
                                        "C_Sign =0 1\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        faults(plans[i]);
        assert_int_equal(sign_with(&ec, NULL), TOKENS_FAILED);
        faults(plans[i]);
        assert_int_equal(sign_rsa(TOKEN_RSA_PKCS1), TOKENS_FAILED);
        faults(plans[i]);
        assert_int_equal(sign_rsa(TOKEN_RSA_PSS), TOKENS_FAILED);
    }
    assert_int_equal(sign_rsa(TOKEN_RSA_PSS), TOKENS_OK);
}

/* One wrong bit, as of a fault in one half of an RSA computation. */
static void
a_wrong_signature_does_not_leave(void **state)
{
    static const enum token_scheme schemes[] = {TOKEN_RSA_PKCS1, TOKEN_RSA_PSS};
    uint8_t data[32] = {1}, sig[TOKEN_SIGNATURE_BYTES] = {0};
    size_t n = 4711;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        faults("C_Sign ^ 1\n");
        assert_int_equal(sign_rsa(schemes[i]), TOKENS_BAD_SIGNATURE);
        assert_int_equal(sign_rsa(schemes[i]), TOKENS_OK);
    }
    /* padded here, for a token that has raw RSA only */
    faults("hide 0x1\nhide 0xd\nC_Sign ^ 1\n");
    assert_int_equal(sign_rsa(TOKEN_RSA_PKCS1), TOKENS_BAD_SIGNATURE);
    assert_int_equal(sign_rsa(TOKEN_RSA_PKCS1), TOKENS_OK);
    /* of bytes that are no digest */
    faults("C_Sign ^ 1\n");
    assert_int_equal(token_sign(token, rsa.id, 20, TOKEN_RSA_PKCS1,
                                TOKEN_HASH_NONE, data, 20, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_BAD_SIGNATURE);
    assert_int_equal(n, 4711);
    assert_int_equal(sig[0], 0);
    assert_int_equal(token_sign(token, rsa.id, 20, TOKEN_RSA_PKCS1,
                                TOKEN_HASH_NONE, data, 20, NULL, sig,
                                sizeof(sig), &n),
                     TOKENS_OK);
    struct soft_key ed;
    soft_ed25519(&ed);
    import_key(&ed);
    for (int i = 0; i < 2; i++) {
        faults(i == 0 ? "C_Sign ^ 1\n" : "");
        assert_int_equal(token_sign(token, ed.id, 20, TOKEN_EDDSA,
                                    TOKEN_HASH_NONE, data, 32, NULL, sig,
                                    sizeof(sig), &n),
                         i == 0 ? TOKENS_BAD_SIGNATURE : TOKENS_OK);
    }
    soft_drop(&ed);
    /* ECDSA where the token is slow */
    faults("C_Sign ^ 1\nC_Sign ~50 -1\n");
    assert_int_equal(sign_with(&ec, NULL), TOKENS_BAD_SIGNATURE);
    assert_int_equal(sign_with(&ec, NULL), TOKENS_OK);
}

static void
a_trial_signature_is_not_read_beyond_its_room(void **state)
{
    struct soft_key fresh;
    struct token_import *i = NULL;
    bool already;

    (void)state;
    soft_ec(&fresh);
    assert_int_equal(token_import_begin(token, &i), TOKENS_OK);
    assert_int_equal(token_import_add_key(i, &fresh.parts, &already),
                     TOKENS_OK);
    faults("C_Sign =100000000 1\n");
    assert_int_equal(token_import_prove(i), TOKENS_DIFFERENT);
    token_import_drop(&i);
    soft_drop(&fresh);
}

/* Cards that follow each other in a reader between two looks at it. */
static void
what_another_token_says_is_not_said_of_this_one(void **state)
{
    const uint8_t *pin = (const uint8_t *)PIN;
    struct token_info before, after;

    (void)state;
    token_get_info(token, &before);
    faults("another\n");
    assert_int_equal(token_load_info(token, &after), TOKENS_REMOVED);
    fault_reset();
    /* Nor does it get a PIN of this one. */
    assert_int_equal(token_login(token, pin, 6), TOKENS_REMOVED);
    assert_int_equal(token_change_pin(token, pin, 6, pin, 6), TOKENS_REMOVED);
    assert_int_equal(token_unblock_pin(token, pin, 6, pin, 6), TOKENS_REMOVED);
    assert_int_equal(fault_count("C_Login") + fault_count("C_SetPIN"), 0);
    token_get_info(token, &after);
    assert_string_equal(after.serial, before.serial);
}

/* Each look finds one more; the last of them leaves room to other modules. */
static void
a_module_does_not_fill_the_list_of_tokens(void **state)
{
    struct token *all[512];
    size_t gone = 0;

    (void)state;
    faults("another\n");
    for (int i = 0; i < 140; i++)
        assert_int_equal(token_store_refresh(store, 60000), TOKENS_OK);
    gone = token_store_list_gone(store, all, 512);
    assert_in_range(gone, 100, 128);
    faults("");
    assert_int_equal(token_store_refresh(store, 60000), TOKENS_OK);
    assert_int_equal(token_store_find(store, "one", &all[0]), TOKENS_OK);
    assert_ptr_equal(all[0], token);
}

#define THEN_AGAIN(test) cmocka_unit_test_teardown(test, again)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        THEN_AGAIN(sessions_closed_under_us_need_a_login_then_work),
        THEN_AGAIN(one_lost_session_does_not_cost_the_login),
        THEN_AGAIN(a_stuck_operation_costs_one_session_and_one_retry),
        THEN_AGAIN(a_card_reset_behind_us_needs_a_real_login),
        THEN_AGAIN(a_device_error_costs_a_new_session_and_one_retry),
        THEN_AGAIN(a_token_that_cannot_work_is_neither_full_nor_absent),
        THEN_AGAIN(an_error_says_only_what_its_call_can_mean),
        THEN_AGAIN(a_stale_key_handle_is_found_anew),
        THEN_AGAIN(keys_that_cannot_be_read_are_told_of),
        THEN_AGAIN(a_removed_token_is_told_from_a_bad_message),
        THEN_AGAIN(a_key_that_authenticates_each_time_asks_each_time),
        THEN_AGAIN(threads_share_a_token),
        THEN_AGAIN(a_slow_token_makes_others_busy_not_stuck),
        THEN_AGAIN(what_was_not_signed_is_no_signature),
        THEN_AGAIN(a_wrong_signature_does_not_leave),
        THEN_AGAIN(a_trial_signature_is_not_read_beyond_its_room),
        THEN_AGAIN(what_another_token_says_is_not_said_of_this_one),
        THEN_AGAIN(a_module_does_not_fill_the_list_of_tokens),
    };

    return cmocka_run_group_tests(tests, start, end);
}
