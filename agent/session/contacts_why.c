/* Contacts.Why: which certificate is encrypted to, and why no other. */
#include "agent/session/certificate_json.h"
#include "agent/session/channels.h"
#include "agent/session/contacts.h"
#include "agent/session/session.h"
#include "agent/session/try.h"

static json_t *
uses_json(uint32_t uses)
{
    json_t *out = json_array();

    if (uses & USE_SIGN)
        json_array_append_new(out, json_string("sign"));
    if (uses & (USE_DECRYPT | USE_AGREE))
        json_array_append_new(out, json_string("encrypt"));
    return out;
}

static json_t *
time_or_null(uint64_t t)
{
    return t ? json_time(t) : json_null();
}

static json_t *
choice_json(const struct choice_record *c)
{
    return json_pack(
        "{s:b, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "chosen", c->chosen != 0, "reason", json_text(c->reason), "state",
        contact_state_word(c->state), "fingerprint", json_hex(c->fingerprint),
        "subject", json_text(c->subject), "issuer", json_text(c->issuer),
        "algorithm", key_algorithm_json(c->type, c->bits, c->curve), "uses",
        uses_json(c->uses), "not_before", json_time(c->not_before), "not_after",
        json_time(c->not_after), "preferred", time_or_null(c->preferred),
        "capabilities_date", time_or_null(c->capabilities_time));
}

static enum err
choices_add(struct request *r, const struct why_reply *reply, json_t *list)
{
    for (size_t i = 0; i < reply->records.n; i++) {
        struct choice_record c;

        if (!record_decode(RECORD_choice_record, reply->records.item[i], &c))
            return fail(&r->problem, ERR_INTERNAL, "a malformed choice");
        json_array_append_new(list, choice_json(&c));
    }
    return ERR_OK;
}

enum err
contacts_why(struct request *r, json_t **out)
{
    const char *address = request_text(r, "address");
    struct address q = {.address = slice_text(address)};
    struct why_reply reply;
    json_t *list;
    enum err e;

    TRY(session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0)));
    TRY(keyring_call(r, MSG_CONTACT_WHY, &q, &reply));
    list = json_array();
    e = choices_add(r, &reply, list);
    if (e == ERR_OK)
        *out = json_pack("{s:s, s:b, s:o, s:O}", "address", address,
                         "can_encrypt", reply.state == RECIPIENT_OK, "reason",
                         reply.reason.n ? json_text(reply.reason) : json_null(),
                         "choices", list);
    json_decref(list);
    return e;
}
