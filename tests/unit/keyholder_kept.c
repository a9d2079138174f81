/* How long an answer of the person's lasts: PINs that are kept, one answer for
 * all who wait; and what is told while a token takes long. */
#include "tests/unit/keyholder_traced.h"

#include <sys/ioctl.h>

/* ---- one answer for all who wait ---------------------------------------- */

#define CROWD 40

static struct session crowd[CROWD];

/* Everybody asks for a signature; returns when all wait for one prompt. */
static void
crowd_gathers(void)
{
    static uint8_t digest[32];
    struct sign_request request = {.key = buf_slice(&rsa_ref),
                                   .scheme = SCHEME_RSA_PKCS1,
                                   .hash = HASH_SHA256,
                                   .data = slice_of(digest, 32)};

    for (int i = 0; i < CROWD; i++) {
        session_open(&crowd[i], RIGHT_MAIL);
        session_narrow(&crowd[i], VERB_SIGN, 1, buf_slice(&rsa_ref));
        assert_true(channel_send(crowd[i].fd, MSG_SIGN, &request, NULL, 0));
    }
    pinentry_wait_for(&pinentry.asked);
    for (int i = 0; i < CROWD; i++)
        wait_for_sleep(crowd[i].fd);
}

static void
crowd_is_answered(void)
{
    pinentry_set(&pinentry.hold, false);
}

/* How many got CODE (a problem), or a signature for ERR_OK. */
static int
crowd_count(enum err code)
{
    int n = 0;

    for (int i = 0; i < CROWD; i++) {
        uint8_t head[8] = {0};

        assert_int_equal(fd_wait_readable(crowd[i].fd, 60000), 1);
        assert_true(recv(crowd[i].fd, head, sizeof(head), 0) > 0);
        n += code == ERR_OK ? head[2] == 2
                            : head[2] == 3 && head[4] == (uint8_t)code;
        session_drop(&crowd[i]);
    }
    return n;
}

static void
forty_who_wait_get_the_answer_to_one_prompt(void **state)
{
    (void)state;
    restart("");
    trace_anew();
    pinentry_expect("1234", NULL, NULL);
    pinentry_set(&pinentry.hold, true);
    crowd_gathers();
    crowd_is_answered();
    assert_int_equal(crowd_count(ERR_OK), CROWD);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_int_equal(count_of("C_Login 1\n"), 1);
}

static void
a_wrong_pin_is_not_tried_again_for_the_others(void **state)
{
    (void)state;
    restart("[pin]\ncache = yes\n[tokens]\npin-tries = 1\n");
    trace_anew();
    pinentry_expect("9999", "9999", "9999");
    pinentry_set(&pinentry.hold, true);
    crowd_gathers();
    crowd_is_answered();
    assert_int_equal(crowd_count(ERR_PIN_WRONG), CROWD);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_int_equal(count_of("C_Login 1\n"), 1);
    /* who comes later is asked */
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
a_no_is_the_answer_for_all_who_wait(void **state)
{
    (void)state;
    restart("");
    trace_anew();
    pinentry_expect(NULL, NULL, NULL);
    pinentry_set(&pinentry.hold, true);
    crowd_gathers();
    crowd_is_answered();
    assert_int_equal(crowd_count(ERR_CANCELLED), CROWD);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_int_equal(count_of("C_Login 1\n"), 0);
}

/* ---- PINs that are kept ---------------------------------------------------
 */

static void
no_pin_is_kept_unless_it_is_wanted(void **state)
{
    (void)state;
    restart("");
    pinentry_expect("1234", "1234", NULL);
    assert_int_equal(sign_it(), ERR_OK);
    lose_login();
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
}

static void
a_kept_pin_logs_in_again(void **state)
{
    (void)state;
    restart("[pin]\ncache = yes\n");
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    for (int i = 0; i < 3; i++) {
        lose_login();
        assert_int_equal(sign_it(), ERR_OK);
    }
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    /* one that came by a descriptor too */
    restart("[pin]\ncache = yes\n");
    unlock_it();
    pinentry_expect(NULL, NULL, NULL);
    lose_login();
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 0);
}

