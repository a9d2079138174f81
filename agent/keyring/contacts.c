/*
 * Learning from verdicts, and listing what was learned.
 */
#include <time.h>

#include "agent/address/same.h"
#include "agent/base/log.h"
#include "agent/keyring/alike.h"
#include "agent/keyring/batch.h"

/* ---- learning ----------------------------------------------------------- */

/* Everything but the sender must be good, and the sender may only be
 * unseen: then the certificate is kept under its own addresses. */
static bool
may_learn(const struct verify_request *q, const struct verify_reply *v)
{
    return q->learn && q->covers && v->integrity == INTEGRITY_OK &&
           v->chain == CHAIN_OK && v->strength == STRENGTH_OK &&
           v->certificate.n > 0 && (v->good || v->sender == SENDER_NOT_SEEN);
}

/* The second certificate speaks only for addresses that the signer's names
 * too. */
static void
list_common(const struct slice_list *a, const struct slice_list *b,
            struct slice_list *out)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t k = 0; k < b->n; k++)
            if (address_equal(a->item[i], b->item[k])) {
                out->item[out->n++] = a->item[i];
                break;
            }
}

/* What the row rests on, for people. */
static const char *
verdict_words(const struct verify_request *q, const struct verify_reply *v)
{
    if (q->source == CONTACT_DIRECTORY)
        return "in a directory, signed by its own key; chain good";
    if (v->sender == SENDER_MATCHES)
        return v->time_source == TIME_SIGNING
                   ? "signature and chain good when signed, made by its sender"
                   : "signature and chain good, made by its sender";
    return "signature and chain good, sender not seen";
}

static struct lesson
lesson_of(const struct verify_request *q, const struct verify_reply *v)
{
    int64_t now = (int64_t)time(NULL);
    int64_t signed_at = (int64_t)v->signing_time;

    /* A time to come would keep every later announcement out. */
    if (signed_at <= 0 || signed_at > now)
        signed_at = now;
    return (struct lesson){.issuers = &v->issuers,
                           .issuer_names = &v->issuer_names,
                           .capabilities = v->capabilities,
                           .capabilities_time = signed_at,
                           .origin = q->origin,
                           .message_id = q->message_id,
                           .verdict = slice_text(verdict_words(q, v)),
                           .source = (enum contact_source)q->source,
                           .date = (int64_t)v->signing_time,
                           .sender_seen = v->sender == SENDER_MATCHES,
                           .now = now};
}

void
keyring_learn(struct keyring *k, const struct verify_request *q,
              struct verify_reply *verdict)
{
    struct description signer, other;
    struct slice_list common = {0};
    struct lesson lesson[2];
    enum learned learned[2];
    struct problem p = {0};
    size_t n = 1;

    verdict->learned = LEARNED_NOTHING;
    if (!may_learn(q, verdict) ||
        !record_decode(RECORD_description, verdict->described, &signer) ||
        signer.addresses.n == 0 || signer.more_addresses)
        return;
    lesson[0] = lesson[1] = lesson_of(q, verdict);
    lesson[0].der = verdict->certificate;
    lesson[0].about = &signer;
    lesson[0].addresses = &signer.addresses;
    lesson[0].preferred = verdict->preference == PREFERENCE_SIGNER;
    if (verdict->encryption_certificate.n > 0 &&
        record_decode(RECORD_description, verdict->encryption_described,
                      &other) &&
        !other.more_addresses) {
        list_common(&other.addresses, &signer.addresses, &common);
        lesson[1].der = verdict->encryption_certificate;
        lesson[1].about = &other;
        lesson[1].addresses = &common;
        lesson[1].preferred = verdict->preference == PREFERENCE_OTHER;
        n = 2;
    }
    if (store_learn(k->store, lesson, n, q->learn == LEARN_LATER, learned,
                    &p) != ERR_OK) {
        log_problem("learning", &p);
        verdict->learned = LEARNED_FAILED;
        return;
    }
    verdict->learned = learned[0];
    if (n == 2)
        verdict->learned = learned_more(learned[0], learned[1]);
}

