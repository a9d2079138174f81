/* How long an answer of the person's lasts: PINs that are kept, consents,
 * one answer for all who wait; and what is told while a token takes long. The
 * module in front of SoftHSM tells which calls reached the token. */
#include "tests/unit/keyholder_session.h"

#include <sys/ioctl.h>

static const char faultmod[] =
    SMIME_BUILD_DIR "/tests/doubles/smime-faultmod.so";

/* ---- the world ---------------------------------------------------------- */

static void
plan(const char *lines)
{
    write_file("plan.new", lines);
    assert_int_equal(rename(fixture_path("plan.new"), fixture_path("plan")), 0);
}

/* A keyholder with EXTRA in its agent.conf and nothing unlocked. */
static void
restart(const char *extra)
{
    char text[1024];

    assert_int_equal(keyholder_stop(), 0);
    snprintf(text, sizeof(text),
             "[modules]\nsystem = no\n[module softhsm]\npath = %s\n%s",
             faultmod, extra);
    write_file("agent.conf", text);
    plan("");
    keyholder_start();
}

static void
unlock_it(void)
{
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, NULL, NULL),
                     ERR_OK);
}

/* The card was reset: the login is lost at the next signature. */
static void
lose_login(void)
{
    plan("C_SignInit 0x101 1\n");
}

static size_t
count_of(const char *line)
{
    char name[64];
    size_t n = 0;
    FILE *f = fopen(fixture_path("trace"), "r");

    while (f && fgets(name, sizeof(name), f))
        n += strcmp(name, line) == 0;
    if (f)
        fclose(f);
    return n;
}

static void
trace_anew(void)
{
    (void)unlink(fixture_path("trace"));
}

static enum err
sign_it(void)
{
    struct problem p;

    return sign_once(buf_slice(&rsa_ref), &p);
}

static int
set_up_traced(void **state)
{
    if (set_up_keys(state) != 0)
        return -1;
    setenv("FAULT_MODULE", softhsm, 1);
    setenv("FAULT_PLAN", fixture_path("plan"), 1);
    setenv("FAULT_TRACE", fixture_path("trace"), 1);
    restart("");
    return 0;
}

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
        assert_int_equal(
            session_narrow(&crowd[i], VERB_SIGN, 1, buf_slice(&rsa_ref)),
            ERR_OK);
        assert_true(channel_send(crowd[i].fd, MSG_SIGN, &request, NULL, 0));
    }
    for (int i = 0; i < CROWD; i++) {
        int unread = 1;

        while (ioctl(crowd[i].fd, TIOCOUTQ, &unread) == 0 && unread > 0)
            poll(NULL, 0, 5);
    }
    pthread_mutex_lock(&pinentry.mutex);
    while (pinentry.asked == 0)
        pthread_cond_wait(&pinentry.changed, &pinentry.mutex);
    pthread_mutex_unlock(&pinentry.mutex);
    poll(NULL, 0, 300); /* from reading the request to its turn */
}

static void
crowd_is_answered(void)
{
    pthread_mutex_lock(&pinentry.mutex);
    pinentry.hold = false;
    pthread_cond_broadcast(&pinentry.changed);
    pthread_mutex_unlock(&pinentry.mutex);
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
    pinentry.hold = true;
    crowd_gathers();
    crowd_is_answered();
    assert_int_equal(crowd_count(ERR_OK), CROWD);
    assert_int_equal(pinentry.asked, 1);
    assert_int_equal(count_of("C_Login 1\n"), 1);
}

static void
a_wrong_pin_is_not_tried_again_for_the_others(void **state)
{
    (void)state;
    restart("[pin]\ncache = yes\n[tokens]\npin-tries = 1\n");
    trace_anew();
    pinentry_expect("9999", "9999", "9999");
    pinentry.hold = true;
    crowd_gathers();
    crowd_is_answered();
    assert_int_equal(crowd_count(ERR_PIN_WRONG), CROWD);
    assert_int_equal(pinentry.asked, 1);
    assert_int_equal(count_of("C_Login 1\n"), 1);
    /* who comes later is asked */
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry.asked, 1);
}

