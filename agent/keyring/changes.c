/*
 * What the person decides about contacts, and their history.
 */
#include <time.h>

#include "agent/base/log.h"
#include "agent/keyring/keyring.h"

static enum err
no_contact(struct slice address, struct problem *p)
{
    char text[LIMIT_ADDRESS_BYTES * 4 + 1];
    enum err e = fail(p, ERR_NO_CONTACT, NULL);

    text_escape(address, text, sizeof(text));
    problem_set_subject(p, text);
    return e;
}

enum err
keyring_contact_remove(struct keyring *k, struct slice address,
                       struct count_reply *out, struct problem *p)
{
    uint32_t count = 0;
    enum err e =
        store_remove(k->store, address, (int64_t)time(NULL), &count, p);

    if (e != ERR_OK)
        return e;
    if (count == 0)
        return no_contact(address, p);
    out->count = count;
    return ERR_OK;
}

enum err
keyring_contact_change(struct keyring *k, const struct change_request *q,
                       struct answer_bytes *bytes, struct list_reply *out,
                       struct problem *p)
{
    uint32_t count = 0;
    enum err e;

    if (q->change >= CHANGES ||
        (q->fingerprint.n != 0 && q->fingerprint.n != 32))
        return fail(p, ERR_USAGE, "an unknown change of a contact");
    e = store_change(k->store, q->address, q->fingerprint,
                     (enum contact_change)q->change, (int64_t)time(NULL),
                     &count, p);
    if (e == ERR_NO_CONTACT)
        return no_contact(q->address, p);
    return e == ERR_OK ? keyring_contact(k, q->address, true, bytes, out, p)
                       : e;
}

/* ---- history ------------------------------------------------------------ */

struct telling {
    struct buf *out;
    size_t end[LIMIT_LIST_ITEMS];
    size_t n, most;
    uint32_t last;
    bool more;
};

static bool
tell(void *ctx, const struct happened *h)
{
    struct telling *t = ctx;
    struct event_record one = {.event = h->event,
                               .action = h->action,
                               .time = (uint64_t)h->time,
                               .what = h->what,
                               .address = h->address,
                               .fingerprint = h->fingerprint,
                               .origin = h->origin,
                               .undone = h->undone,
                               .undoable = h->undoable};

    t->more = t->n == t->most;
    if (t->more)
        return false;
    record_encode(RECORD_event_record, &one, t->out);
    t->end[t->n++] = t->out->len;
    t->last = h->event;
    return true;
}

static void
telling_reply(const struct telling *t, struct list_reply *out)
{
    size_t start = 0;

    *out = (struct list_reply){.next = t->more ? t->last : 0};
    out->records.n = t->n;
    for (size_t i = 0; i < t->n; start = t->end[i], i++)
        out->records.item[i] =
            slice_of(t->out->data + start, t->end[i] - start);
}

enum err
keyring_history(struct keyring *k, const struct history_request *q,
                struct answer_bytes *bytes, struct list_reply *out,
                struct problem *p)
{
    struct telling t = {.out = &bytes->a, .most = LIMIT_LIST_ITEMS};
    enum err e;

    if (q->limit > 0 && q->limit < t.most)
        t.most = q->limit;
    e = store_history(k->store, q->cursor, q->address, tell, &t, p);
    if (e == ERR_OK)
        telling_reply(&t, out);
    return e;
}

/* Each change is taken back whole and by itself: what was done stays done
 * when a later one fails. */
enum err
keyring_undo(struct keyring *k, const struct undo_request *q,
             struct answer_bytes *bytes, struct list_reply *out,
             struct problem *p)
{
    struct telling t = {.out = &bytes->a, .most = LIMIT_LIST_ITEMS};
    bool found = true;
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < q->count && i < LIMIT_LIST_ITEMS; i++) {
        e = store_undo(k->store, (int64_t)time(NULL), tell, &t, &found, p);
        if (e != ERR_OK || !found)
            break;
    }
    if (e == ERR_OK)
        telling_reply(&t, out);
    return e;
}
