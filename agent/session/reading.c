#include "agent/session/reading.h"

#include <stdio.h>

#include "agent/mime/multipart.h"
#include "agent/session/try.h"

static enum err read_entity(struct reading *g, struct entity *e, size_t depth,
                            bool covers);
static enum err read_detached(struct reading *g, struct stream *der,
                              size_t depth, bool covers);

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

static struct layer *
layer_add(struct reading *g, enum layer_kind kind)
{
    struct layer *l;

    if (g->layer_count == LIMIT_LAYERS)
        return NULL;
    l = &g->layer[g->layer_count++];
    l->kind = kind;
    return l;
}

static enum err
too_deep(struct reading *g)
{
    return fail(&g->r->problem, ERR_LIMIT,
                "more than %d signatures and encryptions in each other",
                LIMIT_LAYERS);
}

/* What is inside a layer: an entity again, or bytes that are none. */
static enum err
read_inner(struct reading *g, struct stream *content, size_t depth, bool covers)
{
    struct entity inner = {0};
    enum err e = entity_read(content, &inner, &g->r->problem);

    if (e == ERR_OK && g->layer[g->layer_count - 1].kind == LAYER_SIGNED)
        note_inner_from(g, &inner);

    if (e == ERR_OK && g->verb == VERB_DECRYPT)
        e = reading_put(g, &inner, depth);
    else if (e == ERR_OK)
        e = read_entity(g, &inner, depth, covers);
    entity_drop(&inner);
    return e == ERR_OK ? stream_drain(content, &g->r->problem) : e;
}

/* What the signature of a layer is over. */
static enum err
read_covered(struct reading *g, struct stream *content, struct layer *l,
             size_t depth, bool covers)
{
    struct stream_watched watched;
    enum err e;

    stream_watched_init(&watched, content);
    e = read_inner(g, &watched.s, depth + 1, covers);
    if (e == ERR_OK)
        stream_watched_end(&watched, l);
    stream_watched_drop(&watched);
    return e;
}

/* ---- CMS objects
 * ------------------------------------------------------------------ */

/* From the content's end to that of the input. */
static enum err
read_end(struct cms_object *o, struct signed_reader *reader, struct layer *l,
         struct problem *p)
{
    bool something = false;

    TRY(signed_reader_finish(reader, &l->data, p));
    TRY(cms_object_rest(o, &something, p));
    layer_check_object(l);
    if (something)
        layer_flaw(l, "trailing-data");
    return ERR_OK;
}

static enum err
read_signed(struct reading *g, struct cms_object *o, size_t depth, bool covers)
{
    struct layer *l = layer_add(g, LAYER_SIGNED);
    struct problem *p = &g->r->problem;
    AUTO(signed_reader) struct signed_reader *reader = NULL;
    struct stream_digested digested;
    enum err e;

    if (!l)
        return too_deep(g);
    l->covers = covers;
    TRY(signed_reader_begin(o, &l->data, &reader, p));
    l->digests = digests_new(l->data.hashes | 1U << HASH_SHA256);
    stream_digested_init(&digested, signed_reader_content(reader), l->digests,
                         false);
    e = l->data.has_content ? read_covered(g, &digested.s, l, depth, covers)
                            : stream_drain(&digested.s, p);
    stream_digested_drop(&digested);
    if (e == ERR_OK)
        e = read_end(o, reader, l, p);
    if (e != ERR_OK)
        return e;
    if (l->data.signer_count > 0 && !l->data.has_content)
        return fail(p, ERR_BAD_MESSAGE, "the signed content is missing");
    return ERR_OK;
}

/* Under encryption every fault of shape has one answer: whoever sends
 * garbled ciphertexts learns nothing from the difference. */
static enum err
read_decrypted(struct reading *g, struct stream *plain, size_t depth,
               bool covers)
{
    enum err e = read_inner(g, plain, depth + 1, covers);

    if (!is_shape_error(e))
        return e;
    if ((e = stream_drain(plain, &g->r->problem)) != ERR_OK)
        return e;
    return fail(&g->r->problem, ERR_CANNOT_DECRYPT, NULL);
}

static enum err
read_encrypted(struct reading *g, struct cms_object *o, size_t depth,
               bool covers)
{
    struct layer *l = layer_add(g, LAYER_ENCRYPTED);
    struct problem *p = &g->r->problem;
    AUTO(enveloped_reader) struct enveloped_reader *reader = NULL;
    AUTO(secret) struct secret *key = NULL;
    struct stream *plain;

    if (!l)
        return too_deep(g);
    TRY(enveloped_reader_begin(o, &reader, p));
    l->cipher = *enveloped_cipher(reader);
    l->recipients = enveloped_recipient_count(reader);
    if (g->verb != VERB_DECRYPT && g->verb != VERB_OPEN)
        return ERR_OK;
    TRY(reading_find_key(g, l, reader, &key));
    TRY(enveloped_reader_content(reader, key, &plain, p));
    TRY(read_decrypted(g, plain, depth, covers));
    l->opened = true;
    return ERR_OK;
}

