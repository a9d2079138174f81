/* How a person is asked for a PIN. */
#include "tests/unit/keyholder_session.h"

/* ---- prompts ----------------------------------------------------------- */

static void
a_locked_token_asks_and_says_for_what(void **state)
{
    struct problem p;

    (void)state;
    lock_all();
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_true(pinentry_saw("SETPROMPT PIN:"));
    assert_true(pinentry_saw("wants to sign a message%0AKey: My key ("));
    assert_true(pinentry_saw("Address: alice@example.org%0A"));
    assert_true(pinentry_saw("Token: test token"));
    assert_true(pinentry_saw("test_keyholder"));
    assert_true(pinentry_saw("ttytype= xterm"));
    assert_true(pinentry_saw("display= :7"));
    /* a login that is there asks no more */
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
a_wrong_pin_is_asked_for_again_three_times_at_most(void **state)
{
    struct problem p;

    (void)state;
    lock_all();
    pinentry_expect("1111", "12%331", "1234");
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 3);
    assert_true(pinentry_saw("SETERROR Wrong PIN"));
    lock_all();
    pinentry_expect("1111", "2222", "3333");
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_PIN_WRONG);
    assert_int_equal(pinentry_count(&pinentry.asked), 3);
    assert_string_equal(p.token, "test token");
}

static void
a_prompt_can_be_cancelled(void **state)
{
    struct problem p;

    (void)state;
    lock_all();
    pinentry_expect(NULL, NULL, NULL);
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_CANCELLED);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
without_pinentry_the_token_stays_locked(void **state)
{
    struct problem p;

    (void)state;
    lock_all();
    pinentry_expect(NULL, NULL, NULL);
    pinentry_set(&pinentry.absent, true);
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_TOKEN_LOCKED);
    assert_string_equal(p.token, "test token");
    assert_string_equal(p.detail, "pinentry is not installed");
    pinentry_set(&pinentry.absent, false);
}

/* The second client waits for its turn to ask, and finds the door open. */
static void *
sign_in_thread(void *arg)
{
    return (void *)(intptr_t)sign_once(buf_slice(&rsa_ref), arg);
}

static void
two_clients_share_one_prompt(void **state)
{
    struct problem p[2];
    pthread_t t[2];
    void *result[2];

    (void)state;
    lock_all();
    pinentry_expect("1234", "1234", NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, sign_in_thread, &p[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], &result[i]);
    assert_int_equal((intptr_t)result[0], ERR_OK);
    assert_int_equal((intptr_t)result[1], ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
a_prompt_ends_with_its_client(void **state)
{
    struct session s;
    struct sign_request request = {.key = buf_slice(&rsa_ref),
                                   .scheme = SCHEME_RSA_PKCS1,
                                   .hash = HASH_SHA256,
                                   .data = buf_slice(&rsa_ref)};
    struct problem p;

    (void)state;
    lock_all();
    pinentry_expect("1234", NULL, NULL);
    pinentry_set(&pinentry.silent, true);
    session_open(&s, RIGHT_MAIL);
    session_narrow(&s, VERB_SIGN, 1, buf_slice(&rsa_ref));
    assert_true(channel_send(s.fd, MSG_SIGN, &request, NULL, 0));
    pinentry_wait_for(&pinentry.asked);
    session_drop(&s);
    pinentry_wait_for(&pinentry.ended);
    /* and the next one can be asked */
    pinentry_expect("1234", NULL, NULL);
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_OK);
}

/* ---- the password of a file --------------------------------------------- */

static void
a_file_that_wants_a_password_asks_for_it(void **state)
{
    struct imported i;

    (void)state;
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, NULL, NULL),
                     ERR_OK);
    pinentry_expect("1234", NULL, NULL);
    i = import_file("modern.p12", NULL, false);
    assert_int_equal(i.code, ERR_OK);
    assert_int_equal(i.already, 1);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
    assert_true(pinentry_saw("SETPROMPT Password:\n"));
    assert_true(pinentry_saw("wants to import modern.p12\n"));
    assert_false(pinentry_saw("SETERROR"));
    /* one that needs none asks nothing */
    i = import_file("empty.p12", NULL, false);
    assert_int_equal(i.code, ERR_OK);
    /* nor does one that is no such file */
    assert_int_equal(import_file("rsa.crt", NULL, false).code, ERR_P12_FORMAT);
    /* nor one that came with its password, right or wrong */
    assert_int_equal(import_file("modern.p12", "12345", false).code,
                     ERR_P12_PASSWORD);
    assert_int_equal(pinentry_count(&pinentry.asked), 1);
}

static void
a_wrong_password_is_asked_for_again_three_times_at_most(void **state)
{
    struct imported i;

    (void)state;
    pinentry_expect("wrong", "", "1234");
    assert_int_equal(import_file("modern.p12", NULL, false).code, ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 3);
    assert_true(pinentry_saw("SETERROR Wrong password\n"));
    pinentry_expect("wrong", "worse", "worst");
    i = import_file("modern.p12", NULL, false);
    assert_int_equal(i.code, ERR_P12_PASSWORD);
    assert_string_equal(i.problem.detail, "");
    assert_int_equal(pinentry_count(&pinentry.asked), 3);
    pinentry_expect("wrong", NULL, NULL);
    assert_int_equal(import_file("modern.p12", NULL, false).code,
                     ERR_CANCELLED);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
}

