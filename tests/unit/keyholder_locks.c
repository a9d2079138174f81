/* A lock that comes while a PIN is on its way, or while somebody waits. */
#include "tests/unit/keyholder_traced.h"

#define DELAY_MS "2000" /* also on a slow machine the lock comes within it */

static void *
sign_in_thread(void *arg)
{
    return (void *)(intptr_t)sign_once(buf_slice(&rsa_ref), arg);
}

static void *
unlock_in_thread(void *arg)
{
    return (void *)(intptr_t)unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, arg,
                                    NULL);
}

/* Waits until LINE has begun at the token; it is in it for a while then. */
static void
wait_for_call(const char *line)
{
    for (int i = 0; i < 12000 && count_of(line) == 0; i++)
        poll(NULL, 0, 5);
    assert_int_not_equal(count_of(line), 0);
}

static void
start(pthread_t *t, void *(*fn)(void *), struct problem *p)
{
    memset(p, 0, sizeof(*p));
    assert_int_equal(pthread_create(t, NULL, fn, p), 0);
}

static enum err
result_of(pthread_t t)
{
    void *result;

    pthread_join(t, &result);
    return (enum err)(intptr_t)result;
}

static bool
is_locked(void)
{
    AUTO(session) struct session s;
    struct token_record record;
    struct list_reply *reply = mem_new(sizeof(*reply));
    struct page page = {0};

    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_LOOK, 0, slice_of(NULL, 0));
    assert_int_equal(session_call(&s, MSG_TOKENS, &page, reply), ERR_OK);
    assert_true(reply->records.n >= 1);
    assert_true(
        record_decode(RECORD_token_record, reply->records.item[0], &record));
    free(reply);
    return (record.flags & TOKEN_UNLOCKED) == 0;
}

/* FN logs in; the lock comes while the token looks at the PIN. */
static void
lock_during_login(void *(*fn)(void *))
{
    struct problem p;
    pthread_t t;

    trace_anew();
    plan("C_Login ~" DELAY_MS " 1\n");
    start(&t, fn, &p);
    wait_for_call("C_Login 1\n");
    (void)lock_all();
    assert_int_equal(result_of(t), ERR_CANCELLED);
    assert_string_equal(p.detail, "the token was locked meanwhile");
    assert_true(is_locked());
    assert_int_equal(count_of("C_Login 1\n"), 1);
}

static void
a_pin_that_is_on_its_way_does_not_outlive_a_lock(void **state)
{
    (void)state;
    restart("");
    pinentry_expect("1234", NULL, NULL);
    lock_during_login(sign_in_thread);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
nor_does_one_from_a_descriptor(void **state)
{
    (void)state;
    restart("[pin]\ncache = yes\n");
    lock_during_login(unlock_in_thread);
    /* And it is not kept, either. */
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
nor_does_one_that_was_kept(void **state)
{
    struct problem p;
    pthread_t t;

    (void)state;
    restart("[pin]\ncache = yes\n");
    unlock_it();
    assert_int_equal(sign_it(), ERR_OK);
    pinentry_expect(NULL, NULL, NULL);
    /* The card is reset, so the login is made anew with what is kept. */
    trace_anew();
    plan("C_SignInit 0x101 1\nC_Login ~" DELAY_MS " 1\n");
    start(&t, sign_in_thread, &p);
    wait_for_call("C_Login 1\n");
    (void)lock_all();
    assert_int_equal(result_of(t), ERR_CANCELLED);
    assert_true(is_locked());
    /* And it is kept no longer: the next one is asked. */
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void *
sign_in_session(void *arg)
{
    struct session *s = arg;
    struct sign_reply reply;

    return (void *)(intptr_t)sign_with(s, buf_slice(&rsa_ref), SCHEME_RSA_PKCS1,
                                       &reply);
}

/* The second one waits behind the prompt of the first. */
static void
whoever_waits_for_a_prompt_is_told_of_the_lock(void **state)
{
    AUTO(session) struct session second;
    struct problem p;
    pthread_t t[2];

    (void)state;
    restart("");
    pinentry_expect("1234", "1234", NULL);
    pinentry_set(&pinentry.silent, true);
    session_open(&second, RIGHT_MAIL);
    session_narrow(&second, VERB_SIGN, 1, buf_slice(&rsa_ref));
    start(&t[0], sign_in_thread, &p);
    pinentry_wait_for(&pinentry.asked);
    assert_int_equal(pthread_create(&t[1], NULL, sign_in_session, &second), 0);
    wait_for_sleep(second.fd);
    (void)lock_all();
    assert_int_equal(result_of(t[0]), ERR_CANCELLED);
    assert_string_equal(p.detail, "the token was locked meanwhile");
    assert_int_equal(result_of(t[1]), ERR_CANCELLED);
    assert_string_equal(second.problem.detail,
                        "the token was locked meanwhile");
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_true(is_locked());
}

/* The PIN of a key that wants one each time, with a window for consent. */
static void
a_pin_of_one_use_is_not_kept_over_a_lock(void **state)
{
    struct buf ref = {0};
    struct problem p;
    pthread_t t;

    (void)state;
    assert_int_equal(keyholder_stop(), 0);
    fixture_run("openssl rsa -in deep.key -outform DER -out deep.p8\n"
                "t='pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so"
                " --login --pin 1234 --id 77 --label often'\n"
                "$t --write-object deep.p8 --type privkey --always-auth"
                " --usage-sign\n"
                "openssl x509 -in deep.crt -outform DER -out deep.der\n"
                "$t --write-object deep.der --type cert\n");
    keyholder_start();
    restart("[consent]\nwindow = 60\n");
    unlock_it();
    learn_ref("often", &ref);
    buf_clear(&rsa_ref);
    buf_add_slice(&rsa_ref, buf_slice(&ref));
    trace_anew();
    pinentry_expect("1234", NULL, NULL);
    plan("C_Sign ~" DELAY_MS " 1\n");
    start(&t, sign_in_thread, &p);
    wait_for_call("C_Sign\n");
    (void)lock_all();
    (void)result_of(t);
    /* Both are asked for: the token's, then the key's. */
    pinentry_expect("1234", "1234", NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
    buf_drop(&ref);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_that_is_on_its_way_does_not_outlive_a_lock),
        cmocka_unit_test(nor_does_one_from_a_descriptor),
        cmocka_unit_test(nor_does_one_that_was_kept),
        cmocka_unit_test(whoever_waits_for_a_prompt_is_told_of_the_lock),
        cmocka_unit_test(a_pin_of_one_use_is_not_kept_over_a_lock),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    return cmocka_run_group_tests(tests, set_up_traced, tear_down);
}