static enum err
read_object(struct reading *g, struct stream *der, size_t depth, bool covers)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    struct problem *p = &g->r->problem;

    TRY(cms_object_open(der, &o, p));
    switch (cms_object_type(o)) {
    case CMS_TYPE_SIGNED:
        if (g->verb == VERB_DECRYPT)
            return fail(p, ERR_NOT_SMIME, "it is signed, but not encrypted");
        return read_signed(g, o, depth, covers);
    case CMS_TYPE_ENVELOPED:
    case CMS_TYPE_AUTH_ENVELOPED:
        return read_encrypted(g, o, depth, covers);
    case CMS_TYPE_COMPRESSED:
        return fail(p, ERR_UNSUPPORTED, "compressed data");
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
static enum err
read_pkcs7(struct reading *g, struct entity *e,
           enum err (*use)(struct reading *, struct stream *, size_t, bool),
           size_t depth, bool covers)
{
    enum transfer transfer = header_transfer(&e->header);
    AUTO(buf) struct buf first = {0};
    struct stream_joined whole;
    AUTO(base64_reader) struct base64_reader *base64 = NULL;
    AUTO(quoted_reader) struct quoted_reader *quoted = NULL;
    bool is_base64 = transfer == TRANSFER_BASE64, rubbish = false;
    size_t number = use == read_detached ? depth : g->layer_count;

    if (transfer == TRANSFER_IDENTITY)
        TRY(sniff_base64(e->body, &first, &is_base64, &g->r->problem));
    stream_joined_init(&whole, buf_slice(&first), e->body);
    if (is_base64) {
        base64 = base64_reader_new(&whole.s);
        TRY(use(g, base64_reader_stream(base64), depth, covers));
        TRY(base64_reader_finish(base64, &rubbish, &g->r->problem));
        if (rubbish)
            layer_flaw(&g->layer[number], "trailing-data");
        return ERR_OK;
    }
    if (transfer == TRANSFER_QUOTED) {
        quoted = quoted_reader_new(&whole.s);
        return use(g, quoted_reader_stream(quoted), depth, covers);
    }
    if (transfer == TRANSFER_UNKNOWN)
        return fail(&g->r->problem, ERR_UNSUPPORTED,
                    "an unknown Content-Transfer-Encoding");
    return use(g, &whole.s, depth, covers);
}

/* ---- multipart/signed (RFC 8551 3.5.3)
 * ------------------------------------------------ */

/* The digests that micalg announces; SHA-256 beside it, for senders that
 * announce wrongly; all when it says nothing that is known. */
static unsigned
announced_hashes(const struct content_type *t)
{
    const char *micalg = content_type_find(t, "micalg");
    unsigned hashes = 0;
    char names[128], *rest = names;

    snprintf(names, sizeof(names), "%s", micalg ? micalg : "");
    for (char *one = strsep(&rest, ", "); one; one = strsep(&rest, ", "))
        if (hash_from_micalg(one) != HASH_NONE)
            hashes |= 1U << hash_from_micalg(one);
    if (hashes == 0)
        hashes = 1U << HASH_SHA1 | 1U << HASH_SHA384 | 1U << HASH_SHA512;
    return hashes | 1U << HASH_SHA256;
}

static enum err
read_detached(struct reading *g, struct stream *der, size_t depth, bool covers)
{
    struct layer *l = &g->layer[depth]; /* here: the layer's number */
    struct problem *p = &g->r->problem;
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(signed_reader) struct signed_reader *reader = NULL;

    (void)covers;
    TRY(cms_object_open(der, &o, p));
    if (cms_object_type(o) != CMS_TYPE_SIGNED)
        return fail(p, ERR_BAD_MESSAGE, "the second part is no signature");
    TRY(signed_reader_begin(o, &l->data, &reader, p));
    TRY(stream_drain(signed_reader_content(reader), p));
    TRY(read_end(o, reader, l, p));
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

    return part->is_entity && !part->header.ambiguous &&
           header_smime_kind(&part->header, &type) == SMIME_PKCS7 &&
           !type.ambiguous &&
           header_count(&part->header, "Content-Type") == 1 &&
           header_count(&part->header, "Content-Transfer-Encoding") <= 1;
}

static enum err
read_signature_part(struct reading *g, struct multipart *m, size_t number)
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
        layer_flaw(&g->layer[number], "ambiguous-structure");
    if (e == ERR_OK)
        e = read_pkcs7(g, &part, read_detached, number, false);
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
    int parts = 0;

    for (;;) {
        TRY(multipart_next(m, &event, p));
        if (event != PART_BEGIN)
            break;
        if (++parts > LIMIT_SIGNED_PARTS)
            return fail(p, ERR_LIMIT, "more than %d parts beside a signature",
                        LIMIT_SIGNED_PARTS);
    }
    TRY(multipart_surroundings(m, &before, &behind, p));
    if (parts > 0 || before || behind) {
        l->covers = false;
        layer_flaw(l, "text-outside");
    }
    /* What is left of the delimiter stands behind the signature then. */
    if (event == PART_CUT && l->flaw && strcmp(l->flaw, "trailing-data") == 0)
        l->flaw = NULL;
    if (event == PART_CUT)
        layer_flaw(l, "message-cut");
    if (multipart_is_ambiguous(m))
        layer_flaw(l, "ambiguous-structure");
    return ERR_OK;
}

