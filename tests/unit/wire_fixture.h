/*
 * Both ends of one channel, shared by the unit tests of agent/wire: included
 * once by each.
 */
#ifndef TESTS_UNIT_WIRE_FIXTURE_H
#define TESTS_UNIT_WIRE_FIXTURE_H

#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/wire/packet.h"

#define UNUSED      __attribute__((unused))
#define EVERY_RIGHT (RIGHT_MAIL | RIGHT_MANAGE | RIGHT_RAW)

/* One channel; the test is both ends. */
struct ends {
    int client;
    struct served served;
    struct frame frame;
    union any_record request;
};

UNUSED static void
ends_drop(struct ends *e)
{
    fd_drop(&e->client);
    fd_drop(&e->served.fd);
    frame_drop(&e->frame);
}

UNUSED static void
ends_open(struct ends *e)
{
    int pair[2];

    assert_true(channel_pair(pair));
    memset(e, 0, sizeof(*e));
    frame_init(&e->frame);
    e->client = pair[0];
    e->served.fd = pair[1];
}

/* A served end that ROW lets through: the right process, rights and verb. */
UNUSED static void
ends_open_for(struct ends *e, const struct message_row *row)
{
    ends_open(e);
    e->served.self =
        row->receiver == PROCESS_ANY ? PROCESS_KEYHOLDER : row->receiver;
    e->served.rights = row->rights;
    for (uint32_t v = VERB_SIGN; v <= VERB_RAW; v <<= 1)
        if (row->verbs & v)
            e->served.verb = (enum verb)v;
    e->served.ops_left = 1;
    memcpy(e->served.sign_key, "key", 3);
    e->served.sign_key_len = 3;
}

UNUSED static enum received
receive(struct ends *e)
{
    enum message m = MSG_NONE;

    return channel_receive(&e->served, &e->frame, &m, &e->request);
}

/* The code of the problem that was answered; ERR_OK for none. */
UNUSED static enum err
refusal(struct ends *e)
{
    struct packet_header h;
    struct problem p = {0};

    assert_int_equal(packet_receive(e->client, &e->frame, &h), 1);
    if (h.kind != PACKET_PROBLEM)
        return ERR_OK;
    return packet_read_problem(&e->frame, h.code, ERR_INTERNAL, &p);
}

/* Sends M with a minimal record that its handler would take. */
UNUSED static void
send_plain(struct ends *e, enum message m, const int *fds, int fd_count)
{
    union any_record r = {0};

    if (m == MSG_SIGN)
        r.sign_request.key = slice_text("key");
    if (m == MSG_UNWRAP || m == MSG_DECRYPT)
        r.unwrap_request.key = slice_text("key");
    if (m == MSG_AGREE)
        r.agree_request.key = slice_text("key");
    if (m == MSG_NARROW) {
        r.narrow.verb = VERB_SIGN;
        r.narrow.ops = 1;
    }
    assert_true(channel_send(e->client, m, &r, fds, fd_count));
}

/* MSG_NARROW begins a channel; everything else comes after it. */
UNUSED static void
prepare(struct ends *e, enum message m)
{
    ends_open_for(e, message_row(m));
    if (m == MSG_NARROW) {
        e->served.ops_left = 0;
        e->served.sign_key_len = 0;
    }
}

#endif
