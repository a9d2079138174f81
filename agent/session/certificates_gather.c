/*
 * Contacts.Certificates: gathers what the agent knows, and tells what is
 * asked for.
 */
#include <stdio.h>

#include "agent/session/certificate_json.h"
#include "agent/session/certificates_list.h"
#include "agent/session/channels.h"
#include "agent/session/judge.h"
#include "agent/session/try.h"

/* ---- one's own ----------------------------------------------------------- */

/* What a token stores beside a certificate may complete its chain. A token
 * that is away says nothing, and hinders nothing. */
static enum err
describe_with_chain(struct request *r, const struct own_key *k, struct buf *out)
{
    struct key_choice choice = {.key = buf_slice(&k->ref)};
    struct describe_request q = {.purpose = 1};
    struct describe_reply described;
    struct chain_reply chain;

    q.certificates.item[q.certificates.n++] = buf_slice(&k->certificate);
    if (keyholder_call(r, MSG_CHAIN, &choice, NULL, 0, &chain) != ERR_OK) {
        r->problem = (struct problem){0};
        return r->session->lost ? ERR_KEYHOLDER_LOST : ERR_OK;
    }
    for (size_t i = 0; i < chain.certificates.n; i++)
        if (!slice_list_add(&q.certificates, chain.certificates.item[i]))
            break;
    TRY(keyring_call(r, MSG_DESCRIBE, &q, &described));
    if (described.records.n > 0)
        buf_add_slice(out, described.records.item[0]);
    return ERR_OK;
}

static enum err
add_own(struct request *r, const struct own_key *k, struct certificate_list *l)
{
    AUTO(buf) struct buf better = {0};
    struct slice described = buf_slice(&k->described);
    struct listed_certificate *c;

    if (k->about.chain == CHAIN_UNTRUSTED)
        TRY(describe_with_chain(r, k, &better));
    if (better.len > 0)
        described = buf_slice(&better);
    c = certificate_list_add(l, OF_KEY, buf_slice(&k->certificate), described);
    if (!c)
        return ERR_OK;
    snprintf(c->key, sizeof(c->key), "%s", k->id);
    snprintf(c->token, sizeof(c->token), "%s", k->token);
    c->flags = k->flags;
    c->uses = k->uses;
    return ERR_OK;
}

static enum err
gather_own(struct request *r, struct certificate_list *l)
{
    AUTO(own_keys) struct own_keys keys = {0};

    TRY(own_keys_load(r, true, &keys));
    for (size_t i = 0; i < keys.count; i++)
        if (keys.item[i].certificate.len > 0)
            TRY(add_own(r, &keys.item[i], l));
    return ERR_OK;
}

/* ---- contacts ------------------------------------------------------------ */

static enum err
add_contacts(struct request *r, const struct list_reply *reply,
             struct certificate_list *l)
{
    for (size_t i = 0; i < reply->records.n; i++) {
        struct contact_record record;
        struct listed_certificate *c;

        if (!record_decode(RECORD_contact_record, reply->records.item[i],
                           &record))
            return fail(&r->problem, ERR_INTERNAL,
                        "a malformed contact record");
        c = certificate_list_add(l, OF_CONTACT, record.certificate,
                                 record.described);
        if (c)
            c->blocked = record.state == CONTACT_BLOCKED;
    }
    return ERR_OK;
}

static enum err
contacts_with(struct request *r, struct slice match, struct certificate_list *l)
{
    struct contacts_request q = {.match = match};
    struct list_reply reply;

    do {
        TRY(keyring_call(r, MSG_CONTACTS, &q, &reply));
        TRY(add_contacts(r, &reply, l));
        q.cursor = reply.next;
    } while (q.cursor != 0);
    return ERR_OK;
}

static enum err
contacts_of(struct request *r, struct slice address, struct certificate_list *l)
{
    struct address q = {.address = address};
    struct list_reply reply;

    TRY(keyring_call(r, MSG_CONTACT, &q, &reply));
    return add_contacts(r, &reply, l);
}