/* ---- listing ------------------------------------------------------------ */

struct listing {
    struct batch *batch;
    struct buf *out;
    size_t end[LIMIT_CONTACTS_PAGE];
    size_t n, most;
    uint32_t last;
    bool more;
    bool judged;
    bool alone; /* of one address: look for what it resembles */
    enum err e;
    struct problem *p;
    int64_t now;
};

enum contact_state
keyring_state_now(const struct stored *row, enum chain chain, int64_t now)
{
    if (row->person == CONTACT_BLOCKED)
        return CONTACT_BLOCKED;
    if (row->state == CONTACT_REVOKED || chain == CHAIN_REVOKED)
        return CONTACT_REVOKED;
    if (row->not_after < now)
        return CONTACT_EXPIRED;
    return row->person == CONTACT_PINNED ? CONTACT_PINNED : row->state;
}

bool
keyring_is_vouched(const struct stored *row, enum chain chain)
{
    return chain == CHAIN_UNTRUSTED && row->source == CONTACT_PERSON &&
           row->person == CONTACT_PINNED;
}

static struct contact_record
record_of(const struct batch_item *one, int64_t now)
{
    const struct stored *row = &one->row;
    enum chain chain = (enum chain)one->chain;
    enum contact_state state = keyring_state_now(row, chain, now);

    return (struct contact_record){
        .address = row->address,
        .name = row->name,
        .state = state,
        .first_seen = (uint64_t)row->first_seen,
        .last_seen = (uint64_t)row->last_seen,
        .origin = row->origin,
        .message_id = row->message_id,
        .can_encrypt = (row->uses & (USE_DECRYPT | USE_AGREE)) != 0 &&
                       state != CONTACT_EXPIRED && state != CONTACT_BLOCKED &&
                       state != CONTACT_REVOKED && one->described.len > 0 &&
                       (chain == CHAIN_OK || keyring_is_vouched(row, chain)),
        .certificate = row->der,
        .described = buf_slice(&one->described),
        .source = row->source,
        .verdict = row->verdict,
        .date = (uint64_t)row->date,
    };
}

/* What the validator said when it was stored. */
static void
describe_as_stored(struct batch_item *one)
{
    const struct stored *row = &one->row;
    const struct description about = {.subject = row->subject,
                                      .issuer = row->issuer,
                                      .name = row->name,
                                      .fingerprint = row->fingerprint,
                                      .not_before = (uint64_t)row->not_before,
                                      .not_after = (uint64_t)row->not_after,
                                      .uses = row->uses,
                                      .type = row->type,
                                      .bits = row->bits,
                                      .chain = CHAIN_OK};

    one->chain = CHAIN_OK;
    record_encode(RECORD_description, &about, &one->described);
}

static bool
collect(void *ctx, const struct stored *row)
{
    struct listing *l = ctx;
    bool added = false;

    if (l->batch->n < l->most)
        l->e = batch_add(l->batch, row, &added, l->p);
    l->more = !added;
    return added;
}

static enum err
all_describe(struct listing *l)
{
    if (l->judged)
        return batch_judge(l->batch, l->p);
    for (size_t i = 0; i < l->batch->n; i++)
        describe_as_stored(&l->batch->item[i]);
    return ERR_OK;
}

/* False when it has no room. */
static bool
list_one(struct listing *l, const struct batch_item *one)
{
    struct contact_record record = record_of(one, l->now);
    AUTO(buf) struct buf encoded = {0}, other = {0};

    if (l->alone) {
        struct problem ignored = {0};

        if (store_alike(l->batch->k->store, one->row.address, &other,
                        &ignored) == ERR_OK)
            record.resembles = buf_slice(&other);
        record.mixed = alike_mixes(one->row.address);
    }
    record_encode(RECORD_contact_record, &record, &encoded);
    if (encoded.len > LIMIT_RECORD_BYTES ||
        (l->n > 0 && l->out->len + encoded.len > LIMIT_CONTACTS_PAGE_BYTES))
        return false;
    buf_add_slice(l->out, buf_slice(&encoded));
    l->end[l->n++] = l->out->len;
    l->last = one->row.row;
    return true;
}

