/* The dispatcher of methods: rights, parameters, errors, narrowing. */
#include "tests/unit/session_sides.h"

/* ---- rights and parameters
 * ---------------------------------------------------- */

static void
what_manages_is_refused_on_the_mail_socket(void **state)
{
    static const char *const methods[] = {
        KEYS "Unlock",    KEYS "Import",     KEYS "Remove",    KEYS "InitToken",
        KEYS "ChangePin", KEYS "UnblockPin", KEYS "Generate",  KEYS "Install",
        KEYS "Clean",     KEYS "Rescan",     CONTACTS "Remove"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        AUTO(json)
        json_t *reply = call(RIGHT_MAIL | RIGHT_RAW, methods[i], NULL);
        char detail[128];

        snprintf(detail, sizeof(detail), "%s is served on io.smimeagent.manage",
                 methods[i]);
        assert_non_null(strstr(error_of(reply), ".NotAllowed"));
        assert_string_equal(text_at(reply, "detail"), detail);
    }
}

static void
mail_is_refused_where_only_managing_is_served(void **state)
{
    static const char *const methods[] = {MAIL "Sign",    MAIL "Encrypt",
                                          MAIL "Decrypt", MAIL "Verify",
                                          MAIL "Open",    CONTACTS "Harvest"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        AUTO(json)
        json_t *reply = call(RIGHT_MANAGE | RIGHT_RAW, methods[i], NULL);

        assert_non_null(strstr(error_of(reply), ".NotAllowed"));
        assert_non_null(strstr(text_at(reply, "detail"), "io.smimeagent"));
    }
}

static void
raw_use_is_refused_on_every_other_socket(void **state)
{
    static const char *const methods[] = {
        RAW "List",     RAW "SignDigest", RAW "UnwrapKey",
        RAW "AgreeKey", RAW "Unlock",     RAW "UnwrapContentKey"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        AUTO(json)
        json_t *reply = call(RIGHT_MAIL | RIGHT_MANAGE, methods[i], NULL);

        assert_string_equal(error_of(reply), "io.smimeagent.Raw.NotAllowed");
        assert_non_null(
            strstr(text_at(reply, "detail"), "is served on io.smimeagent.raw"));
    }
}

static void
raw_parameters_are_checked_before_a_key_is_named(void **state)
{
    static const struct {
        const char *method;
        const char *parameters;
        const char *culprit;
    } cases[] = {
        {RAW "SignDigest", "{}", "key"},
        {RAW "SignDigest",
         "{\"key\":\"61\",\"mechanism\":\"ecdsa\",\"data\":\"6\"}", "data"},
        {RAW "SignDigest",
         "{\"key\":\"61\",\"mechanism\":\"ecdsa\",\"data\":\"6g\"}", "data"},
        {RAW "SignDigest",
         "{\"key\":\"61\",\"mechanism\":\"dsa\",\"data\":\"61\"}", "mechanism"},
        {RAW "SignDigest",
         "{\"key\":\"61\",\"mechanism\":\"rsa-oaep\",\"data\":\"61\"}",
         "mechanism"},
        {RAW "SignDigest",
         "{\"key\":\"\",\"mechanism\":\"ecdsa\",\"data\":\"61\"}", "key"},
        {RAW "UnwrapKey",
         "{\"key\":\"61\",\"mechanism\":\"ecdsa\",\"wrapped\":\"61\"}",
         "mechanism"},
        {RAW "UnwrapKey",
         "{\"key\":\"61\",\"mechanism\":\"rsa-pkcs1\",\"wrapped\":\"61\","
         "\"bytes\":65}",
         "bytes"},
        {RAW "AgreeKey", "{\"key\":\"61\",\"peer\":\"04\",\"kdf\":\"sha\"}",
         "kdf"},
        {RAW "Unlock", "{\"pin\":0}", "pin"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        AUTO(json)
        json_t *reply = call(RIGHT_RAW, cases[i].method,
                             json_loads(cases[i].parameters, 0, NULL));

        assert_string_equal(text_at(reply, "parameter"), cases[i].culprit);
    }
}

static void
what_only_looks_is_served_everywhere(void **state)
{
    static const char *const methods[] = {KEYS "List", KEYS "Tokens",
                                          CONTACTS "List", STATUS};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++)
        for (uint32_t right = RIGHT_MAIL; right <= RIGHT_RAW; right <<= 1) {
            AUTO(json) json_t *reply = call(right, methods[i], NULL);

            assert_string_equal(error_of(reply), "(none)");
        }
}

