/*
 * A fake agent in a thread: serves a few connections side by side, reads
 * requests, and answers each with the next prepared text. Keeps what it saw.
 */
#ifndef TESTS_UNIT_CLIENT_SERVER_H
#define TESTS_UNIT_CLIENT_SERVER_H

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/lib/smime_client.h"

#include <cmocka.h>

#include "agent/base/fd.h"

#define LIMIT_SEEN 16

struct server {
    char path[128];
    int listener;
    int stop[2];
    pthread_t thread;
    const char *answers[LIMIT_SEEN]; /* NULL: close without one */
    size_t answer_bytes[LIMIT_SEEN]; /* 0: the text and its NUL */
    size_t chunk;                    /* sent in pieces of this size */
    char requests[LIMIT_SEEN][4096];
    int fd_counts[LIMIT_SEEN];
    char read_from_fd[LIMIT_SEEN][256]; /* what descriptor 0 held */
    const char *write_to_fd1;           /* what descriptor 1 gets */
    int count;
};

/* Receives one request with its descriptors; false at the end. */
static bool
server_receive(struct server *s, int conn, int fds[SMIME_LIMIT_FDS])
{
    char *request = s->requests[s->count];
    size_t len = 0;

    s->fd_counts[s->count] = 0;
    while (len == 0 || request[len - 1] != '\0') {
        char control[CMSG_SPACE(sizeof(int) * SMIME_LIMIT_FDS)];
        struct iovec part = {request + len, sizeof(s->requests[0]) - len};
        struct msghdr msg = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
        ssize_t got = recvmsg(conn, &msg, MSG_CMSG_CLOEXEC);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        if (got <= 0)
            return false;
        if (c && len == 0) {
            size_t bytes = c->cmsg_len - CMSG_LEN(0);

            s->fd_counts[s->count] = (int)(bytes / sizeof(int));
            memcpy(fds, CMSG_DATA(c), bytes);
        }
        len += (size_t)got;
    }
    return true;
}

static void
server_use_fds(struct server *s, const int *fds)
{
    int count = s->fd_counts[s->count];

    if (count > 0)
        (void)!read(fds[0], s->read_from_fd[s->count],
                    sizeof(s->read_from_fd[0]) - 1);
    if (count > 1 && s->write_to_fd1)
        (void)!write(fds[1], s->write_to_fd1, strlen(s->write_to_fd1));
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static bool
server_answer(struct server *s, int conn)
{
    const char *text = s->answers[s->count];
    size_t n = s->answer_bytes[s->count];

    s->count++;
    if (!text)
        return false;
    if (n == 0)
        n = strlen(text) + 1;
    for (size_t at = 0; at < n;) {
        size_t piece = s->chunk && s->chunk < n - at ? s->chunk : n - at;
        ssize_t sent = send(conn, text + at, piece, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

/* One request and its answer; false when the connection is at its end. */
static bool
server_exchange(struct server *s, int conn)
{
    int fds[SMIME_LIMIT_FDS];

    if (s->count == LIMIT_SEEN || !server_receive(s, conn, fds))
        return false;
    server_use_fds(s, fds);
    return server_answer(s, conn);
}

#define LIMIT_SERVED 4

static void *
server_run(void *arg)
{
    struct server *s = arg;
    struct pollfd wanted[2 + LIMIT_SERVED] = {
        {.fd = s->listener, .events = POLLIN},
        {.fd = s->stop[0], .events = POLLIN}};
    nfds_t n = 2;

    while (poll(wanted, n, -1) > 0 && wanted[1].revents == 0) {
        for (nfds_t i = n - 1; i >= 2; i--)
            if (wanted[i].revents != 0 && !server_exchange(s, wanted[i].fd)) {
                close(wanted[i].fd);
                wanted[i] = wanted[--n];
            }
        if (wanted[0].revents != 0 && n < 2 + LIMIT_SERVED)
            wanted[n++] = (struct pollfd){.fd = accept(s->listener, NULL, NULL),
                                          .events = POLLIN};
    }
    while (n > 2)
        close(wanted[--n].fd);
    return NULL;
}

/* Listens at PATH without a thread yet. */
static void
server_listen(struct server *s, const char *suffix)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char base[64];

    *s = (struct server){.count = 0};
    snprintf(base, sizeof(base), "/tmp/client-test-%d", (int)getpid());
    snprintf(a.sun_path, sizeof(a.sun_path), "%s%s", base, suffix);
    memcpy(s->path, a.sun_path, sizeof(a.sun_path));
    (void)unlink(s->path);
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->listener, 8), 0);
    assert_int_equal(pipe(s->stop), 0);
    setenv("SMIME_AGENT_SOCK", base, 1);
}

static void
server_start(struct server *s)
{
    assert_int_equal(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void
server_stop(struct server *s)
{
    close(s->stop[1]);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    close(s->stop[0]);
    close(s->listener);
    unlink(s->path);
}

#endif
