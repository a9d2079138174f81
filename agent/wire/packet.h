/*
 * One packet on a channel: a header, a record, descriptors. Inside
 * agent/wire only: everybody else speaks through channel.h.
 */
#ifndef AGENT_WIRE_PACKET_H
#define AGENT_WIRE_PACKET_H

#include "agent/wire/channel.h"

#define PACKET_HEADER_BYTES 8

enum packet_kind {
    PACKET_REQUEST = 1,
    PACKET_REPLY = 2,
    PACKET_PROBLEM = 3,
    PACKET_NOTICE = 4 /* before the reply */
};

struct packet_header {
    uint16_t message;
    uint8_t kind;
    uint16_t code; /* of a problem: enum err */
};

/* One packet; BODY and FDS (at most LIMIT_FRAME_FDS) are borrowed. Waits until
 * there is room for it. False: errno. */
bool packet_send(int fd, struct packet_header header, struct slice body,
                 const int *fds, int fd_count);

/* 1: *out and the frame are set; 0: end of the channel; -1: errno, where
 * EBADMSG is a packet that was cut or is too short. */
int packet_receive(int fd, struct frame *frame, struct packet_header *out);

/* The record's bytes of a received packet, borrowed. */
struct slice packet_body(const struct frame *frame);

/* Reads a problem packet into *p and gives its code; LOST when malformed. */
enum err packet_read_problem(const struct frame *frame, uint16_t code,
                             enum err lost, struct problem *p);

#endif
