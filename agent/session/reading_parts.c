/*
 * The parts of what a reader shows, and the signatures in them. The bytes
 * are passed on as they are while their structure is looked at; nothing here
 * is decrypted, and no fault in a part is a fault of the message.
 */
#include "agent/mime/multipart.h"
#include "agent/session/reading.h"

#include <stdio.h>

#include "agent/base/log.h"
#include "agent/session/try.h"

/* ---- passing on
 * ---------------------------------------------------------------------- */

static enum err
passing_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
             struct problem *p)
{
    struct stream_passing *t = (struct stream_passing *)s;
    enum err e = stream_read(t->from, out, size, got, p);

    if (e == ERR_OK && t->to)
        e = sink_write(t->to, out, *got, p);
    t->failed |= e != ERR_OK;
    return e;
}

/* ---- noting a part
 * ------------------------------------------------------------------- */

/* The name that a reader would save it under, harmless to show. */
static char *
name_of(const struct header *h, const struct content_type *type)
{
    const struct header_field *f = header_find(h, "Content-Disposition", 0);
    struct content_type disposition;
    AUTO(buf) struct buf decoded = {0};
    const char *name = NULL;
    char shown[1024];

    if (f && content_type_parse(f->value, &disposition))
        name = content_type_find(&disposition, "filename");
    if (!name)
        name = content_type_find(type, "name");
    if (!name)
        return NULL;
    encoded_word_decode(slice_text(name), &decoded);
    text_escape(buf_slice(&decoded), shown, sizeof(shown));
    return mem_text(slice_text(shown));
}

void
reading_note_part(struct reading *g, const struct header *h,
                  const struct author *author, const struct where *w)
{
    struct content_type type;
    struct part *part;

    if (g->part_count == LIMIT_PARTS) {
        g->more = true;
        return;
    }
    header_content_type(h, &type);
    g->part = mem_resize(g->part, (g->part_count + 1) * sizeof(*g->part));
    part = &g->part[g->part_count++];
    *part =
        (struct part){.at = *w, .author = author, .name = name_of(h, &type)};
    if (author)
        snprintf(type.type, sizeof(type.type), "message/rfc822");
    text_escape(slice_text(type.type), part->type, sizeof(part->type));
}

void
part_drop(struct part *p)
{
    free(p->name);
}

/* ---- what a part is
 * ------------------------------------------------------------------ */

enum shape_kind { SHAPE_LEAF, SHAPE_MULTIPART, SHAPE_MESSAGE };

struct shape {
    enum shape_kind kind;
    bool digest;
    bool wrapped; /* the message itself, in an attached one's clothes */
    bool hidden;  /* ... whose author only some readers see */
    char boundary[512];
};

/* A message that is all of what is signed is the one that was sent, with the
 * header that its author protected (RFC 8551 3.1), unless it says that it is
 * forwarded. */
static bool
is_message_itself(const struct content_type *type)
{
    const char *forwarded = content_type_find(type, "forwarded");

    return content_type_is_message(type) &&
           (!forwarded || strcasecmp(forwarded, "yes") != 0);
}

/* What has a transfer encoding that it may not have (RFC 2045 6.4) is shown
 * by some readers as text. */
static void
shape_read(const struct entity *e, const struct where *w, struct shape *out)
{
    struct content_type type;
    const char *boundary;

    *out = (struct shape){.kind = SHAPE_LEAF};
    if (!e->is_entity)
        return;
    header_content_type(&e->header, &type);
    if (header_transfer(&e->header) != TRANSFER_IDENTITY) {
        out->hidden = w->place == PLACE_SPINE && is_message_itself(&type);
        return;
    }
    boundary = content_type_find(&type, "boundary");
    if (strncmp(type.type, "multipart/", 10) == 0 && boundary) {
        out->kind = SHAPE_MULTIPART;
        out->digest = strcmp(type.type, "multipart/digest") == 0;
        snprintf(out->boundary, sizeof(out->boundary), "%s", boundary);
    } else if (content_type_is_message(&type) ||
               (w->in_digest && header_count(&e->header, "Content-Type") == 0))
        out->kind = SHAPE_MESSAGE; /* RFC 2046 5.1.5 for the last */
    out->wrapped = out->kind == SHAPE_MESSAGE && w->place == PLACE_SPINE &&
                   (w->signature >= 0 || w->encryption >= 0) &&
                   is_message_itself(&type);
}

/* ---- what is inside a part
 * ----------------------------------------------------------- */

/* A layer that was begun and not read to its end is broken. */
static void
note_damage(struct reading *g, size_t first, enum err error)
{
    for (size_t i = first; i < g->layer_count; i++)
        if (g->layer[i].kind == LAYER_SIGNED && !g->layer[i].finished)
            g->layer[i].flaw = "signature-damaged";
    g->more |= error == ERR_LIMIT;
    g->r->problem = (struct problem){0};
}

