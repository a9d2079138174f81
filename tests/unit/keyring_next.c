/* Several sessions at once: while what one has taught is stored, the validator
 * has the questions of the next two. The test stands between keyring and
 * validator, and holds the keyring where it stores. */
#include <sqlite3.h>

#include "keyring_between.h"

#define BERT     "bert@example.org"
#define CARA     "cara@example.org"
#define SESSIONS 3

static struct made bert, cara;
static int session[SESSIONS];
static sqlite3 *holder;

static void
message_send(int i, const struct message_spec *m)
{
    struct verify_request q;

    make_request(m, &q);
    q.origin = slice_text("open");
    q.message_id = slice_text("<1@example.org>");
    assert_true(channel_send(session[i], MSG_VERIFY, &q, NULL, 0));
}

static void
verify_send(int i, const struct made *signer, const char *from)
{
    message_send(i, &(struct message_spec){
                        .signer = signer, .from = from, .others = {&ca}});
}

static void
collect(int i, enum message m, void *reply)
{
    const struct channel_wait wait = {
        .lost = ERR_AGENT_LOST, .watch = -1, .timeout_ms = 30000};
    struct problem p = {0};

    assert_int_equal(channel_collect(session[i], m, &wait, &t.frame, reply, &p),
                     ERR_OK);
}

static uint32_t
verify_collect(int i)
{
    struct verify_reply r;

    collect(i, MSG_VERIFY, &r);
    assert_int_equal(r.good, 1);
    return r.learned;
}

