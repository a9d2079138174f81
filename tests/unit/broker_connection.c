#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/broker/connection.h"
#include "agent/broker/helper.h"
#include "agent/wire/channel.h"

static struct connections all;

static int
setup(void **state)
{
    (void)state;
    connections_init(&all);
    return 0;
}

static struct connection *
client_new(int *out_client)
{
    struct connection *c = NULL;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
                     0);
    assert_true(connection_add(&all, pair[0], RIGHT_MAIL, &c));
    *out_client = pair[1];
    return c;
}

static void
a_connection_keeps_what_the_kernel_says_of_its_peer(void **state)
{
    int client;
    struct connection *c = client_new(&client);

    (void)state;
    assert_int_equal(c->uid, geteuid());
    assert_int_equal(c->pid, getpid());
    assert_int_equal(all.count, 1);
    connection_close(&all, c);
    assert_int_equal(all.count, 0);
    close(client);
}

/* A pair of sockets that another user made. */
static int
foreign_peer(void)
{
    struct frame frame;
    struct served s = {.self = PROCESS_KEYRING};
    union any_record request;
    enum message m;
    int channel[2];
    pid_t pid;
    int fd;

    assert_true(channel_pair(channel));
    pid = fork();
    if (pid == 0) {
        int pair[2];

        if (setresuid(65534, 65534, 65534) != 0 ||
            socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
            _exit(1);
        _exit(channel_send(channel[1], MSG_VALIDATOR, NULL, pair, 1) ? 0 : 1);
    }
    close(channel[1]);
    frame_init(&frame);
    s.fd = channel[0];
    assert_int_equal(channel_receive(&s, &frame, &m, &request),
                     RECEIVED_REQUEST);
    fd = fd_take(&frame.fds[0]);
    frame_drop(&frame);
    close(channel[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return fd;
}

static void
another_user_is_refused(void **state)
{
    struct connection *c;

    (void)state;
    assert_false(connection_add(&all, foreign_peer(), RIGHT_MAIL, &c));
    assert_int_equal(all.count, 0);
}

static void
a_request_is_seen_without_being_read(void **state)
{
    int client;
    struct connection *c = client_new(&client);
    char byte;

    (void)state;
    assert_int_equal(connection_peek(c), INPUT_NONE);
    assert_int_equal(write(client, "x", 1), 1);
    assert_int_equal(connection_peek(c), INPUT_BYTES);
    assert_int_equal(connection_peek(c), INPUT_BYTES);
    /* What it left behind comes first, then the end. */
    close(client);
    assert_int_equal(connection_peek(c), INPUT_BYTES);
    assert_int_equal(read(c->fd, &byte, 1), 1);
    assert_int_equal(connection_peek(c), INPUT_END);
    connection_close(&all, c);
}

static void
waiting_connections_keep_their_turn(void **state)
{
    int clients[3];
    struct connection *c[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        c[i] = client_new(&clients[i]);
    assert_null(connection_find_waiting(&all));
    connection_set_state(&all, c[2], CONNECTION_WAITING);
    connection_set_state(&all, c[0], CONNECTION_WAITING);
    assert_ptr_equal(connection_find_waiting(&all), c[2]);
    connection_set_state(&all, c[2], CONNECTION_SERVED);
    assert_ptr_equal(connection_find_waiting(&all), c[0]);
    assert_ptr_equal(connection_find_idlest(&all), c[1]);
    for (int i = 0; i < 3; i++) {
        connection_close(&all, c[i]);
        close(clients[i]);
    }
}

static void
an_idle_connection_makes_room_after_its_patience(void **state)
{
    int client;
    struct connection *c = client_new(&client);

    (void)state;
    assert_false(
        connection_is_overdue(c, c->since + LIMIT_IDLE_PATIENCE_MS - 1));
    assert_true(connection_is_overdue(c, c->since + LIMIT_IDLE_PATIENCE_MS));
    connection_set_state(&all, c, CONNECTION_WAITING);
    assert_false(connection_is_overdue(c, c->since + LIMIT_IDLE_PATIENCE_MS));
    connection_close(&all, c);
    close(client);
}

/* What the keyholder is told when COUNT helpers are at work already. */
static void
refusal_with(int count, struct problem *out)
{
    const struct spawn request = {.helper = 99};
    const struct channel_wait wait = {
        .lost = ERR_INTERNAL, .watch = -1, .timeout_ms = 1000};
    struct helpers helpers = {{0}};
    struct places places = {0};
    struct frame frame, reply;
    struct empty nothing;
    int channel[2];
    pid_t pid;

    for (int i = 0; i < count; i++)
        helpers.pid[i] = 1;
    frame_init(&frame);
    frame_init(&reply);
    assert_true(channel_pair(channel));
    pid = fork();
    if (pid == 0) {
        struct served s = {.fd = channel[1], .self = PROCESS_BROKER};
        union any_record any;
        enum message m;

        _exit(channel_receive(&s, &frame, &m, &any) == RECEIVED_REQUEST &&
                      helper_answer(&helpers, channel[1], &any.spawn, &frame,
                                    "/nonexistent", &places)
                  ? 0
                  : 1);
    }
    close(channel[1]);
    assert_int_not_equal(channel_call(channel[0], MSG_SPAWN, &request, NULL, 0,
                                      &wait, &reply, &nothing, out),
                         ERR_OK);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    frame_drop(&reply);
    frame_drop(&frame);
    close(channel[0]);
}

static void
so_many_helpers_work_at_once(void **state)
{
    struct problem p = {0};

    (void)state;
    refusal_with(LIMIT_HELPERS, &p);
    assert_int_equal(p.code, ERR_TOKEN_BUSY);
    assert_string_equal(p.detail, "24 helper processes are at work");
    p = (struct problem){0};
    refusal_with(LIMIT_HELPERS - 1, &p);
    assert_int_equal(p.code, ERR_USAGE);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest root_tests[] = {
        cmocka_unit_test_setup(another_user_is_refused, setup),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            a_connection_keeps_what_the_kernel_says_of_its_peer, setup),
        cmocka_unit_test_setup(a_request_is_seen_without_being_read, setup),
        cmocka_unit_test_setup(waiting_connections_keep_their_turn, setup),
        cmocka_unit_test(so_many_helpers_work_at_once),
        cmocka_unit_test_setup(an_idle_connection_makes_room_after_its_patience,
                               setup),
    };

    if (argc > 1 && strcmp(argv[1], "root") == 0)
        return geteuid() != 0 ? 77
                              : cmocka_run_group_tests(root_tests, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
