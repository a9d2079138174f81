#include "agent/session/judge.h"

#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/session/certificate_json.h"
#include "agent/session/json_text.h"
#include "agent/session/try.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__})

static const char *
word(const char *const *words, size_t count, uint32_t value)
{
    return value < count ? words[value] : words[count - 1];
}
#define WORD(value, ...)                                                       \
    word(WORDS(__VA_ARGS__), ARRAY_COUNT(WORDS(__VA_ARGS__)), value)

struct verdict {
    json_t *reasons; /* each word once */
    bool any_signed;
    bool good;   /* every signed layer has a good signer */
    bool unseen; /* ... or one that lacks nothing but a header */
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

static void
add_certificates(const struct layer *l, struct slice_list *out)
{
    size_t room = LIMIT_EVIDENCE_BYTES;

    for (size_t i = 0; i < l->data.certificate_count && out->n < 32; i++) {
        struct slice c = l->data.certificate[i];

        if (c.n > room || c.n > LIMIT_CERT_BYTES)
            continue;
        if (!slice_list_add(out, c))
            return;
        room -= c.n;
    }
}

static void
add_from(const struct reading *g, struct verify_request *q)
{
    for (size_t i = 0; i < g->from.count && i < 8; i++)
        if (!slice_list_add(&q->from, slice_text(g->from.item[i].address)))
            return;
    q->sender = slice_text(g->sender);
    q->header_flags = g->header_flags;
    q->message_id = slice_text(g->message_id);
}

static void
fill_evidence(const struct reading *g, const struct layer *l,
              const struct signer_info *s, const struct judging *how,
              bool learn, struct verify_request *q)
{
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
    add_certificates(l, &q->certificates);
    add_from(g, q);
    q->at = how->at;
    q->covers = l->covers && !l->flaw;
    q->learn = learn && q->covers;
    q->origin = slice_text(how->origin);
    if (q->origin.n > LIMIT_TEXT_BYTES)
        q->origin.n = LIMIT_TEXT_BYTES;
}

/* ---- words ------------------------------------------------------------ */

const char *
chain_word(uint32_t chain)
{
    return WORD(chain, "ok", "untrusted", "expired", "not_yet", "purpose",
                "revoked", "invalid", "not_asked");
}

const char *
sender_word(uint32_t sender)
{
    return WORD(sender, "matches", "differs", "no_address", "ambiguous",
                "not_seen");
}

const char *
strength_word(uint32_t strength)
{
    return WORD(strength, "ok", "weak_digest", "weak_key");
}

const char *
revocation_word(uint32_t revocation)
{
    return WORD(revocation, "not_checked", "clear", "revoked");
}

/* ---- one signer
 * --------------------------------------------------------------------- */

static json_t *
signer_json(const struct verify_reply *v, bool covers)
{
    json_t *certificate = certificate_json_read(v->described);

    return json_pack(
        "{s:b, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:I, s:o, s:o, s:o, s:o,"
        " s:o, s:s, s:o}",
        "good", v->good != 0, "integrity",
        WORD(v->integrity, "ok", "digest_wrong", "signature_wrong",
             "attributes_bad", "no_certificate", "unsupported"),
        "chain", chain_word(v->chain), "sender", sender_word(v->sender),
        "strength", strength_word(v->strength), "covers", covers, "revocation",
        revocation_word(v->revocation), "time_source",
        WORD(v->time_source, "now", "signing", "given", "first_seen"),
        "judged_at", (json_int_t)v->judged_at, "signing_time",
        v->signing_time ? json_time(v->signing_time) : json_null(), "digest",
        json_text(v->digest_name), "signature", json_text(v->signature_name),
        "reasons", json_texts(&v->reasons), "certificate",
        certificate ? certificate : json_null(), "learned",
        WORD(v->learned, "nothing", "new", "known", "changed", "failed"),
        "revoked_at", v->revoked_at ? json_time(v->revoked_at) : json_null());
}

static void
note_reasons(json_t *reasons, const struct slice_list *words)
{
    for (size_t i = 0; i < words->n; i++) {
        char text[129];

        snprintf(text, sizeof(text), "%.*s", (int)words->item[i].n,
                 (const char *)words->item[i].p);
        add_reason(reasons, text);
    }
}

/* Lacks nothing but a header that says who sent it. */
static bool
is_unseen(const struct verify_reply *v, bool covers)
{
    return covers && v->integrity == INTEGRITY_OK && v->chain == CHAIN_OK &&
           v->sender == SENDER_NOT_SEEN && v->strength == STRENGTH_OK &&
           (v->revoked_at == 0 || v->time_source == TIME_GIVEN);
}

struct layer_verdict {
    bool good;
    bool unseen;
};

static enum err
judge_signer(struct reading *g, const struct layer *l,
             const struct signer_info *s, const struct judging *how, bool learn,
             struct verdict *v, struct layer_verdict *lv, json_t *signers)
{
    struct verify_request q;
    struct verify_reply reply = {.integrity = INTEGRITY_UNSUPPORTED,
                                 .chain = CHAIN_NOT_ASKED};
    bool covers = l->covers && !l->flaw;

