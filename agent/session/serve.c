#include "agent/session/serve.h"

#include <poll.h>
#include <sys/socket.h>

#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/session/methods.h"

/* The parameters that must be as they were for a session to go on: what
 * signs, whether it signs, and where a prompt would be shown. */
static const char *const lasting[] = {"from", "key", "sign", "caller"};

static bool
same_parameter(const struct varlink_call *a, const struct varlink_call *b,
               const char *name)
{
    const json_t *x = varlink_parameter(a, name);
    const json_t *y = varlink_parameter(b, name);

    if (!x || !y)
        return x == y;
    return json_equal(x, y) == 1;
}

/* A program that uses one key by itself may do so in every way; there is no
 * mail in it. Methods of the others that do not go on are not asked here. */
static bool
same_kind(const struct varlink_call *a, const struct varlink_call *b)
{
    const struct method *next = method_find(b->method);

    if (strcmp(a->method, b->method) == 0)
        return true;
    return next && next->goes_on && next->rights == RIGHT_RAW &&
           slice_equal(a->interface, b->interface);
}

/* True when this session, which has served PREVIOUS, may serve NEXT too. The
 * key must have been named by the client: else the mail's own header chooses
 * it, and that is behind the point of no return. */
static bool
may_follow(const struct session *s, const struct varlink_call *previous,
           const struct varlink_call *next)
{
    if (varlink_is_service(next))
        return true;
    if (s->lost || !same_kind(previous, next))
        return false;
    /* It was narrowed to looking, and has seen no mail. */
    if (s->verb == VERB_LOOK)
        return true;
    if (s->ops_left == 0)
        return false;
    if (!varlink_parameter(next, "from") && !varlink_parameter(next, "key"))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(lasting); i++)
        if (!same_parameter(previous, next, lasting[i]))
            return false;
    return true;
}

/* A request as it was read, or none. */
struct seen {
    struct buf text;
    struct varlink_call call;
};

static void
seen_drop(struct seen *p)
{
    varlink_call_drop(&p->call);
    buf_drop(&p->text);
}

/* Most who sign many mails ask with the same words each time. */
static bool
seen_parse(struct seen *next, const struct seen *previous)
{
    struct problem ignored = {0};

    if (!slice_equal(buf_slice(&next->text), buf_slice(&previous->text)))
        return varlink_parse(buf_slice(&next->text), &next->call, &ignored);
    next->call = previous->call;
    json_incref(next->call.root);
    return true;
}

/* Looks at the next request without consuming it. A request that cannot be
 * seen whole, or is none, is a fresh session's business. */
static bool
next_is_ours(struct session *s, const struct seen *previous, struct seen *next,
             enum serve_end *out_end)
{
    enum message_got got = message_peek(s->conn, LIMIT_IDLE_MS, &next->text);

    *out_end = got == MESSAGE_HUNG_UP ? SERVE_CLOSED : SERVE_HANDBACK;
    return got == MESSAGE_WHOLE && seen_parse(next, previous) &&
           may_follow(s, &previous->call, &next->call);
}

/* Ends a connection whose client does not speak Varlink. */
static void
send_away(struct session *s, const char *why)
{
    log_note("session %llu: connection closed: %s", (unsigned long long)s->id,
             why);
    (void)shutdown(s->conn, SHUT_RDWR);
}

/* Whose call cannot be read as a whole is told the limit before. */
static void
send_away_over(struct session *s, const char *why)
{
    json_t *reply =
        varlink_service_error("InvalidParameter", "parameter", slice_text(why));

    if (!message_write(s->conn, reply, LIMIT_IDLE_MS))
        log_debug("session %llu: it was not told why",
                  (unsigned long long)s->id);
    json_decref(reply);
    send_away(s, why);
}

/* Reads one call; false when there is none and the connection is over. */
static bool
read_call(struct session *s, struct message_in *in, struct varlink_call *out)
{
    struct problem why = {0};

    int most_ms = s->message_ms > 0 ? s->message_ms : LIMIT_MESSAGE_MS;

    switch (message_read(s->conn, most_ms, in)) {
    case MESSAGE_WHOLE:
        break;
    case MESSAGE_PART:
        bug("a message was read in part");
    case MESSAGE_HUNG_UP:
        return false;
    case MESSAGE_TOO_LONG:
        (void)fail(&why, ERR_LIMIT, "a request of more than %d bytes",
                   LIMIT_REQUEST_BYTES);
        send_away_over(s, why.detail);
        return false;
    case MESSAGE_TOO_SLOW:
        (void)fail(&why, ERR_LIMIT, "a request that took more than %d ms",
                   most_ms);
        send_away_over(s, why.detail);
        return false;
    }
    if (varlink_parse(buf_slice(&in->text), out, &why))
        return true;
    if (why.code == ERR_LIMIT)
        send_away_over(s, why.detail);
    else
        send_away(s, why.detail);
    return false;
}

/* Answers one call; false when the client cannot be reached any more. */
static bool
answer(struct session *s, const struct varlink_call *call,
       struct message_in *in)
{
    json_t *reply = varlink_is_service(call) ? varlink_service(call)
                                             : method_call(s, call, in);
    bool done = call->oneway || message_write(s->conn, reply, LIMIT_MESSAGE_MS);

    json_decref(reply);
    if (!done)
        send_away(s, "the reply was not read");
    return done;
}

/* True when CALL leaves the session able to serve another. */
static bool
goes_on(const struct session *s, const struct varlink_call *call)
{
    const struct method *m = method_find(call->method);

    return m && m->goes_on && !s->lost &&
           (s->ops_left > 0 || s->verb == VERB_LOOK);
}

/* *previous: the last call of one's own mail, or none. */
static bool
serve_one(struct session *s, struct seen *previous, enum serve_end *out_end)
{
    AUTO(message_in) struct message_in in;
    AUTO(seen) struct seen next = {0};

    message_in_init(&in);
    if (previous->call.root && !next_is_ours(s, previous, &next, out_end))
        return false;
    *out_end = SERVE_CLOSED;
    if (next.call.root ? !message_take(s->conn, buf_slice(&next.text), &in)
                       : !read_call(s, &in, &next.call))
        return false;
    if (!answer(s, &next.call, &in))
        return false;
    if (varlink_is_service(&next.call))
        return true;
    *out_end = SERVE_HANDBACK;
    if (!goes_on(s, &next.call))
        return false;
    seen_drop(previous);
    previous->call = next.call;
    previous->text = in.text;
    next.call = (struct varlink_call){0};
    in.text = (struct buf){0};
    return true;
}

/* A session that was sent ahead: false when no request comes, or when one of
 * its channels ends meanwhile; the next one gets channels of its own. */
static bool
request_is_there(const struct session *s)
{
    struct pollfd watched[] = {{.fd = s->conn, .events = POLLIN},
                               {.fd = s->keyholder},
                               {.fd = s->keyring}};

    return poll(watched, ARRAY_COUNT(watched), LIMIT_IDLE_MS) > 0 &&
           watched[1].revents == 0 && watched[2].revents == 0;
}

enum serve_end
serve_connection(struct session *s)
{
    AUTO(seen) struct seen previous = {0};
    enum serve_end end = SERVE_CLOSED;

    if (s->ahead && !request_is_there(s))
        return SERVE_UNUSED;
    while (serve_one(s, &previous, &end))
        continue;
    return end;
}
