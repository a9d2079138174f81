#include "agent/session/message.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/base/fd.h"

#define PEEK_BYTES  (4 * 1024)
#define REPLY_BYTES (4 * 1024) /* most are shorter */

void
message_in_init(struct message_in *m)
{
    *m = (struct message_in){0};
    for (int i = 0; i < LIMIT_REQUEST_FDS; i++)
        m->fds[i] = -1;
}

void
message_in_drop(struct message_in *m)
{
    for (int i = 0; i < LIMIT_REQUEST_FDS; i++)
        fd_drop(&m->fds[i]);
    m->fd_count = 0;
    buf_drop(&m->text);
}

/* ---- reading --------------------------------------------------------------
 */

/* Looks at the next bytes, at most N, without taking them: > 0; 0: the end;
 * -1: nothing there yet; -2: failed. No room for descriptors is offered, so
 * none are made here. */
static ssize_t
peek(int conn, void *out, size_t n)
{
    ssize_t seen = recv(conn, out, n, MSG_PEEK | MSG_DONTWAIT);

    if (seen >= 0)
        return seen;
    return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

static void
take_fds(struct msghdr *msg, struct message_in *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t count;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (m->fd_count < LIMIT_REQUEST_FDS) {
                m->fds[m->fd_count++] = fd;
            } else {
                fd_drop(&fd);
                m->fds_cut = true;
            }
        }
    }
    if (msg->msg_flags & MSG_CTRUNC)
        m->fds_cut = true;
}

/* Takes exactly N bytes, which peek() has seen, and their descriptors. */
static bool
take(int conn, size_t n, struct message_in *m)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * LIMIT_REQUEST_FDS)];
    } control;

    while (n > 0) {
        struct iovec iov = {m->text.data + m->text.len, n};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
        ssize_t got = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        take_fds(&msg, m);
        m->text.len += (size_t)got;
        n -= (size_t)got;
    }
    return true;
}

/* Reads what can be seen of the message. The kernel shows no byte behind
 * one that carries descriptors, so a message may be seen in pieces. */
static enum message_got
read_piece(int conn, struct message_in *m)
{
    size_t room = LIMIT_REQUEST_BYTES - m->text.len;
    const uint8_t *end;
    ssize_t seen;
    size_t n;

    if (room == 0)
        return MESSAGE_TOO_LONG;
    if (room > PEEK_BYTES)
        room = PEEK_BYTES;
    buf_reserve(&m->text, room);
    seen = peek(conn, m->text.data + m->text.len, room);
    if (seen == -1)
        return MESSAGE_PART;
    if (seen <= 0)
        return MESSAGE_HUNG_UP;
    end = memchr(m->text.data + m->text.len, 0, (size_t)seen);
    n = end ? (size_t)(end - (m->text.data + m->text.len)) + 1 : (size_t)seen;
    if (!take(conn, n, m))
        return MESSAGE_HUNG_UP;
    if (!end)
        return MESSAGE_PART;
    m->text.len--;
    return MESSAGE_WHOLE;
}

enum message_got
message_read(int conn, int deadline_ms, struct message_in *out)
{
    enum message_got got = read_piece(conn, out); /* often it is there */
    int64_t end = 0;

    while (got == MESSAGE_PART) {
        bool begun = out->text.len > 0;
        int64_t left;
        int ready;

        if (begun && end == 0)
            end = clock_ms() + deadline_ms;
        left = begun ? end - clock_ms() : -1;
        if (begun && left < 0)
            return MESSAGE_TOO_SLOW;
        ready = fd_wait_readable(conn, (int)left);
        if (ready == 0)
            return MESSAGE_TOO_SLOW;
        got = ready < 0 ? MESSAGE_HUNG_UP : read_piece(conn, out);
    }
    return got;
}

enum message_got
message_peek(int conn, int idle_ms, struct buf *out)
{
    const uint8_t *end;
    ssize_t seen = -1;

    buf_reserve(out, PEEK_BYTES);
    while (seen == -1) {
        int ready = fd_wait_readable(conn, idle_ms);

        if (ready < 0)
            return MESSAGE_HUNG_UP;
        if (ready == 0)
            return MESSAGE_PART;
        seen = peek(conn, out->data, PEEK_BYTES);
    }
    if (seen <= 0)
        return MESSAGE_HUNG_UP;
    end = memchr(out->data, 0, (size_t)seen);
    if (!end)
        return MESSAGE_PART;
    out->len = (size_t)(end - out->data);
    return MESSAGE_WHOLE;
}

bool
message_take(int conn, struct slice seen, struct message_in *out)
{
    buf_reserve(&out->text, seen.n + 1);
    if (!take(conn, seen.n + 1, out))
        return false;
    out->text.len--;
    return true;
}

/* ---- writing --------------------------------------------------------------
 */

static bool
wait_writable(int conn, int64_t end)
{
    struct pollfd wanted = {.fd = conn, .events = POLLOUT};
    int64_t left = end - clock_ms();
    int n;

    if (left <= 0)
        return false;
    n = poll(&wanted, 1, (int)left);
    return n > 0 || (n < 0 && errno == EINTR);
}

static bool
send_all(int conn, const char *p, size_t n, int64_t end)
{
    while (n > 0) {
        ssize_t sent = send(conn, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            if (!wait_writable(conn, end))
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* Into the room that most replies fit in, else once more. */
static void
text_write(const json_t *message, struct buf *out)
{
    size_t room = REPLY_BYTES, n;

    while ((n = json_dumpb(message, (char *)buf_room(out, room), room,
                           JSON_COMPACT)) > room) {
        buf_reserve(out, room); /* what there is of it is wiped, too */
        room = n;
    }
    if (n == 0)
        bug("a reply is not JSON");
    buf_written(out, n);
    buf_add_byte(out, '\0');
}

bool
message_write(int conn, const json_t *message, int deadline_ms)
{
    AUTO(buf) struct buf text = {0};

    text_write(message, &text);
    return send_all(conn, (const char *)text.data, text.len,
                    clock_ms() + deadline_ms);
}
