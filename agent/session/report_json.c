#include "agent/session/report_json.h"

#include "agent/session/certificate_json.h"
#include "agent/session/judge.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__})

static const char *
word(const char *const *words, size_t count, uint32_t value)
{
    return value < count ? words[value] : words[count - 1];
}
#define WORD(value, ...)                                                       \
    word(WORDS(__VA_ARGS__), ARRAY_COUNT(WORDS(__VA_ARGS__)), value)

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
    if (sender == SENDER_BY_SENDER_FIELD)
        return "sender_field";
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

static const char *
place_word(enum place place)
{
    return WORD((uint32_t)place, "message", "part", "attached");
}

/* ---- one signer
 * --------------------------------------------------------------------- */

json_t *
signer_json(const struct verify_reply *v, bool covers, bool valid, bool whole)
{
    json_t *certificate =
        whole && v->certificate.n > 0
            ? certificate_json_whole(v->described, v->certificate)
            : certificate_json_read(v->described);

    return json_pack(
        "{s:b, s:b, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:o, s:o, s:o, s:o,"
        " s:o, s:o, s:s, s:o}",
        "good", v->good != 0, "valid", valid, "integrity",
        WORD(v->integrity, "ok", "digest_wrong", "signature_wrong",
             "attributes_bad", "no_certificate", "unsupported"),
        "chain", chain_word(v->chain), "sender", sender_word(v->sender),
        "strength", strength_word(v->strength), "covers", covers, "revocation",
        revocation_word(v->revocation), "time_source",
        WORD(v->time_source, "now", "signing", "given", "first_seen"),
        "judged_at", json_time(v->judged_at), "signing_time",
        v->signing_time ? json_time(v->signing_time) : json_null(), "digest",
        json_text(v->digest_name), "signature", json_text(v->signature_name),
        "reasons", json_texts(&v->reasons), "certificate",
        certificate ? certificate : json_null(), "learned",
        WORD(v->learned, "nothing", "new", "known", "changed", "failed"),
        "revoked_at", v->revoked_at ? json_time(v->revoked_at) : json_null());
}

/* ---- layers
 * --------------------------------------------------------------------- */

/* The number of a layer further out, or null. */
static json_t *
number_json(int number, size_t below)
{
    return number >= 0 && (size_t)number < below ? json_integer(number)
                                                 : json_null();
}

static json_t *
flaw_json(const struct layer *l)
{
    json_t *reasons = json_array();

    if (l->flaw)
        json_array_append_new(reasons, json_string(l->flaw));
    return reasons;
}

static void
encryption_add(json_t *out, const struct layer *l)
{
    enum cipher c = l->cipher.cipher;
    json_t *more =
        json_pack("{s:s, s:b, s:b, s:i, s:o}", "cipher", cipher_name(c),
                  "authenticated", cipher_is_aead(c), "legacy",
                  cipher_is_legacy(c), "recipients", (int)l->recipients, "key",
                  l->opened ? json_string(l->key) : json_null());

    json_object_update(out, more);
    json_decref(more);
}

json_t *
layer_json(const struct reading *g, size_t i, const struct layer_verdict *v,
           json_t *signers)
{
    const struct layer *l = &g->layer[i];
    const struct where *at = &l->at;
    int within =
        at->signature > at->encryption ? at->signature : at->encryption;
    json_t *out = json_pack("{s:s, s:s, s:s, s:o}", "kind",
                            l->kind == LAYER_SIGNED ? "signed" : "encrypted",
                            "part", at->path, "place", place_word(at->place),
                            "within", number_json(within, i));

    if (l->kind == LAYER_ENCRYPTED) {
        encryption_add(out, l);
        return out;
    }
    json_object_set_new(out, "valid", json_boolean(v->valid));
    json_object_set_new(out, "reasons", flaw_json(l));
    json_object_set_new(out, "signers", signers);
    return out;
}

/* ---- parts
 * --------------------------------------------------------------------- */

/* A layer is only inside layers that come before it. */
static bool
is_vouched(const struct reading *g, const struct layer_verdict *v, int layer)
{
    for (int below = (int)g->layer_count; layer >= 0 && layer < below;) {
        if (v[layer].vouches)
            return true;
        below = layer;
        layer = g->layer[layer].at.signature;
    }
    return false;
}

