#include "agent/session/reading.h"

#include <stdio.h>

#include "agent/session/try.h"

bool
is_shape_error(enum err e)
{
    return e == ERR_NOT_MAIL || e == ERR_BAD_MESSAGE || e == ERR_LIMIT ||
           e == ERR_UNSUPPORTED;
}

enum err
stream_drain(struct stream *s, struct problem *p)
{
    static uint8_t nowhere[STREAM_CHUNK_BYTES];

    for (;;) {
        size_t got = 0;

        TRY(stream_read(s, nowhere, sizeof(nowhere), &got, p));
        if (got == 0)
            return ERR_OK;
    }
}

struct where
where_below(const struct where *w, size_t number)
{
    struct where below = *w;
    size_t n = strlen(w->path);

    below.depth++;
    snprintf(below.path + n, sizeof(below.path) - n, ".%zu", number);
    return below;
}

struct layer *
reading_layer_add(struct reading *g, enum layer_kind kind,
                  const struct where *w)
{
    struct layer *l;

    if (g->layer_count == LIMIT_LAYERS)
        return NULL;
    l = &g->layer[g->layer_count++];
    l->kind = kind;
    l->at = *w;
    l->covers = w->place == PLACE_SPINE;
    return l;
}

enum err
reading_too_deep(struct reading *g)
{
    return fail(&g->r->problem, ERR_LIMIT,
                "more than %d signatures and encryptions in each other",
                LIMIT_LAYERS);
}

/* What the layer L holds. */
static struct where
where_inside(const struct reading *g, const struct layer *l)
{
    struct where inside = where_below(&l->at, 1);
    int number = (int)(l - g->layer);

    if (l->kind == LAYER_SIGNED)
        inside.signature = number;
    else
        inside.encryption = number;
    return inside;
}

/* What is inside a layer: an entity again, or bytes that are none. */
/* Reads what the layer L holds, to its end. */
static enum err
reading_inner(struct reading *g, struct stream *content, const struct layer *l)
{
    struct where w = where_inside(g, l);
    struct entity inner = {0};
    enum err e = entity_read(content, &inner, &g->r->problem);

    if (e == ERR_OK && l->at.place == PLACE_SPINE)
        note_inner_from(g, &inner);
    if (e == ERR_OK && g->verb == VERB_DECRYPT &&
        !reading_is_compressed(&inner))
        e = reading_put(g, &inner, &w);
    else if (e == ERR_OK)
        e = reading_entity(g, &inner, &w);
    entity_drop(&inner);
    return e == ERR_OK ? stream_drain(content, &g->r->problem) : e;
}

enum err
reading_covered(struct reading *g, struct stream *content, struct layer *l)
{
    struct stream_watched watched;
    enum err e;

    stream_watched_init(&watched, content);
    e = reading_inner(g, &watched.s, l);
    if (e == ERR_OK)
        stream_watched_end(&watched, l);
    stream_watched_drop(&watched);
    return e;
}

/* Under encryption the limits are told no more than the rest: see there. */
const char *
reading_damage_word(const struct layer *l, enum err e)
{
    return e == ERR_LIMIT && l->at.encryption < 0 ? "too-large"
                                                  : "signature-damaged";
}

/* Of a signature that cannot be read: is it told, instead of refused? Where
 * there is another inside, that one is told too. */
bool
reading_tells_damage(const struct reading *g, const struct layer *l, enum err e)
{
    size_t number = (size_t)(l - g->layer);

    if (!is_shape_error(e))
        return false;
    return g->verb == VERB_OPEN || g->first ||
           (g->verb == VERB_VERIFY && g->layer_count > number + 1);
}

/* ---- CMS objects
 * ------------------------------------------------------------------ */

static enum err
finish_opaque(struct reading *g, struct cms_object *o,
              struct signed_reader *reader, struct layer *l)
{
    struct problem *p = &g->r->problem;
    enum err e = layer_finish(l, o, reader, p);

    l->finished = e == ERR_OK;
    if (l->finished || g->layer_count == (size_t)(l - g->layer) + 1 ||
        !reading_tells_damage(g, l, e))
        return e;
    l->flaw = reading_damage_word(l, e);
    *p = (struct problem){0};
    return ERR_OK;
}

/* A signature in a part, without what it is over: what it was beside once is
 * not known, so it is an attachment like any other. */
static enum err
forget_bare(struct reading *g, struct layer *l)
{
    signed_data_drop(&l->data);
    *l = (struct layer){.kind = LAYER_SIGNED};
    g->layer_count--;
    return fail(&g->r->problem, ERR_BAD_MESSAGE,
                "the signed content is missing");
}