/* What was collected, when the visit ended with E. */
static enum err
list_all(struct listing *l, enum err e)
{
    if (e == ERR_OK)
        e = l->e;
    if (e == ERR_OK)
        e = all_describe(l);
    for (size_t i = 0; e == ERR_OK && i < l->batch->n; i++)
        if (!list_one(l, &l->batch->item[i])) {
            l->more = true;
            break;
        }
    return e;
}

static void
list_reply_fill(const struct listing *l, struct list_reply *out)
{
    size_t start = 0;

    *out = (struct list_reply){0};
    out->records.n = l->n;
    for (size_t i = 0; i < l->n; start = l->end[i], i++)
        out->records.item[i] =
            slice_of(l->out->data + start, l->end[i] - start);
}

enum err
keyring_contacts(struct keyring *k, const struct contacts_request *q,
                 struct answer_bytes *bytes, struct list_reply *out,
                 struct problem *p)
{
    AUTO(batch) struct batch *batch = batch_new(k);
    struct listing l = {.batch = batch,
                        .out = &bytes->a,
                        .most = LIMIT_CONTACTS_PAGE,
                        .judged = true,
                        .p = p,
                        .now = (int64_t)time(NULL)};
    enum err e;

    if (q->limit > 0 && q->limit < l.most)
        l.most = q->limit;
    e = list_all(&l, store_contacts(k->store, q->cursor, q->match, q->search,
                                    collect, &l, p));
    if (e != ERR_OK)
        return e;
    list_reply_fill(&l, out);
    out->next = l.more ? l.last : 0;
    return ERR_OK;
}

/* The rows that FIND gives of WHOM, as many as fit into one answer. */
static enum err
list_of(struct keyring *k,
        enum err (*find)(struct store *s, struct slice whom, store_visit *visit,
                         void *ctx, struct problem *p),
        struct slice whom, bool judged, struct answer_bytes *bytes,
        struct list_reply *out, struct problem *p)
{
    AUTO(batch) struct batch *batch = batch_new(k);
    struct listing l = {.batch = batch,
                        .out = &bytes->a,
                        .most = LIMIT_CONTACTS_PAGE,
                        .judged = judged,
                        .alone = judged,
                        .p = p,
                        .now = (int64_t)time(NULL)};
    enum err e = list_all(&l, find(k->store, whom, collect, &l, p));

    if (e != ERR_OK)
        return e;
    list_reply_fill(&l, out);
    return ERR_OK;
}

enum err
keyring_contact(struct keyring *k, struct slice address, bool judged,
                struct answer_bytes *bytes, struct list_reply *out,
                struct problem *p)
{
    return list_of(k, store_contact, address, judged, bytes, out, p);
}

enum err
keyring_holders(struct keyring *k, struct slice fingerprint,
                struct answer_bytes *bytes, struct list_reply *out,
                struct problem *p)
{
    return list_of(k, store_holders, fingerprint, true, bytes, out, p);
}

enum err
keyring_stored(struct keyring *k, const struct stored_request *q,
               struct answer_bytes *bytes, struct stored_reply *out,
               struct problem *p)
{
    enum stored_kind kind =
        q->kind == STORED_ISSUERS ? STORED_ISSUERS : STORED_CONTACTS;

    *out = (struct stored_reply){0};
    return store_certificates(k->store, kind, q->cursor,
                              LIMIT_CONTACTS_PAGE_BYTES, &bytes->a,
                              &out->certificates, &out->next, p);
}
