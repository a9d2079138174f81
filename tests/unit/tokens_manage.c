/* Initialising, PINs, generating, matching certificates, cleaning up. */
#include "tests/unit/tokens_fixture.h"
#include "tokens/write.h"

#define PUK "87654321"

static const uint8_t *
text(const char *s)
{
    return (const uint8_t *)s;
}

static struct token *
blank_token(void)
{
    struct token *all[16];
    size_t n = token_store_list(store, all, 16);

    for (size_t i = 0; i < n; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (!info.initialized)
            return all[i];
    }
    fail_msg("no blank slot");
    return NULL;
}

static enum tokens_err
initialize(struct token *t, const char *label, const char *pin,
           struct token **out)
{
    return token_initialize(t, label, text("12345678"), 8, text(pin),
                            strlen(pin), out);
}

static void
an_empty_token_is_initialised_and_takes_its_pin(void **state)
{
    struct token *made = NULL, *found = NULL;
    struct token_info info;

    (void)state;
    assert_int_equal(initialize(blank_token(), "fresh", "2468", &made),
                     TOKENS_OK);
    assert_int_equal(token_store_find(store, "fresh", &found), TOKENS_OK);
    assert_ptr_equal(found, made);
    token_get_info(made, &info);
    assert_true(info.initialized && info.user_pin_initialized);
    assert_int_equal(token_login(made, text("1111"), 4), TOKENS_PIN_WRONG);
    assert_int_equal(token_login(made, text("2468"), 4), TOKENS_OK);
}

static void
an_initialised_token_is_never_initialised_again(void **state)
{
    struct token *made = NULL;

    (void)state;
    fault_reset();
    assert_int_equal(initialize(token, "again", "2468", &made),
                     TOKENS_INITIALIZED);
    assert_int_equal(fault_count("C_InitToken"), 0);
    assert_null(made);
    assert_true(token_is_logged_in(token));
}

static void
what_cannot_be_a_pin_or_label_changes_nothing(void **state)
{
    struct token *t = blank_token(), *made = NULL;

    (void)state;
    fault_reset();
    assert_int_equal(initialize(t, "fresh", "1", &made), TOKENS_PIN_INVALID);
    assert_int_equal(initialize(t, "", "2468", &made), TOKENS_ARGUMENT);
    assert_int_equal(
        initialize(t, "a label of more than thirty-two bytes", "2468", &made),
        TOKENS_ARGUMENT);
    assert_int_equal(
        token_initialize(t, "fresh", NULL, 0, text("2468"), 4, &made),
        TOKENS_ARGUMENT);
    assert_int_equal(fault_count("C_InitToken"), 0);
    faults("C_InitToken 0xa0 1\n");
    assert_int_equal(initialize(t, "fresh", "2468", &made), TOKENS_PUK_WRONG);
    faults("");
    assert_null(made);
}

static void
a_token_whose_first_pin_fails_gets_it_with_the_puk(void **state)
{
    struct token *made = NULL;

    (void)state;
    faults("C_InitPIN 0x6 1\n");
    assert_int_equal(initialize(blank_token(), "fresh", "2468", &made),
                     TOKENS_NO_PIN);
    assert_string_equal(tokens_last_call(), "C_InitPIN");
    faults("");
    assert_null(made);
    assert_int_equal(token_store_find(store, "fresh", &made), TOKENS_OK);
    assert_int_equal(
        token_unblock_pin(made, text("12345678"), 8, text("2468"), 4),
        TOKENS_OK);
    assert_int_equal(token_login(made, text("2468"), 4), TOKENS_OK);
}

static void
a_pin_is_changed_and_the_login_stays(void **state)
{
    (void)state;
    assert_int_equal(token_change_pin(token, text(PIN), 6, text("777777"), 6),
                     TOKENS_OK);
    assert_true(token_is_logged_in(token));
    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(token_login(token, text(PIN), 6), TOKENS_PIN_WRONG);
    assert_int_equal(token_login(token, text("777777"), 6), TOKENS_OK);
}

static void
a_wrong_old_pin_is_tried_once_and_a_short_new_one_not_at_all(void **state)
{
    (void)state;
    fault_reset();
    assert_int_equal(
        token_change_pin(token, text("000000"), 6, text("1234"), 4),
        TOKENS_PIN_WRONG);
    assert_int_equal(fault_count("C_SetPIN"), 1);
    assert_int_equal(token_change_pin(token, text(PIN), 6, text("1"), 1),
                     TOKENS_PIN_INVALID);
    assert_int_equal(token_change_pin(token, NULL, 0, text("1234"), 4),
                     TOKENS_ARGUMENT);
    assert_int_equal(fault_count("C_SetPIN"), 1);
    faults("C_SetPIN 0xa4 1\n");
    assert_int_equal(token_change_pin(token, text(PIN), 6, text("1234"), 4),
                     TOKENS_PIN_BLOCKED);
    faults("C_SetPIN 0x5 1\n");
    assert_int_equal(token_change_pin(token, text(PIN), 6, text("1234"), 4),
                     TOKENS_PIN_WRONG);
    faults("");
}

