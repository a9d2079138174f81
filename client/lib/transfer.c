#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "client/lib/client.h"

#define FIRST_ROOM_BYTES 16384

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
deadline_after(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

static enum transfer_result
ready_wait(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        int64_t left = deadline < 0 ? -1 : deadline - now_ms();
        int n;

        if (deadline >= 0 && left < 0)
            return TRANSFER_LATE;
        n = poll(&p, 1, (int)left);
        if (n > 0)
            return TRANSFER_DONE;
        if (n < 0 && errno != EINTR)
            return TRANSFER_LOST;
    }
}

/* The descriptors travel on the first byte: with whatever part of the
 * message the kernel takes at first. */
static ssize_t
part_send(int fd, const char *p, size_t n, const int *fds, int fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * SMIME_LIMIT_FDS)];
    } control = {.room = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

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
    return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

enum transfer_result
bytes_send(int fd, const char *p, size_t n, const int *fds, int fd_count,
           int64_t deadline)
{
    while (n > 0) {
        ssize_t sent = part_send(fd, p, n, fds, fd_count);

        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
            fd_count = 0;
        } else if (sent < 0 && errno == EAGAIN) {
            enum transfer_result t = ready_wait(fd, POLLOUT, deadline);

            if (t != TRANSFER_DONE)
                return t;
        } else if (sent == 0 || errno != EINTR) {
            return TRANSFER_LOST;
        }
    }
    return TRANSFER_DONE;
}

void
inbox_drop(struct inbox *in)
{
    free(in->data);
    *in = (struct inbox){NULL, 0, 0};
}

static bool
inbox_grow(struct inbox *in)
{
    size_t cap = in->cap == 0 ? FIRST_ROOM_BYTES : in->cap * 2;
    char *data = realloc(in->data, cap);

    if (!data)
        return false;
    in->data = data;
    in->cap = cap;
    return true;
}

/* Receives what is there. Sets *ended when a message is whole. */
static enum transfer_result
part_receive(int fd, struct inbox *in, bool *ended)
{
    char *at;
    ssize_t got;

    if (in->len == in->cap &&
        (in->len >= SMIME_LIMIT_REPLY_BYTES || !inbox_grow(in)))
        return TRANSFER_HUGE;
    at = in->data + in->len;
    got = recv(fd, at, in->cap - in->len, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? TRANSFER_DONE
                                                 : TRANSFER_LOST;
    if (got == 0)
        return TRANSFER_LOST;
    in->len += (size_t)got;
    *ended = memchr(at, '\0', (size_t)got) != NULL;
    return TRANSFER_DONE;
}

/* Gives the first message of those that are there. */
static enum transfer_result
message_take(struct inbox *in, char **out)
{
    size_t n = strnlen(in->data, in->len) + 1;
    char *rest = in->len > n ? malloc(in->len - n) : NULL;

    if (in->len > n && !rest)
        return TRANSFER_HUGE;
    if (rest)
        memcpy(rest, in->data + n, in->len - n);
    *out = in->data;
    in->data = rest;
    in->len -= n;
    in->cap = in->len;
    return TRANSFER_DONE;
}

enum transfer_result
message_receive(int fd, int64_t deadline, struct inbox *in, char **out)
{
    enum transfer_result t = TRANSFER_DONE;
    bool ended = in->len > 0 && memchr(in->data, '\0', in->len) != NULL;

    while (t == TRANSFER_DONE && !ended) {
        t = ready_wait(fd, POLLIN, deadline);
        if (t == TRANSFER_DONE)
            t = part_receive(fd, in, &ended);
    }
    return t == TRANSFER_DONE ? message_take(in, out) : t;
}
