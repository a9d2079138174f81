#include "agent/session/trust.h"

#include "agent/base/fd.h"
#include "agent/base/stream.h"
#include "agent/session/certificate_json.h"
#include "agent/session/channels.h"
#include "agent/session/judge.h"
#include "agent/session/try.h"

/* ---- what is brought along -------------------------------------------------
 */

static enum err
bytes_send(struct request *r, enum trust_kind kind, struct slice bytes)
{
    struct trust_part part = {.kind = kind, .bytes = bytes};
    struct empty nothing;

    return keyring_call(r, MSG_TRUST, &part, &nothing);
}

/* An empty file is sent too: who names a file of anchors wants no others. */
static enum err
file_send(struct request *r, enum trust_kind kind, int fd)
{
    AUTO(buf) struct buf bytes = {0};
    struct stream_fd from;
    struct slice rest;

    stream_fd_init(&from, fd, -1, -1);
    TRY(stream_read_all(&from.s, LIMIT_TRUST_BYTES, &bytes, &r->problem));
    rest = buf_slice(&bytes);
    do {
        size_t n =
            rest.n < LIMIT_TRUST_CHUNK_BYTES ? rest.n : LIMIT_TRUST_CHUNK_BYTES;

        TRY(bytes_send(r, kind, slice_of(rest.p, n)));
        rest = slice_of(rest.p ? rest.p + n : NULL, rest.n - n);
    } while (rest.n > 0);
    return ERR_OK;
}

static enum err
list_send(struct request *r, const char *name, const json_t *list,
          enum trust_kind kind)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_int_t n = json_integer_value(json_array_get(list, i));

        if (n < 0 || n >= r->fd_count || r->fds[n] < 0)
            return fail(&r->problem, ERR_USAGE,
                        "%s: two parameters name one descriptor", name);
        AUTO(fd) int fd = fd_take(&r->fds[n]);

        TRY(file_send(r, kind, fd));
    }
    return ERR_OK;
}

enum err
trust_bring(struct request *r, const char *name, enum trust_kind kind)
{
    const json_t *value = json_object_get(r->parameters, name);
    int taken = -1;

    if (!value || json_is_null(value))
        return ERR_OK;
    if (json_is_array(value))
        return list_send(r, name, value, kind);
    TRY(request_fd(r, name, &taken));
    AUTO(fd) int fd = taken;

    return file_send(r, kind, fd);
}

/* ---- one chain ------------------------------------------------------------
 */

static enum err
question_read(struct request *r, struct check_request *q)
{
    const char *purpose = request_text(r, "purpose");
    const json_t *policies = json_object_get(r->parameters, "policies");

    if (purpose && strcmp(purpose, "any") != 0 && strcmp(purpose, "email") != 0)
        return fail(&r->problem, ERR_USAGE, "purpose: any or email");
    if (json_array_size(policies) > LIMIT_CHECK_POLICIES)
        return fail(&r->problem, ERR_USAGE, "policies: more than %d",
                    LIMIT_CHECK_POLICIES);
    q->purpose =
        purpose && strcmp(purpose, "any") == 0 ? PURPOSE_ANY : PURPOSE_EMAIL;
    q->address = slice_text(request_text(r, "address"));
    q->at = request_time(r, "at");
    for (size_t i = 0; i < json_array_size(policies); i++)
        q->policies.item[q->policies.n++] =
            slice_text(json_string_value(json_array_get(policies, i)));
    q->policy_flags =
        (request_flag(r, "explicit_policy") ? POLICY_EXPLICIT : 0u) |
        (request_flag(r, "inhibit_mapping") ? POLICY_INHIBIT_MAPPING : 0u) |
        (request_flag(r, "inhibit_any") ? POLICY_INHIBIT_ANY : 0u);
    return ERR_OK;
}

static json_t *
path_json(const struct slice_list *path)
{
    json_t *out = json_array();

    for (size_t i = 0; i < path->n; i++) {
        json_t *certificate = certificate_json_read(path->item[i]);

        if (certificate)
            json_array_append_new(out, certificate);
    }
    return out;
}

