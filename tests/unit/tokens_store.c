/* Modules, tokens, finding and logging in. */
#include "tests/unit/tokens_fixture.h"

static int
start(void **state)
{
    fixture_start(state);
    make_token("two");
    raw->C_Finalize(NULL);
    return 0;
}

static int
end_store(void **state)
{
    (void)state;
    faults("");
    token_store_drop(&store);
    return 0;
}

static int
start_store(void **state)
{
    (void)state;
    assert_int_equal(open_store_with((struct token_config){0}), TOKENS_OK);
    return 0;
}

static void
tokens_are_found_by_label_serial_and_uri(void **state)
{
    struct token *all[8], *found = NULL;
    struct token_info info;

    (void)state;
    assert_int_equal(token_store_list(store, all, 8), 3); /* one blank slot */
    assert_int_equal(token_store_find(store, "two", &found), TOKENS_OK);
    token_get_info(found, &info);
    assert_string_equal(info.label, "two");
    assert_string_equal(info.module, "fault");
    assert_true(info.initialized && info.login_required && !info.logged_in);
    assert_int_equal(info.tries_left, -1);
    struct token *again = NULL;
    assert_int_equal(token_store_find(store, info.serial, &again), TOKENS_OK);
    assert_ptr_equal(again, found);
    again = NULL;
    assert_int_equal(token_store_find(store, info.uri, &again), TOKENS_OK);
    assert_ptr_equal(again, found);
    assert_int_equal(token_store_find(store, "pkcs11:token=two", &again),
                     TOKENS_OK);
    /* Blanks at its end are how a token fills its label up. */
    again = NULL;
    assert_int_equal(token_store_find(store, "two  ", &again), TOKENS_OK);
    assert_ptr_equal(again, found);
    assert_int_equal(token_store_find(store, "pkcs11:token=two%20", &again),
                     TOKENS_OK);
    assert_int_equal(token_store_find(store, " two", &again), TOKENS_ABSENT);
}

static void
a_uri_with_a_slot_means_that_one(void **state)
{
    struct token *found = NULL;
    CK_SLOT_ID ids[8];
    CK_ULONG n = 8;
    char uri[64];

    (void)state;
    assert_int_equal(raw->C_GetSlotList(CK_TRUE, ids, &n), CKR_OK);
    snprintf(uri, sizeof(uri), "pkcs11:slot-id=%lu", ids[0]);
    assert_int_equal(token_store_find(store, uri, &found), TOKENS_OK);
    found = NULL;
    assert_int_equal(
        token_store_find(store, "pkcs11:token=two;slot-id=77777", &found),
        TOKENS_ABSENT);
    /* What a slot or a library says of itself is not asked. */
    assert_int_equal(
        token_store_find(store, "pkcs11:token=two;slot-description=x", &found),
        TOKENS_BAD_URI);
    assert_int_equal(
        token_store_find(store, "pkcs11:token=two;library-version=2", &found),
        TOKENS_BAD_URI);
    assert_null(found);
}

static void
what_names_no_single_token_is_refused(void **state)
{
    struct token *t = NULL;

    (void)state;
    assert_int_equal(token_store_find(store, "", &t), TOKENS_AMBIGUOUS);
    assert_int_equal(token_store_find(store, "three", &t), TOKENS_ABSENT);
    assert_int_equal(token_store_find(store, "pkcs11:token=two;x-odd=1", &t),
                     TOKENS_ABSENT);
    assert_int_equal(
        token_store_find(store, "pkcs11:token=two?pin-value=1", &t),
        TOKENS_BAD_URI);
    assert_int_equal(
        token_store_find(store, "pkcs11:token=two?module-path=/x.so", &t),
        TOKENS_BAD_URI);
    assert_int_equal(token_store_find(store, "pkcs11:token=%zz", &t),
                     TOKENS_BAD_URI);
    assert_null(t);
}

static void
a_wrong_pin_is_told_and_tried_once(void **state)
{
    struct token *t = NULL;

    (void)state;
    assert_int_equal(token_store_find(store, "one", &t), TOKENS_OK);
    fault_reset();
    assert_int_equal(token_login(t, (const uint8_t *)"999999", 6),
                     TOKENS_PIN_WRONG);
    assert_int_equal(fault_count("C_Login"), 1);
    assert_int_equal(token_login(t, (const uint8_t *)"1", 1),
                     TOKENS_PIN_INVALID);
    assert_int_equal(token_login(t, NULL, 0), TOKENS_ARGUMENT);
    assert_false(token_is_logged_in(t));
    faults("C_Login 0xa4 1\n");
    assert_int_equal(token_login(t, (const uint8_t *)PIN, 6),
                     TOKENS_PIN_BLOCKED);
    faults("C_Login 0x5 1\n");
    assert_int_equal(token_login(t, (const uint8_t *)PIN, 6), TOKENS_PIN_WRONG);
    faults("");
    assert_int_equal(token_login(t, (const uint8_t *)PIN, 6), TOKENS_OK);
    assert_true(token_is_logged_in(t));
    assert_int_equal(token_logout(t), TOKENS_OK);
    assert_false(token_is_logged_in(t));
}

