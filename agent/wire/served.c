/*
 * The served end of a channel: the dispatcher that refuses what a message's
 * row does not allow, and the answers.
 */
#include <errno.h>
#include <string.h>

#include "agent/base/fd.h"
#include "agent/wire/packet.h"

/* ---- answers --------------------------------------------------------------
 */

bool
channel_reply(int fd, enum message m, const void *reply, const int *fds,
              int fd_count)
{
    static const struct empty nothing;
    struct packet_header h = {.message = (uint16_t)m, .kind = PACKET_REPLY};
    AUTO(buf) struct buf body = {0};

    record_encode(message_row(m)->reply, reply ? reply : &nothing, &body);
    return packet_send(fd, h, buf_slice(&body), fds, fd_count);
}

bool
channel_notice(int fd, enum message m, const struct notice *n)
{
    struct packet_header h = {.message = (uint16_t)m, .kind = PACKET_NOTICE};
    AUTO(buf) struct buf body = {0};

    record_encode(RECORD_notice, n, &body);
    return packet_send(fd, h, buf_slice(&body), NULL, 0);
}

/* A problem is its tries and three texts, each with a length of two bytes. */
static void
put_fact(struct buf *out, const char *text)
{
    size_t n = strlen(text);

    buf_add_byte(out, (uint8_t)(n >> 8));
    buf_add_byte(out, (uint8_t)n);
    buf_add(out, text, n);
}

bool
channel_refuse(int fd, enum message m, const struct problem *p)
{
    struct packet_header h = {.message = (uint16_t)m,
                              .kind = PACKET_PROBLEM,
                              .code = (uint16_t)p->code};
    AUTO(buf) struct buf body = {0};

    buf_add_byte(&body, (uint8_t)(p->tries_left < 0 ? 0xff : p->tries_left));
    put_fact(&body, p->token);
    put_fact(&body, p->subject);
    put_fact(&body, p->detail);
    return packet_send(fd, h, buf_slice(&body), NULL, 0);
}

static bool
get_fact(struct slice *rest, char out[LIMIT_FACT_BYTES])
{
    size_t n;

    if (rest->n < 2)
        return false;
    n = (size_t)rest->p[0] << 8 | rest->p[1];
    if (n >= LIMIT_FACT_BYTES || n > rest->n - 2)
        return false;
    memcpy(out, rest->p + 2, n);
    out[n] = '\0';
    rest->p += 2 + n;
    rest->n -= 2 + n;
    return true;
}

enum err
packet_read_problem(const struct frame *frame, uint16_t code, enum err lost,
                    struct problem *p)
{
    struct slice rest = packet_body(frame);
    struct problem q = {0};

    if (code == ERR_OK || code >= ERR_COUNT || rest.n < 1)
        return fail(p, lost, NULL);
    q.code = (enum err)code;
    q.tries_left = rest.p[0] == 0xff ? -1 : rest.p[0];
    rest.p++;
    rest.n--;
    if (!get_fact(&rest, q.token) || !get_fact(&rest, q.subject) ||
        !get_fact(&rest, q.detail) || rest.n != 0)
        return fail(p, lost, NULL);
    *p = q;
    return q.code;
}

/* ---- the dispatcher --------------------------------------------------------
 */

/* A channel with rights is a session's, and a session says only what its
 * rows grant to a right: what the broker says to its children (attach,
 * serve) is not among it. A channel without rights is one between trusted
 * processes, where rows that grant by right have no place. */
static bool
row_is_mine(const struct served *s, const struct message_row *row)
{
    return (row->receiver == s->self || row->receiver == PROCESS_ANY) &&
           (row->rights != 0) == (s->rights != 0);
}

/* A verb once taken stays; operations only go down; the one signing key is
 * named once (it may follow the verb, for it can depend on the sender in
 * one's own mail's header) and stays. */