static void
parameters_are_checked_before_the_handler(void **state)
{
    static const struct {
        const char *method;
        const char *parameters;
        const char *culprit; /* NULL: good */
    } cases[] = {
        {MAIL "Verify", "{\"input\":0}", NULL},
        {MAIL "Verify", "{\"input\":0,\"learn\":null}", NULL},
        {MAIL "Verify", "{}", "input"},
        {MAIL "Verify", "{\"input\":null}", "input"},
        {MAIL "Verify", "{\"input\":1}", "input"},
        {MAIL "Verify", "{\"input\":-1}", "input"},
        {MAIL "Verify", "{\"input\":\"0\"}", "input"},
        {MAIL "Verify", "{\"input\":0.0}", "input"},
        {MAIL "Verify", "{\"input\":0,\"learn\":1}", "learn"},
        {MAIL "Verify", "{\"input\":0,\"at\":-1}", "at"},
        {MAIL "Verify", "{\"input\":0,\"lern\":true}", "lern"},
        {MAIL "Open", "{\"input\":0,\"output\":0,\"caller\":7}", "caller"},
        {MAIL "Open", "{\"input\":0,\"output\":0,\"caller\":{\"tty\":1}}",
         "caller"},
        {MAIL "Open", "{\"input\":0,\"output\":0,\"caller\":{\"x\":\"1\"}}",
         "caller"},
        {MAIL "Encrypt", "{\"input\":0,\"output\":0,\"to\":\"a@b\"}", "to"},
        {MAIL "Encrypt", "{\"input\":0,\"output\":0,\"to\":[7]}", "to"},
        {CONTACTS "Harvest", "{\"inputs\":[0],\"origins\":[\"a\"]}", NULL},
        {CONTACTS "Harvest", "{\"inputs\":[1],\"origins\":[\"a\"]}", "inputs"},
        {CONTACTS "Harvest", "{\"inputs\":[0],\"origins\":[0]}", "origins"},
        {KEYS "List", "{\"x\":1}", "x"},
        {CONTACTS "Show", "{}", "address"},
    };
    int fd = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct world w = {0};
        AUTO(json)
        json_t *reply =
            call_in(&w, RIGHT_MAIL, cases[i].method,
                    json_loads(cases[i].parameters, 0, NULL), &fd, 1);

        world_close(&w);
        if (cases[i].culprit)
            assert_string_equal(error_of(reply),
                                "org.varlink.service.InvalidParameter");
        assert_string_equal(text_at(reply, "parameter"),
                            cases[i].culprit ? cases[i].culprit : "(none)");
    }
}

static void
a_text_over_its_limit_is_refused(void **state)
{
    char address[LIMIT_ADDRESS_BYTES + 2] = {0};

    (void)state;
    contact_is_there = true;
    memset(address, 'a', LIMIT_ADDRESS_BYTES);
    for (int over = 0; over < 2; over++) {
        AUTO(json)
        json_t *reply = call(RIGHT_MAIL, CONTACTS "Show",
                             json_pack("{s:s}", "address", address));

        assert_string_equal(text_at(reply, "parameter"),
                            over ? "address" : "(none)");
        address[LIMIT_ADDRESS_BYTES] = 'a';
    }
}

static void
a_policy_over_its_limit_is_refused(void **state)
{
    char policy[LIMIT_POLICY_BYTES + 2] = {0};
    int fd = 0;

    (void)state;
    memset(policy, '1', LIMIT_POLICY_BYTES);
    for (int over = 0; over < 2; over++) {
        struct world w = {0};
        AUTO(json)
        json_t *reply = call_in(
            &w, RIGHT_MAIL, MAIL "Check",
            json_pack("{s:i,s:[s]}", "certificate", 0, "policies", policy), &fd,
            1);

        world_close(&w);
        assert_int_equal(strcmp(text_at(reply, "parameter"), "policies") == 0,
                         over);
        policy[LIMIT_POLICY_BYTES] = '1';
    }
}

static void
two_parameters_cannot_share_a_descriptor(void **state)
{
    struct world w = {0};
    int fd = 0;
    AUTO(json)
    json_t *reply =
        call_in(&w, RIGHT_MANAGE, KEYS "Import",
                json_pack("{s:i,s:i}", "input", 0, "password", 0), &fd, 1);

    (void)state;
    world_close(&w);
    assert_string_equal(text_at(reply, "parameter"), "password");
}

static void
an_upgrade_is_refused(void **state)
{
    struct varlink_call c = {0};
    struct world w = {0};
    struct message_in in;
    struct problem why = {0};
    json_t *reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    message_in_init(&in);
    assert_true(varlink_parse(
        slice_text("{\"method\":\"" STATUS "\",\"upgrade\":true}"), &c, &why));
    reply = method_call(&w.s, &c, &in);
    assert_string_equal(text_at(reply, "parameter"), "upgrade");
    json_decref(reply);
    varlink_call_drop(&c);
    world_close(&w);
}

static void
a_failure_carries_its_facts_as_valid_text(void **state)
{
    struct world w = {0};
    int fds[2] = {0, 0};
    AUTO(json)
    json_t *reply =
        call_in(&w, RIGHT_MAIL, MAIL "Decrypt",
                json_pack("{s:i,s:i}", "input", 0, "output", 1), fds, 2);

    (void)state;
    world_close(&w);
    assert_string_equal(error_of(reply), MAIL "PinWrong");
    assert_string_equal(text_at(reply, "token"), "card\\xff");
    assert_int_equal(json_integer_value(at(reply, "tries_left")), 2);
}

static void
a_method_that_is_not_there_is_answered(void **state)
{
    AUTO(json) json_t *reply = call(RIGHT_MAIL, MAIL "Forge", NULL);

    (void)state;
    assert_string_equal(error_of(reply), "org.varlink.service.MethodNotFound");
}

