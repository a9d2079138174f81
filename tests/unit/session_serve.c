/* The loop over a connection: what it consumes, what it leaves, when it
 * ends. */
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

static void
a_request_is_answered_and_the_connection_handed_back(void **state)
{
    AUTO(input) int in = input_of("x");
    struct world w = {0};
    json_t *reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_message(w.client, VERIFY, &in, 1);
    reply = receive_message(w.client);
    assert_int_equal(json_integer_value(at(reply, "descriptors")), 1);
    json_decref(reply);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    world_close(&w);
}

static void
a_client_that_hangs_up_is_no_handback(void **state)
{
    struct world w = {0};

    (void)state;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    fd_drop(&w.client);
    assert_int_equal(world_join(&w), SERVE_CLOSED);
    world_close(&w);
}

static void
a_client_that_hangs_up_in_a_request_is_no_handback(void **state)
{
    struct world w = {0};

    (void)state;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_bytes(w.client, VERIFY, 10, NULL, 0);
    fd_drop(&w.client);
    assert_int_equal(world_join(&w), SERVE_CLOSED);
    world_close(&w);
}

/* The kernel shows nothing behind a byte that carries descriptors. */
static void
a_request_may_come_byte_by_byte(void **state)
{
    AUTO(input) int in = input_of("x");
    struct world w = {0};
    json_t *reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    for (size_t i = 0; i < sizeof(VERIFY); i++)
        send_bytes(w.client, &VERIFY[i], 1, &in, i == 0 ? 1 : 0);
    reply = receive_message(w.client);
    assert_int_equal(json_integer_value(at(reply, "descriptors")), 1);
    json_decref(reply);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    world_close(&w);
}

static void
a_second_request_is_left_unread_with_its_descriptor(void **state)
{
    AUTO(input) int in = input_of("x");
    struct world w = {0};
    struct message_in next;
    json_t *reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    send_message(w.client, VERIFY, &in, 1);
    send_message(w.client, VERIFY, &in, 1);
    world_start(&w);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    reply = receive_message(w.client);
    assert_non_null(reply);
    json_decref(reply);

    message_in_init(&next);
    assert_int_equal(message_read(w.s.conn, 1000, &next), MESSAGE_WHOLE);
    assert_string_equal(buf_text(&next.text), VERIFY);
    assert_int_equal(next.fd_count, 1);
    message_in_drop(&next);
    assert_int_equal(next_byte(w.s.conn), -1);
    world_close(&w);
}

static void
two_requests_in_one_packet_are_told_apart(void **state)
{
    struct world w = {0};
    json_t *reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    send_bytes(w.client, INFO "\0" VERIFY, sizeof(INFO) + sizeof(VERIFY), NULL,
               0);
    world_start(&w);
    reply = receive_message(w.client);
    assert_string_equal(text_at(reply, "product"), "smime-agent");
    json_decref(reply);
    reply = receive_message(w.client);
    assert_string_equal(error_of(reply),
                        "org.varlink.service.InvalidParameter");
    assert_string_equal(text_at(reply, "parameter"), "input");
    json_decref(reply);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    world_close(&w);
}

static void
surplus_descriptors_are_an_error_and_closed(void **state)
{
    AUTO(input) int in = input_of("x");
    int before = count_open();
    int fds[LIMIT_REQUEST_FDS + 1];
    struct world w = {0};
    json_t *reply;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++)
        fds[i] = in;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_message(w.client, VERIFY, fds, LIMIT_REQUEST_FDS + 1);
    reply = receive_message(w.client);
    assert_string_equal(error_of(reply),
                        "org.varlink.service.InvalidParameter");
    assert_string_equal(text_at(reply, "parameter"), "descriptors");
    json_decref(reply);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    world_close(&w);
    assert_int_equal(count_open(), before);
}

