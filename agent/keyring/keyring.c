#include "agent/keyring/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"

void
keyring_init(struct keyring *k, struct store *store, int control, int validator)
{
    *k = (struct keyring){
        .store = store,
        .control = {.fd = control, .self = PROCESS_KEYRING},
        .validator = validator,
    };
    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        k->session[i].fd = k->narrowing[i] = -1;
    for (size_t i = 0; i < LIMIT_FETCHES; i++)
        k->lookup[i] = (struct lookup){.fetcher.fd = -1, .password = -1};
    frame_init(&k->answer);
    for (size_t i = 0; i < ARRAY_COUNT(k->asked); i++) {
        frame_init(&k->asked[i].frame);
        frame_init(&k->asked[i].verdict);
    }
}

void
keyring_drop(struct keyring *k)
{
    for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
        fd_drop(&k->session[i].fd);
        fd_drop(&k->narrowing[i]);
        brought_drop(&k->brought[i]);
        backup_drop(&k->backup[i]);
        restore_drop(&k->restore[i]);
    }
    directory_drop_all(k);
    fd_drop(&k->validator);
    frame_drop(&k->answer);
    for (size_t i = 0; i < ARRAY_COUNT(k->asked); i++) {
        frame_drop(&k->asked[i].frame);
        frame_drop(&k->asked[i].verdict);
    }
    buf_drop(&k->revoked);
    buf_drop(&k->cleared);
    store_drop(&k->store);
}

/* ---- the broker --------------------------------------------------------- */

/* A session that does not take its answers must not hold up the others: it
 * is dropped when its queue is full. */
static void
session_attach(struct keyring *k, const struct attach *a, struct frame *frame)
{
    for (int i = 0; i < frame->fd_count; i++)
        if (a->rights == 0 || fcntl(frame->fds[i], F_SETFL, O_NONBLOCK) != 0) {
            log_error("a session without rights was refused");
            return;
        }
    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        if (k->session[i].fd < 0) {
            k->session[i] = (struct served){.fd = fd_take(&frame->fds[0]),
                                            .self = PROCESS_KEYRING,
                                            .rights = a->rights};
            k->narrowing[i] = fd_take(&frame->fds[1]);
            return;
        }
    log_note("more than %d sessions: one was refused", LIMIT_SESSIONS);
}

void
keyring_control_read(struct keyring *k)
{
    union any_record request;
    struct frame frame;
    enum message m;

    frame_init(&frame);
    switch (channel_receive(&k->control, &frame, &m, &request)) {
    case RECEIVED_REQUEST:
        if (m == MSG_ATTACH && frame.fd_count == 2) {
            session_attach(k, &request.attach, &frame);
        } else if (m == MSG_VALIDATOR && frame.fd_count == 1) {
            keyring_validator_set(k, fd_take(&frame.fds[0]));
        } else if (m == MSG_FETCHER) {
            directory_given(k, &request.fetcher, fd_take(&frame.fds[0]));
        } else {
            log_error("an odd message of the broker");
        }
        break;
    case RECEIVED_REFUSED:
        break;
    case RECEIVED_EOF:
    case RECEIVED_BROKEN:
        k->control_gone = true;
        break;
    }
    frame_drop(&frame);
}

/* ---- sessions ----------------------------------------------------------- */

/* The rows a session may send here; what else the table lets through (the
 * broker's own) is no session's to say. */
