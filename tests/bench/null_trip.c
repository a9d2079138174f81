#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define REQUEST_BYTES 200
#define SIGN_BYTES    150
#define REPLY_BYTES   300

struct null_trip {
    int to_session;
    int memory[2];
    pid_t session;
    pid_t keyholder;
};

/* Answers packets until the other side is gone. */
static _Noreturn void
keyholder(int fd)
{
    char bytes[REPLY_BYTES] = {0};

    while (recv(fd, bytes, sizeof(bytes), 0) > 0)
        if (send(fd, bytes, REPLY_BYTES, MSG_NOSIGNAL) < 0)
            break;
    _exit(0);
}

static _Noreturn void
session(int fd, int to_keyholder)
{
    char bytes[REPLY_BYTES] = {0};

    for (;;) {
        char control[CMSG_SPACE(2 * sizeof(int))];
        struct iovec iov = {bytes, sizeof(bytes)};
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        int fds[2];

        if (recvmsg(fd, &m, 0) <= 0)
            _exit(0);
        memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fds));
        if (send(to_keyholder, bytes, SIGN_BYTES, MSG_NOSIGNAL) < 0 ||
            recv(to_keyholder, bytes, sizeof(bytes), 0) <= 0 ||
            send(fd, bytes, REPLY_BYTES, MSG_NOSIGNAL) < 0)
            _exit(0);
        close(fds[0]);
        close(fds[1]);
    }
}

struct null_trip *
null_trip_open(void)
{
    struct null_trip *n = calloc(1, sizeof(*n));
    int a[2], b[2];

    if (!n || socketpair(AF_UNIX, SOCK_STREAM, 0, a) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, b) != 0)
        die("no socket pair");
    for (int i = 0; i < 2; i++)
        n->memory[i] = memfd_create("null", 0);
    n->keyholder = fork();
    if (n->keyholder == 0) {
        close(a[0]);
        close(a[1]);
        close(b[0]);
        keyholder(b[1]);
    }
    n->session = fork();
    if (n->session == 0) {
        close(a[0]);
        close(b[1]);
        session(a[1], b[0]);
    }
    close(a[1]);
    close(b[0]);
    close(b[1]);
    n->to_session = a[0];
    return n;
}

void
null_trip_run(struct null_trip *n)
{
    char bytes[REPLY_BYTES] = {0};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec iov = {bytes, REQUEST_BYTES};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.room,
                       .msg_controllen = sizeof(control.room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), n->memory, 2 * sizeof(int));
    if (sendmsg(n->to_session, &m, 0) < 0 ||
        recv(n->to_session, bytes, sizeof(bytes), MSG_WAITALL) != REPLY_BYTES)
        die("the null round trip broke");
}

void
null_trip_close(struct null_trip *n)
{
    close(n->to_session);
    waitpid(n->session, NULL, 0);
    waitpid(n->keyholder, NULL, 0);
    free(n);
}