static json_t *
answer_json(const struct check_reply *v, bool address_asked)
{
    return json_pack(
        "{s:b, s:s, s:s, s:s?, s:s, s:s, s:I, s:o, s:o, s:o, s:o}", "good",
        v->good != 0, "chain", chain_word(v->chain), "strength",
        strength_word(v->strength), "address",
        address_asked ? sender_word(v->sender) : NULL, "revocation",
        revocation_word(v->revocation), "time_source",
        v->time_source == TIME_GIVEN ? "given" : "now", "judged_at",
        (json_int_t)v->judged_at, "revoked_at",
        v->revoked_at ? json_time(v->revoked_at) : json_null(), "reasons",
        json_texts(&v->reasons), "path", path_json(&v->path), "anchor",
        v->anchor.n ? json_text(v->anchor) : json_null());
}

enum err
mail_check(struct request *r, json_t **out)
{
    struct check_request q = {0};
    struct check_reply v;

    TRY(question_read(r, &q));
    TRY(session_narrow(r, VERB_VERIFY, 0, slice_of(NULL, 0)));
    TRY(trust_bring(r, "certificate", TRUST_CERTIFICATE));
    TRY(trust_bring(r, "chain", TRUST_CHAIN));
    TRY(trust_bring(r, "anchors", TRUST_ANCHORS));
    TRY(trust_bring(r, "crls", TRUST_CRLS));
    TRY(keyring_call(r, MSG_CHECK_PATH, &q, &v));
    *out = answer_json(&v, q.address.n > 0);
    return ERR_OK;
}

/* ---- the anchors ----------------------------------------------------------
 */

static json_t *
anchor_json(const struct anchor_record *a)
{
    json_t *certificate = certificate_json_read(a->described);

    return json_pack("{s:o, s:o, s:o, s:o}", "source", json_text(a->source),
                     "label", json_text(a->label), "distrust_after",
                     a->distrust_after ? json_time(a->distrust_after)
                                       : json_null(),
                     "certificate", certificate ? certificate : json_null());
}

static json_t *
crl_json(const struct anchor_record *a)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I}", "source",
                     json_text(a->source), "issuer", json_text(a->issuer),
                     "this_update", json_time(a->this_update), "next_update",
                     a->next_update ? json_time(a->next_update) : json_null(),
                     "revoked", (json_int_t)a->revoked);
}

/* REPLY has a list for each kind. */
static void
listed_add(json_t *reply, struct slice bytes)
{
    struct anchor_record a;

    if (!record_decode(RECORD_anchor_record, bytes, &a))
        return;
    if (a.kind == LISTED_ANCHOR)
        json_array_append_new(json_object_get(reply, "anchors"),
                              anchor_json(&a));
    else if (a.kind == LISTED_CRL)
        json_array_append_new(json_object_get(reply, "crls"), crl_json(&a));
    else
        json_array_append_new(json_object_get(reply, "unreadable"),
                              json_pack("{s:o, s:o}", "source",
                                        json_text(a.source), "why",
                                        json_text(a.why)));
}

static enum err
listed_read(struct request *r, json_t *reply)
{
    struct page page = {0};
    struct list_reply list;

    do {
        TRY(keyring_call(r, MSG_ANCHOR_LIST, &page, &list));
        for (size_t i = 0; i < list.records.n; i++)
            listed_add(reply, list.records.item[i]);
        /* Only forward: a list that goes round has no end. */
        if (list.next != 0 && list.next <= page.cursor)
            return fail(&r->problem, ERR_INTERNAL, "a list goes round");
        page.cursor = list.next;
    } while (page.cursor != 0);
    return ERR_OK;
}

enum err
agent_anchors(struct request *r, json_t **out)
{
    json_t *reply =
        json_pack("{s:[], s:[], s:[]}", "anchors", "crls", "unreadable");
    enum err e = keyring_narrow(r, VERB_LOOK);

    if (e == ERR_OK)
        e = listed_read(r, reply);
    if (e == ERR_OK)
        *out = json_incref(reply);
    json_decref(reply);
    return e;
}