static enum err
holders_of(struct request *r, const uint8_t sha256[32],
           struct certificate_list *l)
{
    struct fingerprint q = {.fingerprint = slice_of(sha256, 32)};
    struct list_reply reply;

    TRY(keyring_call(r, MSG_HOLDERS, &q, &reply));
    return add_contacts(r, &reply, l);
}

/* The bytes of all, of which nothing is asked before a pattern matches. */
static enum err
gather_stored(struct request *r, enum stored_kind kind,
              struct certificate_list *l)
{
    struct stored_request q = {.kind = kind};
    struct stored_reply reply;

    do {
        TRY(keyring_call(r, MSG_STORED, &q, &reply));
        for (size_t i = 0; i < reply.certificates.n; i++)
            (void)certificate_list_add(
                l, kind == STORED_ISSUERS ? OF_ISSUER : OF_CONTACT,
                reply.certificates.item[i], slice_of(NULL, 0));
        if (reply.next != 0 && reply.next <= q.cursor)
            return fail(&r->problem, ERR_INTERNAL, "a list goes round");
        q.cursor = reply.next;
    } while (q.cursor != 0);
    return ERR_OK;
}

/* Those that patterns of bytes mean. */
static enum err
contacts_by_bytes(struct request *r, struct certificate_list *l)
{
    AUTO(certificate_list)
    struct certificate_list all = {.pattern = l->pattern,
                                   .pattern_count = l->pattern_count};

    TRY(gather_stored(r, STORED_CONTACTS, &all));
    for (size_t i = 0; i < all.count; i++)
        if (all.item[i].wanted)
            TRY(holders_of(r, all.item[i].sha256, l));
    return ERR_OK;
}

/* The least that answers one pattern, which is no pattern of bytes. */
static enum err
contacts_by(struct request *r, const struct pattern *p,
            struct certificate_list *l)
{
    struct slice all = {0};

    if (p->kind == PATTERN_ADDRESS && p->text.n <= LIMIT_ADDRESS_BYTES)
        return contacts_of(r, p->text, l);
    return contacts_with(r, all, l);
}

static enum err
gather_contacts(struct request *r, struct certificate_list *l)
{
    bool by_bytes = false;

    if (l->pattern_count == 0)
        return contacts_with(r, slice_of(NULL, 0), l);
    for (size_t i = 0; i < l->pattern_count; i++) {
        if (pattern_is_of_bytes(&l->pattern[i]))
            by_bytes = true;
        else
            TRY(contacts_by(r, &l->pattern[i], l));
    }
    return by_bytes ? contacts_by_bytes(r, l) : ERR_OK;
}

/* ---- issuers and anchors ------------------------------------------------- */

static bool
only_bytes(const struct certificate_list *l)
{
    for (size_t i = 0; i < l->pattern_count; i++)
        if (!pattern_is_of_bytes(&l->pattern[i]))
            return false;
    return l->pattern_count > 0;
}

/* Issuers come without a description, whose text may be what matches. */
static enum err
describe_issuers(struct request *r, struct certificate_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        struct listed_certificate *c = &l->item[i];
        struct describe_request q = {0};
        struct describe_reply reply;

        if (c->described.len > 0 || c->kind != OF_ISSUER ||
            (only_bytes(l) && !c->wanted))
            continue;
        q.certificates.item[q.certificates.n++] = buf_slice(&c->der);
        TRY(keyring_call(r, MSG_DESCRIBE, &q, &reply));
        if (reply.records.n == 0 || reply.records.item[0].n == 0)
            continue;
        buf_add_slice(&c->described, reply.records.item[0]);
        if (!record_decode(RECORD_description, buf_slice(&c->described),
                           &c->about))
            buf_clear(&c->described);
        certificate_list_match(l, c);
    }
    return ERR_OK;
}

