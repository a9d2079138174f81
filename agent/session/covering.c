/*
 * What a signature is worth as one over a mail: what it is over, and whether
 * that is what a reader shows.
 */
#include "agent/cms/der.h"
#include "agent/cms/oid.h"
#include "agent/mime/elsewhere.h"
#include "agent/mime/misread.h"
#include "agent/session/reading.h"

void
layer_flaw(struct layer *l, const char *word)
{
    if (!l->flaw)
        l->flaw = word;
}

static enum err
watched_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
             struct problem *p)
{
    struct stream_watched *w = (struct stream_watched *)s;
    enum err e = stream_read(w->from, out, size, got, p);
    size_t n;

    if (e != ERR_OK)
        return e;
    elsewhere_write(w->elsewhere, out, *got);
    n = sizeof(w->first) - w->first_n;
    if (n > *got)
        n = *got;
    memcpy(w->first + w->first_n, out, n);
    w->first_n += n;
    return ERR_OK;
}

void
stream_watched_init(struct stream_watched *w, struct stream *from)
{
    *w = (struct stream_watched){.s = {.read = watched_read},
                                 .from = from,
                                 .elsewhere = elsewhere_new()};
}

/* Passes over a DER identifier and length, when they are TAG's. */
static bool
pass_header(const uint8_t **p, const uint8_t *end, uint8_t tag)
{
    size_t octets;

    if (end - *p < 2 || **p != tag)
        return false;
    octets = (*p)[1] & 0x80 ? (*p)[1] & 0x7f : 0;
    if (octets > 4 || (size_t)(end - *p) < 2 + octets)
        return false;
    *p += 2 + octets;
    return true;
}

/* A SET whose first member is a SEQUENCE that begins with an OBJECT
 * IDENTIFIER: no text begins so, signed attributes do. Their signature is
 * one over their DER, so it verifies over such a "content" too. */
static bool
begins_like_attributes(const uint8_t *p, size_t n)
{
    const uint8_t *end = p + n;

    return pass_header(&p, end, TAG_SET) &&
           pass_header(&p, end, TAG_SEQUENCE) && p < end && *p == TAG_OID;
}

void
stream_watched_tell(struct stream_watched *w, struct layer *l)
{
    if (elsewhere_found(w->elsewhere))
        layer_flaw(l, "content-elsewhere");
    if (elsewhere_is_doubtful(w->elsewhere))
        layer_flaw(l, "ambiguous-structure");
}

void
stream_watched_end(struct stream_watched *w, struct layer *l)
{
    stream_watched_tell(w, l);
    l->attribute_like = begins_like_attributes(w->first, w->first_n);
}

void
stream_watched_drop(struct stream_watched *w)
{
    elsewhere_drop(&w->elsewhere);
}

/* certs-only (RFC 8551 3.8). What stands beside a text claims to sign it. */
static bool
is_only_certificates(const struct layer *l)
{
    return l->opaque && !l->data.has_content && l->data.certificate_count > 0;
}

void
layer_check_object(struct layer *l)
{
    if (l->data.signer_count == 0)
        layer_flaw(l, is_only_certificates(l) ? "certificates-only"
                                              : "no-signers");
    if (oid_find(l->data.content_type) != OID_DATA)
        layer_flaw(l, "content-type-not-data");
    for (size_t i = 0; l->attribute_like && i < l->data.signer_count; i++)
        if (l->data.signer[i].signed_attrs.n == 0)
            layer_flaw(l, "attributes-as-content");
}

static bool
is_same_author(const struct mailbox_list *inner, const struct mailbox *outer)
{
    return !inner->malformed && !inner->obsolete && !inner->group &&
           inner->count == 1 && !mailbox_is_deceiving(&inner->item[0]) &&
           address_equal(slice_text(inner->item[0].address),
                         slice_text(outer->address));
}

void
note_inner_from(struct reading *g, const struct entity *inner)
{
    const struct header_field *f;

    if (g->author.from.count == 0)
        return;
    /* Outside it would be refused. */
    if (inner->is_entity ? inner->header.ambiguous
                         : text_passes_for_header(buf_slice(&inner->rest)))
        g->author.header_flags |= HEADER_AMBIGUOUS;
    if (!inner->is_entity)
        return;
    for (size_t n = 0; (f = header_find(&inner->header, "From", n)); n++) {
        struct mailbox_list l = {0};

        mailbox_list_parse(f->value, &l);
        if (n > 0 || !is_same_author(&l, &g->author.from.item[0]))
            g->author.header_flags |= HEADER_INNER_FROM;
        mailbox_list_drop(&l);
    }
}

void
note_other_kind(struct reading *g, const struct entity *e,
                const struct where *w)
{
    struct content_type type;

    if (!e->is_entity || w->place != PLACE_SPINE || w->signature < 0)
        return;
    header_content_type(&e->header, &type);
    if (header_count(&e->header, "Content-Type") > 1 ||
        header_count(&e->header, "Content-Transfer-Encoding") > 1 ||
        (content_type_is_message(&type) && type.ambiguous))
        layer_flaw(&g->layer[w->signature], "ambiguous-structure");
}

void
note_outside(struct reading *g, size_t number, const char *word)
{
    for (size_t i = number; i < g->layer_count; i++)
        if (g->layer[i].kind == LAYER_SIGNED &&
            g->layer[i].at.place == PLACE_SPINE) {
            layer_flaw(&g->layer[i], word);
            return;
        }
}

enum err
note_rest(struct reading *g, struct cms_object *o, size_t number)
{
    bool something = false;
    enum err e = cms_object_rest(o, &something, &g->r->problem);

    if (e == ERR_OK && something)
        note_outside(g, number, "trailing-data");
    return e;
}

enum err
layer_finish(struct layer *l, struct cms_object *o,
             struct signed_reader *reader, struct problem *p)
{
    bool something = false;
    enum err e = signed_reader_finish(reader, &l->data, p);

    if (e == ERR_OK)
        e = cms_object_rest(o, &something, p);
    if (e != ERR_OK)
        return e;
    layer_check_object(l);
    if (something)
        layer_flaw(l, "trailing-data");
    return ERR_OK;
}
