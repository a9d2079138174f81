/*
 * Verdicts: the validator gives them, on what it is told. What the contacts
 * know is added where it asks: issuers that a message does not bring, and
 * when a certificate was first seen.
 */
#include "agent/keyring/alike.h"
#include "agent/keyring/keyring.h"

static bool
is_listed(const struct slice_list *list, struct slice der)
{
    for (size_t i = 0; i < list->n; i++)
        if (slice_equal(list->item[i], der))
            return true;
    return false;
}

static size_t
bytes_of(const struct slice_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++)
        n += list->item[i].n;
    return n;
}

/* ---- issuers that are not in the message --------------------------------- */

/* Adds to LIST, at most MOST items and ROOM bytes in all, the issuers of
 * these names that are not there yet. Their bytes are in one of STORE for
 * each round, since a buffer that grows moves. *out says whether there were
 * any. */
static enum err
issuers_add(struct keyring *k, const struct slice_list *wanted,
            struct buf *store, struct slice_list *list, size_t most,
            size_t room, bool *out, struct problem *p)
{
    AUTO(buf) struct buf bytes = {0};
    size_t used = bytes_of(list), before = list->n;

    for (size_t i = 0; i < wanted->n; i++) {
        struct slice_list found = {0};
        enum err e;

        buf_clear(&bytes);
        e = store_issuers_named(k->store, wanted->item[i], &bytes, &found, p);
        if (e != ERR_OK)
            return e;
        for (size_t n = 0; n < found.n; n++) {
            struct slice der = found.item[n];

            if (list->n >= most || der.n > room - used || is_listed(list, der))
                continue;
            /* Reserved whole by the caller: it does not move. */
            buf_add_slice(store, der);
            list->item[list->n++] =
                slice_of(store->data + store->len - der.n, der.n);
            used += der.n;
        }
    }
    *out = list->n > before;
    return ERR_OK;
}

bool
keyring_knows_any(struct keyring *k, const struct slice_list *wanted)
{
    AUTO(buf) struct buf bytes = {0};
    struct slice_list found = {0};
    struct problem ignored = {0};

    for (size_t i = 0; i < wanted->n && found.n == 0; i++)
        if (store_issuers_named(k->store, wanted->item[i], &bytes, &found,
                                &ignored) != ERR_OK)
            return false;
    return found.n > 0;
}

/* ---- a signature --------------------------------------------------------- */

/* An expired certificate whose message does not say when it was signed: was
 * it ever seen while it was valid? */
static enum err
first_seen_find(struct keyring *k, const struct verify_reply *v,
                struct verify_request *q, bool *out, struct problem *p)
{
    struct description signer;
    int64_t when = 0;
    enum err e;

    *out = false;
    if (q->at != 0 || q->first_seen != 0 || v->integrity != INTEGRITY_OK ||
        v->chain != CHAIN_EXPIRED || v->signing_time != 0 ||
        !record_decode(RECORD_description, v->described, &signer))
        return ERR_OK;
    e = store_first_seen(k->store, signer.fingerprint, &when, p);
    if (e != ERR_OK)
        return e;
    q->first_seen = (uint64_t)when;
    *out = when != 0;
    return ERR_OK;
}

/* A store that cannot be read adds nothing: the verdict stands without it. */
static bool
can_say_more(struct keyring *k, const struct verify_reply *v,
             struct verify_request *q, struct buf *store)
{
    const size_t room = LIMIT_FRAME_BYTES - 16 * 1024;
    size_t other = q->signed_attrs.n + q->signature.n + q->sid_issuer.n +
                   bytes_of(&q->crls);
    struct problem ignored = {0};
    bool more = false;

    if (v->wanted.n > 0 && other < room &&
        bytes_of(&q->certificates) < room - other)
        return issuers_add(k, &v->wanted, store, &q->certificates,
                           LIMIT_QUESTION_CERTS, room - other, &more,
                           &ignored) == ERR_OK &&
               more;
    return first_seen_find(k, v, q, &more, &ignored) == ERR_OK && more;
}

