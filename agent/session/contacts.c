/* Contacts.List, Show and Remove; contacts_change.c has what changes them,
 * mail_open.c Harvest. */
#include "agent/session/contacts.h"

#include <stdio.h>

#include "agent/cms/certview.h"
#include "agent/cms/curve.h"
#include "agent/mime/address.h"
#include "agent/session/certificate_json.h"
#include "agent/session/directory.h"
#include "agent/session/try.h"

static const char *const states[] = {
    [CONTACT_SEEN] = "seen",       [CONTACT_VERIFIED] = "verified",
    [CONTACT_PINNED] = "pinned",   [CONTACT_CHANGED] = "changed",
    [CONTACT_BLOCKED] = "blocked", [CONTACT_EXPIRED] = "expired",
    [CONTACT_REVOKED] = "revoked"};

static const char *const sources[CONTACT_SOURCES] = {
    [CONTACT_MAIL] = "mail",
    [CONTACT_IMPORT] = "import",
    [CONTACT_DIRECTORY] = "directory",
    [CONTACT_PERSON] = "person"};

const char *
contact_state_word(uint32_t state)
{
    return state < ARRAY_COUNT(states) ? states[state] : "seen";
}

/* The keyring keeps no name of a curve: it reads no certificate. */
static struct slice
curve_of(const struct contact_record *c, const struct description *d)
{
    struct cert_view view;

    if (d->curve.n > 0 || d->type != KEY_EC ||
        !cert_view_parse(c->certificate, &view))
        return d->curve;
    return slice_text(curve_name_of(view.spki));
}

/* A certificate that could not be described has a contact nevertheless. */
static json_t *
contact_json(const struct contact_record *c, bool with_certificate)
{
    json_t *out = json_object();
    struct description d = {0};

    if (!record_decode(RECORD_description, c->described, &d))
        d = (struct description){0};
    json_object_set_new(out, "address", json_text(c->address));
    json_object_set_new(out, "name", json_text(c->name));
    json_object_set_new(out, "state", json_string(states[c->state]));
    json_object_set_new(out, "can_encrypt", json_boolean(c->can_encrypt));
    json_object_set_new(out, "algorithm",
                        key_algorithm_json(d.type, d.bits, curve_of(c, &d)));
    json_object_set_new(out, "subject", json_text(d.subject));
    json_object_set_new(out, "issuer", json_text(d.issuer));
    json_object_set_new(out, "serial", json_text(d.serial));
    json_object_set_new(out, "fingerprint", json_hex(d.fingerprint));
    json_object_set_new(out, "not_before", json_time(d.not_before));
    json_object_set_new(out, "not_after", json_time(d.not_after));
    json_object_set_new(out, "first_seen", json_time(c->first_seen));
    json_object_set_new(out, "last_seen", json_time(c->last_seen));
    json_object_set_new(out, "origin", json_text(c->origin));
    json_object_set_new(out, "message_id", json_text(c->message_id));
    json_object_set_new(out, "source", json_string(sources[c->source]));
    json_object_set_new(out, "resembles",
                        c->resembles.n ? json_text(c->resembles) : json_null());
    json_object_set_new(out, "mixed_scripts", json_boolean(c->mixed != 0));
    json_object_set_new(out, "verdict", json_text(c->verdict));
    json_object_set_new(out, "date",
                        c->date ? json_time(c->date) : json_null());
    if (with_certificate && c->certificate.n > 0)
        json_object_set_new(out, "certificate",
                            json_pem("CERTIFICATE", c->certificate));
    return out;
}

static enum err
add_contacts(struct request *r, const struct list_reply *reply,
             bool with_certificate, json_t *list)
{
    for (size_t i = 0; i < reply->records.n; i++) {
        struct contact_record c;

        if (!record_decode(RECORD_contact_record, reply->records.item[i], &c) ||
            c.state >= ARRAY_COUNT(states) || c.source >= CONTACT_SOURCES)
            return fail(&r->problem, ERR_INTERNAL,
                        "a malformed contact record");
        json_array_append_new(list, contact_json(&c, with_certificate));
    }
    return ERR_OK;
}

enum err
contacts_json(struct request *r, const struct list_reply *reply,
              bool with_certificate, json_t **out)
{
    json_t *list = json_array();
    enum err e = add_contacts(r, reply, with_certificate, list);

    if (e == ERR_OK)
        *out = json_pack("{s:O}", "contacts", list);
    json_decref(list);
    return e;
}