static void
locking_forgets_the_pin(void **state)
{
    (void)state;
    restart("[pin]\ncache = yes\n");
    unlock_it();
    assert_int_equal(lock_all(), 1);
    pinentry_expect(NULL, NULL, NULL);
    assert_int_equal(sign_it(), ERR_CANCELLED);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
a_pin_that_does_not_work_is_tried_once_and_forgotten(void **state)
{
    (void)state;
    restart("[pin]\ncache = yes\n");
    unlock_it();
    trace_anew();
    plan("C_SignInit 0x101 1\nC_Login 0xa0 1\n");
    pinentry_expect(NULL, NULL, NULL);
    assert_int_equal(sign_it(), ERR_CANCELLED);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_int_equal(count_of("C_Login 1\n"), 1);
    assert_int_equal(sign_it(), ERR_CANCELLED);
    assert_int_equal(count_of("C_Login 1\n"), 1);
}

static void
a_wrong_pin_is_never_kept(void **state)
{
    (void)state;
    restart("[pin]\ncache = yes\n[tokens]\npin-tries = 1\n");
    trace_anew();
    pinentry_expect("4321", NULL, NULL);
    assert_int_equal(sign_it(), ERR_PIN_WRONG);
    assert_int_equal(sign_it(), ERR_CANCELLED);
    assert_int_equal(count_of("C_Login 1\n"), 1);
}

static void
a_kept_pin_ends_at_its_limits(void **state)
{
    static const char *const limits[] = {"[pin]\ncache = yes\nidle = 1\n",
                                         "[pin]\ncache = yes\nlimit = 1\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
        restart(limits[i]);
        unlock_it();
        poll(NULL, 0, 1100);
        lose_login();
        pinentry_expect(NULL, NULL, NULL);
        assert_int_equal(sign_it(), ERR_CANCELLED);
        assert_int_equal(pinentry_count(&pinentry.asked), 1);
    }
}

/* ---- what is told
 * ------------------------------------------------------------- */

static void
a_token_that_takes_long_is_told_of(void **state)
{
    (void)state;
    restart("");
    unlock_it();
    noticed.count = 0;
    int64_t begun = clock_ms();
    assert_int_equal(sign_it(), ERR_OK);
    /* A machine may be as slow as a token. */
    if (clock_ms() - begun < 2000)
        assert_int_equal(noticed.count, 0);
    noticed.count = 0;
    plan("C_Sign ~2500 1\n");
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(noticed.count, 1);
    assert_int_equal(noticed.kind, NOTICE_TOUCH);
    assert_string_equal(noticed.token, "test token");
}

static void
a_pin_is_typed_at_the_readers_own_pad(void **state)
{
    (void)state;
    setenv("FAULT_PINPAD", "1234", 1);
    restart("[pin]\ncache = yes\n");
    unsetenv("FAULT_PINPAD");
    trace_anew();
    noticed.count = 0;
    pinentry_expect(NULL, NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 0);
    assert_int_equal(noticed.count, 1);
    assert_int_equal(noticed.kind, NOTICE_PINPAD);
    assert_string_equal(noticed.token, "test token");
    assert_int_equal(count_of("C_Login 1\n"), 1);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(noticed.count, 1);
    restart("");
}

/* ---- memory
 * --------------------------------------------------------------------- */

static enum err
unlock_walrus(void)
{
    AUTO(session) struct session s;
    struct token_choice choice = {.token = slice_text("kept")};
    struct token_record record;
    AUTO(fd) int fd = line_fd("walrus-6630-x\n");

    session_open(&s, RIGHT_MANAGE);
    session_narrow(&s, VERB_MANAGE, 0, slice_of(NULL, 0));
    return session_call_fds(&s, MSG_UNLOCK, &choice, &record, &fd, 1);
}

static bool
is_in_memory(void)
{
    return memory_holds(slice_text("walrus-6630"));
}

static void
a_kept_pin_leaves_the_memory_at_its_limit_and_at_lock(void **state)
{
    (void)state;
    assert_int_equal(keyholder_stop(), 0);
    fixture_run("softhsm2-util --init-token --free --label kept"
                " --so-pin 12345678 --pin walrus-6630-x\n");
    keyholder_start();
    restart("");
    assert_int_equal(unlock_walrus(), ERR_OK);
    assert_false(is_in_memory());
    restart("[pin]\ncache = yes\nlimit = 10\n");
    assert_int_equal(unlock_walrus(), ERR_OK);
    assert_true(is_in_memory());
    for (int i = 0; i < 600 && is_in_memory(); i++)
        poll(NULL, 0, 100);
    assert_false(is_in_memory());
    restart("[pin]\ncache = yes\n");
    assert_int_equal(unlock_walrus(), ERR_OK);
    assert_true(is_in_memory());
    (void)lock_all();
    assert_false(is_in_memory());
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest root_tests[] = {
        cmocka_unit_test(a_kept_pin_leaves_the_memory_at_its_limit_and_at_lock),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forty_who_wait_get_the_answer_to_one_prompt),
        cmocka_unit_test(a_wrong_pin_is_not_tried_again_for_the_others),
        cmocka_unit_test(a_no_is_the_answer_for_all_who_wait),
        cmocka_unit_test(no_pin_is_kept_unless_it_is_wanted),
        cmocka_unit_test(a_kept_pin_logs_in_again),
        cmocka_unit_test(locking_forgets_the_pin),
        cmocka_unit_test(a_pin_that_does_not_work_is_tried_once_and_forgotten),
        cmocka_unit_test(a_wrong_pin_is_never_kept),
        cmocka_unit_test(a_kept_pin_ends_at_its_limits),
        cmocka_unit_test(a_token_that_takes_long_is_told_of),
        cmocka_unit_test(a_pin_is_typed_at_the_readers_own_pad),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    if (argc > 1 && strcmp(argv[1], "root") == 0)
        return geteuid() != 0 ? 77
                              : cmocka_run_group_tests(
                                    root_tests, set_up_traced, tear_down);
    return cmocka_run_group_tests(tests, set_up_traced, tear_down);
}