/* What the contacts know of the sender, whoever it turns out to be. A store
 * that cannot be read knows nothing: the verdict stands without it. */
struct acquaintance {
    struct slice address; /* of the first From mailbox, or nothing */
    struct known_sender known;
};

static void
sender_look(struct keyring *k, void *arg)
{
    struct acquaintance *s = arg;
    struct problem ignored = {0};

    s->known = (struct known_sender){.any_blocked = true};
    if (s->address.n > 0 &&
        store_sender(k->store, s->address, &s->known, &ignored) != ERR_OK)
        s->known = (struct known_sender){.any_blocked = true};
}

/* The verdict that was asked for ahead. ERR_KEYRING_LOST: there is none, ask
 * now. */
static enum err
ahead_take(struct keyring *k, struct acquaintance *sender,
           struct verify_reply *out, struct problem *p)
{
    struct asked *now = keyring_asked(k, 0);

    if (!k->is_answering || !now->is_judged)
        return ERR_KEYRING_LOST;
    sender_look(k, sender);
    return keyring_verdict_take(k, now, out, p);
}

/* Asks again as long as the contacts know more. */
static enum err
judge(struct keyring *k, const struct brought *b, struct verify_request *q,
      struct acquaintance *sender, struct buf *store, struct verify_reply *out,
      struct problem *p)
{
    const struct errand look = {sender_look, sender};
    enum err e;

    q->first_seen = 0;
    (void)buf_room(store, LIMIT_FRAME_BYTES);
    for (int round = 0;; round++) {
        e = round == 0 ? ahead_take(k, sender, out, p) : ERR_KEYRING_LOST;
        if (e == ERR_KEYRING_LOST)
            e = brought_ask(k, b, MSG_JUDGE, q, out, round == 0 ? &look : NULL,
                            p);
        if (e != ERR_OK || round == LIMIT_ISSUER_ROUNDS ||
            !can_say_more(k, out, q, store))
            return e;
    }
}

/* Anchors that were brought along teach nothing, nor does a time that was
 * chosen: the agent's own have to vouch, as of now. The first verdict, which
 * OUT borrows from, stays. */
static void
learn_by_own_anchors(struct keyring *k, const struct verify_request *q,
                     struct verify_reply *out)
{
    struct frame first = k->answer;
    struct verify_reply own;
    struct problem p = {0};

    if (!q->learn || out->chain != CHAIN_OK || out->revoked_at != 0)
        return;
    frame_init(&k->answer);
    if (keyring_ask(k, MSG_JUDGE, q, &own, &p) == ERR_OK) {
        keyring_learn(k, q, &own);
        out->learned = own.learned;
    }
    frame_drop(&k->answer);
    k->answer = first;
}

/* What the person has blocked is not good, whoever vouches for it. */
static bool
is_blocked(struct keyring *k, const struct acquaintance *sender,
           const struct verify_reply *v)
{
    struct description signer;
    struct problem ignored = {0};
    bool blocked = false;

    if (!sender->known.any_blocked ||
        !record_decode(RECORD_description, v->described, &signer))
        return false;
    if (sender->known.is_blocked)
        return true;
    if (store_blocked(k->store, signer.fingerprint, slice_of(NULL, 0), &blocked,
                      &ignored) != ERR_OK)
        return false;
    for (size_t i = 0; i < signer.addresses.n && !blocked; i++)
        if (!slice_equal(signer.addresses.item[i], sender->address) &&
            store_blocked(k->store, slice_of(NULL, 0), signer.addresses.item[i],
                          &blocked, &ignored) != ERR_OK)
            return false;
    return blocked;
}

/* In place of the first where there is no room: the record has 16. */
static void
reason_add(struct verify_reply *v, const char *word)
{
    if (v->reasons.n < 16)
        v->reasons.item[v->reasons.n++] = slice_text(word);
    else
        v->reasons.item[0] = slice_text(word);
}