static void
as_many_descriptors_as_allowed_come_along_and_are_closed(void **state)
{
    AUTO(input) int in = input_of("x");
    int before = count_open();
    int fds[LIMIT_REQUEST_FDS];
    struct world w = {0};
    json_t *reply;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(fds); i++)
        fds[i] = in;
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_message(w.client, VERIFY, fds, LIMIT_REQUEST_FDS);
    reply = receive_message(w.client);
    assert_int_equal(json_integer_value(at(reply, "descriptors")),
                     LIMIT_REQUEST_FDS);
    json_decref(reply);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    world_close(&w);
    assert_int_equal(count_open(), before);
}

/* Sends what is no call; the connection must end without a reply. */
static void
assert_sent_away(const void *bytes, size_t n)
{
    struct world w = {0};
    uint8_t byte;

    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_bytes(w.client, bytes, n, NULL, 0);
    assert_int_equal(world_join(&w), SERVE_CLOSED);
    /* A reset, where bytes were left unread, is an end too. */
    assert_true(read(w.client, &byte, 1) <= 0);
    world_close(&w);
}

static void
what_is_no_call_ends_the_connection(void **state)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "7",
                                      "{}",
                                      "{\"method\":7}",
                                      "{\"method\":\"a.b\"} x",
                                      "{\"method\":\"a.b\",\"parameters\":[]}",
                                      "{\"method\":\"a.b\",\"oneway\":1}",
                                      "{\"method\":\"a.b\",\"method\":\"a.b\"}",
                                      "{\"method\":\"a\\u0000b\"}",
                                      "{\"method\":\"a\xff\"}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_sent_away(bad[i], strlen(bad[i]) + 1);
}

/* GetInfo, itself one level, with DEPTH - 1 arrays in its parameters' place,
 * behind a text that only looks like more of them. */
static json_t *
answer_to_depth(int depth, enum serve_end *out_end)
{
    AUTO(buf) struct buf call = {0};
    struct world w = {0};
    json_t *reply;

    buf_add_text(&call, "{\"method\":\"org.varlink.service.GetInfo\","
                        "\"x\":\"[[[[[[[[\\\"[[[[[[[[[[\\\\\",\"y\":");
    for (int i = 1; i < depth; i++)
        buf_add_text(&call, "[");
    for (int i = 1; i < depth; i++)
        buf_add_text(&call, "]");
    buf_add_text(&call, "}");
    world_open(&w, RIGHT_MAIL);
    world_start(&w);
    send_bytes(w.client, buf_text(&call), call.len + 1, NULL, 0);
    reply = receive_message(w.client);
    fd_drop(&w.client);
    *out_end = world_join(&w);
    world_close(&w);
    return reply;
}

static void
a_call_nested_too_deep_is_told_so_and_ends_the_connection(void **state)
{
    enum serve_end end;
    json_t *reply = answer_to_depth(LIMIT_REQUEST_DEPTH, &end);

    (void)state;
    assert_string_equal(text_at(reply, "product"), "smime-agent");
    json_decref(reply);
    for (int deep = 1; deep < 20000; deep += 19998) {
        reply = answer_to_depth(LIMIT_REQUEST_DEPTH + deep, &end);
        assert_int_equal(end, SERVE_CLOSED);
        assert_string_equal(error_of(reply),
                            "org.varlink.service.InvalidParameter");
        assert_string_equal(text_at(reply, "parameter"),
                            "more than 16 objects and arrays in each other");
        json_decref(reply);
    }
}

struct flood {
    int fd;
    size_t bytes;
};

static void *
flood(void *arg)
{
    const struct flood *f = arg;
    static const char spaces[4096] = {[0 ... 4095] = ' '};

    for (size_t sent = 0; sent < f->bytes; sent += sizeof(spaces))
        if (send(f->fd, spaces,
                 f->bytes - sent < sizeof(spaces) ? f->bytes - sent
                                                  : sizeof(spaces),
                 MSG_NOSIGNAL) < 0)
            break;
    return NULL;
}

