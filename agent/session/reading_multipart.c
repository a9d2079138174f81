/*
 * multipart/signed (RFC 8551 3.5.3): the signed part, the signature beside
 * it, and what stands behind them.
 */
#include "agent/mime/multipart.h"
#include "agent/session/reading.h"

#include <stdio.h>

#include "agent/session/try.h"

/* Each layer costs what it announces: sixteen that announce all of them would
 * cost a minute. */
#define MOST_ANNOUNCED 3
#define OUTERMOST      2

/* The digests that micalg announces, the first few; none when it says nothing
 * known. */
static unsigned
announced_hashes(const struct content_type *t)
{
    const char *micalg = content_type_find(t, "micalg");
    unsigned hashes = 0;
    size_t count = 0;
    char names[128], *rest = names;

    snprintf(names, sizeof(names), "%s", micalg ? micalg : "");
    for (char *one = strsep(&rest, ", "); one && count < MOST_ANNOUNCED;
         one = strsep(&rest, ", "))
        if (hash_from_micalg(one) != HASH_NONE) {
            hashes |= 1U << hash_from_micalg(one);
            count++;
        }
    return hashes;
}

static size_t
signatures_around(const struct reading *g, const struct where *w)
{
    size_t n = 0;

    for (int s = w->signature; s >= 0; s = g->layer[s].at.signature)
        n++;
    return n;
}

/* SHA-256 beside what is announced, for senders that announce wrongly. Where
 * a second pass can be made (reading_again.c) it is made for the others, too;
 * else their digests are computed in the first, but SHA-3's, which cost more
 * than all the others, only where nothing known is announced, and not of
 * layers deep inside others: each hashes all of the content again. */
static unsigned
wanted_hashes(const struct reading *g, const struct content_type *t,
              const struct where *w)
{
    unsigned announced = announced_hashes(t);
    bool once = g->begins < 0 || w->encryption >= 0;

    if (g->first)
        return reading_lacks(g->first, g->layer_count);
    if (!once)
        return announced | 1U << HASH_SHA256;
    if (!announced && signatures_around(g, w) < OUTERMOST)
        return ALL_HASHES;
    return announced | USUAL_HASHES;
}

static enum err
read_detached(struct reading *g, struct stream *der, const struct where *w,
              struct layer *l)
{
    struct problem *p = &g->r->problem;
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(signed_reader) struct signed_reader *reader = NULL;

    (void)w;
    TRY(cms_object_open(der, &o, p));
    if (cms_object_type(o) != CMS_TYPE_SIGNED)
        return fail(p, ERR_BAD_MESSAGE, "the second part is no signature");
    TRY(signed_reader_begin(o, &l->data, &reader, p));
    TRY(stream_drain(signed_reader_content(reader), p));
    TRY(layer_finish(l, o, reader, p));
    if (l->data.has_content && !l->data.content_empty)
        l->flaw = "content-in-detached";
    return ERR_OK;
}

/* A second part that readers take for a text, a picture or anything else
 * than a signature is shown by them: nothing of it is signed. */
static bool
is_signature_part(const struct entity *part)
{
    struct content_type type;

    if (!part->is_entity || part->header.ambiguous)
        return false;
    header_content_type(&part->header, &type);
    return !type.ambiguous && header_is_signature_alone(&part->header, &type) &&
           !header_points_elsewhere(&part->header) &&
           header_count(&part->header, "Content-Type") == 1 &&
           header_count(&part->header, "Content-Transfer-Encoding") <= 1;
}

/* What is wrong is said in words of CMS: of what is said too. */
static enum err
of_signature(enum err e, struct problem *p)
{
    struct problem inner = *p;

    return e == ERR_BAD_MESSAGE ? fail(p, e, "its signature: %s", inner.detail)
                                : e;
}

static enum err
read_signature_part(struct reading *g, struct multipart *m, struct layer *l)
{
    struct problem *p = &g->r->problem;
    struct entity part = {0};
    enum part_event event;
    enum err e;

    TRY(multipart_next(m, &event, p));
    if (event != PART_BEGIN)
        return fail(p, ERR_BAD_MESSAGE,
                    "it ends before the part with the signature");
    e = entity_read(multipart_part(m), &part, p);
    if (e == ERR_OK && !is_signature_part(&part))
        layer_flaw(l, "ambiguous-structure");
    if (e == ERR_OK)
        e = reading_pkcs7(g, &part, read_detached, &l->at, l);
    entity_drop(&part);
    if (!reading_tells_damage(g, l, e))
        return of_signature(e, p);
    l->flaw = reading_damage_word(l, e); /* stronger than any other */
    *p = (struct problem){0};
    return ERR_OK;
}

