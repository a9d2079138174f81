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

static enum transfer
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

enum transfer
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
            enum transfer t = ready_wait(fd, POLLOUT, deadline);

            if (t != TRANSFER_DONE)
                return t;
        } else if (sent == 0 || errno != EINTR) {
            return TRANSFER_LOST;
        }
    }
    return TRANSFER_DONE;
}

struct room {
    char *data;
    size_t len;
    size_t cap;
};

static bool
room_grow(struct room *r)
{
    size_t cap = r->cap == 0 ? FIRST_ROOM_BYTES : r->cap * 2;
    char *data = realloc(r->data, cap);

    if (!data)
        return false;
    r->data = data;
    r->cap = cap;
    return true;
}

/* Receives what is there. Sets *ended when the message is whole. */
static enum transfer
part_receive(int fd, struct room *r, bool *ended)
{
    char *at;
    ssize_t got;

    if (r->len == r->cap &&
        (r->len >= SMIME_LIMIT_REPLY_BYTES || !room_grow(r)))
        return TRANSFER_HUGE;
    at = r->data + r->len;
    got = recv(fd, at, r->cap - r->len, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? TRANSFER_DONE
                                                 : TRANSFER_LOST;
    if (got == 0)
        return TRANSFER_LOST;
    r->len += (size_t)got;
    *ended = memchr(at, '\0', (size_t)got) != NULL;
    return TRANSFER_DONE;
}

enum transfer
message_receive(int fd, int64_t deadline, char **out, size_t *out_len)
{
    struct room r = {NULL, 0, 0};
    enum transfer t = TRANSFER_DONE;
    bool ended = false;

    while (t == TRANSFER_DONE && !ended) {
        t = ready_wait(fd, POLLIN, deadline);
        if (t == TRANSFER_DONE)
            t = part_receive(fd, &r, &ended);
    }
    /* One answer to one question: nothing may come behind it. */
    if (t == TRANSFER_DONE && strnlen(r.data, r.len) != r.len - 1)
        t = TRANSFER_LOST;
    if (t != TRANSFER_DONE) {
        free(r.data);
        return t;
    }
    *out = r.data;
    *out_len = r.len;
    return TRANSFER_DONE;
}
