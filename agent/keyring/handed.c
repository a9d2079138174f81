/*
 * Certificates that were handed over, by a person or a directory: judged by
 * the validator like any other, all of one request stored together.
 */
#include <stdio.h>
#include <time.h>

#include "agent/address/same.h"
#include "agent/keyring/keyring.h"

#define ISSUERS_MOST 16 /* the list `known` of a check_request */

/* One of the request; owns copies, since the validator's answers go. */
struct candidate {
    struct slice der;
    struct buf described, issuer_bytes;
    struct description about;
    struct slice_list addresses, issuers, issuer_names;
    const char *reason; /* why it is not stored; NULL: it is */
    bool pin;           /* the person vouches for it */
    bool unvouched;     /* and nobody else does */
    bool judged;
    enum learned learned;
};

struct handed {
    struct keyring *k;
    const struct store_request *q;
    struct candidate *item;
    size_t n;
    struct buf known; /* issuers that the contacts know */
    int64_t now;
};

static void
handed_drop(struct handed *h)
{
    for (size_t i = 0; i < h->n; i++) {
        buf_drop(&h->item[i].described);
        buf_drop(&h->item[i].issuer_bytes);
    }
    free(h->item);
    buf_drop(&h->known);
}

/* ---- what they say ------------------------------------------------------ */

/* A certificate that its holder made alone often says that it is an
 * authority's. It is none here, whoever vouches for it. */
static const char *
fault_of_contents(const struct candidate *c)
{
    if (c->described.len == 0)
        return "it cannot be read";
    if (c->about.is_ca && !c->pin)
        return "it is an authority's certificate, not a person's";
    if (c->about.addresses.n == 0)
        return "it names no mail address";
    if (c->about.more_addresses)
        return "it names more mail addresses than a contact may have";
    return NULL;
}

static enum err
contents_read(struct handed *h, struct problem *p)
{
    struct describe_request q = {.certificates = h->q->certificates};
    struct describe_reply reply;
    enum err e = keyring_ask(h->k, MSG_READ_CERTIFICATES, &q, &reply, p);

    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < h->n && i < reply.records.n; i++) {
        struct candidate *c = &h->item[i];

        c->der = h->q->certificates.item[i];
        buf_add_slice(&c->described, reply.records.item[i]);
        if (!record_decode(RECORD_description, buf_slice(&c->described),
                           &c->about))
            buf_clear(&c->described);
        c->pin = c->described.len > 0 && h->q->vouched.n == 32 &&
                 slice_equal(c->about.fingerprint, h->q->vouched);
        c->reason = fault_of_contents(c);
    }
    return ERR_OK;
}

/* For one address only, or for all that the certificate names. */
static void
addresses_choose(const struct handed *h, struct candidate *c)
{
    const struct slice_list *own = &c->about.addresses;

    if (h->q->address.n == 0) {
        c->addresses = *own;
        /* Who vouches says for whom: it may name others' addresses too. */
        if (c->pin && own->n > 1)
            c->reason = "it names several addresses: say whose it is with "
                        "--address";
        return;
    }
    for (size_t i = 0; i < own->n; i++)
        if (address_equal(own->item[i], h->q->address))
            c->addresses.item[c->addresses.n++] = own->item[i];
    if (c->addresses.n == 0)
        c->reason = "it does not name the address that was asked for";
}

/* ---- what they are worth ------------------------------------------------ */

static const char *
fault_of_verdict(const struct check_reply *v)
{
    switch ((enum chain)v->chain) {
    case CHAIN_OK:
        return v->strength == STRENGTH_OK
                   ? NULL
                   : "its key, or a signature on its path, is weak";
    case CHAIN_UNTRUSTED:
        return "no path to a trust anchor; see smime anchors, or import --pin";
    case CHAIN_EXPIRED:
        return "it or one of its issuers has expired";
    case CHAIN_NOT_YET:
        return "it or one of its issuers is not yet valid";
    case CHAIN_PURPOSE:
        return "it is not for mail";
    case CHAIN_REVOKED:
        return "it or one of its issuers is revoked";
    case CHAIN_INVALID:
    case CHAIN_NOT_ASKED:
        break;
    }
    return "it, or one above it, is malformed or breaks the rules";
}

