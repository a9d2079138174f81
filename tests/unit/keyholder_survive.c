/* What happens to a token while somebody is asked for its PIN, while the
 * machine sleeps, right after its key was removed, and between two requests of
 * a session. */
#include "tests/unit/keyholder_traced.h"

/* ---- a prompt -------------------------------------------------------------
 */

static void *
sign_in_thread(void *arg)
{
    (void)arg;
    return (void *)(intptr_t)sign_it();
}

/* Whoever lists looks at the slots: the keyholder knows that it left. */
static void
see_it_leave(void)
{
    for (size_t n = 1; n != 0;) {
        AUTO(session) struct session s;
        struct key_record record;

        n = list_keys(NULL, &record, &s);
        poll(NULL, 0, n ? 50 : 0);
    }
}

/* The token leaves while the person types; PLAN is what is there when the PIN
 * comes. */
static enum err
sign_over_removal(const char *then)
{
    pthread_t t;
    void *result;

    restart("");
    pinentry_expect("1234", "1234", NULL);
    pinentry_set(&pinentry.hold, true);
    assert_int_equal(pthread_create(&t, NULL, sign_in_thread, NULL), 0);
    pinentry_wait_for(&pinentry.asked);
    trace_anew();
    plan("removed\n");
    see_it_leave();
    plan(then);
    pinentry_set(&pinentry.hold, false);
    pthread_join(t, &result);
    return (enum err)(intptr_t)result;
}

