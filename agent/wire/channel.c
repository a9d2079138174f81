#include "agent/wire/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/wire/packet.h"

#define ANY_PROCESS PROCESS_ANY

static const struct message_row rows[MSG_COUNT] = {
#define X(message, sender, receiver, rights, verbs, request, reply, bytes,     \
          uses, request_fds, reply_fds)                                        \
    [message] = {#message, sender,           receiver,       rights,           \
                 verbs,    RECORD_##request, RECORD_##reply, bytes,            \
                 uses,     request_fds,      reply_fds},
#include "agent/wire/messages.def"
#undef X
};

const struct message_row *
message_row(enum message m)
{
    return &rows[m];
}

void
frame_init(struct frame *f)
{
    memset(f, 0, sizeof(*f));
    for (int i = 0; i < LIMIT_FRAME_FDS; i++)
        f->fds[i] = -1;
}

static void
frame_close_fds(struct frame *f)
{
    for (int i = 0; i < LIMIT_FRAME_FDS; i++)
        fd_drop(&f->fds[i]);
    f->fd_count = 0;
}

void
frame_drop(struct frame *f)
{
    frame_close_fds(f);
    buf_drop(&f->bytes);
}

bool
channel_pair(int out[2])
{
    int pair[2];
    int room = 2 * LIMIT_FRAME_BYTES;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    /* A whole frame must fit; where the system's limit is lower it stays
     * there, and too large a frame is refused with EMSGSIZE. */
    for (int i = 0; i < 2; i++)
        (void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    out[0] = pair[0];
    out[1] = pair[1];
    return true;
}

/* ---- packets: a header of eight bytes, then a record -------------------- */

bool
packet_send(int fd, struct packet_header header, struct slice body,
            const int *fds, int fd_count)
{
    uint8_t head[PACKET_HEADER_BYTES] = {(uint8_t)(header.message >> 8),
                                         (uint8_t)header.message,
                                         (uint8_t)header.kind,
                                         (uint8_t)(header.code >> 8),
                                         (uint8_t)header.code,
                                         0,
                                         0,
                                         0};
    struct iovec iov[2] = {{head, sizeof(head)},
                           {(void *)(uintptr_t)body.p, body.n}};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * LIMIT_FRAME_FDS)];
    } control = {0};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t sent;

    if (fd_count > 0) {
        size_t bytes = sizeof(int) * (size_t)fd_count;
        struct cmsghdr *c;

        msg.msg_control = control.room;
        msg.msg_controllen = CMSG_SPACE(bytes);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(c), fds, bytes);
    }
    do
        sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* Moves the descriptors of a received message into the frame; surplus ones
 * are closed. false when the kernel had to cut them. */
static bool
packet_take_fds(struct msghdr *msg, struct frame *frame)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t count;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (frame->fd_count < LIMIT_FRAME_FDS)
                frame->fds[frame->fd_count++] = fd;
            else
                fd_drop(&fd);
        }
    }
    return (msg->msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
}

int
packet_receive(int fd, struct frame *frame, struct packet_header *out)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * LIMIT_FRAME_FDS)];
    } control;
    struct iovec iov;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    const uint8_t *d;
    ssize_t got;

    frame_close_fds(frame);
    frame->bytes.len = 0;
    iov.iov_len = LIMIT_FRAME_BYTES + PACKET_HEADER_BYTES;
    iov.iov_base = buf_room(&frame->bytes, iov.iov_len);
    /* Whoever left without reading all is told of once, before what it said
     * itself, which is still there. */
    do
        got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got <= 0)
        return (int)got;
    buf_written(&frame->bytes, (size_t)got);
    if (!packet_take_fds(&msg, frame) || (size_t)got < PACKET_HEADER_BYTES) {
        errno = EBADMSG;
        return -1;
    }
    d = frame->bytes.data;
    out->message = (uint16_t)(d[0] << 8 | d[1]);
    out->kind = d[2];
    out->code = (uint16_t)(d[3] << 8 | d[4]);
    return 1;
}

struct slice
packet_body(const struct frame *frame)
{
    return slice_of(frame->bytes.data + PACKET_HEADER_BYTES,
                    frame->bytes.len - PACKET_HEADER_BYTES);
}

/* ---- requests ------------------------------------------------------------ */

bool
channel_send(int fd, enum message m, const void *request, const int *fds,
             int fd_count)
{
    static const struct empty nothing;
    struct packet_header h = {.message = (uint16_t)m, .kind = PACKET_REQUEST};
    AUTO(buf) struct buf body = {0};

    record_encode(rows[m].request, request ? request : &nothing, &body);
    return packet_send(fd, h, buf_slice(&body), fds, fd_count);
}

/* Waits for a reply, a client that left, or the deadline. */
static enum err
wait_reply(int fd, const struct channel_wait *wait, struct problem *p)
{
    struct pollfd poll_fds[2] = {
        {.fd = fd, .events = POLLIN},
        {.fd = wait->watch, .events = POLLRDHUP},
    };
    int64_t end = clock_ms() + wait->timeout_ms;

    for (;;) {
        int64_t left = wait->timeout_ms < 0 ? -1 : end - clock_ms();
        int n;

        if (wait->timeout_ms >= 0 && left < 0)
            return fail(p, ERR_TOKEN_BUSY, NULL);
        n = poll(poll_fds, 2, (int)left);
        if (n < 0 && errno != EINTR)
            return fail(p, wait->lost, NULL);
        if (poll_fds[0].revents != 0 && n > 0)
            return ERR_OK;
        if (poll_fds[1].revents != 0 && n > 0)
            return fail(p, ERR_CANCELLED, "the client went away");
    }
}

/* Gives the packet that ends the call. */
static enum err
receive_reply(int fd, enum message m, const struct channel_wait *wait,
              struct frame *frame, struct packet_header *h, struct problem *p)
{
    for (int i = 0; i <= LIMIT_NOTICES; i++) {
        struct notice n;
        enum err e = wait_reply(fd, wait, p);

        if (e != ERR_OK)
            return e;
        if (packet_receive(fd, frame, h) != 1 || h->message != m)
            break;
        if (h->kind != PACKET_NOTICE)
            return ERR_OK;
        if (!record_decode(RECORD_notice, packet_body(frame), &n))
            break;
        if (wait->notice)
            wait->notice(wait->arg, &n);
    }
    return fail(p, wait->lost, NULL);
}

enum err
channel_collect(int fd, enum message m, const struct channel_wait *wait,
                struct frame *frame, void *reply, struct problem *p)
{
    const struct message_row *row = &rows[m];
    struct packet_header h;
    enum err e = receive_reply(fd, m, wait, frame, &h, p);

    if (e != ERR_OK)
        return e;
    if (h.kind == PACKET_PROBLEM)
        return packet_read_problem(frame, h.code, wait->lost, p);
    if (h.kind != PACKET_REPLY || frame->fd_count > row->reply_fds ||
        !record_decode(row->reply, packet_body(frame), reply))
        return fail(p, wait->lost, NULL);
    return ERR_OK;
}

enum err
channel_call(int fd, enum message m, const void *request, const int *fds,
             int fd_count, const struct channel_wait *wait, struct frame *frame,
             void *reply, struct problem *p)
{
    if (!channel_send(fd, m, request, fds, fd_count))
        return fail(p, wait->lost, NULL);
    return channel_collect(fd, m, wait, frame, reply, p);
}
