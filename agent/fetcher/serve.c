#include "agent/fetcher/serve.h"

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/secret.h"
#include "agent/fetcher/deadline.h"

static struct slice
text_fitting(const char *text, size_t most)
{
    struct slice s = slice_text(text);

    if (s.n > most)
        s.n = most;
    return s;
}

static void
outcome_send(int channel, const struct outcome *o, const char *server,
             struct directory_outcome *reply)
{
    reply->state = o->state;
    reply->server = text_fitting(server, LIMIT_TEXT_BYTES);
    reply->detail = text_fitting(o->detail, LIMIT_FACT_BYTES);
    if (!channel_send(channel, MSG_DIRECTORY_OUTCOME, reply, NULL, 0))
        log_debug("nobody waits for the answer any more");
}

void
fetcher_refuse(int channel, enum directory_state state, const char *detail)
{
    struct directory_outcome reply = {0};
    struct outcome o;

    (void)outcome_set(&o, state, "%s", detail);
    outcome_send(channel, &o, "", &reply);
}

/* What server number N may take of what is left: a share for each of those
 * that may still be asked. */
static int
share_ms(const struct fetching *f, size_t n, int64_t end)
{
    int64_t left = end - clock_ms();

    return left > 0 ? (int)(left / (int64_t)(f->servers->count - n)) : 0;
}

/* Asks one after the other, until one has answered, whatever that is, or the
 * time is over. */
struct asking {
    const struct fetching *f;
    int64_t end;
    size_t at; /* who was asked last */
    struct outcome outcome;
};
typedef enum directory_state ask_one(struct asking *a, size_t n, int ms,
                                     void *ctx);

static void
ask_all(struct asking *a, ask_one *one, void *ctx)
{
    enum directory_state state = DIRECTORY_UNREACHABLE;

    a->outcome.state = DIRECTORY_OK;
    for (size_t n = 0; n < a->f->servers->count; n++) {
        int ms = share_ms(a->f, n, a->end);

        a->at = n;
        if (n > 0 && ms == 0)
            return;
        state = one(a, n, ms, ctx);
        a->outcome.state = state;
        if (!outcome_is_of_server(state))
            return;
        log_debug("%s", a->outcome.detail);
    }
}

/* ---- a search ------------------------------------------------------------ */

struct search {
    const struct directory_search *q;
    struct findings found;
    size_t next;
};

static enum directory_state
search_one(struct asking *a, size_t n, int ms, void *ctx)
{
    struct search *s = ctx;

    return search_on(a->f, n, ms, s->q, &s->next, &s->found, &a->outcome);
}

static bool
items_send(int channel, const struct findings *found)
{
    for (size_t i = 0; i < found->count; i++) {
        struct directory_item item;

        if (!record_decode(RECORD_directory_item, buf_slice(&found->item[i]),
                           &item))
            bug("an item that was encoded here");
        if (!channel_send(channel, MSG_DIRECTORY_ITEM, &item, NULL, 0))
            return false;
    }
    return true;
}

static void
search_serve(const struct fetching *f, struct asking *a,
             const struct directory_search *q)
{
    struct search s = {.q = q};
    struct directory_outcome reply = {0};

    ask_all(a, search_one, &s);
    deadline_start(-1, 2000);
    reply.values = (uint32_t)s.found.count;
    if (a->outcome.state != DIRECTORY_OK || items_send(f->channel, &s.found))
        outcome_send(f->channel, &a->outcome, f->servers->one[a->at].url,
                     &reply);
    findings_drop(&s.found);
}

/* ---- a write ------------------------------------------------------------- */

struct writing {
    const struct directory_write *q;
    struct slice password;
    struct published published;
};

static enum directory_state
write_one(struct asking *a, size_t n, int ms, void *ctx)
{
    struct writing *w = ctx;

    return publish_on(a->f, n, ms, w->q, w->password, &w->published,
                      &a->outcome);
}

/* The password's line is read here and nowhere before. */
static bool
password_read(const struct directory_write *q, struct frame *frame,
              struct secret **out, struct outcome *o)
{
    struct problem p = {0};

    if (!q->has_password)
        return true;
    if (frame->fd_count != 1 ||
        secret_read(frame->fds[0], LIMIT_SECRET_MS, out, &p) != ERR_OK) {
        (void)outcome_set(o, DIRECTORY_CREDENTIALS,
                          "the password cannot be read: %s", p.detail);
        return false;
    }
    return true;
}

/* Who writes: as asked for, as configured, or the entry itself. */
static struct slice
bind_name(const struct directory_config *c, const struct directory_write *q,
          struct slice entry)
{
    if (q->bind_dn.n > 0)
        return q->bind_dn;
    return c->bind_dn ? slice_text(c->bind_dn) : entry;
}

static void
write_serve(const struct fetching *f, struct asking *a,
            const struct directory_write *q, struct frame *frame)
{
    struct writing w = {.q = q};
    struct directory_outcome reply = {0};
    struct secret *password = NULL;

    (void)deadline_end();
    if (password_read(q, frame, &password, &a->outcome)) {
        /* Nobody's time but the directory's counts. */
        a->end = clock_ms() + f->config->timeout_s * 1000;
        if (password)
            w.password = secret_slice(password);
        ask_all(a, write_one, &w);
    }
    secret_drop(&password);
    deadline_start(-1, 2000);
    reply.dn =
        text_fitting(w.published.dn ? w.published.dn : "", LIMIT_TEXT_BYTES);
    if (w.published.dn)
        reply.bind_dn = bind_name(f->config, q, reply.dn);
    reply.has_certificate = w.published.has_certificate;
    reply.has_smime = w.published.has_smime;
    outcome_send(f->channel, &a->outcome, f->servers->one[a->at].url, &reply);
    published_drop(&w.published);
}

void
fetcher_serve(const struct fetching *f)
{
    struct served served = {.fd = f->channel, .self = PROCESS_FETCHER};
    struct asking a = {.f = f};
    union any_record request;
    struct frame frame;
    enum message m = MSG_NONE;

    frame_init(&frame);
    a.end = clock_ms() + deadline_left_ms();
    if (channel_receive(&served, &frame, &m, &request) == RECEIVED_REQUEST) {
        if (m == MSG_DIRECTORY_SEARCH)
            search_serve(f, &a, &request.directory_search);
        else if (m == MSG_DIRECTORY_WRITE)
            write_serve(f, &a, &request.directory_write, &frame);
    }
    frame_drop(&frame);
}