static void
a_token_put_back_during_its_prompt_takes_the_pin(void **state)
{
    (void)state;
    assert_int_equal(sign_over_removal(""), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_int_equal(count_of("C_Login 1\n"), 1);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
a_token_that_stays_away_is_told_and_sees_no_pin(void **state)
{
    (void)state;
    assert_int_equal(sign_over_removal("removed\n"), ERR_TOKEN_ABSENT);
    assert_int_equal(count_of("C_Login 1\n"), 0);
    plan("");
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

/* ---- a suspend --------------------------------------------------------------
 */

static void
after_a_suspend_somebody_is_asked_once(void **state)
{
    (void)state;
    restart("");
    unlock_it();
    assert_int_equal(sign_it(), ERR_OK);
    trace_anew();
    plan("slept\n");
    pinentry_expect("1234", NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_int_equal(count_of("C_Login 1\n"), 1);
}

static void
after_a_suspend_a_kept_pin_asks_nobody(void **state)
{
    (void)state;
    restart("[pin]\ncache = yes\n");
    unlock_it();
    assert_int_equal(sign_it(), ERR_OK);
    trace_anew();
    plan("slept\n");
    pinentry_expect(NULL, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 0);
    assert_int_equal(count_of("C_Login 1\n"), 1);
}

/* The clock went on while a signature was under way: it is late, its session
 * is gone. */
static void
a_suspend_during_a_signature_is_told_and_then_all_is_well(void **state)
{
    (void)state;
    restart("[tokens]\ndeadline-ms = 5000\n");
    unlock_it();
    plan("C_Sign @ 1\n");
    assert_int_equal(sign_it(), ERR_TOKEN_HUNG);
    plan("slept\n");
    pinentry_expect("1234", "1234", NULL);
    enum err e = ERR_TOKEN_HUNG;
    for (int i = 0; i < 1000 && e == ERR_TOKEN_HUNG; i++) {
        e = sign_it();
        poll(NULL, 0, e == ERR_OK ? 0 : 50);
    }
    assert_int_equal(e, ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

/* ---- a removal -------------------------------------------------------------
 */

static void *
remove_in_thread(void *ref)
{
    AUTO(session) struct session s;
    struct key_choice choice = {.key = buf_slice(ref)};
    struct count_reply reply;

    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_MANAGE, 0, slice_of(NULL, 0));
    return (void *)(intptr_t)session_call(&s, MSG_KEY_REMOVE, &choice, &reply);
}

static size_t
audited_removals(void)
{
    struct buf audit =
        fixture_read(fixture_path("state/smime-agent/audit.log"));
    size_t n = 0;

    for (const char *at = buf_text(&audit);
         (at = strstr(at, "operation=remove ")); at++)
        n++;
    buf_drop(&audit);
    return n;
}

/* The token is read once more then, for what is remembered of it: there it
 * hangs the second time. */
static void
a_removal_is_in_the_audit_before_the_token_can_hang(void **state)
{
    char last_read[64];
    void *result;
    pthread_t t;
    size_t reads;

    (void)state;
    restart("");
    unlock_it();
    trace_anew();
    assert_int_equal((intptr_t)remove_in_thread(&ec_ref), ERR_OK);
    assert_int_equal(audited_removals(), 1);
    reads = count_of("C_FindObjectsInit\n");
    assert_int_equal(import_file("ec.p12", "1234", false).code, ERR_OK);
    restart("");
    unlock_it();
    snprintf(last_read, sizeof(last_read), "C_FindObjectsInit @ 1 %zu\n",
             reads - 1);
    trace_anew();
    plan(last_read);
    assert_int_equal(pthread_create(&t, NULL, remove_in_thread, &ec_ref), 0);
    for (int i = 0; i < 1000 && count_of("C_FindObjectsInit\n") < reads; i++)
        poll(NULL, 0, 10);
    assert_true(count_of("C_DestroyObject\n") > 0);
    assert_int_equal(count_of("C_FindObjectsInit\n"), reads);
    assert_int_equal(audited_removals(), 2);
    plan("");
    pthread_join(t, &result);
    assert_int_equal((intptr_t)result, ERR_OK);
}

/* ---- a token that a session has used ---------------------------------------
 */

/* A second token with a key of its own; the keyholder is started again. */
static void
add_token(struct buf *ref)
{
    assert_int_equal(keyholder_stop(), 0);
    fixture_run("softhsm2-util --init-token --free --label another "
                "--so-pin 12345678 --pin 1234\n"
                "openssl rsa -in deep.key -outform DER -out deep.p8\n"
                "openssl x509 -in deep.crt -outform DER -out deep.der\n"
                "t='pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so"
                " --token-label another --login --pin 1234 --id 78"
                " --label elsewhere'\n"
                "$t --write-object deep.p8 --type privkey --usage-decrypt\n"
                "$t --write-object deep.der --type cert\n");
    keyholder_start();
    restart("");
    learn_ref("elsewhere", ref);
}

/* Rubbish: a random key is the answer. */
static enum err
unwrap_with(struct session *s, const struct buf *ref)
{
    static const uint8_t wrapped[256] = {0};
    struct unwrap_request request = {.key = buf_slice(ref),
                                     .scheme = SCHEME_RSA_PKCS1,
                                     .wrapped = slice_of(wrapped, 256),
                                     .key_bytes = 16};
    struct unwrap_reply reply;

    return session_call(s, MSG_UNWRAP, &request, &reply);
}

/* Used in turn; then both are out, and back. */
static void
a_token_that_was_used_is_looked_for_when_it_left(void **state)
{
    AUTO(session) struct session s;
    AUTO(buf) struct buf other_ref = {0};

    (void)state;
    add_token(&other_ref);
    pinentry_expect("1234", "1234", NULL);
    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_DECRYPT, 8, slice_of(NULL, 0));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(unwrap_with(&s, &rsa_ref), ERR_OK);
        assert_int_equal(unwrap_with(&s, &other_ref), ERR_OK);
    }
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
    plan("removed\n");
    see_it_leave();
    assert_int_equal(unwrap_with(&s, &other_ref), ERR_TOKEN_ABSENT);
    assert_string_equal(s.problem.detail,
                        "the one that holds this key is not inserted");
    plan("");
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(unwrap_with(&s, &other_ref), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_put_back_during_its_prompt_takes_the_pin),
        cmocka_unit_test(a_token_that_stays_away_is_told_and_sees_no_pin),
        cmocka_unit_test(after_a_suspend_somebody_is_asked_once),
        cmocka_unit_test(after_a_suspend_a_kept_pin_asks_nobody),
        cmocka_unit_test(
            a_suspend_during_a_signature_is_told_and_then_all_is_well),
        cmocka_unit_test(a_removal_is_in_the_audit_before_the_token_can_hang),
        /* Leaves a second token behind. */
        cmocka_unit_test(a_token_that_was_used_is_looked_for_when_it_left),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    return cmocka_run_group_tests(tests, set_up_traced, tear_down);
}
