/* Several certificates of one request: the validator always has the next
 * question, and each gets its own answer, whatever becomes of the validator.
 * The test stands between keyring and validator. */
#include <string.h>

#include "keyring_between.h"

#define PEOPLE 4

static struct made person[PEOPLE];

static void
ask_for_all(void)
{
    struct store_request q = {.source = CONTACT_IMPORT,
                              .origin = slice_text("all.pem")};

    for (int i = 0; i < PEOPLE; i++)
        q.certificates.item[q.certificates.n++] = person[i].der;
    q.certificates.item[q.certificates.n++] = ca.der;
    session_new(VERB_MANAGE, RIGHT_MANAGE);
    assert_true(channel_send(t.session, MSG_CONTACT_STORE, &q, NULL, 0));
}

/* The third has no path to an anchor, the others are stored. */
static void
is_answered(void)
{
    const struct channel_wait wait = {
        .lost = ERR_AGENT_LOST, .watch = -1, .timeout_ms = 30000};
    struct problem p = {0};
    struct store_reply reply;

    assert_int_equal(channel_collect(t.session, MSG_CONTACT_STORE, &wait,
                                     &t.frame, &reply, &p),
                     ERR_OK);
    assert_int_equal(reply.records.n, PEOPLE + 1);
    for (int i = 0; i < PEOPLE; i++) {
        struct stored_record one;

        assert_true(
            record_decode(RECORD_stored_record, reply.records.item[i], &one));
        assert_int_equal(one.learned, i == 2 ? LEARNED_NOTHING : LEARNED_NEW);
    }
}

static void
begin_between(void)
{
    between_begin();
    ask_for_all();
    assert_int_equal(question_pass(), MSG_READ_CERTIFICATES);
    assert_int_equal(answer_pass(), MSG_READ_CERTIFICATES);
}

static void
the_next_question_is_there_before_an_answer(void **state)
{
    (void)state;
    begin_between();
    assert_int_equal(question_pass(), MSG_JUDGE_PATH);
    for (int i = 1; i < PEOPLE; i++) {
        assert_int_equal(question_pass(), MSG_JUDGE_PATH);
        assert_int_equal(answer_pass(), MSG_JUDGE_PATH);
    }
    assert_int_equal(answer_pass(), MSG_JUDGE_PATH);
    is_answered();
    between_end();
}

static void
a_validator_that_ends_between_is_made_good(void **state)
{
    (void)state;
    begin_between();
    assert_int_equal(question_pass(), MSG_JUDGE_PATH);
    assert_int_equal(answer_pass(), MSG_JUDGE_PATH);
    assert_int_equal(question_pass(), MSG_JUDGE_PATH);
    between_end();
    assert_int_equal(stop(&t.validator, &t.validator_control), 0);
    start_validator();
    is_answered();
}

static int
begin_people(void **state)
{
    static const char *const address[PEOPLE] = {
        ALICE, "bert@example.org", "self@example.org", "cara@example.org"};
    static const char *const key[PEOPLE] = {"rsa2048", "p256d", "p256d",
                                            "p256d"};

    assert_int_equal(begin_all(state), 0);
    for (int i = 0; i < PEOPLE; i++)
        person[i] = make_cert(&(struct cert_spec){.name = address[i],
                                                  .key = key[i],
                                                  .issuer = i == 2 ? NULL : &ca,
                                                  .email = address[i]});
    return 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin_keyring, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_next_question_is_there_before_an_answer),
        T(a_validator_that_ends_between_is_made_good),
    };

    return cmocka_run_group_tests(tests, begin_people, end_all);
}
