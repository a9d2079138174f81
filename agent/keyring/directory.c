#include "agent/keyring/directory.h"

#include <stdio.h>
#include <time.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/keyring/keyring.h"

#define BROKER_MS 5000 /* starting a process */
#define GRACE_MS  3000 /* behind the fetcher's own deadline */
#define NEVER     UINT64_MAX

static void
lookup_end(struct lookup *l)
{
    fd_drop(&l->fetcher.fd);
    fd_drop(&l->password);
    buf_drop(&l->request);
    for (size_t i = 0; i < l->item_count; i++)
        buf_drop(&l->item[i]);
    *l = (struct lookup){.fetcher.fd = -1, .password = -1};
}

void
directory_drop_all(struct keyring *k)
{
    for (size_t i = 0; i < LIMIT_FETCHES; i++)
        if (k->lookup[i].ticket != 0)
            lookup_end(&k->lookup[i]);
}

static struct lookup *
lookup_find(struct keyring *k, uint32_t ticket)
{
    for (size_t i = 0; i < LIMIT_FETCHES; i++)
        if (k->lookup[i].ticket == ticket)
            return &k->lookup[i];
    return NULL;
}

bool
directory_waits(const struct keyring *k, const struct served *session)
{
    for (size_t i = 0; i < LIMIT_FETCHES; i++)
        if (k->lookup[i].ticket != 0 && k->lookup[i].session == session)
            return true;
    return false;
}

void
directory_forget(struct keyring *k, const struct served *session)
{
    for (size_t i = 0; i < LIMIT_FETCHES; i++)
        if (k->lookup[i].ticket != 0 && k->lookup[i].session == session)
            lookup_end(&k->lookup[i]);
}

/* ---- answering ----------------------------------------------------------- */

/* Whoever does not take the answer is found gone when it is next read. */
static void
answer_ask(const struct lookup *l, const struct directory_outcome *o,
           const char *const *reasons)
{
    struct directory_answer reply = {
        .state = o->state, .server = o->server, .detail = o->detail};

    for (size_t i = 0; i < l->addresses.n; i++)
        reply.reasons.item[reply.reasons.n++] =
            slice_text(reasons && reasons[i] ? reasons[i] : "");
    if (!channel_reply(l->session->fd, MSG_DIRECTORY_ASK, &reply, NULL, 0))
        log_note("a session does not take the directory's answer");
}

static void
answer_problem(const struct lookup *l, const struct problem *p)
{
    log_problem("directory", p);
    if (!channel_refuse(l->session->fd, l->message, p))
        log_note("a session does not take the directory's answer");
}

static void
answer(struct keyring *k, struct lookup *l, const struct directory_outcome *o)
{
    const char *reasons[LIMIT_DIRECTORY_ADDRESSES] = {NULL};
    struct problem p = {0};

    if (l->message == MSG_DIRECTORY_PUBLISH) {
        if (!channel_reply(l->session->fd, l->message, o, NULL, 0))
            log_note("a session does not take the directory's answer");
    } else if (o->state == DIRECTORY_OK && l->fetcher.fd >= 0 &&
               directory_learn(k, l, o->server, reasons, &p) != ERR_OK) {
        answer_problem(l, &p);
    } else {
        answer_ask(l, o, reasons);
    }
    lookup_end(l);
}

static void
answer_state(struct keyring *k, struct lookup *l, enum directory_state state,
             struct slice detail)
{
    struct directory_outcome o = {.state = state, .detail = detail};

    answer(k, l, &o);
}

/* ---- beginning ----------------------------------------------------------- */

/* The age of the oldest answer among those that are kept. */
static uint64_t
age_of(struct keyring *k, const struct directory_ask *q, int64_t now)
{
    struct problem ignored = {0};
    uint64_t oldest = 0;

    if (q->forced || q->addresses.n == 0)
        return NEVER;
    for (size_t i = 0; i < q->addresses.n; i++) {
        int64_t when = 0;

        if (store_directory_seen(k->store, q->addresses.item[i], &when,
                                 &ignored) != ERR_OK ||
            when == 0 || when > now)
            return NEVER;
        if ((uint64_t)(now - when) > oldest)
            oldest = (uint64_t)(now - when);
    }
    return oldest;
}

static void
request_keep_search(struct lookup *l, const struct slice_list *addresses)
{
    struct directory_search q = {.addresses = *addresses};

    record_encode(RECORD_directory_search, &q, &l->request);
    if (!record_decode(RECORD_directory_search, buf_slice(&l->request), &q))
        bug("a question that was encoded here");
    l->addresses = q.addresses;
}

bool
directory_begin(struct keyring *k, struct served *session, enum message m,
                const union any_record *request, struct frame *frame)
{
    struct lookup none = {.session = session,
                          .message = m,
                          .fetcher.fd = -1,
                          .password = -1,
                          .asked_at = (int64_t)time(NULL)};
    struct lookup *l = lookup_find(k, 0);
    struct fetch wanted = {.age_s = NEVER};

    if (!l) {
        answer_state(k, &none, DIRECTORY_CROWDED, slice_of(NULL, 0));
        return true;
    }
    *l = none;
    if (m == MSG_DIRECTORY_ASK) {
        request_keep_search(l, &request->directory_ask.addresses);
        wanted.age_s = age_of(k, &request->directory_ask, l->asked_at);
    } else {
        record_encode(RECORD_directory_write, &request->directory_write,
                      &l->request);
        if (frame->fd_count > 0)
            l->password = fd_take(&frame->fds[0]);
    }
    while (k->last_ticket++, lookup_find(k, k->last_ticket))
        continue;
    l->ticket = wanted.ticket = k->last_ticket;
    l->due_ms = clock_ms() + BROKER_MS;
    if (!channel_send(k->control.fd, MSG_FETCH, &wanted, NULL, 0))
        answer_state(k, l, DIRECTORY_FAILED, slice_of(NULL, 0));
    return true;
}