/* A transport PIN opens nothing until it is changed. */
static void
a_pin_that_must_be_changed_can_be_changed(void **state)
{
    (void)state;
    assert_int_equal(token_logout(token), TOKENS_OK);
    faults("C_Login 0xa3 1\n");
    assert_int_equal(token_login(token, text(PIN), 6), TOKENS_PIN_EXPIRED);
    faults("");
    assert_false(token_is_logged_in(token));
    assert_int_equal(token_change_pin(token, text(PIN), 6, text("777777"), 6),
                     TOKENS_OK);
    assert_int_equal(token_login(token, text("777777"), 6), TOKENS_OK);
}

static void
the_puk_sets_a_new_pin(void **state)
{
    (void)state;
    assert_int_equal(token_unblock_pin(token, text(PUK), 8, text("555555"), 6),
                     TOKENS_OK);
    assert_false(token_is_logged_in(token));
    assert_int_equal(token_login(token, text(PIN), 6), TOKENS_PIN_WRONG);
    assert_int_equal(token_login(token, text("555555"), 6), TOKENS_OK);
}

static void
a_wrong_puk_is_tried_once_and_told_from_a_wrong_pin(void **state)
{
    (void)state;
    fault_reset();
    assert_int_equal(
        token_unblock_pin(token, text("00000000"), 8, text("555555"), 6),
        TOKENS_PUK_WRONG);
    assert_int_equal(fault_count("C_Login"), 1);
    assert_int_equal(fault_count("C_InitPIN"), 0);
    faults("C_Login 0xa4 1\n");
    assert_int_equal(token_unblock_pin(token, text(PUK), 8, text("555555"), 6),
                     TOKENS_PUK_BLOCKED);
    faults("");
    assert_int_equal(token_login(token, text(PIN), 6), TOKENS_OK);
}

/* ---- generating ---------------------------------------------------------- */

static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
static const struct token_generation new_rsa = {
    .type = TOKEN_KEY_RSA, .bits = 2048, .label = "new"};
static const struct token_generation new_ec = {
    .type = TOKEN_KEY_EC, .curve = {p256, sizeof(p256)}, .label = "new"};

static enum tokens_err
generate(const struct token_generation *what, uint8_t *id, size_t *n)
{
    struct token_import *i = NULL;
    enum tokens_err e = token_import_begin(token, &i);

    assert_int_equal(e, TOKENS_OK);
    e = token_import_generate(i, what, id, n);
    if (e == TOKENS_OK)
        e = token_import_prove(i);
    if (e == TOKENS_OK)
        e = token_import_commit(i);
    token_import_drop(&i);
    return e;
}

static const struct token_identity *
find_key(const struct token_identities *list, const uint8_t *id, size_t n)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].id_len == n && memcmp(list->all[i].id, id, n) == 0)
            return &list->all[i];
    return NULL;
}

static size_t
key_count(void)
{
    const struct token_identities *list = NULL;

    assert_int_equal(token_identities_read(token, &list), TOKENS_OK);
    size_t n = list->count;
    token_identities_drop(&list);
    return n;
}

static void
check_generated(const struct token_generation *what, unsigned uses)
{
    const struct token_identities *list = NULL;
    uint8_t id[TOKEN_ID_BYTES], better[TOKEN_KEY_ID_BYTES];
    size_t n = 0;

    assert_int_equal(generate(what, id, &n), TOKENS_OK);
    assert_int_equal(token_identities_read(token, &list), TOKENS_OK);
    const struct token_identity *k = find_key(list, id, n);
    assert_non_null(k);
    assert_true(k->has_private && k->spki_len > 0);
    assert_int_equal(k->type, what->type);
    assert_int_equal(k->uses, uses);
    assert_string_equal(k->label, "new");
    struct token_private_key parts = {.type = k->type,
                                      .modulus = {k->modulus, k->modulus_len},
                                      .point = {k->point, k->point_len}};
    assert_int_equal(token_key_id(&parts, better), TOKENS_OK);
    assert_memory_equal(id, better, sizeof(better));
    token_identities_drop(&list);
}

static void
a_generated_key_signs_and_has_the_id_of_its_public_key(void **state)
{
    (void)state;
    check_generated(&new_rsa,
                    TOKEN_USE_SIGN | TOKEN_USE_DECRYPT | TOKEN_USE_UNWRAP);
    check_generated(&new_ec, TOKEN_USE_SIGN | TOKEN_USE_DERIVE);
}

static void
a_token_that_sets_no_id_keeps_the_random_one(void **state)
{
    uint8_t id[TOKEN_ID_BYTES];
    size_t n = 0;

    (void)state;
    faults("C_SetAttributeValue 0x10 1\n");
    assert_int_equal(generate(&new_ec, id, &n), TOKENS_OK);
    faults("");
    assert_int_equal(n, TOKEN_KEY_ID_BYTES);
    assert_int_equal(key_count(), 1);
}

