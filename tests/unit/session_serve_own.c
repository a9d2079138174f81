/* A session that goes on with its user's own mail, and one that was sent
 * ahead of the request. */
#include "tests/unit/session_fixture.h"

#include "agent/session/message.h"

#define VERIFY                                                                 \
    "{\"method\":\"io.smimeagent.Mail.Verify\","                               \
    "\"parameters\":{\"input\":0}}"
#define SIGN_AS(more)                                                          \
    "{\"method\":\"io.smimeagent.Mail.Sign\","                                 \
    "\"parameters\":{\"input\":0,\"output\":0" more "}}"
#define SIGN SIGN_AS(",\"from\":\"a@example.org\"")
#define INFO "{\"method\":\"org.varlink.service.GetInfo\"}"
#define ONEWAY                                                                 \
    "{\"method\":\"io.smimeagent.Mail.Verify\",\"oneway\":true,"               \
    "\"parameters\":{\"input\":0}}"

static void
input_drop(int *fd)
{
    fd_drop(fd);
}

/* ---- one's own mail: the session goes on ------------------------------------
 */

/* Signs once, sends NEXT, and says whether the session served that too. */
static bool
goes_on(const char *first, const char *next)
{
    AUTO(input) int in = input_of("xyz");
    struct world w = {0};
    json_t *reply;
    bool served;

    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_message(w.client, first, &in, 1);
    reply = receive_message(w.client);
    assert_string_equal(text_at(reply, "read"), "x");
    json_decref(reply);
    send_message(w.client, next, &in, 1);
    if (shutdown(w.client, SHUT_WR) != 0)
        fail_msg("shutdown: %s", strerror(errno));
    served = world_join(&w) == SERVE_CLOSED;
    assert_true(served == (next_byte(w.s.conn) == -1));
    world_close(&w);
    return served;
}

static void
the_same_sender_signs_again_in_the_same_session(void **state)
{
    (void)state;
    assert_true(goes_on(SIGN, SIGN));
    assert_true(
        goes_on(SIGN_AS(",\"key\":\"01\""), SIGN_AS(",\"key\":\"01\"")));
    assert_true(goes_on(SIGN, INFO));
}

static void
anything_else_is_left_to_a_fresh_session(void **state)
{
    (void)state;
    assert_false(goes_on(SIGN, VERIFY));
    assert_false(goes_on(SIGN, SIGN_AS("")));
    assert_false(goes_on(SIGN_AS(""), SIGN_AS("")));
    assert_false(goes_on(SIGN, SIGN_AS(",\"from\":\"b@example.org\"")));
    assert_false(goes_on(SIGN, SIGN_AS(",\"from\":\"a@example.org\","
                                       "\"key\":\"01\"")));
    assert_false(goes_on(SIGN, SIGN_AS(",\"from\":\"a@example.org\","
                                       "\"caller\":{\"tty\":\"/dev/tty1\"}")));
    assert_false(goes_on(SIGN, "nonsense"));
    assert_false(goes_on(SIGN,
                         "{\"method\":\"io.smimeagent.Mail.Encrypt\","
                         "\"parameters\":{\"input\":0,\"output\":0,\"to\":[],"
                         "\"from\":\"a@example.org\"}}"));
}

static void
a_request_that_cannot_be_seen_whole_is_left_to_a_fresh_session(void **state)
{
    AUTO(input) int in = input_of("xyz");
    struct world w = {0};
    json_t *reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_message(w.client, SIGN, &in, 1);
    reply = receive_message(w.client);
    json_decref(reply);
    send_bytes(w.client, SIGN, 1, &in, 1);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    assert_int_equal(next_byte(w.s.conn), '{');
    world_close(&w);
}

static void
a_session_ends_with_its_last_operation(void **state)
{
    AUTO(input) int in = input_of("wxyz");
    struct world w = {0};

    (void)state;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    for (int left = 2; left >= 0; left--) {
        json_t *reply;

        send_message(w.client, SIGN, &in, 1);
        reply = receive_message(w.client);
        assert_int_equal(json_integer_value(at(reply, "left")), left);
        json_decref(reply);
    }
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    world_close(&w);
    assert_int_equal(w.keyholder.narrowings, 2);
    assert_int_equal(w.keyring.narrowings, 2);
}

static void
a_session_that_lost_a_channel_ends(void **state)
{
    AUTO(input) int in = input_of("x");
    struct world w = {0};
    json_t *reply;

    (void)state;
    sign_loses_a_channel = true;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_message(w.client, SIGN, &in, 1);
    reply = receive_message(w.client);
    assert_non_null(reply);
    json_decref(reply);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    sign_loses_a_channel = false;
    world_close(&w);
}

/* ---- sent ahead ------------------------------------------------------------
 */

static void
a_session_sent_ahead_serves_what_comes(void **state)
{
    AUTO(input) int in = input_of("x");
    struct world w = {0};
    json_t *reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    w.s.ahead = true;
    world_start(&w);
    send_message(w.client, VERIFY, &in, 1);
    reply = receive_message(w.client);
    assert_int_equal(json_integer_value(at(reply, "descriptors")), 1);
    json_decref(reply);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    world_close(&w);
}

static void
a_session_sent_ahead_for_nothing_says_so(void **state)
{
    struct world w = {0};

    (void)state;
    world_open(&w, RIGHT_MAIL);
    w.s.ahead = true;
    world_start(&w);
    assert_int_equal(world_join(&w), SERVE_UNUSED);
    world_close(&w);
}

/* The request is left for a session with channels that work. */
static void
a_session_sent_ahead_that_lost_a_channel_reads_nothing(void **state)
{
    AUTO(input) int in = input_of("x");
    struct world w = {0};
    char byte;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    w.s.ahead = true;
    assert_int_equal(shutdown(w.keyring.served.fd, SHUT_RDWR), 0);
    send_message(w.client, VERIFY, &in, 1);
    world_start(&w);
    assert_int_equal(world_join(&w), SERVE_UNUSED);
    assert_int_equal(recv(w.s.conn, &byte, 1, MSG_DONTWAIT), 1);
    world_close(&w);
}

static void
a_client_that_leaves_a_session_sent_ahead_ends_it(void **state)
{
    struct world w = {0};

    (void)state;
    world_open(&w, RIGHT_MAIL);
    w.s.ahead = true;
    world_start(&w);
    fd_drop(&w.client);
    assert_int_equal(world_join(&w), SERVE_CLOSED);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_sender_signs_again_in_the_same_session),
        cmocka_unit_test(anything_else_is_left_to_a_fresh_session),
        cmocka_unit_test(
            a_request_that_cannot_be_seen_whole_is_left_to_a_fresh_session),
        cmocka_unit_test(a_session_ends_with_its_last_operation),
        cmocka_unit_test(a_session_that_lost_a_channel_ends),
        cmocka_unit_test(a_session_sent_ahead_serves_what_comes),
        cmocka_unit_test(a_session_sent_ahead_for_nothing_says_so),
        cmocka_unit_test(
            a_session_sent_ahead_that_lost_a_channel_reads_nothing),
        cmocka_unit_test(a_client_that_leaves_a_session_sent_ahead_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
