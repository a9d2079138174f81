#include "agent/session/channels.h"

#include <poll.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/session/json_text.h"
#include "agent/session/message.h"
#include "agent/session/try.h"

#define NOTICE_DEADLINE_MS 1000

/* ---- calls ----------------------------------------------------------------
 */

static bool
client_hung_up(const struct session *s)
{
    struct pollfd watched = {.fd = s->conn, .events = POLLRDHUP};

    return poll(&watched, 1, 0) > 0;
}

/* True when the reply is still to come, or will never: what is read next on
 * this channel would answer another question. */
static bool
is_out_of_step(const struct session *s, const struct channel_wait *wait,
               enum err e, int64_t begun)
{
    if (e == wait->lost)
        return true;
    if (e == ERR_TOKEN_BUSY)
        return clock_ms() - begun >= wait->timeout_ms;
    return e == ERR_CANCELLED && client_hung_up(s);
}

/* A client that does not take it in time is no reason to end its request. */
static void
tell_client(void *arg, const struct notice *n)
{
    const struct request *r = arg;
    const char *kind = n->kind == NOTICE_PINPAD ? "pinpad" : "touch";
    json_t *message =
        json_pack("{s:{s:{s:s, s:o}}, s:b}", "parameters", "notice", "kind",
                  kind, "token", json_text(n->token), "continues", 1);

    if (!message_write(r->session->conn, message, NOTICE_DEADLINE_MS))
        log_note("session %llu: a notice was not read",
                 (unsigned long long)r->session->id);
    json_decref(message);
}

struct side {
    int *fd;
    struct frame *frame;
    enum err lost;
};

static enum err
call(struct request *r, const struct side *side, enum message m,
     const void *request, const int *fds, int fd_count, int timeout_ms,
     void *reply)
{
    struct session *s = r->session;
    struct channel_wait wait = {.lost = side->lost,
                                .watch = s->conn,
                                .timeout_ms = timeout_ms,
                                .notice = r->more ? tell_client : NULL,
                                .arg = r};
    int64_t begun = clock_ms();
    enum err e;

    if (*side->fd < 0)
        return fail(&r->problem, side->lost, NULL);
    e = channel_call(*side->fd, m, request, fds, fd_count, &wait, side->frame,
                     reply, &r->problem);
    if (is_out_of_step(s, &wait, e, begun)) {
        fd_drop(side->fd);
        s->lost = true;
    }
    if (e == ERR_TOKEN_BUSY)
        s->lost = true;
    return e;
}

static struct side
keyholder_side(struct session *s)
{
    return (struct side){&s->keyholder, &s->keyholder_frame,
                         ERR_KEYHOLDER_LOST};
}

static struct side
keyring_side(struct session *s)
{
    return (struct side){&s->keyring, &s->keyring_frame, ERR_KEYRING_LOST};
}

static bool
is_key_operation(enum message m)
{
    return m == MSG_SIGN || m == MSG_UNWRAP || m == MSG_DECRYPT ||
           m == MSG_AGREE;
}

/* These may ask the person, or work long (generating a key). */
static bool
is_management(enum message m)
{
    return m == MSG_UNLOCK || m == MSG_IMPORT || m == MSG_KEY_REMOVE ||
           m == MSG_TOKEN_INIT || m == MSG_PIN_CHANGE || m == MSG_PIN_UNBLOCK ||
           m == MSG_GENERATE || m == MSG_INSTALL || m == MSG_CLEAN ||
           m == MSG_ASK_PASSWORD;
}

/* Before the first message to it. */
static enum err
keyholder_want(struct request *r)
{
    struct session *s = r->session;

    s->keys = true;
    if (s->has_keyholder || s->broker < 0)
        return ERR_OK;
    s->has_keyholder = true;
    if (!channel_send(s->broker, MSG_KEYHOLDER, NULL, NULL, 0))
        return fail(&r->problem, ERR_KEYHOLDER_LOST, NULL);
    return ERR_OK;
}