/* Pages until LEFT contacts are there, or all. */
static enum err
pages_read(struct request *r, struct contacts_request *q, int64_t left,
           json_t *list)
{
    struct list_reply reply;

    do {
        q->limit = left < LIMIT_CONTACTS_PAGE ? (uint32_t)left : 0;
        TRY(keyring_call(r, MSG_CONTACTS, q, &reply));
        TRY(add_contacts(r, &reply, false, list));
        left -= (int64_t)reply.records.n;
        q->cursor = reply.next;
    } while (q->cursor != 0 && left > 0);
    return ERR_OK;
}

/* Nothing of others' mail is read here: a session that only looks may go on,
 * and needs to be narrowed once. */
static enum err
look_begin(struct request *r)
{
    return r->session->verb == VERB_LOOK
               ? ERR_OK
               : session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));
}

enum err
contacts_list(struct request *r, json_t **out)
{
    struct contacts_request q = {
        .cursor = (uint32_t)request_number(r, "cursor", 0),
        .match = slice_text(request_text(r, "match")),
        .search = slice_text(request_text(r, "search"))};
    int64_t left = request_number(r, "limit", INT64_MAX);
    json_t *list;
    enum err e;

    if (left == 0)
        return fail(&r->problem, ERR_USAGE, "limit: at least 1");
    TRY(look_begin(r));
    list = json_array();
    e = pages_read(r, &q, left, list);
    if (e == ERR_OK)
        *out = json_pack("{s:O, s:o}", "contacts", list, "next",
                         q.cursor ? json_integer(q.cursor) : json_null());
    json_decref(list);
    return e;
}

static enum err
no_contact(struct request *r, const char *address, const char *detail)
{
    enum err e = fail(&r->problem, ERR_NO_CONTACT, "%s", detail);

    problem_set_subject(&r->problem, address);
    return e;
}

/* Nobody here: why the directory did not help. */
static enum err
no_contact_there(struct request *r, const char *address,
                 const struct directory_told *told)
{
    char detail[LIMIT_FACT_BYTES];

    if (told->state == DIRECTORY_OFF)
        return fail(&r->problem, ERR_DIRECTORY_OFF, NULL);
    if (told->state != DIRECTORY_OK)
        return fail(&r->problem, ERR_DIRECTORY, "%s", told->detail);
    snprintf(detail, sizeof(detail), "the directory %s was asked: %s",
             told->server, told->reason);
    return no_contact(r, address, detail);
}

static enum err
show_of_directory(struct request *r, json_t **out)
{
    const char *text = request_text(r, "address");
    struct address q = {.address = slice_text(text)};
    struct directory_told told;
    struct list_reply reply;

    if (!address_is_plausible(q.address))
        return fail(&r->problem, ERR_USAGE, "address: this is no mail address");
    TRY(look_begin(r));
    TRY(directory_ask(r, text, &told));
    TRY(keyring_call(r, MSG_CONTACT, &q, &reply));
    if (reply.records.n == 0)
        return no_contact_there(r, text, &told);
    TRY(contacts_json(r, &reply, true, out));
    json_object_set_new(*out, "directory", directory_json(&told));
    return ERR_OK;
}

static enum err
look(struct request *r, enum message m, bool with_certificate, json_t **out)
{
    const char *text = request_text(r, "address");
    struct address request = {.address = slice_text(text)};
    struct list_reply reply;

    TRY(look_begin(r));
    TRY(keyring_call(r, m, &request, &reply));
    if (reply.records.n == 0)
        return no_contact(r, text, "");
    return contacts_json(r, &reply, with_certificate, out);
}

enum err
contacts_show(struct request *r, json_t **out)
{
    if (request_flag(r, "directory"))
        return show_of_directory(r, out);
    return look(r, MSG_CONTACT, true, out);
}

enum err
contacts_find(struct request *r, json_t **out)
{
    return look(r, MSG_CONTACT_FIND, false, out);
}

enum err
contacts_remove(struct request *r, json_t **out)
{
    const char *text = request_text(r, "address");
    struct address request = {.address = slice_text(text)};
    struct count_reply reply;
    enum err e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));

    if (e == ERR_OK)
        e = keyring_call(r, MSG_CONTACT_REMOVE, &request, &reply);
    if (e != ERR_OK)
        return e;
    if (reply.count == 0)
        return no_contact(r, text, "");
    *out = json_object();
    json_object_set_new(*out, "removed", json_integer(reply.count));
    return ERR_OK;
}