/* What stays wrong with one that only the person vouches for. */
static const char *
fault_of_vouched(const struct handed *h, const struct candidate *c)
{
    const struct description *d = &c->about;

    if (!(d->uses & (USE_DECRYPT | USE_AGREE)))
        return "it cannot be encrypted to";
    if ((int64_t)d->not_after < h->now)
        return "it has expired";
    if ((int64_t)d->not_before > h->now)
        return "it is not yet valid";
    return NULL;
}

/* Those of the request, the leaf's own path first as far as names go in the
 * validator. */
static void
issuers_of_request(const struct handed *h, struct slice_list *out)
{
    for (size_t i = 0; i < h->n && out->n < ISSUERS_MOST; i++)
        if (h->item[i].about.is_ca)
            out->item[out->n++] = h->item[i].der;
}

static void
issuers_keep(struct candidate *c, const struct check_reply *v)
{
    size_t at = 0;

    for (size_t i = 0; i < v->issuers.n; i++)
        buf_add_slice(&c->issuer_bytes, v->issuers.item[i]);
    for (size_t i = 0; i < v->issuer_names.n; i++)
        buf_add_slice(&c->issuer_bytes, v->issuer_names.item[i]);
    for (size_t i = 0; i < v->issuers.n; at += v->issuers.item[i++].n)
        c->issuers.item[c->issuers.n++] =
            slice_of(c->issuer_bytes.data + at, v->issuers.item[i].n);
    for (size_t i = 0; i < v->issuer_names.n; at += v->issuer_names.item[i++].n)
        c->issuer_names.item[c->issuer_names.n++] =
            slice_of(c->issuer_bytes.data + at, v->issuer_names.item[i].n);
}

static void
verdict_take(const struct handed *h, struct candidate *c,
             const struct check_reply *v)
{
    c->judged = true;
    c->reason = v->chain == CHAIN_INVALID && c->about.type == KEY_UNKNOWN
                    ? "its key cannot be read, or is of an unknown kind"
                    : fault_of_verdict(v);
    c->unvouched = c->pin && v->chain == CHAIN_UNTRUSTED;
    if (c->unvouched)
        c->reason = v->strength == STRENGTH_OK ? fault_of_vouched(h, c)
                                               : "its key is weak";
    else if (!c->reason)
        issuers_keep(c, v);
}

static struct check_request
question_of(const struct handed *h, const struct candidate *c)
{
    struct check_request q = {.purpose = PURPOSE_EMAIL, .certificate = c->der};

    issuers_of_request(h, &q.known);
    return q;
}

static enum err
candidate_judge(struct handed *h, struct candidate *c, struct problem *p)
{
    struct check_request q = question_of(h, c);
    struct check_reply v;
    enum err e;

    buf_clear(&h->known);
    e = keyring_judge_path(h->k, NULL, &q, &h->known, &v, p);
    if (e == ERR_OK)
        verdict_take(h, c, &v);
    return e;
}

static struct candidate *
next_candidate(const struct handed *h, size_t *at)
{
    while (*at < h->n && h->item[*at].reason)
        (*at)++;
    return *at < h->n ? &h->item[(*at)++] : NULL;
}

/* NULL: there is none, or it could not be asked. */
static struct candidate *
ask_next(struct handed *h, size_t *at)
{
    struct candidate *c = next_candidate(h, at);
    struct check_request q;

    if (!c)
        return NULL;
    q = question_of(h, c);
    return keyring_ask_ahead(h->k, MSG_JUDGE_PATH, &q) ? c : NULL;
}

/* Without a pause for the validator. Those about which the contacts can say
 * more are left, as are all when it ends. */
static void
judge_ahead(struct handed *h)
{
    struct candidate *now, *next;
    size_t at = 0;

    for (now = ask_next(h, &at); now; now = next) {
        struct problem ignored = {0};
        struct check_reply v;
        enum err e;

        next = ask_next(h, &at);
        e = keyring_answer_take(h->k, MSG_JUDGE_PATH, &v, &ignored);
        if (e == ERR_OK && !keyring_knows_any(h->k, &v.wanted))
            verdict_take(h, now, &v);
        if (e == ERR_KEYRING_LOST)
            return;
    }
}