/* An entity that is no spine: what is wrong with it is told, no more. */
static enum err
read_aside(struct reading *g, struct entity *e, const struct where *w)
{
    size_t layers = g->layer_count, parts = g->part_count;
    enum err error = reading_entity(g, e, w);

    if (!is_shape_error(error) || g->passing->failed)
        return error;
    note_damage(g, layers, error);
    if (g->part_count == parts)
        reading_note_part(g, &e->header, NULL, w);
    return ERR_OK;
}

static enum err
read_child(struct reading *g, struct stream *from, const struct where *w)
{
    struct entity child = {0};
    enum err e = entity_read(from, &child, &g->r->problem);

    if (e == ERR_OK)
        e = read_aside(g, &child, w);
    entity_drop(&child);
    return e;
}

static enum err
read_children(struct reading *g, struct entity *e, const struct shape *shape,
              const struct where *w)
{
    AUTO(multipart)
    struct multipart *m =
        multipart_new(slice_of(NULL, 0), e->body, shape->boundary);
    enum part_event event;

    for (size_t number = 1;; number++) {
        struct where at = where_below(w, number);

        TRY(multipart_next(m, &event, &g->r->problem));
        if (event != PART_BEGIN)
            return ERR_OK;
        if (g->parts_read++ == LIMIT_PARTS_READ) {
            g->more = true;
            return ERR_OK;
        }
        if (at.place == PLACE_SPINE)
            at.place = PLACE_PART;
        at.in_digest = shape->digest;
        TRY(read_child(g, multipart_part(m), &at));
    }
}

/* Nobody: what is signed there cannot be its sender's. */
static const struct author unknown_author = {.header_flags =
                                                 HEADER_MALFORMED_FROM};

static const struct author *
forwarded_author(struct reading *g, const struct header *h)
{
    struct author *a;

    if (g->forwarded_count == LIMIT_FORWARDED) {
        g->more = true;
        return &unknown_author;
    }
    a = mem_new(sizeof(*a));
    author_read(h, a);
    g->forwarded[g->forwarded_count++] = a;
    return a;
}

/* Who a WRAPPED one names must be who sent it; any other is of whom it
 * may. */
static enum err
read_attached(struct reading *g, struct entity *e, bool wrapped,
              const struct where *w)
{
    struct where at = where_below(w, 1);
    struct entity inner = {0};
    enum err error = entity_read(e->body, &inner, &g->r->problem);

    if (error == ERR_OK) {
        if (wrapped)
            note_inner_from(g, &inner);
        at.place = PLACE_FORWARDED;
        at.in_digest = false;
        at.author = forwarded_author(g, &inner.header);
        reading_note_part(g, &e->header, at.author, w);
        error = read_aside(g, &inner, &at);
    }
    entity_drop(&inner);
    return error;
}

enum err
reading_parts(struct reading *g, struct entity *e, const struct where *w)
{
    struct shape shape;

    shape_read(e, w, &shape);
    if (shape.hidden && w->signature >= 0)
        layer_flaw(&g->layer[w->signature], "ambiguous-structure");
    if (shape.kind != SHAPE_LEAF && w->depth + 1 >= LIMIT_NESTING) {
        g->more = true;
        shape.kind = SHAPE_LEAF;
    }
    switch (shape.kind) {
    case SHAPE_MULTIPART:
        return read_children(g, e, &shape, w);
    case SHAPE_MESSAGE:
        return read_attached(g, e, shape.wrapped, w);
    case SHAPE_LEAF:
        break;
    }
    reading_note_part(g, &e->header, NULL, w);
    return ERR_OK;
}

/* Decrypt reports on encryption alone. A part teaches nothing, but the author
 * inside may say that the message must not. */
static bool
is_of_interest(const struct reading *g, const struct entity *e,
               const struct where *w)
{
    struct shape shape;

    if (g->verb != VERB_HARVEST)
        return g->verb != VERB_DECRYPT;
    shape_read(e, w, &shape);
    return shape.wrapped || shape.hidden;
}

enum err
reading_pass(struct reading *g, struct entity *e, struct sink *to,
             const struct where *w)
{
    struct stream_passing s = {
        .s = {.read = passing_read}, .from = e->body, .to = to};
    struct problem *p = &g->r->problem;
    enum err error;

    if (!is_of_interest(g, e, w))
        return to ? stream_pump(e->body, to, p) : stream_drain(e->body, p);
    g->passing = &s;
    e->body = &s.s;
    error = reading_parts(g, e, w);
    if (error == ERR_OK)
        error = stream_drain(&s.s, p);
    e->body = s.from;
    g->passing = NULL;
    return error;
}