/* Whose address looks like that of a contact may be somebody else. */
static void
alike_tell(const struct verify_request *q, const struct acquaintance *sender,
           struct verify_reply *v)
{
    if (q->from.n != 1 || v->integrity != INTEGRITY_OK)
        return;
    if (sender->known.is_alike)
        reason_add(v, "look-alike");
    if (alike_mixes(q->from.item[0]))
        reason_add(v, "mixed-scripts");
}

static void
block(struct verify_reply *v)
{
    v->good = 0;
    v->learned = LEARNED_NOTHING;
    if (v->chain == CHAIN_OK)
        v->chain = CHAIN_UNTRUSTED;
    reason_add(v, "blocked");
}

/* Without anything that the keyring would have to bring first. */
bool
keyring_verify_ahead(struct keyring *k, const struct brought *b,
                     const struct verify_request *from)
{
    struct verify_request q = *from;

    if (b->name != 0 || q.learn > LEARN_LATER)
        return false;
    q.source = CONTACT_MAIL;
    q.trust = 0;
    q.first_seen = 0;
    return keyring_ask_ahead(k, MSG_JUDGE, &q);
}

enum err
keyring_verify(struct keyring *k, const struct brought *b,
               const struct verify_request *from, struct answer_bytes *bytes,
               struct verify_reply *out, struct problem *p)
{
    return keyring_verify_of(k, b, from, CONTACT_MAIL, bytes, out, p);
}

enum err
keyring_verify_of(struct keyring *k, const struct brought *b,
                  const struct verify_request *from, enum contact_source source,
                  struct answer_bytes *bytes, struct verify_reply *out,
                  struct problem *p)
{
    struct verify_request q = *from;
    struct acquaintance sender = {0};
    enum err e;

    if (q.learn > LEARN_LATER)
        return fail(p, ERR_USAGE, "an unknown way of learning");
    q.source = source;
    q.trust = b->name;
    if (q.from.n > 0)
        sender.address = q.from.item[0];
    e = judge(k, b, &q, &sender, &bytes->a, out, p);
    if (e != ERR_OK)
        return e;
    /* No more is asked about this one. */
    if (k->is_answering && q.trust == 0 && q.at == 0)
        keyring_look_ahead(k);
    out->learned = LEARNED_NOTHING;
    alike_tell(&q, &sender, out);
    if (is_blocked(k, &sender, out)) {
        block(out);
        return ERR_OK;
    }
    if (q.trust == 0 && q.at == 0) {
        keyring_learn(k, &q, out);
        return ERR_OK;
    }
    q.trust = 0;
    q.at = 0;
    learn_by_own_anchors(k, &q, out);
    return ERR_OK;
}

/* ---- one chain ----------------------------------------------------------- */

enum err
keyring_judge_path(struct keyring *k, const struct brought *b,
                   struct check_request *q, struct buf *store,
                   struct check_reply *out, struct problem *p)
{
    static const struct brought nothing;
    struct problem ignored = {0};
    bool more;

    q->trust = b ? b->name : 0;
    (void)buf_room(store, LIMIT_FRAME_BYTES);
    for (int round = 0;; round++) {
        enum err e =
            brought_ask(k, b ? b : &nothing, MSG_JUDGE_PATH, q, out, NULL, p);

        if (e != ERR_OK || round == LIMIT_ISSUER_ROUNDS || out->wanted.n == 0)
            return e;
        if (issuers_add(k, &out->wanted, store, &q->known, 16,
                        LIMIT_FRAME_BYTES - 16 * 1024 - q->certificate.n, &more,
                        &ignored) != ERR_OK ||
            !more)
            return ERR_OK;
    }
}

enum err
keyring_check(struct keyring *k, const struct brought *b,
              const struct check_request *from, struct answer_bytes *bytes,
              struct check_reply *out, struct problem *p)
{
    struct check_request q = *from;

    /* Only the keyring says these. */
    q.known = (struct slice_list){0};
    q.certificate = slice_of(NULL, 0);
    return keyring_judge_path(k, b, &q, &bytes->a, out, p);
}