static enum err
candidates_judge(struct handed *h, struct problem *p)
{
    enum err e = ERR_OK;

    judge_ahead(h);
    for (size_t i = 0; i < h->n && e == ERR_OK; i++)
        if (!h->item[i].reason && !h->item[i].judged)
            e = candidate_judge(h, &h->item[i], p);
    return e;
}

/* ---- storing ------------------------------------------------------------ */

static const char *
words_of(const struct handed *h, const struct candidate *c)
{
    if (c->unvouched)
        return "your word alone: you compared its fingerprint";
    return h->q->source == CONTACT_DIRECTORY ? "from a directory; chain good"
                                             : "handed over; chain good";
}

static struct lesson
lesson_of(const struct handed *h, const struct candidate *c)
{
    return (struct lesson){.der = c->der,
                           .about = &c->about,
                           .addresses = &c->addresses,
                           .issuers = &c->issuers,
                           .issuer_names = &c->issuer_names,
                           .origin = h->q->origin,
                           .message_id = h->q->message_id,
                           .verdict = slice_text(words_of(h, c)),
                           .source = c->unvouched
                                         ? CONTACT_PERSON
                                         : (enum contact_source)h->q->source,
                           .pin = c->pin,
                           .date = (int64_t)h->q->date,
                           .now = h->now};
}

static enum err
candidates_store(struct handed *h, struct problem *p)
{
    struct lesson lessons[LIMIT_LIST_ITEMS];
    enum learned learned[LIMIT_LIST_ITEMS];
    struct candidate *of[LIMIT_LIST_ITEMS];
    size_t n = 0;
    enum err e;

    for (size_t i = 0; i < h->n; i++)
        if (!h->item[i].reason) {
            of[n] = &h->item[i];
            lessons[n++] = lesson_of(h, &h->item[i]);
        }
    if (n == 0)
        return ERR_OK;
    e = store_learn(h->k->store, lessons, n, false, learned, p);
    for (size_t i = 0; i < n && e == ERR_OK; i++)
        of[i]->learned = learned[i];
    return e;
}

static void
reply_fill(const struct handed *h, struct buf *bytes, struct store_reply *out)
{
    size_t end[LIMIT_LIST_ITEMS], start = 0;

    *out = (struct store_reply){0};
    for (size_t i = 0; i < h->n; i++) {
        const struct candidate *c = &h->item[i];
        struct stored_record one = {.learned = c->learned,
                                    .reason = c->reason ? slice_text(c->reason)
                                                        : slice_of(NULL, 0),
                                    .described = buf_slice(&c->described)};

        if (bytes->len + one.described.n > LIMIT_CONTACTS_PAGE_BYTES)
            one.described.n = 0;
        record_encode(RECORD_stored_record, &one, bytes);
        end[i] = bytes->len;
    }
    for (size_t i = 0; i < h->n; start = end[i], i++)
        out->records.item[i] = slice_of(bytes->data + start, end[i] - start);
    out->records.n = h->n;
}

enum err
keyring_store(struct keyring *k, const struct store_request *q,
              struct answer_bytes *bytes, struct store_reply *out,
              struct problem *p)
{
    AUTO(handed)
    struct handed h = {
        .k = k, .q = q, .n = q->certificates.n, .now = (int64_t)time(NULL)};
    enum err e;

    if ((q->source != CONTACT_IMPORT && q->source != CONTACT_DIRECTORY) ||
        (q->source == CONTACT_DIRECTORY && q->vouched.n > 0) ||
        q->date > (uint64_t)INT64_MAX)
        return fail(p, ERR_USAGE, "an unknown source of certificates");
    h.item = mem_new((h.n + 1) * sizeof(*h.item));
    e = contents_read(&h, p);
    for (size_t i = 0; i < h.n && e == ERR_OK; i++)
        if (!h.item[i].reason)
            addresses_choose(&h, &h.item[i]);
    if (e == ERR_OK)
        e = candidates_judge(&h, p);
    if (e == ERR_OK)
        e = candidates_store(&h, p);
    if (e == ERR_OK)
        reply_fill(&h, &bytes->a, out);
    return e;
}
