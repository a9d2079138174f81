/* Narrowing, key operations, and calls with their replies. */
#include <pthread.h>

#include "tests/unit/wire_fixture.h"

/* ---- narrowing ------------------------------------------------------------
 */

static enum err
narrow(struct ends *e, uint32_t verb, uint32_t ops, const char *key)
{
    struct narrow n = {.verb = verb, .ops = ops, .key = slice_text(key)};

    assert_true(channel_send(e->client, MSG_NARROW, &n, NULL, 0));
    if (receive(e) == RECEIVED_REQUEST)
        return ERR_OK;
    return refusal(e);
}

static void
a_session_narrows_itself(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_NARROW);
    assert_int_equal(narrow(&e, VERB_SIGN, 10, NULL), ERR_OK);
    assert_int_equal(e.served.verb, VERB_SIGN);
    assert_int_equal(narrow(&e, VERB_SIGN, 10, "key"), ERR_OK);
    assert_int_equal(narrow(&e, VERB_SIGN, 3, "key"), ERR_OK);
    assert_int_equal(e.served.ops_left, 3);
}

static void
a_session_never_widens_itself(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_NARROW);
    assert_int_equal(narrow(&e, VERB_SIGN, 3, "key"), ERR_OK);
    assert_int_equal(narrow(&e, VERB_OPEN, 3, "key"), ERR_NOT_ALLOWED);
    assert_int_equal(narrow(&e, VERB_SIGN, 4, "key"), ERR_NOT_ALLOWED);
    assert_int_equal(narrow(&e, VERB_SIGN, 3, "other"), ERR_NOT_ALLOWED);
    assert_int_equal(narrow(&e, VERB_SIGN, 3, NULL), ERR_NOT_ALLOWED);
    assert_int_equal(narrow(&e, VERB_NONE, 3, "key"), ERR_USAGE);
    assert_int_equal(e.served.verb, VERB_SIGN);
    assert_int_equal(e.served.ops_left, 3);
    assert_int_equal(e.served.sign_key_len, 3);
}

static void
a_session_has_one_verb(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_NARROW);
    assert_int_equal(narrow(&e, VERB_SIGN | VERB_OPEN, 1, NULL), ERR_USAGE);
    assert_int_equal(narrow(&e, VERB_RAW << 1, 1, NULL), ERR_USAGE);
    assert_int_equal(e.served.verb, VERB_NONE);
}

static enum received
try_sign(struct ends *e, const char *key)
{
    struct sign_request s = {.key = slice_text(key)};

    assert_true(channel_send(e->client, MSG_SIGN, &s, NULL, 0));
    return receive(e);
}

static void
only_the_named_key_signs(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_NARROW);
    e.served.rights = EVERY_RIGHT;
    assert_int_equal(narrow(&e, VERB_SIGN, 5, NULL), ERR_OK);
    assert_int_equal(try_sign(&e, "key"), RECEIVED_REFUSED);
    assert_int_equal(refusal(&e), ERR_NOT_ALLOWED);
    assert_int_equal(narrow(&e, VERB_SIGN, 5, "key"), ERR_OK);
    assert_int_equal(try_sign(&e, "kez"), RECEIVED_REFUSED);
    assert_int_equal(refusal(&e), ERR_NOT_ALLOWED);
    assert_int_equal(try_sign(&e, "ke"), RECEIVED_REFUSED);
    assert_int_equal(refusal(&e), ERR_NOT_ALLOWED);
    assert_int_equal(try_sign(&e, "key"), RECEIVED_REQUEST);
    assert_int_equal(e.served.ops_left, 4);
}

static void
only_the_raw_socket_narrows_to_raw_use(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_NARROW);
    e.served.rights = RIGHT_MAIL | RIGHT_MANAGE;
    assert_int_equal(narrow(&e, VERB_RAW, 1, "key"), ERR_NOT_ALLOWED);
    e.served.rights = RIGHT_RAW;
    assert_int_equal(narrow(&e, VERB_RAW, 1, "key"), ERR_OK);
}