/* A part behind the signature: told, and looked at no further. */
static enum err
note_further(struct reading *g, struct multipart *m, const struct where *w)
{
    struct entity part = {0};
    enum err e = entity_read(multipart_part(m), &part, &g->r->problem);

    if (e == ERR_OK)
        reading_note_part(g, &part.header, NULL, w);
    entity_drop(&part);
    return e;
}

/* Anything around the two parts: further ones or text, which a reader may
 * show and no signature covers. */
static enum err
read_epilogue(struct reading *g, struct multipart *m, struct layer *l)
{
    struct problem *p = &g->r->problem;
    bool before = false, behind = false;
    enum part_event event;
    size_t parts = 0;

    for (;;) {
        TRY(multipart_next(m, &event, p));
        if (event != PART_BEGIN)
            break;
        if (++parts <= LIMIT_PARTS) {
            struct where at = where_below(&l->at, parts + 2);

            TRY(note_further(g, m, &at));
        } else {
            g->more = true;
        }
    }
    TRY(multipart_surroundings(m, &before, &behind, p));
    if (multipart_is_ambiguous(m))
        layer_flaw(l, "ambiguous-structure");
    if (parts > 0 || before || behind) {
        l->covers = false;
        layer_flaw(l, "text-outside");
    }
    /* What is left of the delimiter stands behind the signature then. */
    if (event == PART_CUT && l->flaw && strcmp(l->flaw, "trailing-data") == 0)
        l->flaw = NULL;
    if (event == PART_CUT)
        layer_flaw(l, "message-cut");
    return ERR_OK;
}

static enum err
read_signed_part(struct reading *g, struct multipart *m, struct layer *l)
{
    struct problem *p = &g->r->problem;
    struct stream_digested digested;
    enum part_event event;
    enum err e;

    TRY(multipart_next(m, &event, p));
    if (event != PART_BEGIN)
        return fail(p, ERR_BAD_MESSAGE, "multipart/signed without a part");
    stream_digested_init(&digested, multipart_part(m), l->digests, true);
    e = reading_covered(g, &digested.s, l);
    stream_digested_drop(&digested);
    return e;
}

enum err
reading_multipart(struct reading *g, struct entity *e,
                  const struct announced *a, const struct where *w)
{
    struct layer *l = reading_layer_add(g, LAYER_SIGNED, w);
    struct problem *p = &g->r->problem;
    AUTO(multipart) struct multipart *m = NULL;

    if (!l)
        return reading_too_deep(g);
    if (!a->delimited)
        return fail(p, ERR_BAD_MESSAGE, "multipart/signed has no boundary");
    /* Some readers would decode it and show something else (RFC 2045 6.4). */
    if (header_transfer(&e->header) != TRANSFER_IDENTITY)
        return fail(p, ERR_BAD_MESSAGE,
                    "multipart/signed has a transfer encoding");
    if (a->ambiguous)
        layer_flaw(l, "ambiguous-structure");
    l->digests = digests_new(a->hashes);
    m = multipart_new(slice_of(NULL, 0), e->body, a->boundary);
    TRY(read_signed_part(g, m, l));
    TRY(read_signature_part(g, m, l));
    TRY(read_epilogue(g, m, l));
    l->finished = true;
    return ERR_OK;
}

static bool
ends_in_blank(const char *boundary)
{
    size_t n = strlen(boundary);

    return n > 0 && (boundary[n - 1] == ' ' || boundary[n - 1] == '\t');
}

/* All of what somebody signed is a file that only its name, or its being a
 * signature of something else, makes S/MIME: it is what was sent, no layer. */
static bool
is_attached_file(const struct content_type *type, const struct where *w)
{
    return w->place == PLACE_SPINE && w->signature > w->encryption &&
           !content_type_is_pkcs7(type);
}

void
announced_read(const struct reading *g, const struct entity *e,
               const struct where *w, struct announced *out)
{
    struct content_type type;
    const char *boundary;

    *out = (struct announced){.kind = SMIME_NONE};
    if (!e->is_entity)
        return;
    out->kind = header_smime_kind(&e->header, &type);
    if (out->kind == SMIME_PKCS7 && is_attached_file(&type, w))
        out->kind = SMIME_NONE;
    out->ambiguous =
        type.ambiguous ||
        (w->signature < 0 && header_points_elsewhere(&e->header)) ||
        (out->kind == SMIME_PKCS7 && !header_is_pkcs7_alone(&e->header, &type));
    if (out->kind != SMIME_MULTIPART_SIGNED)
        return;
    boundary = content_type_find(&type, "boundary");
    out->delimited = boundary != NULL;
    /* RFC 2046 5.1.1: it may not, so that some cut the blank off. */
    out->ambiguous |= boundary && ends_in_blank(boundary);
    snprintf(out->boundary, sizeof(out->boundary), "%s",
             boundary ? boundary : "");
    out->hashes = wanted_hashes(g, &type, w);
}
