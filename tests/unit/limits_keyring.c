/*
 * How long the validator may take for one question: a good deal under the
 * limit it is waited for, over it is given up. It is held still meanwhile,
 * which takes the tens of seconds that the limit is about.
 */
#include "keyring_wires.h"

/* What the answer itself may take where much else runs. */
#define MARGIN_MS 8000

/* Lets the validator go on after so long, from a process of its own. */
static pid_t
wake_after(int64_t ms)
{
    pid_t pid = fork();

    if (pid == 0) {
        poll(NULL, 0, (int)ms);
        kill(t.validator, SIGCONT);
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static enum err
ask_the_one_that_is_held(int64_t *out_ms)
{
    struct address a = {.address = slice_text(ALICE)};
    int64_t began = clock_ms();
    struct recipient_reply r;
    enum err e = ask(MSG_RECIPIENT, &a, &r);

    *out_ms = clock_ms() - began;
    if (e == ERR_OK)
        assert_int_equal(r.state, RECIPIENT_OK);
    return e;
}

static void
a_validator_is_waited_for_so_long(void **state)
{
    int64_t took = 0;
    int status = -1;
    pid_t waker;

    (void)state;
    (void)verify((struct message_spec){0});
    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    kill(t.validator, SIGSTOP);
    waker = wake_after(LIMIT_VALIDATOR_ANSWER_MS - MARGIN_MS);
    assert_int_equal(ask_the_one_that_is_held(&took), ERR_OK);
    assert_int_equal(waitpid(waker, &status, 0), waker);
    assert_true(took >= LIMIT_VALIDATOR_ANSWER_MS - MARGIN_MS - 10);
}

/* Its late answer is nobody's; the next question goes to a new one. */
static void
a_validator_is_given_up_after_that(void **state)
{
    int64_t took = 0;

    (void)state;
    (void)verify((struct message_spec){0});
    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    kill(t.validator, SIGSTOP);
    assert_int_equal(ask_the_one_that_is_held(&took), ERR_KEYRING_LOST);
    assert_true(took >= LIMIT_VALIDATOR_ANSWER_MS);
    kill(t.validator, SIGKILL);
    stop(&t.validator, &t.validator_control);
    start_validator();
    assert_int_equal(ask_the_one_that_is_held(&took), ERR_OK);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_validator_is_waited_for_so_long),
        T(a_validator_is_given_up_after_that),
    };

    return cmocka_run_group_tests(tests, begin_all, end_all);
}