static enum err
apply_narrowing(struct served *s, const struct narrow *n, struct problem *p)
{
    if (n->verb == VERB_NONE || (n->verb & (n->verb - 1)) != 0 ||
        n->verb > VERB_RAW)
        return fail(p, ERR_USAGE, "unknown verb");
    if (n->verb == VERB_RAW && (s->rights & RIGHT_RAW) == 0)
        return fail(p, ERR_NOT_ALLOWED, NULL);
    if (s->verb != VERB_NONE &&
        (s->verb != n->verb || n->ops > s->ops_left ||
         (s->sign_key_len > 0 &&
          !slice_equal(n->key, slice_of(s->sign_key, s->sign_key_len)))))
        return fail(p, ERR_NOT_ALLOWED, "a session can only narrow itself");
    s->verb = (enum verb)n->verb;
    s->ops_left = n->ops;
    if (n->key.n > 0)
        memcpy(s->sign_key, n->key.p, n->key.n);
    s->sign_key_len = n->key.n;
    return ERR_OK;
}

/* The key that an operation is with; false: M is none. */
static bool
operation_key(enum message m, const union any_record *request,
              struct slice *out)
{
    if (m == MSG_SIGN)
        *out = request->sign_request.key;
    else if (m == MSG_UNWRAP || m == MSG_DECRYPT)
        *out = request->unwrap_request.key;
    else if (m == MSG_AGREE)
        *out = request->agree_request.key;
    else
        return false;
    return true;
}

/* A mail says itself to which of one's keys it is encrypted; who signs, or
 * uses a key raw, has named it before. */
static enum err
check_key_operation(struct served *s, enum message m,
                    const union any_record *request, struct problem *p)
{
    bool named = m == MSG_SIGN || s->verb == VERB_RAW;
    struct slice key;

    if (!operation_key(m, request, &key))
        return ERR_OK;
    if (s->ops_left == 0)
        return fail(p, ERR_NOT_ALLOWED, "no key operation left");
    if (named && s->sign_key_len == 0)
        return fail(p, ERR_NOT_ALLOWED, "no key was named to sign with");
    if (named && !slice_equal(key, slice_of(s->sign_key, s->sign_key_len)))
        return fail(p, ERR_NOT_ALLOWED, "not the key this request named");
    s->ops_left--;
    return ERR_OK;
}

/* Everything a row says, before any handler runs. */
static enum err
check_row(struct served *s, enum message m, const struct frame *frame,
          union any_record *request, struct problem *p)
{
    const struct message_row *row = message_row(m);
    struct slice body = packet_body(frame);

    if (body.n > row->limit_bytes || frame->fd_count > row->request_fds)
        return fail(p, ERR_LIMIT, "internal message");
    if (row->rights != 0 && (row->rights & s->rights) == 0)
        return fail(p, ERR_NOT_ALLOWED, NULL);
    if (row->verbs != 0 && (row->verbs & (uint32_t)s->verb) == 0)
        return fail(p, ERR_NOT_ALLOWED, "not part of this request");
    if (row->limit_uses != 0 && s->uses[m] >= row->limit_uses)
        return fail(p, ERR_LIMIT, "too many internal messages");
    if (!record_decode(row->request, body, request))
        return fail(p, ERR_USAGE, "malformed internal message");
    s->uses[m]++;
    if (m == MSG_NARROW)
        return apply_narrowing(s, &request->narrow, p);
    return check_key_operation(s, m, request, p);
}

enum received
channel_receive(struct served *s, struct frame *frame, enum message *m,
                union any_record *request)
{
    struct packet_header h;
    struct problem p; /* filled only by a refusal */
    int got = packet_receive(s->fd, frame, &h);

    if (got == 0 || (got < 0 && errno != EBADMSG))
        return RECEIVED_EOF;
    if (got < 0 || h.kind != PACKET_REQUEST || h.message == MSG_NONE ||
        h.message >= MSG_COUNT ||
        !row_is_mine(s, message_row((enum message)h.message)))
        return RECEIVED_BROKEN;
    *m = (enum message)h.message;
    if (check_row(s, *m, frame, request, &p) == ERR_OK)
        return RECEIVED_REQUEST;
    return channel_refuse(s->fd, *m, &p) ? RECEIVED_REFUSED : RECEIVED_EOF;
}