enum err
keyholder_call(struct request *r, enum message m, const void *request,
               const int *fds, int fd_count, void *reply)
{
    struct side side = keyholder_side(r->session);
    bool may_prompt = is_key_operation(m) || is_management(m);

    TRY(keyholder_want(r));
    /* As the other end counts. */
    if (is_key_operation(m) && r->session->ops_left > 0)
        r->session->ops_left--;
    return call(r, &side, m, request, fds, fd_count,
                may_prompt ? LIMIT_PROMPT_MS : LIMIT_CALL_MS, reply);
}

enum err
keyring_call(struct request *r, enum message m, const void *request,
             void *reply)
{
    struct side side = keyring_side(r->session);

    return call(r, &side, m, request, NULL, 0, LIMIT_CALL_MS, reply);
}

enum err
keyring_call_fd(struct request *r, enum message m, const void *request, int fd,
                void *reply)
{
    struct side side = keyring_side(r->session);

    return call(r, &side, m, request, &fd, 1, LIMIT_PROMPT_MS, reply);
}

/* ---- narrowing ------------------------------------------------------------
 */

static struct slice
caller_text(const struct request *r, const char *name)
{
    const json_t *caller = json_object_get(r->parameters, "caller");

    return slice_text(json_string_value(json_object_get(caller, name)));
}

static struct narrow
narrow_of(const struct request *r, enum verb verb, uint32_t ops,
          struct slice key)
{
    return (struct narrow){.verb = verb,
                           .ops = ops,
                           .key = key,
                           .tty = caller_text(r, "tty"),
                           .term = caller_text(r, "term"),
                           .display = caller_text(r, "display"),
                           .locale = caller_text(r, "locale")};
}

static enum err
narrow_side(struct request *r, int fd, enum err lost, const struct narrow *n)
{
    if (fd < 0 || !channel_send(fd, MSG_NARROW, n, NULL, 0))
        return fail(&r->problem, lost, NULL);
    return ERR_OK;
}

static bool
never_uses_keys(enum verb verb)
{
    return verb == VERB_VERIFY || verb == VERB_HARVEST;
}

static enum err
narrow_keyholder(struct request *r, const struct narrow *n)
{
    struct session *s = r->session;

    if (never_uses_keys((enum verb)n->verb)) {
        fd_drop(&s->keyholder);
        return ERR_OK;
    }
    TRY(keyholder_want(r));
    return narrow_side(r, s->keyholder, ERR_KEYHOLDER_LOST, n);
}

enum err
keyholder_narrow(struct request *r, enum verb verb)
{
    struct narrow n = narrow_of(r, verb, 0, slice_of(NULL, 0));

    return narrow_keyholder(r, &n);
}

/* Not on the channel itself: whoever is woken by it would be asked nothing
 * yet. */
static enum err
narrow_keyring(struct request *r, const struct narrow *n)
{
    return narrow_side(r, r->session->narrowing, ERR_KEYRING_LOST, n);
}

enum err
keyring_narrow(struct request *r, enum verb verb)
{
    struct narrow n = narrow_of(r, verb, 0, slice_of(NULL, 0));

    return narrow_keyring(r, &n);
}

static void
session_note_narrowing(struct session *s, const struct narrow *n)
{
    s->verb = (enum verb)n->verb;
    s->ops_left = n->ops;
    if (n->key.n > 0)
        memmove(s->key, n->key.p, n->key.n);
    s->key_len = n->key.n;
}

enum err
session_narrow(struct request *r, enum verb verb, uint32_t ops,
               struct slice key)
{
    struct session *s = r->session;
    struct slice named = slice_of(s->key, s->key_len);
    struct narrow n = narrow_of(r, verb, ops, key);
    enum err e;

    if (key.n > LIMIT_REF_BYTES)
        bug("a key reference is over its limit");
    /* The next request of a session that goes on. */
    if (s->verb == verb && (key.n == 0 || slice_equal(key, named)))
        return ERR_OK;
    if (s->verb != VERB_NONE && (s->verb != verb || s->key_len > 0))
        return fail(&r->problem, ERR_NOT_ALLOWED,
                    "a session can only narrow itself");
    if (s->verb != VERB_NONE && n.ops > s->ops_left)
        n.ops = s->ops_left;
    e = narrow_keyholder(r, &n);
    if (e == ERR_OK)
        e = narrow_keyring(r, &n);
    if (e == ERR_OK)
        session_note_narrowing(s, &n);
    return e;
}