/* A mail says to which key it is encrypted; a program that uses a key by
 * itself has to say it first, for every kind of use. */
static void
raw_use_is_of_the_one_key_that_was_named(void **state)
{
    static const enum message operations[] = {MSG_SIGN, MSG_UNWRAP, MSG_DECRYPT,
                                              MSG_AGREE};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(operations); i++) {
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        prepare(&e, operations[i]);
        e.served.verb = VERB_RAW;
        e.served.sign_key[0] ^= 1;
        send_plain(&e, operations[i], NULL, 0);
        assert_int_equal(receive(&e), RECEIVED_REFUSED);
        assert_int_equal(refusal(&e), ERR_NOT_ALLOWED);
        e.served.sign_key_len = 0;
        send_plain(&e, operations[i], NULL, 0);
        assert_int_equal(receive(&e), RECEIVED_REFUSED);
        assert_int_equal(refusal(&e), ERR_NOT_ALLOWED);
        e.served.sign_key[0] ^= 1;
        e.served.sign_key_len = 3;
        send_plain(&e, operations[i], NULL, 0);
        assert_int_equal(receive(&e), RECEIVED_REQUEST);
    }
}

static void
key_operations_are_counted(void **state)
{
    static const enum message operations[] = {MSG_SIGN, MSG_UNWRAP, MSG_DECRYPT,
                                              MSG_AGREE};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(operations); i++) {
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        prepare(&e, operations[i]);
        send_plain(&e, operations[i], NULL, 0);
        assert_int_equal(receive(&e), RECEIVED_REQUEST);
        assert_int_equal(e.served.ops_left, 0);
        send_plain(&e, operations[i], NULL, 0);
        assert_int_equal(receive(&e), RECEIVED_REFUSED);
        assert_int_equal(refusal(&e), ERR_NOT_ALLOWED);
    }
}

/* ---- calls and replies -----------------------------------------------------
 */

/* Answers one request, in a thread of its own. */
struct answerer {
    struct ends *e;
    const struct problem *problem; /* NULL: a reply with count 7 */
    int fd;                        /* goes along, or -1 */
};

static void *
answer(void *arg)
{
    struct answerer *a = arg;
    struct count_reply reply = {.count = 7};
    bool sent = false;

    if (receive(a->e) != RECEIVED_REQUEST)
        return NULL;
    if (a->problem)
        sent = channel_refuse(a->e->served.fd, MSG_LOCK, a->problem);
    else
        sent = channel_reply(a->e->served.fd, MSG_LOCK, &reply, &a->fd,
                             a->fd >= 0 ? 1 : 0);
    return sent ? arg : NULL;
}

static enum err
call_answered(struct answerer *a, struct count_reply *reply, struct problem *p)
{
    struct channel_wait wait = {
        .lost = ERR_KEYHOLDER_LOST, .watch = -1, .timeout_ms = 10000};
    struct token_choice request = {.token = slice_text("card")};
    struct frame frame;
    pthread_t thread;
    void *sent;
    enum err e;

    frame_init(&frame);
    assert_int_equal(pthread_create(&thread, NULL, answer, a), 0);
    e = channel_call(a->e->client, MSG_LOCK, &request, NULL, 0, &wait, &frame,
                     reply, p);
    assert_int_equal(pthread_join(thread, &sent), 0);
    assert_non_null(sent);
    frame_drop(&frame);
    return e;
}

static void
a_call_gets_its_reply(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};
    struct answerer a = {&e, NULL, -1};
    struct count_reply reply = {0};
    struct problem p = {0};

    (void)state;
    prepare(&e, MSG_LOCK);
    assert_int_equal(call_answered(&a, &reply, &p), ERR_OK);
    assert_int_equal(reply.count, 7);
}

