#include "agent/session/judge.h"

#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/session/certificates.h"
#include "agent/session/report_json.h"
#include "agent/session/try.h"

#define DAY_SECONDS (24 * 60 * 60)

struct verdict {
    json_t *reasons; /* each word once */
    /* of the spine: what covers all of the message */
    bool any_signed;
    bool encrypted;
    bool good;   /* every signed layer has a good signer */
    bool unseen; /* ... or one that lacks nothing but a header */
    /* of parts and attached messages */
    bool part_signed;
    bool attached_signed;
    bool part_bad; /* one of the parts', without any that holds */
    size_t judged; /* signers */
    struct layer_verdict layer[LIMIT_LAYERS];
};

static void
add_reason(json_t *reasons, const char *reason)
{
    size_t i;
    json_t *known;

    json_array_foreach(reasons, i, known) if (strcmp(json_string_value(known),
                                                     reason) == 0) return;
    json_array_append_new(reasons, json_string(reason));
}

/* ---- evidence
 * ------------------------------------------------------------------------- */

static bool
evidence_fits(const struct signer_info *s, const struct layer *l)
{
    return s->issuer.n <= LIMIT_NAME_BYTES && s->serial.n <= 64 &&
           s->key_id.n <= 64 && s->digest_algorithm.n <= 256 &&
           s->signature_algorithm.n <= 512 &&
           s->signed_attrs.n <= LIMIT_SIGNED_ATTRS_BYTES &&
           s->signature.n <= 2048 && l->data.content_type.n <= 32;
}

/* Of the message that the layer is in. */
static void
add_author(const struct reading *g, const struct layer *l,
           struct verify_request *q)
{
    const struct author *a = l->at.author ? l->at.author : &g->author;

    for (size_t i = 0; i < a->from.count && i < 8; i++)
        if (!slice_list_add(&q->from, slice_text(a->from.item[i].address)))
            return;
    q->sender = slice_text(a->sender);
    q->header_flags = a->header_flags;
    q->message_id = slice_text(a->message_id);
}

/* Does it cover all that the message shows? Only in the spine. */
static bool
covers_all(const struct layer *l)
{
    return l->covers && l->at.place == PLACE_SPINE && !l->flaw;
}

/* As far as there is room: a CRL that is not looked at revokes nobody. */
static void
add_crls(const struct signed_data *d, struct verify_request *q)
{
    size_t room = LIMIT_FRAME_BYTES - 24 * 1024 - q->signed_attrs.n;

    for (size_t i = 0; i < q->certificates.n; i++)
        room -= q->certificates.item[i].n;
    for (size_t i = 0; i < d->crl_count; i++)
        if (d->crl[i].n <= room && slice_list_add(&q->crls, d->crl[i]))
            room -= d->crl[i].n;
}

/* False when certificates were left out. */
static bool
fill_evidence(const struct reading *g, const struct layer *l,
              const struct signer_info *s, const struct judging *how,
              bool learn, struct verify_request *q)
{
    bool whole;

    memset(q, 0, sizeof(*q));
    q->sid_issuer = s->issuer;
    q->sid_serial = s->serial;
    q->sid_key_id = s->key_id;
    q->digest_algorithm = s->digest_algorithm;
    q->signature_algorithm = s->signature_algorithm;
    q->signed_attrs = s->signed_attrs;
    q->signature = s->signature;
    q->content_digest = digests_get(l->digests, s->hash);
    q->content_type = l->data.content_type;
    add_author(g, l, q);
    q->at = how->at;
    q->covers = covers_all(l);
    q->learn = !learn || !q->covers ? LEARN_NOT
               : how->later         ? LEARN_LATER
                                    : LEARN_NOW;
    q->origin = slice_text(how->origin);
    if (q->origin.n > LIMIT_TEXT_BYTES)
        q->origin.n = LIMIT_TEXT_BYTES;
    whole = !certificates_choose(&l->data, s, &q->certificates);
    add_crls(&l->data, q);
    return whole;
}

/* ---- one signer
 * --------------------------------------------------------------------- */

/* FLAW: why it does not cover all of the message, or NULL; said first. */
static void
note_reasons(json_t *reasons, const struct slice_list *words, const char *flaw)
{
    for (size_t i = 0; i < words->n; i++) {
        char text[129];

        if (flaw && slice_is(words->item[i], "not-covered"))
            add_reason(reasons, flaw);
        snprintf(text, sizeof(text), "%.*s", (int)words->item[i].n,
                 (const char *)words->item[i].p);
        add_reason(reasons, text);
    }
}

/* Most flaws make a layer no signature of what it seems to cover. What stands
 * beside it, or is missing behind it, takes nothing from what is inside. */
static bool
holds(const struct layer *l)
{
    return !l->flaw || strcmp(l->flaw, "text-outside") == 0 ||
           strcmp(l->flaw, "message-cut") == 0;
}