static enum err
read_signed_part(struct reading *g, struct multipart *m, struct layer *l,
                 size_t depth, bool covers)
{
    struct problem *p = &g->r->problem;
    struct stream_digested digested;
    enum part_event event;
    enum err e;

    TRY(multipart_next(m, &event, p));
    if (event != PART_BEGIN)
        return fail(p, ERR_BAD_MESSAGE, "multipart/signed without a part");
    stream_digested_init(&digested, multipart_part(m), l->digests, true);
    e = read_covered(g, &digested.s, l, depth, covers);
    stream_digested_drop(&digested);
    return e;
}

static enum err
read_multipart(struct reading *g, struct entity *e,
               const struct content_type *type, size_t depth, bool covers)
{
    const char *boundary = content_type_find(type, "boundary");
    struct layer *l = layer_add(g, LAYER_SIGNED);
    struct problem *p = &g->r->problem;
    size_t number = g->layer_count - 1;
    AUTO(multipart) struct multipart *m = NULL;
    enum err error;

    if (!l)
        return too_deep(g);
    if (!boundary)
        return fail(p, ERR_BAD_MESSAGE, "multipart/signed has no boundary");
    /* Some readers would decode it and show something else (RFC 2045 6.4). */
    if (header_transfer(&e->header) != TRANSFER_IDENTITY)
        return fail(p, ERR_BAD_MESSAGE,
                    "multipart/signed has a transfer encoding");
    l->covers = covers;
    if (type->ambiguous)
        layer_flaw(l, "ambiguous-structure");
    l->digests = digests_new(announced_hashes(type));
    m = multipart_new(slice_of(NULL, 0), e->body, boundary);
    TRY(read_signed_part(g, m, l, depth, covers));
    error = read_signature_part(g, m, number);
    if (is_shape_error(error) && g->verb == VERB_OPEN)
        l->flaw = "signature-damaged"; /* stronger than any other */
    else if (error != ERR_OK)
        return error;
    return read_epilogue(g, m, l);
}

/* ---- the recursion, one step a layer
 * ---------------------------------------------------- */

static enum err
read_entity(struct reading *g, struct entity *e, size_t depth, bool covers)
{
    struct content_type type;
    enum smime_kind kind =
        e->is_entity ? header_smime_kind(&e->header, &type) : SMIME_NONE;

    /* Readers disagree about which of two counts. */
    if (kind != SMIME_NONE &&
        (header_count(&e->header, "Content-Type") > 1 ||
         header_count(&e->header, "Content-Transfer-Encoding") > 1))
        return fail(&g->r->problem, ERR_BAD_MESSAGE,
                    "its header says twice what kind of content it has");
    switch (kind) {
    case SMIME_MULTIPART_SIGNED:
        if (g->verb != VERB_DECRYPT)
            return read_multipart(g, e, &type, depth, covers);
        return fail(&g->r->problem, ERR_NOT_SMIME,
                    "it is signed, but not encrypted");
    case SMIME_PKCS7:
        return read_pkcs7(g, e, read_object, depth, covers);
    case SMIME_NONE:
        break;
    }
    if (depth == 0 && g->verb == VERB_DECRYPT)
        return fail(&g->r->problem, ERR_NOT_SMIME, "it is not encrypted");
    return reading_put(g, e, depth);
}

enum err
reading_run(struct reading *g)
{
    return read_entity(g, &g->top, 0, true);
}

void
reading_drop(struct reading *g)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        signed_data_drop(&g->layer[i].data);
        digests_drop(&g->layer[i].digests);
    }
    own_keys_drop(&g->keys);
    entity_drop(&g->top);
    input_drop(&g->input);
    mailbox_list_drop(&g->from);
}