/* ---- narrowing
 * ------------------------------------------------------------------ */

static void
a_session_narrows_both_channels_and_only_once(void **state)
{
    struct world w = {0};
    struct request r = {.session = &w.s};
    struct slice none = slice_of(NULL, 0);

    (void)state;
    world_open(&w, RIGHT_MAIL);
    assert_int_equal(session_narrow(&r, VERB_SIGN, 9, none), ERR_OK);
    assert_int_equal(session_narrow(&r, VERB_SIGN, 9, none), ERR_OK);
    assert_int_equal(session_narrow(&r, VERB_SIGN, 20, slice_text("key")),
                     ERR_OK);
    assert_int_equal(w.s.ops_left, 9);
    assert_int_equal(w.s.key_len, 3);
    assert_int_equal(session_narrow(&r, VERB_SIGN, 9, none), ERR_OK);
    world_close(&w);
    assert_int_equal(w.keyholder.narrowings, 2);
    assert_int_equal(w.keyring.narrowings, 2);
}

static void
a_refused_narrowing_fails_the_next_call(void **state)
{
    struct world w = {0};
    struct request r = {.session = &w.s};
    struct page page = {0};
    struct list_reply reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    w.keyholder.served.verb = VERB_OPEN;
    assert_int_equal(session_narrow(&r, VERB_SIGN, 9, slice_of(NULL, 0)),
                     ERR_OK);
    assert_int_equal(keyholder_call(&r, MSG_KEYS, &page, NULL, 0, &reply),
                     ERR_KEYHOLDER_LOST);
    assert_true(w.s.lost);
    assert_int_equal(w.s.keyholder, -1);
    world_close(&w);
}

static void
who_only_verifies_has_no_keyholder(void **state)
{
    struct world w = {0};
    struct request r = {.session = &w.s};
    struct page page = {0};
    struct list_reply reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    assert_int_equal(session_narrow(&r, VERB_VERIFY, 0, slice_of(NULL, 0)),
                     ERR_OK);
    assert_int_equal(w.s.keyholder, -1);
    assert_int_equal(keyholder_call(&r, MSG_KEYS, &page, NULL, 0, &reply),
                     ERR_KEYHOLDER_LOST);
    world_close(&w);
    assert_int_equal(w.keyholder.requests, 0);
    assert_int_equal(w.keyring.narrowings, 1);
}

static void
a_session_does_not_widen_itself(void **state)
{
    struct world w = {0};
    struct request r = {.session = &w.s};

    (void)state;
    world_open(&w, RIGHT_MAIL);
    assert_int_equal(session_narrow(&r, VERB_SIGN, 9, slice_text("key")),
                     ERR_OK);
    assert_int_equal(session_narrow(&r, VERB_SIGN, 9, slice_text("kez")),
                     ERR_NOT_ALLOWED);
    assert_int_equal(session_narrow(&r, VERB_OPEN, 9, slice_of(NULL, 0)),
                     ERR_NOT_ALLOWED);
    assert_int_equal(w.s.verb, VERB_SIGN);
    world_close(&w);
    assert_int_equal(w.keyholder.narrowings, 1);
}

static void
a_channel_out_of_step_is_not_asked_again(void **state)
{
    struct world w = {0};
    struct request r = {.session = &w.s};
    struct page page = {0};
    struct list_reply reply;

    (void)state;
    world_open(&w, RIGHT_MAIL); /* a keyholder that never answers */
    assert_int_equal(keyholder_call(&r, MSG_KEYS, &page, NULL, 0, &reply),
                     ERR_KEYHOLDER_LOST);
    assert_true(w.s.lost);
    assert_int_equal(w.s.keyholder, -1);
    assert_int_equal(keyholder_call(&r, MSG_KEYS, &page, NULL, 0, &reply),
                     ERR_KEYHOLDER_LOST);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_manages_is_refused_on_the_mail_socket),
        cmocka_unit_test(mail_is_refused_where_only_managing_is_served),
        cmocka_unit_test(raw_use_is_refused_on_every_other_socket),
        cmocka_unit_test(raw_parameters_are_checked_before_a_key_is_named),
        cmocka_unit_test(what_only_looks_is_served_everywhere),
        cmocka_unit_test(parameters_are_checked_before_the_handler),
        cmocka_unit_test(a_text_over_its_limit_is_refused),
        cmocka_unit_test(a_policy_over_its_limit_is_refused),
        cmocka_unit_test(two_parameters_cannot_share_a_descriptor),
        cmocka_unit_test(an_upgrade_is_refused),
        cmocka_unit_test(a_failure_carries_its_facts_as_valid_text),
        cmocka_unit_test(a_method_that_is_not_there_is_answered),
        cmocka_unit_test(a_session_narrows_both_channels_and_only_once),
        cmocka_unit_test(a_refused_narrowing_fails_the_next_call),
        cmocka_unit_test(who_only_verifies_has_no_keyholder),
        cmocka_unit_test(a_session_does_not_widen_itself),
        cmocka_unit_test(a_channel_out_of_step_is_not_asked_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
