/* The dispatcher: every row of the table is asked for more than it allows. */
#include <fcntl.h>

#include "tests/unit/wire_fixture.h"

static void
every_message_passes_where_its_row_allows_it(void **state)
{
    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        prepare(&e, m);
        send_plain(&e, m, NULL, 0);
        if (receive(&e) != RECEIVED_REQUEST)
            fail_msg("%s was refused", message_row(m)->name);
    }
}

static void
every_message_to_another_process_breaks_the_channel(void **state)
{
    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        if (message_row(m)->receiver == PROCESS_ANY)
            continue;
        prepare(&e, m);
        e.served.self = message_row(m)->sender;
        send_plain(&e, m, NULL, 0);
        if (receive(&e) != RECEIVED_BROKEN)
            fail_msg("%s went the wrong way", message_row(m)->name);
    }
}

static void
every_message_that_is_too_large_is_refused(void **state)
{
    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        const struct message_row *row = message_row(m);
        struct packet_header h = {.message = (uint16_t)m,
                                  .kind = PACKET_REQUEST};
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};
        uint8_t *body;

        if (row->limit_bytes == LIMIT_FRAME_BYTES)
            continue; /* the next test */
        body = mem_new(row->limit_bytes + 1);
        prepare(&e, m);
        assert_true(packet_send(e.client, h,
                                slice_of(body, row->limit_bytes + 1), NULL, 0));
        free(body);
        if (receive(&e) != RECEIVED_REFUSED || refusal(&e) != ERR_LIMIT)
            fail_msg("%s was not refused", row->name);
    }
}

static void
a_packet_larger_than_any_frame_breaks_the_channel(void **state)
{
    struct packet_header h = {.message = MSG_VERIFY, .kind = PACKET_REQUEST};
    uint8_t *body = mem_new(LIMIT_FRAME_BYTES + 1);
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_VERIFY);
    assert_true(packet_send(e.client, h, slice_of(body, LIMIT_FRAME_BYTES + 1),
                            NULL, 0));
    free(body);
    assert_int_equal(receive(&e), RECEIVED_BROKEN);
}

static int
count_open(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void
every_message_with_a_descriptor_too_many_is_refused(void **state)
{
    int before = count_open();

    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};
        int fds[LIMIT_FRAME_FDS] = {0};
        int allowed = message_row(m)->request_fds;

        prepare(&e, m);
        send_plain(&e, m, fds, allowed + 1);
        if (receive(&e) != RECEIVED_REFUSED || refusal(&e) != ERR_LIMIT)
            fail_msg("%s was not refused", message_row(m)->name);
    }
    assert_int_equal(count_open(), before);
}

static void
more_descriptors_than_a_frame_holds_break_the_channel(void **state)
{
    int before = count_open();
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * (LIMIT_FRAME_FDS + 1))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t) "\0\1\1\0\0\0\0\0", 8};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    (void)state;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * (LIMIT_FRAME_FDS + 1));
    ends_open(&e);
    e.served.self = PROCESS_BROKER;
    assert_true(sendmsg(e.client, &msg, 0) > 0);
    assert_int_equal(receive(&e), RECEIVED_BROKEN);
    ends_drop(&e);
    assert_int_equal(count_open(), before);
}

static void
every_message_without_its_right_is_refused(void **state)
{
    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        const struct message_row *row = message_row(m);
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        if (row->rights == 0)
            continue;
        prepare(&e, m);
        e.served.rights = EVERY_RIGHT & ~row->rights;
        if (e.served.rights == 0)
            continue; /* any session may: the next test */
        send_plain(&e, m, NULL, 0);
        if (receive(&e) != RECEIVED_REFUSED || refusal(&e) != ERR_NOT_ALLOWED)
            fail_msg("%s was not refused", row->name);
    }
}

static void
what_the_broker_says_breaks_a_session_s_channel(void **state)
{
    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        prepare(&e, m);
        e.served.rights = message_row(m)->rights != 0 ? 0 : EVERY_RIGHT;
        send_plain(&e, m, NULL, 0);
        if (receive(&e) != RECEIVED_BROKEN)
            fail_msg("%s was taken", message_row(m)->name);
    }
}

