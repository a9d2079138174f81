/*
 * One request as a session serves it: the input up to a NUL is the message,
 * the rest is what its first descriptor holds. Keyholder and keyring answer
 * in this process, with nothing or with an error. Whatever was asked, the
 * answer is a Varlink reply or error that a parser reads back, no internal
 * request is over its limits, and after an error the output is empty.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/session/channels.h"
#include "agent/session/methods.h"
#include "agent/wire/packet.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/outline.h"

static uint32_t answers; /* bits that decide what the others say */

static bool
next_answer(void)
{
    answers = answers >> 1 | answers << 31;
    return answers & 1;
}

/* The keys of the person: page after page, two in all. */
static void
reply_keys(const struct page *page, struct list_reply *reply)
{
    static struct buf bytes;
    AUTO(buf) struct buf certificate = {0};
    struct key_record k = {.ref = slice_text("ref"),
                           .id = slice_text("id"),
                           .token = slice_text("card"),
                           .type = page->cursor == 0 ? KEY_RSA : KEY_EC,
                           .uses = USE_SIGN | USE_DECRYPT,
                           .flags = KEY_HAS_PRIVATE};

    outline_certificate((uint8_t)(page->cursor + 1), &certificate);
    k.certificate = buf_slice(&certificate);
    buf_clear(&bytes);
    record_encode(RECORD_key_record, &k, &bytes);
    reply->records.item[0] = buf_slice(&bytes);
    reply->records.n = 1;
    reply->next = page->cursor == 0;
}

static void
reply_secret(enum message m, const void *request, void *reply)
{
    static const uint8_t zero[64];

    if (m == MSG_UNWRAP)
        ((struct unwrap_reply *)reply)->key =
            slice_of(zero, ((const struct unwrap_request *)request)->key_bytes);
    if (m == MSG_AGREE)
        ((struct agree_reply *)reply)->kek =
            slice_of(zero, ((const struct agree_request *)request)->kek_bytes);
}

static enum err
reply_to(struct request *r, enum message m, const void *request, void *reply,
         enum err lost)
{
    AUTO(buf) struct buf bytes = {0};

    if (request)
        record_encode(message_row(m)->request, request, &bytes);
    REQUIRE(bytes.len + PACKET_HEADER_BYTES <= message_row(m)->limit_bytes);
    memset(reply, 0, record_size(message_row(m)->reply));
    if (next_answer() && next_answer() && next_answer())
        return fail(&r->problem, lost, NULL);
    if (m == MSG_KEYS)
        reply_keys(request, reply);
    if (m == MSG_DESCRIBE)
        ((struct describe_reply *)reply)->records.n =
            ((const struct describe_request *)request)->certificates.n;
    reply_secret(m, request, reply);
    return ERR_OK;
}

enum err
keyholder_call(struct request *r, enum message m, const void *request,
               const int *fds, int fd_count, void *reply)
{
    REQUIRE(fd_count == message_row(m)->request_fds || fd_count <= 2);
    for (int i = 0; i < fd_count; i++)
        REQUIRE(fcntl(fds[i], F_GETFD) >= 0);
    return reply_to(r, m, request, reply, ERR_TOKEN_REMOVED);
}

enum err
keyring_call(struct request *r, enum message m, const void *request,
             void *reply)
{
    return reply_to(r, m, request, reply, ERR_KEYRING_LOST);
}

enum err
keyring_call_fd(struct request *r, enum message m, const void *request, int fd,
                void *reply)
{
    REQUIRE(fcntl(fd, F_GETFD) >= 0);
    return reply_to(r, m, request, reply, ERR_KEYRING_LOST);
}

enum err
keyholder_narrow(struct request *r, enum verb verb)
{
    (void)r, (void)verb;
    return ERR_OK;
}

enum err
keyring_narrow(struct request *r, enum verb verb)
{
    (void)r, (void)verb;
    return ERR_OK;
}

enum err
session_narrow(struct request *r, enum verb verb, uint32_t ops,
               struct slice key)
{
    REQUIRE(key.n <= LIMIT_REF_BYTES);
    r->session->verb = verb;
    r->session->ops_left = ops;
    return next_answer() && next_answer() && next_answer()
               ? fail(&r->problem, ERR_KEYHOLDER_LOST, NULL)
               : ERR_OK;
}

/* ---- the client -----------------------------------------------------------
 */

static int
file_of(const uint8_t *p, size_t n)
{
    int fd = memfd_create("in", MFD_CLOEXEC);

    REQUIRE(fd >= 0 && fd_write_all(fd, p, n) && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* All of it at once, with the descriptors on the first byte. */
static void
send_message(int conn, struct slice text, const int fds[2])
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = {.room = {0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)text.p,
                         .iov_len = text.n};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.room,
                         .msg_controllen = sizeof(control.room)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
    REQUIRE(sendmsg(conn, &msg, 0) == (ssize_t)text.n);
    REQUIRE(shutdown(conn, SHUT_WR) == 0);
}

static void
check_reply(const json_t *reply, int out_fd)
{
    char *text = json_dumps(reply, JSON_COMPACT);
    json_t *back = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const json_t *error = json_object_get(reply, "error");
    struct stat st;

    REQUIRE(back && json_equal(back, reply));
    REQUIRE(json_is_object(json_object_get(reply, "parameters")));
    REQUIRE(!error ||
            (json_is_string(error) && strchr(json_string_value(error), '.')));
    REQUIRE(fstat(out_fd, &st) == 0 && (!error || st.st_size == 0));
    json_decref(back);
    free(text);
}

static void
serve(struct session *s, int out_fd)
{
    struct message_in in;
    AUTO(varlink_call) struct varlink_call call = {0};
    struct problem why = {0};
    json_t *reply;

    message_in_init(&in);
    if (message_read(s->conn, 1000, &in) == MESSAGE_WHOLE) {
        if (varlink_parse(buf_slice(&in.text), &call, &why)) {
            reply = varlink_is_service(&call) ? varlink_service(&call)
                                              : method_call(s, &call, &in);
            check_reply(reply, out_fd);
            json_decref(reply);
        } else {
            REQUIRE((why.code == ERR_USAGE || why.code == ERR_LIMIT) &&
                    why.detail[0]);
        }
    }
    message_in_drop(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    size_t text = nul ? (size_t)(nul - data) + 1 : size;
    struct session s = {.scratch = {-1, -1},
                        .keyholder = -1,
                        .keyring = -1,
                        .broker = -1,
                        .rights = RIGHT_MAIL | RIGHT_MANAGE | RIGHT_RAW};
    int pair[2], fds[2];

    if (text == 0 || text > 64 * 1024)
        return 0;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    fds[0] = file_of(data + text, size - text);
    fds[1] = file_of(NULL, 0);
    s.conn = pair[0];
    answers = (uint32_t)size * 2654435761u;
    send_message(pair[1], slice_of(data, text), fds);
    serve(&s, fds[1]);
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(pair[i]);
    }
    frame_drop(&s.keyholder_frame);
    frame_drop(&s.keyring_frame);
    return 0;
}