/* What begins before the file stays before it, on each try. */
static void
a_file_is_read_again_from_where_it_stood(void **state)
{
    int fd;

    (void)state;
    fixture_run("{ printf 'four'; cat modern.p12; } >offset.p12\n");
    fd = open(fixture_path("offset.p12"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
    pinentry_expect("wrong", "1234", NULL);
    assert_int_equal(import_fd(fd, "offset.p12", NULL, false).code, ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
}

static void
a_password_that_cannot_be_asked_for_is_missing(void **state)
{
    struct imported i;
    struct buf file;
    int ends[2];

    (void)state;
    pinentry_expect("1234", NULL, NULL);
    file = fixture_read(fixture_path("modern.p12"));
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(fd_write_all(ends[1], file.data, file.len));
    fd_drop(&ends[1]);
    buf_drop(&file);
    i = import_fd(ends[0], "", NULL, false);
    assert_int_equal(i.code, ERR_P12_PASSWORD);
    assert_non_null(strstr(i.problem.detail, "cannot be read twice"));
    assert_int_equal(pinentry_count(&pinentry.asked), 0);
    pinentry_set(&pinentry.absent, true);
    i = import_file("modern.p12", NULL, false);
    assert_int_equal(i.code, ERR_P12_PASSWORD);
    assert_non_null(strstr(i.problem.detail, "pinentry is not installed"));
    pinentry_set(&pinentry.absent, false);
}

static void
no_password_stays_in_memory(void **state)
{
    (void)state;
    pinentry_expect("otter-5518-harbour", NULL, NULL);
    assert_int_equal(import_file("modern.p12", NULL, false).code,
                     ERR_CANCELLED);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
    assert_false(memory_holds(slice_text("otter-5518")));
}

static void
no_pin_stays_in_memory(void **state)
{
    struct problem p;

    (void)state;
    lock_all();
    pinentry_expect("horse-7391-staple", NULL, NULL);
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_CANCELLED);
    assert_int_equal(
        unlock("battery-8420-x\n", RIGHT_MANAGE, VERB_MANAGE, &p, NULL),
        ERR_PIN_WRONG);
    assert_true(memory_holds(
        slice_text("test token"))); /* the search does find things */
    assert_false(memory_holds(slice_text("horse-7391")));
    assert_false(memory_holds(slice_text("battery-8420")));
}

/* A key that wants its PIN each time, made by another program. */
static void
a_key_can_want_a_pin_each_time(void **state)
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
    assert_int_equal(unlock("1234\n", RIGHT_MANAGE, VERB_MANAGE, NULL, NULL),
                     ERR_OK);
    learn_ref("often", &ref);
    pinentry_expect("1234", "1234", NULL);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
    assert_true(pinentry_saw("The key wants the PIN for each use%0A"));
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_CANCELLED);
    /* a wrong one is asked for again, as often as that of a token */
    pinentry_expect("4321", "1234", NULL);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_OK);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
    assert_true(pinentry_saw("SETERROR Wrong PIN"));
    pinentry_expect("4321", "4321", "4321");
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_PIN_WRONG);
    assert_int_equal(pinentry_count(&pinentry.asked), 3);
    pinentry_expect("4321", NULL, NULL);
    assert_int_equal(sign_once(buf_slice(&ref), &p), ERR_CANCELLED);
    assert_int_equal(pinentry_count(&pinentry.asked), 2);
    /* another key of the token is as free as before */
    assert_int_equal(sign_once(buf_slice(&rsa_ref), &p), ERR_OK);
    buf_drop(&ref);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest root_tests[] = {
        cmocka_unit_test(no_password_stays_in_memory),
        cmocka_unit_test(no_pin_stays_in_memory),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_locked_token_asks_and_says_for_what),
        cmocka_unit_test(a_wrong_pin_is_asked_for_again_three_times_at_most),
        cmocka_unit_test(a_prompt_can_be_cancelled),
        cmocka_unit_test(without_pinentry_the_token_stays_locked),
        cmocka_unit_test(two_clients_share_one_prompt),
        cmocka_unit_test(a_prompt_ends_with_its_client),
        cmocka_unit_test(a_file_that_wants_a_password_asks_for_it),
        cmocka_unit_test(
            a_wrong_password_is_asked_for_again_three_times_at_most),
        cmocka_unit_test(a_file_is_read_again_from_where_it_stood),
        cmocka_unit_test(a_password_that_cannot_be_asked_for_is_missing),
        cmocka_unit_test(a_key_can_want_a_pin_each_time),
    };

    if (access(softhsm, R_OK) != 0)
        return 77;
    if (argc > 1 && strcmp(argv[1], "root") == 0)
        return geteuid() != 0
                   ? 77
                   : cmocka_run_group_tests(root_tests, set_up_keys, tear_down);
    return cmocka_run_group_tests(tests, set_up_keys, tear_down);
}
