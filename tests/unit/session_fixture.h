/*
 * A session without its processes: a client's connection, a keyholder and a
 * keyring that are threads, and (without REAL_HANDLERS) handlers that stand
 * in for those of mail. Included once by each of the session's unit tests.
 */
#ifndef TESTS_UNIT_SESSION_FIXTURE_H
#define TESTS_UNIT_SESSION_FIXTURE_H

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/session/serve.h"
#include "agent/session/session.h"

#define UNUSED __attribute__((unused))

/* ---- a keyholder or keyring ------------------------------------------------
 */

/* answer: gives false to go away without a reply. */
struct peer {
    struct served served;
    pthread_t thread;
    bool (*answer)(struct peer *p, enum message m, struct frame *frame,
                   const union any_record *request);
    struct narrow last_narrow; /* numbers only */
    char tty[256];
    int narrowings;
    int requests;
};

static bool
peer_step(struct peer *p, struct frame *frame)
{
    union any_record request;
    enum message m;

    switch (channel_receive(&p->served, frame, &m, &request)) {
    case RECEIVED_REQUEST:
        break;
    case RECEIVED_REFUSED:
        return true;
    case RECEIVED_EOF:
    case RECEIVED_BROKEN:
        return false;
    }
    p->requests++;
    if (m != MSG_NARROW)
        return p->answer(p, m, frame, &request);
    p->narrowings++;
    p->last_narrow.verb = request.narrow.verb;
    p->last_narrow.ops = request.narrow.ops;
    snprintf(p->tty, sizeof(p->tty), "%.*s", (int)request.narrow.tty.n,
             (const char *)request.narrow.tty.p);
    return true;
}

static void *
peer_run(void *arg)
{
    struct peer *p = arg;
    struct frame frame;

    frame_init(&frame);
    while (peer_step(p, &frame))
        continue;
    frame_drop(&frame);
    fd_drop(&p->served.fd);
    return NULL;
}

/* Gives the session's end. */
static int
peer_start(struct peer *p, enum process self, uint32_t rights)
{
    int pair[2];

    assert_true(channel_pair(pair));
    p->served = (struct served){.fd = pair[0], .self = self, .rights = rights};
    assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
    return pair[1];
}

static bool
answer_nothing(struct peer *p, enum message m, struct frame *frame,
               const union any_record *request)
{
    (void)p;
    (void)m;
    (void)frame;
    (void)request;
    return false;
}

/* ---- the session ------------------------------------------------------------
 */

struct world {
    struct session s;
    struct peer keyholder;
    struct peer keyring;
    int client;
    pthread_t thread;
    enum serve_end end;
};

UNUSED static void
world_open(struct world *w, uint32_t rights)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
                     0);
    w->client = pair[0];
    w->s = (struct session){.id = 1,
                            .conn = pair[1],
                            .broker = -1,
                            .scratch = {.fd = -1, .broker = -1},
                            .rights = rights};
    frame_init(&w->s.keyholder_frame);
    frame_init(&w->s.keyring_frame);
    if (!w->keyholder.answer)
        w->keyholder.answer = answer_nothing;
    if (!w->keyring.answer)
        w->keyring.answer = answer_nothing;
    w->s.keyholder = peer_start(&w->keyholder, PROCESS_KEYHOLDER, rights);
    w->s.keyring = peer_start(&w->keyring, PROCESS_KEYRING, rights);
    w->s.narrowing = w->s.keyring;
}

static void *
world_serve(void *arg)
{
    struct world *w = arg;

    w->end = serve_connection(&w->s);
    return NULL;
}

UNUSED static void
world_start(struct world *w)
{
    assert_int_equal(pthread_create(&w->thread, NULL, world_serve, w), 0);
}

UNUSED static enum serve_end
world_join(struct world *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    return w->end;
}

UNUSED static void
world_close(struct world *w)
{
    fd_drop(&w->client);
    fd_drop(&w->s.conn);
    fd_drop(&w->s.keyholder);
    fd_drop(&w->s.keyring);
    pthread_join(w->keyholder.thread, NULL);
    pthread_join(w->keyring.thread, NULL);
    frame_drop(&w->s.keyholder_frame);
    frame_drop(&w->s.keyring_frame);
}

/* ---- the client
 * -------------------------------------------------------------- */

