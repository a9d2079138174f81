/* Contacts.SetState, Undo and History, and what is handed to the keyring. */
#include "agent/base/fd.h"
#include "agent/base/stream.h"
#include "agent/session/certificate_json.h"
#include "agent/session/channels.h"
#include "agent/session/contacts.h"
#include "agent/session/pem.h"
#include "agent/session/session.h"
#include "agent/session/try.h"

/* ---- deciding ----------------------------------------------------------- */

static const char *const decisions[CHANGES] = {[CHANGE_PIN] = "pinned",
                                               [CHANGE_UNPIN] = "unpinned",
                                               [CHANGE_BLOCK] = "blocked",
                                               [CHANGE_UNBLOCK] = "unblocked"};

static enum err
decision_read(struct request *r, uint32_t *out)
{
    const char *word = request_text(r, "state");

    for (uint32_t i = 0; i < CHANGES; i++)
        if (strcmp(word, decisions[i]) == 0) {
            *out = i;
            return ERR_OK;
        }
    return fail(&r->problem, ERR_USAGE,
                "state: pinned, unpinned, blocked or unblocked");
}

static int
nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum err
contacts_fingerprint(struct request *r, const char *name, uint8_t bytes[32],
                     size_t *n)
{
    const char *text = request_text(r, name);

    *n = 0;
    if (!text)
        return ERR_OK;
    for (size_t i = 0; i < 64; i++) {
        int value = nibble(text[i]);

        if (value < 0)
            return fail(&r->problem, ERR_USAGE, "%s: 64 hexadecimal digits",
                        name);
        bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | value : value << 4);
    }
    if (text[64])
        return fail(&r->problem, ERR_USAGE, "%s: 64 hexadecimal digits", name);
    *n = 32;
    return ERR_OK;
}

enum err
contacts_set_state(struct request *r, json_t **out)
{
    struct change_request q = {.address =
                                   slice_text(request_text(r, "address"))};
    struct list_reply reply;
    uint8_t fingerprint[32];
    size_t n;

    TRY(decision_read(r, &q.change));
    TRY(contacts_fingerprint(r, "fingerprint", fingerprint, &n));
    q.fingerprint = slice_of(fingerprint, n);
    TRY(session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0)));
    TRY(keyring_call(r, MSG_CONTACT_CHANGE, &q, &reply));
    return contacts_json(r, &reply, false, out);
}

/* ---- importing ---------------------------------------------------------- */

static const char *
learned_word(uint32_t learned)
{
    static const char *const words[] = {[LEARNED_NOTHING] = "nothing",
                                        [LEARNED_NEW] = "new",
                                        [LEARNED_KNOWN] = "known",
                                        [LEARNED_CHANGED] = "changed",
                                        [LEARNED_FAILED] = "failed"};

    return learned < ARRAY_COUNT(words) ? words[learned] : "failed";
}

json_t *
contacts_stored_json(const struct stored_record *s)
{
    json_t *certificate = certificate_json_read(s->described);

    return json_pack("{s:s, s:o, s:o}", "result", learned_word(s->learned),
                     "reason", s->reason.n ? json_text(s->reason) : json_null(),
                     "certificate", certificate ? certificate : json_null());
}

static enum err
stored_add(struct request *r, const struct store_reply *reply, json_t *list)
{
    for (size_t i = 0; i < reply->records.n; i++) {
        struct stored_record one;

        if (!record_decode(RECORD_stored_record, reply->records.item[i], &one))
            return fail(&r->problem, ERR_INTERNAL, "a malformed answer");
        json_array_append_new(list, contacts_stored_json(&one));
    }
    return ERR_OK;
}

/* As many of FROM on as fit into one message. */
static size_t
certificates_take(const struct certificate_bundle *b, size_t from,
                  struct slice_list *out)
{
    size_t used = 0;

    *out = (struct slice_list){0};
    while (from < b->count && used + b->item[from].n <= LIMIT_STORE_BYTES &&
           slice_list_add(out, b->item[from]))
        used += b->item[from++].n;
    return from;
}

enum err
contacts_store(struct request *r, const struct certificate_bundle *bundle,
               enum contact_source source, struct slice address,
               struct slice origin, json_t *list)
{
    struct store_request q = {
        .source = source, .address = address, .origin = origin};
    struct store_reply reply;

    for (size_t i = 0; i < bundle->count;) {
        size_t next = certificates_take(bundle, i, &q.certificates);

        if (next == i)
            return fail(&r->problem, ERR_LIMIT, "a certificate of %zu bytes",
                        bundle->item[i].n);
        TRY(keyring_call(r, MSG_CONTACT_STORE, &q, &reply));
        TRY(stored_add(r, &reply, list));
        i = next;
    }
    return ERR_OK;
}

/* ---- history ------------------------------------------------------------ */

static json_t *
event_json(const struct event_record *e)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "event",
                     (json_int_t)e->event, "action", (json_int_t)e->action,
                     "time", json_time(e->time), "what", json_text(e->what),
                     "address", json_text(e->address), "fingerprint",
                     e->fingerprint.n ? json_hex(e->fingerprint) : json_null(),
                     "origin", json_text(e->origin), "undone", e->undone != 0,
                     "undoable", e->undoable != 0);
}

static enum err
events_add(struct request *r, const struct list_reply *reply, json_t *list)
{
    for (size_t i = 0; i < reply->records.n; i++) {
        struct event_record e;

        if (!record_decode(RECORD_event_record, reply->records.item[i], &e))
            return fail(&r->problem, ERR_INTERNAL, "a malformed event");
        json_array_append_new(list, event_json(&e));
    }
    return ERR_OK;
}

enum err
contacts_undo(struct request *r, json_t **out)
{
    int64_t count = request_number(r, "count", 1);
    struct undo_request q = {.count = (uint32_t)count};
    struct list_reply reply;
    json_t *list;
    enum err e;

    if (count < 1 || count > LIMIT_LIST_ITEMS)
        return fail(&r->problem, ERR_USAGE, "count: from 1 to %d",
                    LIMIT_LIST_ITEMS);
    TRY(session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0)));
    TRY(keyring_call(r, MSG_CONTACT_UNDO, &q, &reply));
    list = json_array();
    e = events_add(r, &reply, list);
    if (e == ERR_OK)
        *out = json_pack("{s:O}", "undone", list);
    json_decref(list);
    return e;
}

enum err
contacts_history(struct request *r, json_t **out)
{
    struct history_request q = {
        .cursor = (uint32_t)request_number(r, "cursor", 0),
        .address = slice_text(request_text(r, "address"))};
    int64_t left = request_number(r, "limit", LIMIT_LIST_ITEMS);
    json_t *list = json_array();
    struct list_reply reply = {0};
    enum err e = session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));

    do {
        q.limit = (uint32_t)(left < LIMIT_LIST_ITEMS ? left : LIMIT_LIST_ITEMS);
        if (e == ERR_OK)
            e = keyring_call(r, MSG_CONTACT_HISTORY, &q, &reply);
        if (e == ERR_OK)
            e = events_add(r, &reply, list);
        left -= (int64_t)reply.records.n;
        q.cursor = reply.next;
    } while (e == ERR_OK && q.cursor != 0 && left > 0);
    if (e == ERR_OK)
        *out = json_pack("{s:O, s:o}", "events", list, "next",
                         q.cursor ? json_integer(q.cursor) : json_null());
    json_decref(list);
    return e;
}
