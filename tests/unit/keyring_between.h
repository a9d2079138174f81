/* A test that stands between keyring and validator. Included once. */
#ifndef TESTS_UNIT_KEYRING_BETWEEN_H
#define TESTS_UNIT_KEYRING_BETWEEN_H

#include <sys/socket.h>

#include "keyring_wires.h"

static int between[2]; /* the keyring's end, the test's */
static int validator;

static void
between_begin(void)
{
    validator = validator_new();
    assert_true(channel_pair(between));
    validator_give(between[0]);
}

/* One packet of FROM to TO; gives its message. */
static int
pass(int from, int to)
{
    static uint8_t packet[LIMIT_FRAME_BYTES + 64];
    ssize_t n;

    assert_int_equal(fd_wait_readable(from, 20000), 1);
    n = recv(from, packet, sizeof(packet), 0);
    assert_true(n > 2);
    assert_int_equal(send(to, packet, (size_t)n, MSG_NOSIGNAL), n);
    return packet[0] << 8 | packet[1];
}

static int
question_pass(void)
{
    return pass(between[1], validator);
}

static int
answer_pass(void)
{
    return pass(validator, between[1]);
}

static void
between_end(void)
{
    close(between[1]);
    close(validator);
}

#endif