static void
every_message_of_another_verb_is_refused(void **state)
{
    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        const struct message_row *row = message_row(m);

        for (uint32_t v = VERB_NONE; v <= VERB_RAW; v = v ? v << 1 : 1) {
            AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

            if (row->verbs == 0 || (row->verbs & v))
                continue;
            prepare(&e, m);
            e.served.verb = (enum verb)v;
            send_plain(&e, m, NULL, 0);
            if (receive(&e) != RECEIVED_REFUSED ||
                refusal(&e) != ERR_NOT_ALLOWED)
                fail_msg("%s was not refused to verb %u", row->name, v);
        }
    }
}

static void
every_message_that_comes_too_often_is_refused(void **state)
{
    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        const struct message_row *row = message_row(m);
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        if (row->limit_uses == 0)
            continue;
        prepare(&e, m);
        e.served.uses[m] = row->limit_uses - 1;
        send_plain(&e, m, NULL, 0);
        assert_int_equal(receive(&e), RECEIVED_REQUEST);
        send_plain(&e, m, NULL, 0);
        if (receive(&e) != RECEIVED_REFUSED || refusal(&e) != ERR_LIMIT)
            fail_msg("%s was not refused", row->name);
    }
}

static void
every_message_that_is_malformed_is_refused(void **state)
{
    (void)state;
    for (enum message m = MSG_NONE + 1; m < MSG_COUNT; m++) {
        struct packet_header h = {.message = (uint16_t)m,
                                  .kind = PACKET_REQUEST};
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        prepare(&e, m);
        assert_true(packet_send(e.client, h, slice_text("?"), NULL, 0));
        if (receive(&e) != RECEIVED_REFUSED || refusal(&e) != ERR_USAGE)
            fail_msg("%s was not refused", message_row(m)->name);
    }
}

static void
send_raw(struct ends *e, const void *bytes, size_t n)
{
    assert_int_equal(send(e->client, bytes, n, 0), n);
}

static void
what_is_no_request_breaks_the_channel(void **state)
{
    static const uint8_t short_one[] = {0, MSG_KEYS, 1};
    static const uint8_t a_reply[8] = {0, MSG_KEYS, PACKET_REPLY};
    static const uint8_t no_message[8] = {0, MSG_NONE, PACKET_REQUEST};
    static const uint8_t unknown[8] = {0, MSG_COUNT, PACKET_REQUEST};
    static const struct {
        const uint8_t *bytes;
        size_t n;
    } bad[] = {{short_one, sizeof(short_one)},
               {a_reply, sizeof(a_reply)},
               {no_message, sizeof(no_message)},
               {unknown, sizeof(unknown)}};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

        prepare(&e, MSG_KEYS);
        send_raw(&e, bad[i].bytes, bad[i].n);
        assert_int_equal(receive(&e), RECEIVED_BROKEN);
    }
}

static void
the_end_of_a_channel_is_seen(void **state)
{
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_KEYS);
    fd_drop(&e.client);
    assert_int_equal(receive(&e), RECEIVED_EOF);
}

/* The kernel tells first that it had not read all (ECONNRESET). */
static void
what_was_said_before_leaving_is_heard(void **state)
{
    struct packet_header h = {.message = MSG_VERIFY, .kind = PACKET_REPLY};
    AUTO(ends) struct ends e = {.client = -1, .served = {.fd = -1}};

    (void)state;
    prepare(&e, MSG_VERIFY);
    assert_true(packet_send(e.served.fd, h, slice_text("unread"), NULL, 0));
    send_plain(&e, MSG_VERIFY, NULL, 0);
    fd_drop(&e.client);
    assert_int_equal(receive(&e), RECEIVED_REQUEST);
    assert_int_equal(receive(&e), RECEIVED_EOF);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_passes_where_its_row_allows_it),
        cmocka_unit_test(every_message_to_another_process_breaks_the_channel),
        cmocka_unit_test(every_message_that_is_too_large_is_refused),
        cmocka_unit_test(a_packet_larger_than_any_frame_breaks_the_channel),
        cmocka_unit_test(every_message_with_a_descriptor_too_many_is_refused),
        cmocka_unit_test(more_descriptors_than_a_frame_holds_break_the_channel),
        cmocka_unit_test(every_message_without_its_right_is_refused),
        cmocka_unit_test(what_the_broker_says_breaks_a_session_s_channel),
        cmocka_unit_test(every_message_of_another_verb_is_refused),
        cmocka_unit_test(every_message_that_comes_too_often_is_refused),
        cmocka_unit_test(every_message_that_is_malformed_is_refused),
        cmocka_unit_test(what_is_no_request_breaks_the_channel),
        cmocka_unit_test(the_end_of_a_channel_is_seen),
        cmocka_unit_test(what_was_said_before_leaving_is_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