static enum err
gather_anchors(struct request *r, struct certificate_list *l)
{
    struct page page = {0};
    struct list_reply list;

    do {
        TRY(keyring_call(r, MSG_ANCHOR_LIST, &page, &list));
        for (size_t i = 0; i < list.records.n; i++) {
            struct anchor_record a;

            if (record_decode(RECORD_anchor_record, list.records.item[i], &a) &&
                a.kind == LISTED_ANCHOR && a.certificate.n > 0)
                (void)certificate_list_add(l, OF_ANCHOR, a.certificate,
                                           a.described);
        }
        if (list.next != 0 && list.next <= page.cursor)
            return fail(&r->problem, ERR_INTERNAL, "a list goes round");
        page.cursor = list.next;
    } while (page.cursor != 0);
    return ERR_OK;
}

/* ---- telling ------------------------------------------------------------- */

static json_t *
uses_json(const struct listed_certificate *c)
{
    uint32_t uses = c->about.uses;
    json_t *out = json_array();

    if (c->kind == OF_KEY && c->uses != 0)
        uses &= c->uses | USE_COMMIT;
    if (uses & USE_SIGN)
        json_array_append_new(out, json_string("sign"));
    if (uses & (USE_DECRYPT | USE_AGREE))
        json_array_append_new(out, json_string("decrypt"));
    return out;
}

static const char *
kind_word(enum listed_kind kind)
{
    static const char *const words[] = {"own", "contact", "issuer", "anchor"};

    return words[kind];
}

static json_t *
listed_json(const struct certificate_list *l,
            const struct listed_certificate *c, bool bytes)
{
    const struct listed_certificate *issuer = certificate_list_issuer(l, c);
    json_t *certificate =
        certificate_json_whole(buf_slice(&c->described), buf_slice(&c->der));
    bool own = c->kind == OF_KEY &&
               (c->flags & (KEY_HAS_PRIVATE | KEY_PRIVATE_UNKNOWN)) != 0;

    if (!bytes)
        json_object_del(certificate, "der");
    return json_pack(
        "{s:o, s:s, s:s, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o}",
        "certificate", certificate, "kind", kind_word(c->kind), "chain",
        chain_word(c->about.chain), "uses", uses_json(c), "ca",
        c->about.is_ca != 0, "blocked", c->blocked, "key",
        own ? json_string(c->key) : json_null(), "token",
        own ? json_text(slice_text(c->token)) : json_null(), "key_grip",
        c->has_grip ? json_hex(slice_of(c->grip, 20)) : json_null(),
        "issuer_sha1",
        issuer ? json_hex(slice_of(issuer->sha1, 20)) : json_null(), "name",
        json_text(c->about.name));
}

static enum err
patterns_read(struct request *r, struct pattern **out, size_t *count)
{
    const json_t *list = json_object_get(r->parameters, "patterns");
    size_t n = json_array_size(list);

    if (n > LIMIT_PATTERNS)
        return fail(&r->problem, ERR_LIMIT, "more than %d patterns",
                    LIMIT_PATTERNS);
    *out = mem_new((n + 1) * sizeof(**out));
    for (size_t i = 0; i < n; i++)
        pattern_read(json_string_value(json_array_get(list, i)), &(*out)[i]);
    *count = n;
    return ERR_OK;
}

static enum err
gather(struct request *r, struct certificate_list *l)
{
    TRY(gather_own(r, l));
    if (request_flag(r, "own"))
        return ERR_OK;
    TRY(gather_contacts(r, l));
    TRY(gather_stored(r, STORED_ISSUERS, l));
    TRY(describe_issuers(r, l));
    return gather_anchors(r, l);
}

enum err
contacts_certificates(struct request *r, json_t **out)
{
    AUTO(certificate_list) struct certificate_list l = {0};
    struct pattern *patterns = NULL;
    json_t *list;
    enum err e;

    TRY(session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0)));
    TRY(patterns_read(r, &patterns, &l.pattern_count));
    l.pattern = patterns;
    e = gather(r, &l);
    list = json_array();
    for (size_t i = 0; e == ERR_OK && i < l.count; i++)
        if (l.item[i].wanted && l.item[i].described.len > 0)
            json_array_append_new(
                list, listed_json(&l, &l.item[i], request_flag(r, "bytes")));
    free(patterns);
    *out = json_pack("{s:o}", "certificates", list);
    return e;
}