static enum err
read_signed(struct reading *g, struct cms_object *o, const struct where *w)
{
    struct layer *l = reading_layer_add(g, LAYER_SIGNED, w);
    struct problem *p = &g->r->problem;
    AUTO(signed_reader) struct signed_reader *reader = NULL;
    struct stream_digested digested;
    enum err e;

    if (!l)
        return reading_too_deep(g);
    TRY(signed_reader_begin(o, &l->data, &reader, p));
    if (!l->data.has_content && w->place != PLACE_SPINE)
        return forget_bare(g, l);
    l->opaque = true;
    l->digests = digests_new(l->data.hashes | 1U << HASH_SHA256);
    stream_digested_init(&digested, signed_reader_content(reader), l->digests,
                         false);
    e = l->data.has_content ? reading_covered(g, &digested.s, l)
                            : stream_drain(&digested.s, p);
    stream_digested_drop(&digested);
    if (e == ERR_OK)
        e = finish_opaque(g, o, reader, l);
    if (e != ERR_OK || !l->finished)
        return e;
    if (l->data.signer_count == 0 || l->data.has_content)
        return ERR_OK;
    /* An attachment that somebody has saved, most likely. */
    return w->depth == 0 && !header_is_message(&g->top.header)
               ? fail(p, ERR_NOT_MAIL,
                      "it is a signature alone, without what it signs: give "
                      "the whole mail that it is attached to")
               : fail(p, ERR_BAD_MESSAGE, "the signed content is missing");
}

/* Is a fault of the plaintext's making: its shape, or a nested encryption
 * that is meant for others? */
static bool
is_plaintext_fault(enum err e)
{
    return is_shape_error(e) || e == ERR_NOT_FOR_US || e == ERR_CANNOT_DECRYPT;
}

/* A signature around it is one over what is decrypted, too. */
static enum err
read_plain(struct reading *g, struct stream *plain, const struct layer *l)
{
    struct stream_watched watched;
    enum err e;

    if (l->at.signature < 0)
        return reading_inner(g, plain, l);
    stream_watched_init(&watched, plain);
    e = reading_inner(g, &watched.s, l);
    if (e == ERR_OK)
        stream_watched_tell(&watched, &g->layer[l->at.signature]);
    stream_watched_drop(&watched);
    return e;
}

/* Under encryption every fault that the plaintext can make has one answer,
 * after tag and padding of all of it were checked: whoever sends garbled
 * ciphertexts learns nothing from the difference. A token's trouble is told
 * apart, but not before that either. */
static enum err
read_decrypted(struct reading *g, struct stream *plain, const struct layer *l)
{
    struct problem *p = &g->r->problem;
    enum err e = read_plain(g, plain, l);
    struct problem first = *p;

    if (e == ERR_OK || e == ERR_INPUT || e == ERR_OUTPUT)
        return e;
    *p = (struct problem){0};
    TRY(stream_drain(plain, p));
    if (is_plaintext_fault(e))
        return fail(p, ERR_CANNOT_DECRYPT, NULL);
    *p = first;
    return e;
}

static enum err
read_encrypted(struct reading *g, struct cms_object *o, const struct where *w)
{
    struct problem *p = &g->r->problem;
    AUTO(enveloped_reader) struct enveloped_reader *reader = NULL;
    AUTO(secret) struct secret *key = NULL;
    struct stream *plain;
    struct layer *l;

    TRY(enveloped_reader_begin(o, &reader, p));
    l = reading_layer_add(g, LAYER_ENCRYPTED, w);
    if (!l)
        return reading_too_deep(g);
    l->cipher = *enveloped_cipher(reader);
    l->recipients = enveloped_recipient_count(reader);
    if (w->place != PLACE_SPINE ||
        (g->verb != VERB_DECRYPT && g->verb != VERB_OPEN))
        return ERR_OK;
    TRY(reading_find_key(g, l, reader, &key));
    TRY(enveloped_reader_content(reader, key, &plain, p));
    TRY(read_decrypted(g, plain, l));
    l->opened = true;
    TRY(note_rest(g, o, (size_t)(l - g->layer)));
    /* What is around this one may fail yet. */
    return w->encryption < 0 ? reading_decrypted(g) : ERR_OK;
}

static enum err
read_object(struct reading *g, struct stream *der, const struct where *w,
            struct layer *outer)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    struct problem *p = &g->r->problem;

    (void)outer;
    TRY(cms_object_open(der, &o, p));
    switch (cms_object_type(o)) {
    case CMS_TYPE_SIGNED:
        if (g->verb == VERB_DECRYPT)
            return fail(p, ERR_NOT_SMIME, "it is signed, but not encrypted");
        return read_signed(g, o, w);
    case CMS_TYPE_ENVELOPED:
    case CMS_TYPE_AUTH_ENVELOPED:
        return read_encrypted(g, o, w);
    case CMS_TYPE_COMPRESSED:
        return reading_compressed(g, o, w);
    case CMS_TYPE_DATA:
    case CMS_TYPE_OTHER:
        break;
    }
    return fail(p, ERR_UNSUPPORTED,
                "a CMS object that is neither signed nor encrypted");
}

/* A part that says nothing of base64 may be base64 all the same: DER begins
 * with the octet 0x30, its base64 with the letter M. */
static enum err
sniff_base64(struct stream *body, struct buf *first, bool *out,
             struct problem *p)
{
    size_t got = 0;
    size_t i = 0;