/* The signature holds, and somebody who is trusted made it. */
static bool
is_valid(const struct verify_reply *v, const struct layer *l)
{
    return holds(l) && v->integrity == INTEGRITY_OK && v->chain == CHAIN_OK &&
           v->strength == STRENGTH_OK &&
           (v->revoked_at == 0 || v->time_source == TIME_GIVEN);
}

/* Is it the sender's of the message one has before one, not of one that is
 * attached to it? */
static bool
is_senders(const struct verify_reply *v, const struct layer *l)
{
    return v->sender == SENDER_MATCHES && l->at.place != PLACE_FORWARDED;
}

/* Nobody signs Date: whoever has an old mail can send it as one of today
 * (CVE-2023-50761). Mails wait for some hours, and clocks differ; a draft may
 * be signed later. Gives a word of reasons.def, or NULL. */
static const char *
date_word(const struct author *a, const struct verify_reply *v)
{
    int64_t signed_at =
        v->signing_time != 0 ? (int64_t)v->signing_time : a->protected_date;

    if (signed_at == 0 || (a->date == 0 && !a->date_unclear))
        return NULL;
    if (a->date_unclear || a->date - signed_at > DAY_SECONDS)
        return "date-differs";
    return signed_at - a->date > DAY_SECONDS ? "signed-later" : NULL;
}

static void
note_date(const struct reading *g, const struct verify_reply *v,
          json_t *reasons)
{
    const char *word = date_word(&g->author, v);

    if (word)
        add_reason(reasons, word);
}

/* What is said of a signer who is not good goes to OTHERS. */
static enum err
judge_signer(struct reading *g, size_t number, const struct signer_info *s,
             const struct judging *how, struct verdict *v, json_t *signers,
             json_t *others)
{
    const struct layer *l = &g->layer[number];
    struct layer_verdict *lv = &v->layer[number];
    struct verify_request q;
    struct verify_reply reply = {.integrity = INTEGRITY_UNSUPPORTED,
                                 .chain = CHAIN_NOT_ASKED};
    bool covers = covers_all(l), whole = false, valid;

    if (evidence_fits(s, l) && v->judged++ < LIMIT_JUDGED_SIGNERS) {
        whole = fill_evidence(g, l, s, how,
                              how->learn && (v->good || v->unseen), &q);
        TRY(keyring_call(g->r, MSG_VERIFY, &q, &reply));
    }
    if (!whole && reply.chain != CHAIN_OK)
        add_reason(v->reasons, "too-large");
    valid = is_valid(&reply, l);
    reply.good = reply.good && covers;
    if (l->at.place == PLACE_SPINE)
        note_reasons(reply.good ? v->reasons : others, &reply.reasons, l->flaw);
    if (l->at.place == PLACE_SPINE && reply.good)
        note_date(g, &reply, v->reasons);
    lv->valid |= valid;
    lv->vouches |= valid && is_senders(&reply, l);
    lv->good |= reply.good != 0;
    lv->unseen |=
        reply.good || (covers && valid && reply.sender == SENDER_NOT_SEEN);
    json_array_append_new(signers,
                          signer_json(&reply, covers, valid, how->whole));
    return ERR_OK;
}

/* ---- layers
 * -----------------------------------------------------------------------------
 */

/* Certificates that somebody signed are what was sent: no signature more
 * (RFC 8551 3.8). */
static bool
is_signed_content(const struct layer *l)
{
    return l->at.signature >= 0 && l->flaw &&
           strcmp(l->flaw, "certificates-only") == 0;
}

/* What a layer does to the verdict on the message. */
static void
note_signed(const struct layer *l, const struct layer_verdict *lv,
            struct verdict *v)
{
    switch (l->at.place) {
    case PLACE_SPINE:
        if (is_signed_content(l))
            return;
        if (l->flaw)
            add_reason(v->reasons, l->flaw);
        v->any_signed = true;
        v->good &= lv->good;
        v->unseen &= lv->unseen;
        return;
    case PLACE_PART:
        v->part_signed = true;
        v->part_bad |= !lv->valid;
        if (!v->any_signed) /* layers around all of it come first */
            add_reason(v->reasons, "part-signed");
        break;
    case PLACE_FORWARDED:
        v->attached_signed = true;
        add_reason(v->reasons, "attached-signed");
        break;
    }
    if (!lv->valid)
        add_reason(v->reasons, "part-bad");
}

/* Beside a good signature another one, of somebody else or in an algorithm
 * for older readers, takes nothing away and adds nothing. */
static void
note_others(bool good, const json_t *others, json_t *reasons)
{
    const json_t *one;
    size_t i;

    if (good && json_array_size(others) > 0)
        add_reason(reasons, "other-signature");
    json_array_foreach(others, i, one) if (!good)
        add_reason(reasons, json_string_value(one));
}