    if (evidence_fits(s, l)) {
        fill_evidence(g, l, s, how, learn, &q);
        TRY(keyring_call(g->r, MSG_VERIFY, &q, &reply));
    } else {
        add_reason(v->reasons, "too-large");
    }
    note_reasons(v->reasons, &reply.reasons);
    reply.good = reply.good && covers;
    lv->good |= reply.good != 0;
    lv->unseen |= reply.good != 0 || is_unseen(&reply, covers);
    json_array_append_new(signers, signer_json(&reply, covers));
    return ERR_OK;
}

/* ---- layers
 * -----------------------------------------------------------------------------
 */

static enum err
judge_signed(struct reading *g, const struct layer *l,
             const struct judging *how, struct verdict *v, json_t **out)
{
    json_t *signers = json_array();
    struct layer_verdict lv = {0};
    enum err e = ERR_OK;

    if (l->flaw)
        add_reason(v->reasons, l->flaw);
    for (size_t i = 0; i < l->data.signer_count && e == ERR_OK; i++)
        e = judge_signer(g, l, &l->data.signer[i], how,
                         how->learn && (v->good || v->unseen), v, &lv, signers);
    v->any_signed = true;
    v->good &= lv.good;
    v->unseen &= lv.unseen;
    *out = json_pack("{s:s, s:o}", "kind", "signed", "signers", signers);
    return e;
}

static json_t *
encrypted_json(const struct layer *l)
{
    return json_pack("{s:s, s:s, s:b, s:b, s:i, s:o}", "kind", "encrypted",
                     "cipher", cipher_name(l->cipher.cipher), "authenticated",
                     cipher_is_aead(l->cipher.cipher), "legacy",
                     cipher_is_legacy(l->cipher.cipher), "recipients",
                     (int)l->recipients, "key",
                     l->opened ? json_string(l->key) : json_null());
}

static enum err
judge_layers(struct reading *g, const struct judging *how, struct verdict *v,
             json_t *layers, bool *out_encrypted)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        const struct layer *l = &g->layer[i];
        json_t *layer = NULL;

        if (l->kind == LAYER_SIGNED) {
            enum err e = judge_signed(g, l, how, v, &layer);

            json_array_append_new(layers, layer);
            TRY(e);
        } else {
            *out_encrypted = true;
            json_array_append_new(layers, encrypted_json(l));
            if (!l->opened)
                add_reason(v->reasons, "still-encrypted");
        }
    }
    if (!v->any_signed)
        add_reason(v->reasons, "not-signed");
    return ERR_OK;
}

static json_t *
from_json(const struct reading *g)
{
    json_t *from = json_array();

    for (size_t i = 0; i < g->from.count; i++)
        json_array_append_new(from,
                              json_text(slice_text(g->from.item[i].address)));
    return from;
}

static const char *
verdict_word(const struct verdict *v)
{
    if (!v->any_signed)
        return "plain";
    return v->good ? "good" : v->unseen ? "unseen" : "bad";
}

static size_t
signed_layers(const struct reading *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->layer_count; i++)
        n += g->layer[i].kind == LAYER_SIGNED;
    return n;
}

static enum err
judge_once(struct reading *g, const struct judging *how, json_t **out)
{
    struct verdict v = {.reasons = json_array(), .good = true, .unseen = true};
    json_t *layers = json_array();
    bool encrypted = false;
    enum err e = judge_layers(g, how, &v, layers, &encrypted);

    if (e != ERR_OK) {
        json_decref(layers);
        json_decref(v.reasons);
        return e;
    }
    *out =
        json_pack("{s:s, s:b, s:b, s:o, s:o, s:o}", "verdict", verdict_word(&v),
                  "good", v.any_signed && v.good, "encrypted", encrypted,
                  "from", from_json(g), "reasons", v.reasons, "layers", layers);
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
