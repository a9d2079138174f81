/* Consent for each use of a key, and a PIN for each operation. */
#include "tests/unit/keyholder_traced.h"

/* ---- consent for each use ---------------------------------------------------
 */

static enum err
unwrap_it(void)
{
    AUTO(session) struct session s;
    uint8_t wrapped[256] = {0};
    struct unwrap_request request = {.key = buf_slice(&rsa_ref),
                                     .scheme = SCHEME_RSA_PKCS1,
                                     .wrapped = slice_of(wrapped, 256),
                                     .key_bytes = 16};
    struct unwrap_reply reply;

    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_DECRYPT, 1, slice_of(NULL, 0));
    return session_call(&s, MSG_UNWRAP, &request, &reply);
}

static void
a_key_that_asks_is_used_only_after_a_yes(void **state)
{
    struct problem p;

    (void)state;
    restart("[key alice@example.org]\nconfirm = yes\n");
    unlock_it();
    pinentry_expect(NULL, NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 1);
    assert_true(pinentry_saw("SETDESC Allow this?%0A"));
    assert_true(pinentry_saw("wants to sign a message%0AKey: My"));
    assert_true(pinentry_saw("%0AAddress: alice@example.org%0A"));
    assert_false(pinentry_saw("holds"));
    assert_int_equal(unwrap_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 2);
    assert_true(pinentry_saw("wants to decrypt a message"));
    trace_anew();
    pinentry_set(&pinentry.no, true);
    assert_int_equal(sign_it(), ERR_CANCELLED);
    assert_int_equal(unwrap_it(), ERR_CANCELLED);
    assert_int_equal(count_of("C_SignInit\n"), 0);
    assert_int_equal(count_of("C_DecryptInit\n"), 0);
    /* no rule names this one; its kind of signature does not fit it */
    assert_int_not_equal(sign_once(buf_slice(&ec_ref), &p), ERR_CANCELLED);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 4);
    pinentry_set(&pinentry.absent, true);
    assert_int_equal(sign_it(), ERR_NO_PROMPT);
    pinentry_set(&pinentry.absent, false);
    /* whoever types the PIN for it has said yes */
    lock_all();
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 0);
}

static void
keys_are_named_by_id_address_or_uri(void **state)
{
    static const char *const rules[] = {
        "[key ALICE@EXAMPLE.ORG]\nconfirm = yes\n",
        "[key x]\nmatch = pkcs11:token=test%20token\nconfirm = yes\n",
        "[key what ever]\nconfirm = yes\n", /* a slip is for all keys */
        "[key alice@example.org]\nconfirm = maybe\n",
    };
    static const char *const others[] = {
        "[key alice@example.com]\nconfirm = yes\n",
        "[key x]\nmatch = pkcs11:token=another\nconfirm = yes\n",
        "[key 0000]\nconfirm = yes\n",
        "[key alice@example.org]\nconfirm = no\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rules); i++) {
        restart(rules[i]);
        unlock_it();
        pinentry_expect(NULL, NULL, NULL);
        assert_int_equal(sign_it(), ERR_OK);
        assert_int_equal(pinentry_count(&pinentry.confirmed), 1);
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        restart(others[i]);
        unlock_it();
        pinentry_expect(NULL, NULL, NULL);
        assert_int_equal(sign_it(), ERR_OK);
        assert_int_equal(pinentry_count(&pinentry.confirmed), 0);
    }
}

static void
a_yes_can_hold_for_a_while(void **state)
{
    (void)state;
    restart("[key alice@example.org]\nconfirm = yes\n"
            "[consent]\nwindow = 60\ncount = 3\n");
    unlock_it();
    pinentry_expect(NULL, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 1);
    assert_true(pinentry_saw("next 60 seconds, at most 3 times"));
    /* another operation is another question */
    assert_int_equal(unwrap_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 2);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 3);
    /* and locking ends it */
    lock_all();
    unlock_it();
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 4);
    restart("[key alice@example.org]\nconfirm = yes\n[consent]\nwindow = 1\n");
    unlock_it();
    pinentry_expect(NULL, NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    poll(NULL, 0, 1100);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 2);
}

/* ---- a PIN for each operation
 * ------------------------------------------------ */

/* Looks for NAMES, one line behind the other, in what reached the token. */
static bool
traced(const char *names)
{
    struct buf b = fixture_read(fixture_path("trace"));
    bool found = strstr(buf_text(&b), names) != NULL;

    buf_drop(&b);
    return found;
}

/* Made by another program. */
static void
add_key_that_asks_each_time(void)
{
    assert_int_equal(keyholder_stop(), 0);
    fixture_run("openssl rsa -in deep.key -outform DER -out deep.p8\n"
                "t='pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so"
                " --login --pin 1234 --id 77 --label often'\n"
                "$t --write-object deep.p8 --type privkey --always-auth"
                " --usage-sign\n"
                "openssl x509 -in deep.crt -outform DER -out deep.der\n"
                "$t --write-object deep.der --type cert\n");
    keyholder_start();
}

static void
nothing_comes_between_the_pin_and_its_operation(void **state)
{
    struct buf ref = {0};
    struct problem p;

    (void)state;
    add_key_that_asks_each_time();
    restart("[pin]\ncache = yes\n");
    unlock_it();
    learn_ref("often", &ref);
    trace_anew();
    pinentry_expect("1234", "1234", NULL);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_true(traced("\nC_SignInit\nC_Login 2\nC_Sign\n"));
    /* a PIN that is kept is none of its answers */
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
    assert_int_equal(count_of("C_Login 2\n"), 2);
    restart("[consent]\nwindow = 60\n");
    unlock_it();
    trace_anew();
    pinentry_expect("1234", NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_int_equal(count_of("C_Login 2\n"), 3);
    assert_true(pinentry_saw("holds for the next 60 seconds"));
    assert_true(pinentry_saw("Key: often (77)"));
    /* what does not work any more is asked for anew */
    plan("C_Login 0xa0 1\n");
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(count_of("C_Login 2\n"), 5);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_false(pinentry_saw("SETERROR Wrong PIN"));
    /* a kept one that was wrong counts as a try */
    plan("C_Login 0xa0 1\n");
    pinentry_expect("4321", "4321", "1234");
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_PIN_WRONG);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 3);
    buf_drop(&ref);
}

/* To unlock its token would not help: that is unlocked. */
static void
the_last_try_of_such_a_key_that_nobody_allows_is_told_as_its_own(void **state)
{
    struct buf ref = {0};
    struct problem p;

    (void)state;
    learn_ref("often", &ref);
    setenv("FAULT_PINPAD", "1234", 1);
    restart("");
    plan("last-try\n");
    pinentry_expect(NULL, NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 1);
    pinentry_set(&pinentry.absent, true);
    trace_anew();
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_PIN_EACH_TIME);
    assert_string_equal(p.token, "test token");
    assert_non_null(strstr(p.detail, "one try is left before it is blocked"));
    assert_int_equal(count_of("C_Login 2\n"), 0);
    pinentry_set(&pinentry.absent, false);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.confirmed), 2);
    unsetenv("FAULT_PINPAD");
    buf_drop(&ref);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_asks_is_used_only_after_a_yes),
        cmocka_unit_test(keys_are_named_by_id_address_or_uri),
        cmocka_unit_test(a_yes_can_hold_for_a_while),
        cmocka_unit_test(nothing_comes_between_the_pin_and_its_operation),
        cmocka_unit_test(
            the_last_try_of_such_a_key_that_nobody_allows_is_told_as_its_own),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    return cmocka_run_group_tests(tests, set_up_traced, tear_down);
}