static enum err
handle(struct keyring *k, struct brought *b, enum message m,
       const union any_record *q, struct answer_bytes *bytes,
       union any_record *out, struct problem *p)
{
    if (m == MSG_VERIFY)
        return keyring_verify(k, b, &q->verify_request, bytes,
                              &out->verify_reply, p);
    if (m == MSG_TRUST)
        return brought_add(k, b, &q->trust_part, p);
    if (m == MSG_CHECK_PATH)
        return keyring_check(k, b, &q->check_request, bytes, &out->check_reply,
                             p);
    if (m == MSG_ANCHOR_LIST)
        return keyring_ask(k, MSG_LIST_ANCHORS, &q->page, &out->list_reply, p);
    if (m == MSG_DESCRIBE)
        return keyring_ask(k, MSG_READ_CERTIFICATES, &q->describe_request,
                           &out->describe_reply, p);
    if (m == MSG_RECIPIENT)
        return keyring_recipient(k, q->address.address, bytes,
                                 &out->recipient_reply, p);
    if (m == MSG_RECIPIENT_CERTIFICATE)
        return keyring_recipient_certificate(k, q->fingerprint.fingerprint,
                                             bytes, &out->recipient_reply, p);
    if (m == MSG_CONTACTS)
        return keyring_contacts(k, &q->contacts_request, bytes,
                                &out->list_reply, p);
    if (m == MSG_HOLDERS)
        return keyring_holders(k, q->fingerprint.fingerprint, bytes,
                               &out->list_reply, p);
    if (m == MSG_STORED)
        return keyring_stored(k, &q->stored_request, bytes, &out->stored_reply,
                              p);
    if (m == MSG_CONTACT || m == MSG_CONTACT_FIND)
        return keyring_contact(k, q->address.address, m == MSG_CONTACT, bytes,
                               &out->list_reply, p);
    if (m == MSG_CONTACT_WHY)
        return keyring_why(k, q->address.address, bytes, &out->why_reply, p);
    if (m == MSG_CONTACT_REMOVE)
        return keyring_contact_remove(k, q->address.address, &out->count_reply,
                                      p);
    if (m == MSG_CONTACT_STORE)
        return keyring_store(k, &q->store_request, bytes, &out->store_reply, p);
    if (m == MSG_CONTACT_CHANGE)
        return keyring_contact_change(k, &q->change_request, bytes,
                                      &out->list_reply, p);
    if (m == MSG_CONTACT_UNDO)
        return keyring_undo(k, &q->undo_request, bytes, &out->list_reply, p);
    if (m == MSG_CONTACT_HISTORY)
        return keyring_history(k, &q->history_request, bytes, &out->list_reply,
                               p);
    if (m == MSG_CONTACTS_EXPORT)
        return keyring_export(k, &q->export_request, bytes, &out->export_reply,
                              p);
    if (m == MSG_KEYRING_STATUS)
        return keyring_status(k, bytes, &out->keyring_status, p);
    return fail(p, ERR_NOT_ALLOWED, "not a message of a session");
}

static bool
answer(struct keyring *k, struct served *s, enum message m,
       const union any_record *request)
{
    struct answer_bytes bytes = {0};
    union any_record reply = {0};
    struct problem p = {0};
    bool sent;

    if (handle(k, &k->brought[s - k->session], m, request, &bytes, &reply,
               &p) == ERR_OK) {
        sent = channel_reply(s->fd, m, &reply, NULL, 0);
    } else {
        log_problem(message_row(m)->name, &p);
        sent = channel_refuse(s->fd, m, &p);
    }
    buf_drop(&bytes.a);
    buf_drop(&bytes.b);
    buf_drop(&bytes.c);
    buf_drop(&bytes.d);
    revoked_keep(k);
    return sent;
}

static bool
any_waits(const struct keyring *k)
{
    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        if (k->later[i].waits)
            return true;
    return false;
}

/* Remembers what is to be kept for this session, and until when it waits. */
static void
note_later(struct keyring *k, size_t i, enum message m,
           const union any_record *request)
{
    struct later *l = &k->later[i];

    if (m == MSG_CONTACTS_KEEP) {
        if (!any_waits(k))
            k->waiting_since = clock_ms();
        l->waits = true;
    }
    if (m != MSG_VERIFY || request->verify_request.learn != LEARN_LATER ||
        l->any)
        return;
    l->any = true;
    l->losses = store_losses(k->store);
}

void
keyring_session_drop(struct keyring *k, size_t i)
{
    directory_forget(k, &k->session[i]);
    fd_drop(&k->session[i].fd);
    fd_drop(&k->narrowing[i]);
    brought_drop(&k->brought[i]);
    backup_drop(&k->backup[i]);
    restore_drop(&k->restore[i]);
    k->later[i] = (struct later){0};
}

bool
keyring_request(struct keyring *k, struct asked *request)
{
    size_t i = request->session;
    struct frame *frame = &request->frame;

    note_later(k, i, request->m, &request->record);
    if (request->m == MSG_CONTACTS_KEEP || request->m == MSG_NARROW)
        return true;
    if (request->m == MSG_DIRECTORY_ASK || request->m == MSG_DIRECTORY_PUBLISH)
        return directory_begin(k, &k->session[i], request->m, &request->record,
                               frame);
    if (request->m == MSG_CONTACTS_BACKUP || request->m == MSG_CONTACTS_RESTORE)
        return keyring_copy_begin(k, i, request->m,
                                  frame->fd_count > 0 ? fd_take(&frame->fds[0])
                                                      : -1);
    return answer(k, &k->session[i], request->m, &request->record);
}

/* ---- what is kept later -------------------------------------------------- */