static void
a_generation_that_fails_leaves_nothing(void **state)
{
    static const struct token_generation odd = {.type = TOKEN_KEY_RSA,
                                                .bits = 1024};
    uint8_t id[TOKEN_ID_BYTES];
    size_t n = 0;

    (void)state;
    assert_int_equal(generate(&odd, id, &n), TOKENS_ARGUMENT);
    faults("C_GenerateKeyPair 0x31 1\n");
    assert_int_equal(generate(&new_ec, id, &n), TOKENS_FULL);
    faults("C_Sign 0x54 1\n");
    assert_int_equal(generate(&new_ec, id, &n), TOKENS_CANNOT);
    faults("");
    assert_int_equal(key_count(), 0);
}

/* ---- certificates and remains -------------------------------------------- */

static void
a_certificate_finds_its_key(void **state)
{
    struct soft_key k, other;
    struct token_match found = {0};
    uint8_t *der = NULL;

    (void)state;
    soft_ec(&k);
    soft_ec(&other);
    import_key(&k);
    size_t len = soft_certificate(&k, "mine", &der);
    assert_int_equal(token_find_key_of_certificate(token, der, len, &found),
                     TOKENS_OK);
    assert_true(found.has_private);
    assert_int_equal(found.id_len, sizeof(k.id));
    assert_memory_equal(found.id, k.id, found.id_len);
    assert_int_equal(found.token_id_len, sizeof(k.id));
    assert_memory_equal(found.token_id, k.id, found.token_id_len);
    assert_int_equal(token_find_key_of_certificate(token, der, len - 1, &found),
                     TOKENS_ARGUMENT);
    assert_int_equal(token_logout(token), TOKENS_OK);
    assert_int_equal(token_find_key_of_certificate(token, der, len, &found),
                     TOKENS_OK);
    assert_false(found.has_private);
    OPENSSL_free(der);
    len = soft_certificate(&other, "hers", &der);
    assert_int_equal(token_find_key_of_certificate(token, der, len, &found),
                     TOKENS_NO_KEY);
    OPENSSL_free(der);
    soft_drop(&k);
    soft_drop(&other);
}

/* A key object with nothing in it, as a killed writer leaves it. */
static void
leave_half_made(void)
{
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_KEY_TYPE type = CKK_RSA;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE a[] = {{CKA_CLASS, &class, sizeof(class)},
                        {CKA_KEY_TYPE, &type, sizeof(type)},
                        {CKA_TOKEN, &yes, 1},
                        {CKA_PRIVATE, &no, 1},
                        {CKA_MODULUS, NULL, 0},
                        {CKA_PUBLIC_EXPONENT, NULL, 0}};
    CK_SLOT_ID ids[16];
    CK_ULONG n = 16;
    CK_SESSION_HANDLE s;
    CK_OBJECT_HANDLE o;
    CK_TOKEN_INFO info;

    assert_int_equal(raw->C_GetSlotList(CK_TRUE, ids, &n), 0);
    for (CK_ULONG i = 0; i < n; i++) {
        if (raw->C_GetTokenInfo(ids[i], &info) != CKR_OK ||
            memcmp(info.label, "one ", 4) != 0)
            continue;
        assert_int_equal(raw->C_OpenSession(ids[i],
                                            CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                            NULL, NULL, &s),
                         0);
        assert_int_equal(raw->C_CreateObject(s, a, 6, &o), 0);
        assert_int_equal(raw->C_CloseSession(s), 0);
        return;
    }
    fail_msg("the token is not there");
}

static void
half_made_keys_are_counted_and_removed_and_whole_ones_stay(void **state)
{
    struct soft_key k;
    struct token_remains n = {9, 9};

    (void)state;
    soft_ec(&k);
    import_key(&k);
    assert_int_equal(token_count_broken(token, false, &n), TOKENS_OK);
    assert_int_equal(n.half_made, 0);
    leave_half_made();
    assert_int_equal(token_count_broken(token, false, &n), TOKENS_OK);
    assert_int_equal(n.half_made, 1);
    assert_int_equal(token_count_broken(token, true, &n), TOKENS_OK);
    assert_int_equal(n.half_made, 0);
    assert_int_equal(n.nameless, 0);
    assert_int_equal(key_count(), 1);
    soft_drop(&k);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, login_start, fixture_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_token_is_initialised_and_takes_its_pin),
        TEST(an_initialised_token_is_never_initialised_again),
        TEST(what_cannot_be_a_pin_or_label_changes_nothing),
        TEST(a_token_whose_first_pin_fails_gets_it_with_the_puk),
        TEST(a_pin_is_changed_and_the_login_stays),
        TEST(a_wrong_old_pin_is_tried_once_and_a_short_new_one_not_at_all),
        TEST(a_pin_that_must_be_changed_can_be_changed),
        TEST(the_puk_sets_a_new_pin),
        TEST(a_wrong_puk_is_tried_once_and_told_from_a_wrong_pin),
        TEST(a_generated_key_signs_and_has_the_id_of_its_public_key),
        TEST(a_token_that_sets_no_id_keeps_the_random_one),
        TEST(a_generation_that_fails_leaves_nothing),
        TEST(a_certificate_finds_its_key),
        TEST(half_made_keys_are_counted_and_removed_and_whole_ones_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