static json_t *
part_json(const struct reading *g, const struct part *p,
          const struct layer_verdict *v)
{
    const struct where *at = &p->at;

    return json_pack("{s:s, s:o, s:o, s:s, s:b, s:b, s:o, s:o, s:o}", "path",
                     at->path, "type", json_text(slice_text(p->type)), "name",
                     p->name ? json_text(slice_text(p->name)) : json_null(),
                     "place", place_word(at->place), "vouched",
                     is_vouched(g, v, at->signature), "encrypted",
                     at->encryption >= 0, "signature",
                     number_json(at->signature, g->layer_count), "encryption",
                     number_json(at->encryption, g->layer_count), "from",
                     p->author ? from_json(p->author) : json_null());
}

json_t *
parts_json(const struct reading *g, const struct layer_verdict *v)
{
    json_t *parts = json_array();

    for (size_t i = 0; i < g->part_count; i++)
        json_array_append_new(parts, part_json(g, &g->part[i], v));
    return parts;
}

/* ---- the header
 * --------------------------------------------------------------------- */

const char *
hp_word(enum hp hp)
{
    return WORD((uint32_t)hp, "none", "clear", "cipher");
}

static json_t *
field_value_json(const struct header_field *f)
{
    char *text = field_text(f->value);
    json_t *out = json_text(slice_text(text));

    free(text);
    return out;
}

/* The words of RFC 9788, 4.3. Signed is what a valid signature of the sender
 * covers, and no other. */
static const char *
protection_word(const struct reading *g, const struct layer_verdict *v,
                const struct protected_field *f)
{
    const struct protected_header *p = &g->header;
    bool is_signed = is_vouched(g, v, p->signature);
    bool encrypted = p->hp == HP_CIPHER && p->encryption >= 0 && !f->in_clear;

    if (is_signed)
        return encrypted ? "signed-and-encrypted" : "signed-only";
    return encrypted ? "encrypted-only" : "unprotected";
}

/* The first field outside of that name, when none says the same. */
static json_t *
outer_json(const struct header *outer, const char *name, const char *value)
{
    const struct header_field *first = header_find(outer, name, 0), *f;

    for (size_t n = 0; (f = header_find(outer, name, n)); n++)
        if (field_says_same(f->value, slice_text(value)))
            return json_null();
    return first ? field_value_json(first) : json_null();
}

static bool
is_inside(const struct protected_header *p, const struct header_field *f)
{
    for (size_t i = 0; i < p->count; i++)
        if (slice_is_nocase(f->name, p->field[i].name))
            return true;
    return false;
}

json_t *
header_json(const struct reading *g, const struct layer_verdict *v)
{
    const struct protected_header *p = &g->header;
    const struct header *outer = &g->top.header;
    json_t *fields = json_array();
    size_t told = 0;

    if (g->verb == VERB_HARVEST) /* of many mails nobody reads it */
        return fields;
    for (size_t i = 0; i < p->count; i++) {
        const struct protected_field *f = &p->field[i];

        json_array_append_new(
            fields, json_pack("{s:o, s:o, s:s, s:o}", "name",
                              json_text(slice_text(f->name)), "value",
                              json_text(slice_text(f->value)), "protection",
                              protection_word(g, v, f), "outer",
                              outer_json(outer, f->name, f->value)));
    }
    for (size_t i = 0; i < outer->count; i++) {
        const struct header_field *f = &outer->fields[i];

        if (!field_is_shown(f) || is_inside(p, f) ||
            told++ >= LIMIT_PROTECTED_FIELDS)
            continue;
        json_array_append_new(
            fields, json_pack("{s:o, s:o, s:s, s:n}", "name",
                              json_text(f->name), "value", field_value_json(f),
                              "protection", "unprotected", "outer"));
    }
    return fields;
}

json_t *
from_json(const struct author *a)
{
    json_t *from = json_array();

    for (size_t i = 0; i < a->from.count; i++)
        json_array_append_new(from,
                              json_text(slice_text(a->from.item[i].address)));
    return from;
}
