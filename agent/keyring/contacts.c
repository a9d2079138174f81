/*
 * Learning from verdicts, and listing what was learned.
 */
#include <time.h>

#include "agent/address/same.h"
#include "agent/base/log.h"
#include "agent/keyring/alike.h"
#include "agent/keyring/keyring.h"

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

static enum learned
more_noteworthy(enum learned a, enum learned b)
{
    if (a == LEARNED_CHANGED || b == LEARNED_CHANGED)
        return LEARNED_CHANGED;
    return a == LEARNED_NEW || b == LEARNED_NEW ? LEARNED_NEW : LEARNED_KNOWN;
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
        verdict->learned = more_noteworthy(learned[0], learned[1]);
}

/* ---- listing ------------------------------------------------------------ */

struct listing {
    struct keyring *k;
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
record_of(const struct stored *row, const struct buf *described,
          const struct description *about, int64_t now)
{
    enum contact_state state =
        keyring_state_now(row, (enum chain)about->chain, now);

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
                       state != CONTACT_REVOKED && described->len > 0 &&
                       (about->chain == CHAIN_OK ||
                        keyring_is_vouched(row, (enum chain)about->chain)),
        .certificate = row->der,
        .described = buf_slice(described),
        .source = row->source,
        .verdict = row->verdict,
        .date = (uint64_t)row->date,
    };
}

/* What the validator said when it was stored. */
static void
describe_as_stored(const struct stored *row, struct buf *out,
                   struct description *about)
{
    *about = (struct description){.subject = row->subject,
                                  .issuer = row->issuer,
                                  .name = row->name,
                                  .fingerprint = row->fingerprint,
                                  .not_before = (uint64_t)row->not_before,
                                  .not_after = (uint64_t)row->not_after,
                                  .uses = row->uses,
                                  .type = row->type,
                                  .bits = row->bits,
                                  .chain = CHAIN_OK};
    record_encode(RECORD_description, about, out);
}

static bool
list_row(void *ctx, const struct stored *row)
{
    struct listing *l = ctx;
    AUTO(buf) struct buf described = {0};
    AUTO(buf) struct buf encoded = {0}, other = {0};
    struct description about;
    struct contact_record record;

    l->more = l->n == l->most;
    if (l->more)
        return false;
    if (l->judged)
        l->e = keyring_describe_stored(l->k, row, &described, &about, l->p);
    else
        describe_as_stored(row, &described, &about);
    if (l->e != ERR_OK)
        return false;
    record = record_of(row, &described, &about, l->now);
    if (l->alone) {
        struct problem ignored = {0};

        if (store_alike(l->k->store, row->address, &other, &ignored) == ERR_OK)
            record.resembles = buf_slice(&other);
        record.mixed = alike_mixes(row->address);
    }
    record_encode(RECORD_contact_record, &record, &encoded);
    l->more =
        encoded.len > LIMIT_RECORD_BYTES ||
        (l->n > 0 && l->out->len + encoded.len > LIMIT_CONTACTS_PAGE_BYTES);
    if (l->more)
        return false;
    buf_add_slice(l->out, buf_slice(&encoded));
    l->end[l->n++] = l->out->len;
    l->last = row->row;
    return true;
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
    struct listing l = {.k = k,
                        .out = &bytes->a,
                        .most = LIMIT_CONTACTS_PAGE,
                        .judged = true,
                        .p = p,
                        .now = (int64_t)time(NULL)};
    enum err e;

    if (q->limit > 0 && q->limit < l.most)
        l.most = q->limit;
    e = store_contacts(k->store, q->cursor, q->match, q->search, list_row, &l,
                       p);
    if (e != ERR_OK || l.e != ERR_OK)
        return e != ERR_OK ? e : l.e;
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
    struct listing l = {.k = k,
                        .out = &bytes->a,
                        .most = LIMIT_CONTACTS_PAGE,
                        .judged = judged,
                        .alone = judged,
                        .p = p,
                        .now = (int64_t)time(NULL)};
    enum err e = find(k->store, whom, list_row, &l, p);

    if (e != ERR_OK || l.e != ERR_OK)
        return e != ERR_OK ? e : l.e;
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