/* ---- the fetcher --------------------------------------------------------- */

static bool
question_send(struct lookup *l)
{
    union any_record q;
    bool write = l->message == MSG_DIRECTORY_PUBLISH;
    enum record which =
        write ? RECORD_directory_write : RECORD_directory_search;

    if (!record_decode(which, buf_slice(&l->request), &q))
        bug("a question that was encoded here");
    return channel_send(l->fetcher.fd,
                        write ? MSG_DIRECTORY_WRITE : MSG_DIRECTORY_SEARCH, &q,
                        &l->password, l->password >= 0 ? 1 : 0);
}

void
directory_given(struct keyring *k, const struct fetcher *f, int fd)
{
    struct lookup *l = f->ticket ? lookup_find(k, f->ticket) : NULL;

    if (!l || l->fetcher.fd >= 0) {
        fd_drop(&fd);
        return;
    }
    /* Without a channel and yet well: what is kept is young enough. */
    if (fd < 0) {
        answer_state(k, l, (enum directory_state)f->state, f->detail);
        return;
    }
    l->fetcher = (struct served){.fd = fd, .self = PROCESS_KEYRING};
    l->due_ms = clock_ms() + (int64_t)f->timeout_s * 1000 + GRACE_MS;
    if (l->password >= 0)
        l->due_ms += LIMIT_SECRET_MS;
    if (!question_send(l))
        answer_state(k, l, DIRECTORY_FAILED, slice_of(NULL, 0));
    fd_drop(&l->password);
}

/* The row of the message bounds how many there are. */
static void
item_keep(struct lookup *l, const struct directory_item *item)
{
    AUTO(buf) struct buf encoded = {0};

    record_encode(RECORD_directory_item, item, &encoded);
    if (item->address >= l->addresses.n ||
        encoded.len > LIMIT_DIRECTORY_BYTES - l->item_bytes)
        return;
    l->item_bytes += encoded.len;
    l->item[l->item_count++] = encoded;
    encoded = (struct buf){0};
}

/* STATE, unless a write was on its way: it may have been done. */
static enum directory_state
state_of_lost(const struct lookup *l, enum directory_state state)
{
    union any_record q;

    return l->message == MSG_DIRECTORY_PUBLISH &&
                   record_decode(RECORD_directory_write, buf_slice(&l->request),
                                 &q) &&
                   !q.directory_write.dry
               ? DIRECTORY_UNSURE
               : state;
}

static void
fetcher_read(struct keyring *k, struct lookup *l)
{
    union any_record said;
    struct frame frame;
    enum message m = MSG_NONE;

    frame_init(&frame);
    if (channel_receive(&l->fetcher, &frame, &m, &said) != RECEIVED_REQUEST)
        answer_state(k, l, state_of_lost(l, DIRECTORY_FAILED),
                     slice_text("smime-fetcher ended before its answer"));
    else if (m == MSG_DIRECTORY_OUTCOME)
        answer(k, l, &said.directory_outcome);
    else if (m == MSG_DIRECTORY_ITEM && l->message == MSG_DIRECTORY_ASK)
        item_keep(l, &said.directory_item);
    else
        answer_state(k, l, DIRECTORY_FAILED,
                     slice_text("smime-fetcher said what it may not"));
    frame_drop(&frame);
}

/* ---- the loop ------------------------------------------------------------ */

void
directory_watch(const struct keyring *k, struct pollfd *fds)
{
    for (size_t i = 0; i < LIMIT_FETCHES; i++)
        fds[i] =
            (struct pollfd){.fd = k->lookup[i].fetcher.fd, .events = POLLIN};
}

void
directory_events(struct keyring *k, const struct pollfd *fds)
{
    int64_t now = clock_ms();

    for (size_t i = 0; i < LIMIT_FETCHES; i++) {
        struct lookup *l = &k->lookup[i];

        if (l->ticket == 0)
            continue;
        if (fds[i].revents && fds[i].fd == l->fetcher.fd)
            fetcher_read(k, l);
        else if (now >= l->due_ms)
            answer_state(k, l,
                         l->fetcher.fd >= 0 ? state_of_lost(l, DIRECTORY_SILENT)
                                            : DIRECTORY_SILENT,
                         slice_text("no answer within the deadline"));
    }
}

int
directory_timeout_ms(const struct keyring *k)
{
    int64_t now = clock_ms(), due = INT64_MAX;

    for (size_t i = 0; i < LIMIT_FETCHES; i++)
        if (k->lookup[i].ticket != 0 && k->lookup[i].due_ms < due)
            due = k->lookup[i].due_ms;
    if (due == INT64_MAX)
        return -1;
    return due > now ? (int)(due - now) : 0;
}