static enum serve_end
serve_flood(size_t bytes, const char *last, json_t **out_reply)
{
    struct world w = {0};
    struct flood f = {.bytes = bytes};
    pthread_t thread;
    enum serve_end end;

    world_open(&w, RIGHT_MAIL);
    f.fd = w.client;
    world_start(&w);
    assert_int_equal(pthread_create(&thread, NULL, flood, &f), 0);
    pthread_join(thread, NULL);
    (void)send(w.client, last, strlen(last) + 1, MSG_NOSIGNAL);
    *out_reply = receive_message(w.client);
    fd_drop(&w.client);
    end = world_join(&w);
    world_close(&w);
    return end;
}

static void
a_request_over_the_limit_ends_the_connection(void **state)
{
    json_t *reply;

    (void)state;
    assert_int_equal(
        serve_flood(LIMIT_REQUEST_BYTES - sizeof(INFO) + 1, INFO, &reply),
        SERVE_CLOSED);
    assert_string_equal(text_at(reply, "parameter"),
                        "a request of more than 262144 bytes");
    json_decref(reply);
}

static void
a_request_up_to_the_limit_is_served(void **state)
{
    json_t *reply;

    (void)state;
    serve_flood(LIMIT_REQUEST_BYTES - sizeof(INFO), INFO, &reply);
    assert_string_equal(text_at(reply, "product"), "smime-agent");
    json_decref(reply);
}

static void
a_request_that_does_not_end_is_too_slow(void **state)
{
    struct message_in in;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    send_bytes(pair[0], "{", 1, NULL, 0);
    message_in_init(&in);
    assert_int_equal(message_read(pair[1], 1, &in), MESSAGE_TOO_SLOW);
    message_in_drop(&in);
    close(pair[0]);
    close(pair[1]);
}

/* A thousand times less patient. */
static void
who_does_not_end_a_request_is_told_so(void **state)
{
    struct world w = {0};
    json_t *reply;

    (void)state;
    world_open(&w, RIGHT_MAIL);
    w.s.message_ms = LIMIT_MESSAGE_MS / 1000;
    world_start(&w);
    send_bytes(w.client, VERIFY, 10, NULL, 0);
    reply = receive_message(w.client);
    assert_string_equal(text_at(reply, "parameter"),
                        "a request that took more than 30 ms");
    json_decref(reply);
    assert_int_equal(world_join(&w), SERVE_CLOSED);
    world_close(&w);
}

static void
a_reply_that_is_not_read_is_given_up(void **state)
{
    static char text[4 << 20];
    json_t *message;
    int pair[2];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    message = json_pack("{s:s}", "text", text);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_false(message_write(pair[1], message, 1));
    json_decref(message);
    close(pair[0]);
    close(pair[1]);
}

static void
a_oneway_call_is_not_answered(void **state)
{
    AUTO(input) int in = input_of("x");
    struct world w = {0};

    (void)state;
    world_open(&w, RIGHT_MAIL);
    send_message(w.client, ONEWAY, &in, 1);
    world_start(&w);
    assert_int_equal(world_join(&w), SERVE_HANDBACK);
    assert_int_equal(next_byte(w.client), -1);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_and_the_connection_handed_back),
        cmocka_unit_test(a_client_that_hangs_up_is_no_handback),
        cmocka_unit_test(a_client_that_hangs_up_in_a_request_is_no_handback),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(a_second_request_is_left_unread_with_its_descriptor),
        cmocka_unit_test(two_requests_in_one_packet_are_told_apart),
        cmocka_unit_test(surplus_descriptors_are_an_error_and_closed),
        cmocka_unit_test(
            as_many_descriptors_as_allowed_come_along_and_are_closed),
        cmocka_unit_test(what_is_no_call_ends_the_connection),
        cmocka_unit_test(
            a_call_nested_too_deep_is_told_so_and_ends_the_connection),
        cmocka_unit_test(a_request_over_the_limit_ends_the_connection),
        cmocka_unit_test(a_request_up_to_the_limit_is_served),
        cmocka_unit_test(a_request_that_does_not_end_is_too_slow),
        cmocka_unit_test(who_does_not_end_a_request_is_told_so),
        cmocka_unit_test(a_reply_that_is_not_read_is_given_up),
        cmocka_unit_test(a_oneway_call_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