static enum err
judge_signed(struct reading *g, size_t number, const struct judging *how,
             struct verdict *v, json_t *layers)
{
    const struct layer *l = &g->layer[number];
    json_t *signers = json_array(), *others = json_array();
    enum err e = ERR_OK;

    for (size_t i = 0; i < l->data.signer_count && e == ERR_OK; i++)
        e = judge_signer(g, number, &l->data.signer[i], how, v, signers,
                         others);
    note_others(v->layer[number].good, others, v->reasons);
    json_decref(others);
    note_signed(l, &v->layer[number], v);
    json_array_append_new(layers,
                          layer_json(g, number, &v->layer[number], signers));
    return e;
}

static void
note_encrypted(const struct layer *l, struct verdict *v)
{
    if (l->at.place == PLACE_SPINE)
        v->encrypted = true;
    if (!l->opened)
        add_reason(v->reasons, l->at.place == PLACE_SPINE ? "still-encrypted"
                                                          : "part-encrypted");
}

/* Whoever signs a ciphertext need not know what is in it, and may have taken
 * it from somebody else's mail: there is no relation between the signer and
 * the text (RFC 8551 3.7). Is the innermost layer an encryption? */
static bool
is_signed_outside(const struct reading *g)
{
    enum layer_kind innermost = LAYER_SIGNED;
    bool any_signed = false;

    for (size_t i = 0; i < g->layer_count; i++)
        if (g->layer[i].at.place == PLACE_SPINE) {
            innermost = g->layer[i].kind;
            any_signed |= innermost == LAYER_SIGNED;
        }
    return any_signed && innermost == LAYER_ENCRYPTED;
}

/* Of each, in their order: outermost first. */
static enum err
judge_layers(struct reading *g, const struct judging *how, struct verdict *v,
             json_t *layers)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        if (g->layer[i].kind == LAYER_SIGNED) {
            TRY(judge_signed(g, i, how, v, layers));
        } else {
            note_encrypted(&g->layer[i], v);
            json_array_append_new(layers, layer_json(g, i, NULL, NULL));
        }
    }
    if (!v->any_signed && !v->part_signed)
        add_reason(v->reasons, "not-signed");
    if (!v->any_signed && g->openpgp)
        add_reason(v->reasons, "openpgp");
    /* Of a signed one its signers' judge says so. Somebody else's ciphertext
     * under one's own name asks for an answer that quotes the text. */
    if (!v->any_signed && (g->author.header_flags & HEADER_INNER_FROM))
        add_reason(v->reasons, "inner-from");
    if (is_signed_outside(g))
        add_reason(v->reasons, "signed-outside");
    if (g->more)
        add_reason(v->reasons, "more-parts");
    return ERR_OK;
}

static const char *
verdict_word(const struct verdict *v)
{
    if (v->any_signed)
        return v->good ? "good" : v->unseen ? "unseen" : "bad";
    if (v->part_signed)
        return v->part_bad ? "bad" : "partial";
    return "plain";
}

/* In the spine: no other teaches anything. */
static size_t
signed_layers(const struct reading *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->layer_count; i++)
        n += g->layer[i].kind == LAYER_SIGNED &&
             g->layer[i].at.place == PLACE_SPINE;
    return n;
}

static enum err
judge_once(struct reading *g, const struct judging *how, json_t **out)
{
    struct verdict v = {.reasons = json_array(), .good = true, .unseen = true};
    json_t *layers = json_array();
    enum err e = judge_layers(g, how, &v, layers);

    if (e != ERR_OK) {
        json_decref(layers);
        json_decref(v.reasons);
        return e;
    }
    *out = json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:b, s:s, s:o}",
                     "verdict", verdict_word(&v), "good",
                     v.any_signed && v.good, "encrypted", v.encrypted, "from",
                     from_json(&g->author), "reasons", v.reasons, "layers",
                     layers, "parts", parts_json(g, v.layer), "more_parts",
                     g->more, "header_protection", hp_word(g->header.hp),
                     "header", header_json(g, v.layer));
    return ERR_OK;
}

/* Whoever signed one layer is learned only when no other is bad, so several
 * are judged twice. */
enum err
judge_report(struct reading *g, const struct judging *how, json_t **out)
{
    struct judging only_look = *how;
    const char *verdict;
    json_t *report = NULL;

    if (!how->learn || signed_layers(g) < 2)
        return judge_once(g, how, out);
    only_look.learn = false;
    TRY(judge_once(g, &only_look, &report));
    verdict = json_string_value(json_object_get(report, "verdict"));
    if (strcmp(verdict, "good") != 0 && strcmp(verdict, "unseen") != 0) {
        *out = report;
        return ERR_OK;
    }
    json_decref(report);
    return judge_once(g, how, out);
}
