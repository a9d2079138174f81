/*
 * CompressedData (RFC 3274, RFC 8551 3.6): no layer of its own, for it says
 * nothing of who wrote or may read what is inside. It is taken off where it
 * stands around all of the message; elsewhere it is an attachment.
 */
#include "agent/cms/compressed.h"

#include <strings.h>

#include "agent/session/reading.h"
#include "agent/session/try.h"

static enum err
inner_for_decryption(struct reading *g, struct entity *inner,
                     const struct where *w)
{
    struct announced a;

    /* What was encrypted is handed out as it is, signed or not. */
    if (w->encryption >= 0)
        return reading_put(g, inner, w);
    announced_read(g, inner, w, &a);
    if (a.kind == SMIME_NONE)
        return fail(&g->r->problem, ERR_NOT_SMIME,
                    "it is compressed, but not encrypted");
    return reading_entity(g, inner, w);
}

static enum err
read_inner(struct reading *g, struct stream *content, const struct where *w)
{
    struct problem *p = &g->r->problem;
    struct entity inner = {0};
    enum err e = entity_read(content, &inner, p);

    if (e == ERR_OK)
        note_inner_from(g, &inner);
    if (e == ERR_OK && g->verb == VERB_DECRYPT)
        e = inner_for_decryption(g, &inner, w);
    else if (e == ERR_OK)
        e = reading_entity(g, &inner, w);
    entity_drop(&inner);
    return e == ERR_OK ? stream_drain(content, p) : e;
}

/* A signature around it is one over what is unpacked, too. */
static enum err
read_under(struct reading *g, struct stream *content, const struct where *w)
{
    struct stream_watched watched;
    enum err e;

    if (w->signature < 0)
        return read_inner(g, content, w);
    stream_watched_init(&watched, content);
    e = read_inner(g, &watched.s, w);
    if (e == ERR_OK)
        stream_watched_tell(&watched, &g->layer[w->signature]);
    stream_watched_drop(&watched);
    return e;
}

enum err
reading_compressed(struct reading *g, struct cms_object *o,
                   const struct where *w)
{
    AUTO(compressed_reader) struct compressed_reader *reader = NULL;
    struct where inside = where_below(w, 1);
    struct problem *p = &g->r->problem;
    size_t number = g->layer_count;

    if (w->place != PLACE_SPINE)
        return ERR_OK;
    if (g->compressions == LIMIT_COMPRESSIONS)
        return fail(p, ERR_LIMIT, "more than %d compression in each other",
                    LIMIT_COMPRESSIONS);
    g->compressions++;
    TRY(compressed_reader_begin(o, &reader, p));
    TRY(read_under(g, compressed_reader_content(reader), &inside));
    return note_rest(g, o, number);
}

/* An encrypted message's content that is compressed, by what it says. */
bool
reading_is_compressed(const struct entity *e)
{
    struct content_type type;
    const char *kind;

    if (!e->is_entity || header_smime_kind(&e->header, &type) != SMIME_PKCS7)
        return false;
    kind = content_type_find(&type, "smime-type");
    return kind && strcasecmp(kind, "compressed-data") == 0;
}