    buf_reserve(first, 256);
    TRY(stream_read(body, first->data, 256, &got, p));
    first->len = got;
    while (i < got && (first->data[i] == '\r' || first->data[i] == '\n'))
        i++;
    *out = i < got && first->data[i] == 'M';
    return ERR_OK;
}

/* The CMS object in an entity's body, its transfer encoding taken off. */
enum err
reading_pkcs7(struct reading *g, struct entity *e, use_object *use,
              const struct where *w, struct layer *l)
{
    enum transfer transfer = header_transfer(&e->header);
    AUTO(buf) struct buf first = {0};
    struct stream_joined whole;
    AUTO(base64_reader) struct base64_reader *base64 = NULL;
    AUTO(quoted_reader) struct quoted_reader *quoted = NULL;
    bool is_base64 = transfer == TRANSFER_BASE64, rubbish = false;
    size_t number = g->layer_count; /* the layer's, unless it is L */

    if (transfer == TRANSFER_IDENTITY)
        TRY(sniff_base64(e->body, &first, &is_base64, &g->r->problem));
    stream_joined_init(&whole, buf_slice(&first), e->body);
    if (is_base64) {
        base64 = base64_reader_new(&whole.s);
        TRY(use(g, base64_reader_stream(base64), w, l));
        TRY(base64_reader_finish(base64, &rubbish, &g->r->problem));
        if (rubbish && l)
            layer_flaw(l, "trailing-data");
        else if (rubbish)
            note_outside(g, number, "trailing-data");
        return ERR_OK;
    }
    if (transfer == TRANSFER_QUOTED) {
        quoted = quoted_reader_new(&whole.s);
        return use(g, quoted_reader_stream(quoted), w, l);
    }
    if (transfer == TRANSFER_UNKNOWN)
        return fail(&g->r->problem, ERR_UNSUPPORTED,
                    "an unknown Content-Transfer-Encoding");
    return use(g, &whole.s, w, l);
}

/* ---- the recursion, one step a layer
 * ---------------------------------------------------- */

/* A layer's carrier is a part of its own when nothing was seen inside. */
static enum err
read_carrier(struct reading *g, struct entity *e, const struct announced *a,
             const struct where *w)
{
    size_t layers = g->layer_count, parts = g->part_count;
    struct where at = *w;

    TRY(reading_pkcs7(g, e, read_object, w, NULL));
    if (a->ambiguous && w->place == PLACE_SPINE)
        note_outside(g, layers, "ambiguous-structure");
    if (g->part_count > parts)
        return ERR_OK;
    if (layers < g->layer_count && g->layer[layers].kind == LAYER_ENCRYPTED)
        at.encryption = (int)layers;
    reading_note_part(g, &e->header, NULL, &at);
    return ERR_OK;
}

static enum err
read_layer(struct reading *g, struct entity *e, const struct announced *a,
           const struct where *w)
{
    struct problem *p = &g->r->problem;

    /* Readers disagree about which of two counts. */
    if (header_count(&e->header, "Content-Type") > 1 ||
        header_count(&e->header, "Content-Transfer-Encoding") > 1)
        return fail(p, ERR_BAD_MESSAGE,
                    "its header says twice what kind of content it has");
    if (w->depth + 1 >= LIMIT_NESTING)
        return fail(p, ERR_LIMIT, "nested deeper than %d", LIMIT_NESTING);
    if (a->kind == SMIME_PKCS7)
        return read_carrier(g, e, a, w);
    if (g->verb == VERB_DECRYPT)
        return fail(p, ERR_NOT_SMIME, "it is signed, but not encrypted");
    return reading_multipart(g, e, a, w);
}

enum err
reading_entity(struct reading *g, struct entity *e, const struct where *w)
{
    struct announced a;

    announced_read(g, e, w, &a);
    if (a.kind != SMIME_NONE)
        return read_layer(g, e, &a, w);
    if (g->passing)
        return reading_parts(g, e, w);
    if (w->depth == 0 && g->verb == VERB_DECRYPT)
        return fail(&g->r->problem, ERR_NOT_SMIME, "it is not encrypted");
    return reading_put(g, e, w);
}

enum err
reading_run(struct reading *g)
{
    struct where w = {.signature = -1, .encryption = -1, .path = "1"};

    w.author = &g->author;
    TRY(reading_entity(g, &g->top, &w));
    return reading_again(g);
}

void
reading_drop(struct reading *g)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        signed_data_drop(&g->layer[i].data);
        digests_drop(&g->layer[i].digests);
    }
    for (size_t i = 0; i < g->part_count; i++)
        part_drop(&g->part[i]);
    free(g->part);
    for (size_t i = 0; i < g->forwarded_count; i++) {
        author_drop(g->forwarded[i]);
        free(g->forwarded[i]);
    }
    own_keys_drop(&g->keys);
    entity_drop(&g->top);
    input_drop(&g->input);
    author_drop(&g->author);
    protected_header_drop(&g->header);
}