static void
a_reply_with_an_unasked_descriptor_is_no_reply(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};
    struct answerer a = {&e, NULL, 0};
    struct count_reply reply = {0};
    struct problem p = {0};

    (void)state;
    prepare(&e, MSG_LOCK);
    assert_int_equal(call_answered(&a, &reply, &p), ERR_KEYHOLDER_LOST);
}

static void
a_problem_comes_with_its_facts(void **state)
{
    struct problem sent = {.code = ERR_PIN_WRONG, .tries_left = 2};
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};
    struct answerer a = {&e, &sent, -1};
    struct count_reply reply = {0};
    struct problem p = {0};

    (void)state;
    problem_set_token(&sent, "card");
    problem_set_subject(&sent, "a subject");
    prepare(&e, MSG_LOCK);
    assert_int_equal(call_answered(&a, &reply, &p), ERR_PIN_WRONG);
    assert_int_equal(p.tries_left, 2);
    assert_string_equal(p.token, "card");
    assert_string_equal(p.subject, "a subject");
    sent.tries_left = -1;
    assert_int_equal(call_answered(&a, &reply, &p), ERR_PIN_WRONG);
    assert_int_equal(p.tries_left, -1);
}

static void
a_malformed_problem_is_a_lost_channel(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};
    struct packet_header h = {
        .message = MSG_LOCK, .kind = PACKET_PROBLEM, .code = ERR_PIN_WRONG};
    struct problem p = {0};

    (void)state;
    prepare(&e, MSG_LOCK);
    assert_true(packet_send(e.served.fd, h, slice_of("\1\0\5ab", 5), NULL, 0));
    assert_int_equal(packet_receive(e.client, &e.frame, &h), 1);
    assert_int_equal(
        packet_read_problem(&e.frame, h.code, ERR_KEYRING_LOST, &p),
        ERR_KEYRING_LOST);
}

static enum err
call_unanswered(struct ends *e, int watch, int timeout_ms)
{
    struct channel_wait wait = {
        .lost = ERR_KEYHOLDER_LOST, .watch = watch, .timeout_ms = timeout_ms};
    struct token_choice request = {.token = slice_text("card")};
    struct count_reply reply;
    struct problem p = {0};

    return channel_call(e->client, MSG_LOCK, &request, NULL, 0, &wait,
                        &e->frame, &reply, &p);
}

static void
a_call_to_a_process_that_is_gone_says_so(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_LOCK);
    fd_drop(&e.served.fd);
    assert_int_equal(call_unanswered(&e, -1, 10000), ERR_KEYHOLDER_LOST);
}

static void
a_call_that_is_not_answered_ends(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_LOCK);
    assert_int_equal(call_unanswered(&e, -1, 1), ERR_TOKEN_BUSY);
}

static void
a_call_ends_when_the_client_hangs_up(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};
    int client[2];

    (void)state;
    prepare(&e, MSG_LOCK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
    fd_drop(&client[1]);
    assert_int_equal(call_unanswered(&e, client[0], 10000), ERR_CANCELLED);
    fd_drop(&client[0]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_narrows_itself),
        cmocka_unit_test(a_session_never_widens_itself),
        cmocka_unit_test(a_session_has_one_verb),
        cmocka_unit_test(only_the_named_key_signs),
        cmocka_unit_test(only_the_raw_socket_narrows_to_raw_use),
        cmocka_unit_test(raw_use_is_of_the_one_key_that_was_named),
        cmocka_unit_test(key_operations_are_counted),
        cmocka_unit_test(a_call_gets_its_reply),
        cmocka_unit_test(a_reply_with_an_unasked_descriptor_is_no_reply),
        cmocka_unit_test(a_problem_comes_with_its_facts),
        cmocka_unit_test(a_malformed_problem_is_a_lost_channel),
        cmocka_unit_test(a_call_to_a_process_that_is_gone_says_so),
        cmocka_unit_test(a_call_that_is_not_answered_ends),
        cmocka_unit_test(a_call_ends_when_the_client_hangs_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
