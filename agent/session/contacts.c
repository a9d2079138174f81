/* Contacts.List, Show and Remove; harvest.c has Harvest. */
#include <openssl/evp.h>

#include "agent/session/certificate_json.h"
#include "agent/session/session.h"

#define PEM_LINE_BYTES 48 /* 64 characters */

static const char *const states[] = {
    [CONTACT_SEEN] = "seen",       [CONTACT_VERIFIED] = "verified",
    [CONTACT_PINNED] = "pinned",   [CONTACT_CHANGED] = "changed",
    [CONTACT_BLOCKED] = "blocked", [CONTACT_EXPIRED] = "expired",
    [CONTACT_REVOKED] = "revoked"};

/* RFC 7468. */
static json_t *
pem_json(struct slice der)
{
    AUTO(buf) struct buf pem = {0};

    buf_add_text(&pem, "-----BEGIN CERTIFICATE-----\n");
    for (size_t i = 0; i < der.n; i += PEM_LINE_BYTES) {
        unsigned char line[PEM_LINE_BYTES / 3 * 4 + 1];
        size_t n = der.n - i < PEM_LINE_BYTES ? der.n - i : PEM_LINE_BYTES;

        buf_add(&pem, line, (size_t)EVP_EncodeBlock(line, der.p + i, (int)n));
        buf_add_byte(&pem, '\n');
    }
    buf_add_text(&pem, "-----END CERTIFICATE-----\n");
    return json_text(buf_slice(&pem));
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
    json_object_set_new(out, "algorithm", key_algorithm_json(d.type, d.bits));
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
    if (with_certificate && c->certificate.n > 0)
        json_object_set_new(out, "certificate", pem_json(c->certificate));
    return out;
}

static enum err
add_contacts(struct request *r, const struct list_reply *reply,
             bool with_certificate, json_t *list)
{
    for (size_t i = 0; i < reply->records.n; i++) {
        struct contact_record c;

        if (!record_decode(RECORD_contact_record, reply->records.item[i], &c) ||
            c.state >= ARRAY_COUNT(states))
            return fail(&r->problem, ERR_INTERNAL,
                        "a malformed contact record");
        json_array_append_new(list, contact_json(&c, with_certificate));
    }
    return ERR_OK;
}

static json_t *
contacts_json(json_t **out_list)
{
    json_t *out = json_object();

    *out_list = json_array();
    json_object_set_new(out, "contacts", *out_list);
    return out;
}

enum err
contacts_list(struct request *r, json_t **out)
{
    struct contacts_request request = {
        .match = slice_text(request_text(r, "match"))};
    struct list_reply reply;
    json_t *list;
    enum err e = session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));

    *out = contacts_json(&list);
    if (e != ERR_OK)
        return e;
    do {
        e = keyring_call(r, MSG_CONTACTS, &request, &reply);
        if (e == ERR_OK)
            e = add_contacts(r, &reply, false, list);
        if (e == ERR_OK)
            request.cursor = reply.next;
    } while (e == ERR_OK && request.cursor != 0);
    return e;
}

static enum err
no_contact(struct request *r, const char *address)
{
    enum err e = fail(&r->problem, ERR_NO_CONTACT, NULL);

    problem_set_subject(&r->problem, address);
    return e;
}

enum err
contacts_show(struct request *r, json_t **out)
{
    const char *text = request_text(r, "address");
    struct address request = {.address = slice_text(text)};
    struct list_reply reply;
    json_t *list;
    enum err e = session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));

    if (e == ERR_OK)
        e = keyring_call(r, MSG_CONTACT, &request, &reply);
    if (e != ERR_OK)
        return e;
    if (reply.records.n == 0)
        return no_contact(r, text);
    *out = contacts_json(&list);
    return add_contacts(r, &reply, true, list);
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
        return no_contact(r, text);
    *out = json_object();
    json_object_set_new(*out, "removed", json_integer(reply.count));
    return ERR_OK;
}