static void
a_module_that_hangs_in_its_start_hides_no_other(void **state)
{
    static const struct token_module modules[] = {
        {.name = "fault", .path = FAULTMOD_PATH},
        {.name = "soft", .path = SOFTHSM},
        {.name = "none", .path = "/none.so"}};
    struct token_config c = {
        .modules = modules, .module_count = 3, .start_timeout_ms = 3000};
    struct token_module_info info;
    struct token *t = NULL;

    (void)state;
    faults("C_Initialize @ 1\n");
    assert_int_equal(open_store_with(c), TOKENS_OK);
    assert_true(token_store_module_info(store, 0, &info));
    assert_string_equal(info.name, "fault");
    assert_int_equal(info.state, TOKEN_MODULE_STARTING);
    assert_true(token_store_module_info(store, 2, &info));
    assert_int_equal(info.state, TOKEN_MODULE_FAILED);
    assert_false(token_store_module_info(store, 3, &info));
    assert_int_equal(token_store_find(store, "one", &t), TOKENS_OK);
    /* When the late one is there, its tokens are the same tokens. */
    faults("");
    assert_int_equal(token_store_refresh(store, 60000), TOKENS_OK);
}

static void
one_token_behind_two_modules_is_one(void **state)
{
    static const struct token_module modules[] = {
        {.name = "soft", .path = SOFTHSM},
        {.name = "fault", .path = FAULTMOD_PATH}};
    struct token_config c = {
        .modules = modules, .module_count = 2, .start_timeout_ms = 60000};
    struct token *all[16], *t = NULL;
    struct token_module_info module;

    (void)state;
    /* The second C_Initialize says that it was done. SoftHSM's own does not
     * stand two at the same moment, so one is made to wait. */
    faults("C_Initialize ~2000 1\n");
    assert_int_equal(open_store_with(c), TOKENS_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_true(token_store_module_info(store, i, &module));
        assert_int_equal(module.state, TOKEN_MODULE_READY);
    }
    assert_int_equal(token_store_find(store, "one", &t), TOKENS_OK);
    size_t n = token_store_list(store, all, 16);
    size_t named = 0;
    for (size_t i = 0; i < n; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        named += strcmp(info.label, "one") == 0;
    }
    assert_int_equal(named, 1);
}

static void
a_slow_slot_list_makes_a_refresh_busy_not_stuck(void **state)
{
    struct token *t = NULL;

    (void)state;
    faults("C_GetSlotList @ 1\n");
    assert_int_equal(token_store_refresh(store, 50), TOKENS_BUSY);
    assert_int_equal(token_store_find(store, "one", &t), TOKENS_OK);
    faults("");
    assert_int_equal(token_store_refresh(store, 60000), TOKENS_OK);
}

static int
start_store_with_a_nameless_token(void **state)
{
    assert_int_equal(raw->C_Initialize(NULL), 0);
    make_token("");
    raw->C_Finalize(NULL);
    return start_store(state);
}

/* One that was set up without a label goes by its serial number. */
static void
blanks_name_no_token(void **state)
{
    struct token *all[8], *found = NULL;
    struct token_info info = {.label = "?"};
    size_t n = token_store_list(store, all, 8);

    (void)state;
    for (size_t i = 0; i < n && info.label[0]; i++)
        token_get_info(all[i], &info);
    assert_string_equal(info.label, "");
    assert_true(info.initialized);
    assert_int_equal(token_store_find(store, " ", &found), TOKENS_ABSENT);
    assert_int_equal(token_store_find(store, "   ", &found), TOKENS_ABSENT);
    assert_null(found);
    assert_int_equal(token_store_find(store, info.serial, &found), TOKENS_OK);
}

static void
every_error_has_a_sentence(void **state)
{
    (void)state;
    for (int e = 0; e < TOKENS_ERR_COUNT; e++)
        assert_non_null(tokens_err_text((enum tokens_err)e));
    assert_non_null(tokens_err_text(TOKENS_ERR_COUNT));
}

static int
end(void **state)
{
    (void)state;
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

#define WITH_STORE(test)                                                       \
    cmocka_unit_test_setup_teardown(test, start_store, end_store)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(tokens_are_found_by_label_serial_and_uri),
        WITH_STORE(a_uri_with_a_slot_means_that_one),
        WITH_STORE(what_names_no_single_token_is_refused),
        WITH_STORE(a_wrong_pin_is_told_and_tried_once),
        WITH_STORE(a_slow_slot_list_makes_a_refresh_busy_not_stuck),
        cmocka_unit_test_teardown(
            a_module_that_hangs_in_its_start_hides_no_other, end_store),
        cmocka_unit_test_teardown(one_token_behind_two_modules_is_one,
                                  end_store),
        cmocka_unit_test_setup_teardown(
            blanks_name_no_token, start_store_with_a_nameless_token, end_store),
        cmocka_unit_test(every_error_has_a_sentence),
    };

    return cmocka_run_group_tests(tests, start, end);
}