static void
send_bytes(int fd, const void *p, size_t n, const int *fds, int fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * (LIMIT_REQUEST_FDS + 1))];
    } control = {0};
    struct iovec iov = {(void *)(uintptr_t)p, n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

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
    assert_int_equal(sendmsg(fd, &msg, MSG_NOSIGNAL), n);
}

/* A pipe that holds TEXT. */
UNUSED static int
input_of(const char *text)
{
    int pair[2];

    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    assert_true(fd_write_all(pair[1], text, strlen(text)));
    close(pair[1]);
    return pair[0];
}

/* With its NUL. */
UNUSED static void
send_message(int fd, const char *text, const int *fds, int fd_count)
{
    send_bytes(fd, text, strlen(text) + 1, fds, fd_count);
}

/* One reply; NULL at the end of the connection. */
UNUSED static json_t *
receive_message(int fd)
{
    AUTO(buf) struct buf text = {0};
    uint8_t byte;
    ssize_t n;

    while ((n = read(fd, &byte, 1)) == 1 && byte != 0)
        buf_add_byte(&text, byte);
    return n == 1 ? json_loadb((const char *)text.data, text.len, 0, NULL)
                  : NULL;
}

static const json_t *
at(const json_t *reply, const char *name)
{
    return json_object_get(json_object_get(reply, "parameters"), name);
}

UNUSED static const char *
text_at(const json_t *reply, const char *name)
{
    const char *text = json_string_value(at(reply, name));

    return text ? text : "(none)";
}

UNUSED static const char *
error_of(const json_t *reply)
{
    const char *text = json_string_value(json_object_get(reply, "error"));

    return text ? text : "(none)";
}

/* The first byte that can be read from FD without waiting; -1: none. */
UNUSED static int
next_byte(int fd)
{
    uint8_t byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? byte : -1;
}

UNUSED static int
count_open(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

#ifndef REAL_HANDLERS

/* ---- handlers that stand in
 * --------------------------------------------------- */

/* Weak, so that the library's own are not drawn in. */
#define STAND_IN __attribute__((weak)) enum err

static bool sign_loses_a_channel;

static enum err
sign_as(struct request *r, enum verb verb, json_t **out)
{
    AUTO(fd) int in = -1;
    char byte = '?';
    enum err e = request_fd(r, "input", &in);

    if (e == ERR_OK)
        e = session_narrow(r, verb, 3, slice_of(NULL, 0));
    if (e == ERR_OK)
        e = session_narrow(r, verb, 3, slice_text("key"));
    if (e != ERR_OK)
        return e;
    if (read(in, &byte, 1) != 1)
        return fail(&r->problem, ERR_INPUT, "%s", strerror(errno));
    r->session->ops_left--;
    r->session->lost = sign_loses_a_channel;
    *out = json_pack("{s:s#, s:i}", "read", &byte, 1, "left",
                     (int)r->session->ops_left);
    return ERR_OK;
}

STAND_IN
mail_sign(struct request *r, json_t **out)
{
    return sign_as(r, VERB_SIGN, out);
}

STAND_IN
mail_encrypt(struct request *r, json_t **out)
{
    return sign_as(r, VERB_ENCRYPT, out);
}

/* Fails with facts. */
STAND_IN
mail_decrypt(struct request *r, json_t **out)
{
    (void)out;
    r->problem = (struct problem){.code = ERR_PIN_WRONG, .tries_left = 2};
    problem_set_token(&r->problem, "card\xff");
    return ERR_PIN_WRONG;
}

STAND_IN
mail_verify(struct request *r, json_t **out)
{
    *out = json_pack("{s:i}", "descriptors", r->fd_count);
    return ERR_OK;
}

static void (*deed)(void);

/* Reads mail, and does what mail should never make it do. */
STAND_IN
mail_open(struct request *r, json_t **out)
{
    AUTO(fd) int in = -1;
    char byte;

    if (request_fd(r, "input", &in) != ERR_OK || read(in, &byte, 1) != 1)
        return ERR_INPUT;
    if (deed)
        deed();
    *out = json_pack("{s:s#}", "read", &byte, 1);
    return ERR_OK;
}

STAND_IN
contacts_harvest(struct request *r, json_t **out)
{
    (void)r;
    (void)out;
    return ERR_OK;
}

#endif

#endif