static void
a_no_is_the_answer_for_all_who_wait(void **state)
{
    (void)state;
    restart("");
    trace_anew();
    pinentry_expect(NULL, NULL, NULL);
    pinentry.hold = true;
    crowd_gathers();
    crowd_is_answered();
    assert_int_equal(crowd_count(ERR_CANCELLED), CROWD);
    assert_int_equal(pinentry.asked, 1);
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
    assert_int_equal(pinentry.asked, 2);
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
    assert_int_equal(pinentry.asked, 1);
    /* one that came by a descriptor too */
    restart("[pin]\ncache = yes\n");
    unlock_it();
    pinentry_expect(NULL, NULL, NULL);
    lose_login();
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry.asked, 0);
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
    assert_int_equal(pinentry.asked, 1);
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
    assert_int_equal(pinentry.asked, 1);
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
        assert_int_equal(pinentry.asked, 1);
    }
}

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
    assert_int_equal(session_narrow(&s, VERB_DECRYPT, 1, slice_of(NULL, 0)),
                     ERR_OK);
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
    assert_int_equal(pinentry.confirmed, 1);
    assert_non_null(strstr(pinentry.seen, "SETDESC Allow this?%0A"));
    assert_non_null(strstr(pinentry.seen, "wants to sign a message%0AKey: My"));
    assert_non_null(strstr(pinentry.seen, "%0AAddress: alice@example.org%0A"));
    assert_null(strstr(pinentry.seen, "holds"));
    assert_int_equal(unwrap_it(), ERR_OK);
    assert_int_equal(pinentry.confirmed, 2);
    assert_non_null(strstr(pinentry.seen, "wants to decrypt a message"));
    trace_anew();
    pinentry.no = true;
    assert_int_equal(sign_it(), ERR_CANCELLED);
    assert_int_equal(unwrap_it(), ERR_CANCELLED);
    assert_int_equal(count_of("C_SignInit\n"), 0);
    assert_int_equal(count_of("C_DecryptInit\n"), 0);
    /* no rule names this one; its kind of signature does not fit it */
    assert_int_not_equal(sign_once(buf_slice(&ec_ref), &p), ERR_CANCELLED);
    assert_int_equal(pinentry.confirmed, 4);
    pinentry.absent = true;
    assert_int_equal(sign_it(), ERR_NO_PROMPT);
    pinentry.absent = false;
    /* whoever types the PIN for it has said yes */
    lock_all();
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry.confirmed, 0);
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
        assert_int_equal(pinentry.confirmed, 1);
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        restart(others[i]);
        unlock_it();
        pinentry_expect(NULL, NULL, NULL);
        assert_int_equal(sign_it(), ERR_OK);
        assert_int_equal(pinentry.confirmed, 0);
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
    assert_int_equal(pinentry.confirmed, 1);
    assert_non_null(strstr(pinentry.seen, "next 60 seconds, at most 3 times"));
    /* another operation is another question */
    assert_int_equal(unwrap_it(), ERR_OK);
    assert_int_equal(pinentry.confirmed, 2);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry.confirmed, 3);
    /* and locking ends it */
    lock_all();
    unlock_it();
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry.confirmed, 4);
    restart("[key alice@example.org]\nconfirm = yes\n[consent]\nwindow = 1\n");
    unlock_it();
    pinentry_expect(NULL, NULL, NULL);
    assert_int_equal(sign_it(), ERR_OK);
    poll(NULL, 0, 1100);
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(pinentry.confirmed, 2);
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

static void
nothing_comes_between_the_pin_and_its_operation(void **state)
{
    struct buf ref = {0};
    struct problem p;

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
    restart("[pin]\ncache = yes\n");
    unlock_it();
    learn_ref("often", &ref);
    trace_anew();
    pinentry_expect("1234", "1234", NULL);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_true(traced("\nC_SignInit\nC_Login 2\nC_Sign\n"));
    /* a PIN that is kept is none of its answers */
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry.asked, 2);
    assert_int_equal(count_of("C_Login 2\n"), 2);
    restart("[consent]\nwindow = 60\n");
    unlock_it();
    trace_anew();
    pinentry_expect("1234", NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry.asked, 1);
    assert_int_equal(count_of("C_Login 2\n"), 3);
    assert_non_null(strstr(pinentry.seen, "holds for the next 60 seconds"));
    assert_non_null(strstr(pinentry.seen, "Key: often (77)"));
    /* what does not work any more is asked for anew */
    plan("C_Login 0xa0 1\n");
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_PIN_WRONG);
    assert_int_equal(count_of("C_Login 2\n"), 4);
    pinentry_expect("4321", "1234", NULL);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_PIN_WRONG);
    assert_int_equal(pinentry.asked, 1);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry.asked, 2);
    buf_drop(&ref);
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
    assert_int_equal(sign_it(), ERR_OK);
    assert_int_equal(noticed.count, 0);
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
    assert_int_equal(pinentry.asked, 0);
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
    assert_int_equal(session_narrow(&s, VERB_MANAGE, 0, slice_of(NULL, 0)),
                     ERR_OK);
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
    restart("[pin]\ncache = yes\nlimit = 2\n");
    assert_int_equal(unlock_walrus(), ERR_OK);
    assert_true(is_in_memory());
    for (int i = 0; i < 60 && is_in_memory(); i++)
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
        cmocka_unit_test(a_key_that_asks_is_used_only_after_a_yes),
        cmocka_unit_test(keys_are_named_by_id_address_or_uri),
        cmocka_unit_test(a_yes_can_hold_for_a_while),
        cmocka_unit_test(nothing_comes_between_the_pin_and_its_operation),
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