/* One commit for all that wait; each is answered only after it. */
static void
keeps_answer(struct keyring *k)
{
    struct empty nothing = {0};
    struct problem p = {0};
    enum err e;

    /* The validator need not wait for the disk. */
    keyring_look_ahead(k);
    e = store_keep(k->store, &p);

    for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
        struct later *l = &k->later[i];
        bool sent;

        if (!l->waits || k->session[i].fd < 0)
            continue;
        if (e == ERR_OK && l->any && l->losses != store_losses(k->store))
            e = fail(&p, ERR_STORE, "what was learned could not be kept");
        sent = e == ERR_OK
                   ? channel_reply(k->session[i].fd, MSG_CONTACTS_KEEP,
                                   &nothing, NULL, 0)
                   : channel_refuse(k->session[i].fd, MSG_CONTACTS_KEEP, &p);
        *l = (struct later){0};
        if (!sent)
            keyring_session_drop(k, i);
    }
    if (e != ERR_OK)
        log_problem("keeping what was learned", &p);
    keyring_ahead_serve(k);
}

/* A commit costs as much for one as for many: those that are under way may
 * come along, but nobody waits long for them. */
static bool
keep_is_due(const struct keyring *k)
{
    bool others = false;

    if (!any_waits(k))
        return false;
    for (size_t i = 0; i < LIMIT_SESSIONS; i++)
        others = others || (k->later[i].any && !k->later[i].waits);
    return !others ||
           clock_ms() - k->waiting_since >= LIMIT_CONTACTS_TOGETHER_MS;
}

/* Nobody asked anything: what a session left behind is kept, and what can
 * wait is done, a little at a time, unless something is that cannot (BUSY).
 * Gives how long to wait for the next question. */
static int
idle(struct keyring *k, bool busy)
{
    struct problem p = {0};

    if (store_is_pending(k->store) && store_keep(k->store, &p) != ERR_OK)
        log_problem("keeping what was learned", &p);
    return busy || store_work(k->store) || rotten_step(k)
               ? LIMIT_CONTACTS_STEP_MS
               : -1;
}

/* What is polled: the broker, the fetchers, and those sessions that are
 * there. */
struct polled {
    struct pollfd fds[1 + LIMIT_FETCHES + LIMIT_SESSIONS];
    size_t session[LIMIT_SESSIONS];
    size_t sessions;
};

/* One that waits for the directory, or for a copy, is not read, but seen to
 * leave. */
static void
polls_fill(const struct keyring *k, struct polled *out)
{
    struct pollfd *fds = out->fds + 1 + LIMIT_FETCHES;

    out->fds[0] = (struct pollfd){.fd = k->control.fd, .events = POLLIN};
    directory_watch(k, out->fds + 1);
    out->sessions = 0;
    for (size_t i = 0; i < LIMIT_SESSIONS; i++) {
        bool waits;

        if (k->session[i].fd < 0)
            continue;
        waits = keyring_copies(k, i) || directory_waits(k, &k->session[i]);
        out->session[out->sessions] = i;
        fds[out->sessions++] = (struct pollfd){.fd = k->session[i].fd,
                                               .events = waits ? 0 : POLLIN};
    }
}

/* The sooner of two times to wait, of which -1 is for ever. */
static int
sooner(int a, int b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* One that was taken ahead has had its turn. */
static void
sessions_serve(struct keyring *k, const struct polled *polled)
{
    const struct pollfd *fds = polled->fds + 1 + LIMIT_FETCHES;

    k->served = 0;
    for (size_t n = 0; n < polled->sessions; n++) {
        size_t i = polled->session[n];

        if (fds[n].revents && k->session[i].fd == fds[n].fd &&
            !(k->served & (uint64_t)1 << i))
            keyring_session_serve(k, i);
    }
}

void
keyring_serve(struct keyring *k)
{
    struct polled polled;
    int wait_ms = LIMIT_CONTACTS_STEP_MS, ready;

    while (!k->control_gone) {
        bool busy = keyring_copies_step(k);

        polls_fill(k, &polled);
        ready = poll(polled.fds, 1 + LIMIT_FETCHES + polled.sessions,
                     busy ? 0 : sooner(wait_ms, directory_timeout_ms(k)));
        if (ready < 0) {
            if (errno != EINTR)
                bug("poll failed");
            continue;
        }
        directory_events(k, polled.fds + 1);
        if (ready == 0 && !any_waits(k)) {
            wait_ms = idle(k, busy);
            continue;
        }
        sessions_serve(k, &polled);
        if (keep_is_due(k))
            keeps_answer(k);
        wait_ms =
            any_waits(k) ? LIMIT_CONTACTS_TOGETHER_MS : LIMIT_CONTACTS_IDLE_MS;
        /* Who waited for a validator may have read it already. */
        if (polled.fds[0].revents && fd_wait_readable(k->control.fd, 0) > 0)
            keyring_control_read(k);
    }
}