/* Nobody else writes to contacts.db until it is let go. */
static void
store_hold(void)
{
    assert_int_equal(sqlite3_open(contacts, &holder), SQLITE_OK);
    assert_int_equal(sqlite3_exec(holder, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
}

static void
store_let_go(void)
{
    assert_int_equal(sqlite3_close(holder), SQLITE_OK);
}

/* The first is judged and held where it would be stored, while the second's
 * question goes out. */
static void
begin_two(void)
{
    verify_send(0, &alice, ALICE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    verify_send(1, &bert, BERT);
    store_hold();
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    store_let_go();
}

/* The same with one more, whose question goes out behind that of the second. */
static void
begin_three(void)
{
    verify_send(0, &alice, ALICE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    verify_send(1, &bert, BERT);
    verify_send(2, &cara, CARA);
    store_hold();
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    store_let_go();
}

static void
the_next_one_is_judged_while_the_last_is_stored(void **state)
{
    (void)state;
    begin_two();
    assert_int_equal(verify_collect(0), LEARNED_NEW);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(verify_collect(1), LEARNED_NEW);
    /* The first once more, of whom the contacts know by now. */
    verify_send(0, &alice, ALICE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(verify_collect(0), LEARNED_KNOWN);
    between_end();
}

static void
a_validator_that_ends_before_the_next_answer_is_made_good(void **state)
{
    (void)state;
    begin_two();
    between_end();
    assert_int_equal(stop(&t.validator, &t.validator_control), 0);
    start_validator();
    assert_int_equal(verify_collect(0), LEARNED_NEW);
    assert_int_equal(verify_collect(1), LEARNED_NEW);
}

static void
so_are_the_next_two(void **state)
{
    (void)state;
    begin_three();
    assert_int_equal(verify_collect(0), LEARNED_NEW);
    for (int i = 1; i < SESSIONS; i++) {
        assert_int_equal(answer_pass(), MSG_JUDGE);
        assert_int_equal(verify_collect(i), LEARNED_NEW);
    }
    between_end();
}

static void
a_validator_that_ends_before_both_answers_is_made_good(void **state)
{
    (void)state;
    begin_three();
    between_end();
    assert_int_equal(stop(&t.validator, &t.validator_control), 0);
    start_validator();
    for (int i = 0; i < SESSIONS; i++)
        assert_int_equal(verify_collect(i), LEARNED_NEW);
}

/* The second one's issuer is known from the first: it is judged once more, and
 * the third keeps the verdict that came before. */
static void
one_that_is_judged_twice_leaves_the_next_its_verdict(void **state)
{
    (void)state;
    verify_send(0, &alice, ALICE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    message_send(1, &(struct message_spec){.signer = &bert, .from = BERT});
    verify_send(2, &cara, CARA);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(verify_collect(0), LEARNED_NEW);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    for (int i = 1; i < SESSIONS; i++)
        assert_int_equal(verify_collect(i), LEARNED_NEW);
    between_end();
}

/* Which asks the validator nothing before its turn, or another thing. */
static void
whatever_the_next_one_asks_is_answered(void **state)
{
    struct address a = {.address = slice_text(ALICE)};
    struct recipient_reply r;

    (void)state;
    fd_drop(&session[1]);
    session_new(VERB_ENCRYPT, RIGHT_MAIL);
    session[1] = fd_take(&t.session);
    verify_send(0, &alice, ALICE);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_true(channel_send(session[1], MSG_RECIPIENT, &a, NULL, 0));
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(verify_collect(0), LEARNED_NEW);
    assert_int_equal(question_pass(), MSG_READ_CERTIFICATES);
    assert_int_equal(answer_pass(), MSG_READ_CERTIFICATES);
    collect(1, MSG_RECIPIENT, &r);
    assert_int_equal(r.state, RECIPIENT_OK);
    between_end();
}

static void
a_next_one_that_leaves_hinders_nobody(void **state)
{
    (void)state;
    begin_two();
    fd_drop(&session[1]);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(verify_collect(0), LEARNED_NEW);
    verify_send(0, &bert, BERT);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    /* What was asked for is learned, whether or not its session is there. */
    assert_int_equal(verify_collect(0), LEARNED_KNOWN);
    fd_drop(&session[0]);
    between_end();
}

/* The one who waits for the validator reads what the broker says; then there
 * is nothing more to read. */
static void
a_validator_may_come_together_with_a_question(void **state)
{
    int status = 0;

    (void)state;
    assert_int_equal(kill(t.keyring, SIGSTOP), 0);
    assert_int_equal(waitpid(t.keyring, &status, WUNTRACED), t.keyring);
    verify_send(0, &alice, ALICE);
    between_begin();
    assert_int_equal(kill(t.keyring, SIGCONT), 0);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(verify_collect(0), LEARNED_NEW);
    verify_send(1, &bert, BERT);
    assert_int_equal(question_pass(), MSG_JUDGE);
    assert_int_equal(answer_pass(), MSG_JUDGE);
    assert_int_equal(verify_collect(1), LEARNED_NEW);
    between_end();
}

static int
begin_sessions(void **state)
{
    int e = begin_keyring(state);

    for (int i = 0; i < SESSIONS; i++) {
        session_new(VERB_OPEN, RIGHT_MAIL);
        session[i] = fd_take(&t.session);
    }
    return e;
}

static int
begin_between_sessions(void **state)
{
    int e = begin_sessions(state);

    between_begin();
    return e;
}

static int
end_sessions(void **state)
{
    for (int i = 0; i < SESSIONS; i++)
        fd_drop(&session[i]);
    return end(state);
}

static int
begin_others(void **state)
{
    assert_int_equal(begin_all(state), 0);
    bert = make_cert(&(struct cert_spec){
        .name = "Bert", .key = "p256d", .issuer = &ca, .email = BERT});
    cara = make_cert(&(struct cert_spec){
        .name = "Cara", .key = "p256d", .issuer = &ca, .email = CARA});
    return 0;
}

#define T(name)                                                                \
    cmocka_unit_test_setup_teardown(name, begin_between_sessions, end_sessions)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_next_one_is_judged_while_the_last_is_stored),
        T(a_validator_that_ends_before_the_next_answer_is_made_good),
        T(so_are_the_next_two),
        T(a_validator_that_ends_before_both_answers_is_made_good),
        T(one_that_is_judged_twice_leaves_the_next_its_verdict),
        T(whatever_the_next_one_asks_is_answered),
        T(a_next_one_that_leaves_hinders_nobody),
        cmocka_unit_test_setup_teardown(
            a_validator_may_come_together_with_a_question, begin_sessions,
            end_sessions),
    };

    return cmocka_run_group_tests(tests, begin_others, end_all);
}
