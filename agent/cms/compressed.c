#include "agent/cms/compressed.h"

#include <zlib.h>

#include "agent/base/limits.h"
#include "agent/base/secret.h"
#include "agent/cms/ber.h"

#define CONTENT_FIELD TAG_CONTEXT_CONSTRUCTED

struct compressed_reader {
    struct stream content;
    struct cms_object *object;
    struct ber_string string;
    z_stream z;
    bool z_is_open;
    bool z_ended;
    bool z_owes; /* it had more than there was room for */
    bool ended;
    uint8_t *in;
};

static enum err
damaged(struct compressed_reader *r, struct problem *p, const char *what)
{
    return ber_fail(r->string.b, p, ERR_BAD_MESSAGE, what);
}

/* ---- before the content ---------------------------------------------------
 */

/* version, compressionAlgorithm and eContentType. The type is not looked at:
 * the content is MIME or it is not. */
static enum err
read_head(struct ber *b, struct problem *p)
{
    AUTO(buf) struct buf head = {0};
    struct slice algorithm, parameters;
    enum oid oid = OID_UNKNOWN;
    struct der d;
    enum err e;

    if ((e = ber_enter(b, TAG_SEQUENCE, p)) != ERR_OK ||
        (e = ber_collect(b, &head, LIMIT_HEAD_BYTES, p)) != ERR_OK ||
        (e = ber_collect(b, &head, LIMIT_HEAD_BYTES, p)) != ERR_OK ||
        (e = ber_enter(b, TAG_SEQUENCE, p)) != ERR_OK ||
        (e = ber_collect(b, &head, LIMIT_HEAD_BYTES, p)) != ERR_OK)
        return e;
    d = der_of(buf_slice(&head));
    (void)der_take_number(&d);
    algorithm = der_take_whole(&d, TAG_SEQUENCE);
    (void)der_take(&d, TAG_OID);
    if (!der_done(&d))
        return ber_fail(b, p, ERR_BAD_MESSAGE,
                        "CompressedData begins with something else");
    if (!der_algorithm(algorithm, &oid, &parameters) || oid != OID_ZLIB)
        return ber_fail(b, p, ERR_UNSUPPORTED, "a compression that is no zlib");
    return ERR_OK;
}

static enum err
open_content(struct compressed_reader *r, struct ber *b, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = ber_enter(b, CONTENT_FIELD, p)) != ERR_OK ||
        (e = ber_peek(b, &h, p)) != ERR_OK)
        return e;
    if (!h || (h->tag & ~0x20) != TAG_OCTET_STRING)
        return ber_fail(b, p, ERR_BAD_MESSAGE,
                        "the compressed content is missing");
    return ber_string_begin(&r->string, b, TAG_OCTET_STRING, p);
}

/* ---- the content ----------------------------------------------------------
 */

static enum err
refill(struct compressed_reader *r, struct problem *p)
{
    size_t got = 0;
    enum err e =
        ber_string_read(&r->string, r->in, STREAM_CHUNK_BYTES, &got, p);

    if (e != ERR_OK)
        return e;
    if (got == 0)
        return damaged(r, p, "the compressed content ends early");
    r->z.next_in = r->in;
    r->z.avail_in = (uInt)got;
    return ERR_OK;
}

/* A small mail may not become a full disk; what few would miss, such as a
 * table of zeros, may grow as it likes. */
static enum err
check_expansion(struct compressed_reader *r, struct problem *p)
{
    uint64_t in = r->string.total, out = r->z.total_out;

    if (out <= LIMIT_EXPANSION_BYTES || out / LIMIT_EXPANSION < in)
        return ERR_OK;
    return ber_over(r->string.b, p, LIMIT_EXPANSION,
                    "times its size, which the compressed content grows to");
}

/* Nothing may be behind the checksum: others may read it. */
static enum err
finish(struct compressed_reader *r, struct problem *p)
{
    size_t got = 0;
    uint8_t more;
    enum err e;

    if (r->z.avail_in == 0 &&
        (e = ber_string_read(&r->string, &more, 1, &got, p)) != ERR_OK)
        return e;
    if (r->z.avail_in > 0 || got > 0)
        return damaged(r, p, "something is behind the compressed content");
    if ((e = cms_object_close(r->object, p)) != ERR_OK)
        return e;
    r->ended = true;
    return ERR_OK;
}

/* Some of the content, or none yet. */
static enum err
inflate_some(struct compressed_reader *r, uint8_t *out, size_t size,
             size_t *got, struct problem *p)
{
    int z;
    enum err e;

    if (r->z.avail_in == 0 && !r->z_owes && (e = refill(r, p)) != ERR_OK)
        return e;
    r->z.next_out = out;
    r->z.avail_out = (uInt)size;
    z = inflate(&r->z, Z_NO_FLUSH);
    if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
        return damaged(r, p, "the compressed content is damaged");
    r->z_ended = z == Z_STREAM_END;
    r->z_owes = r->z.avail_out == 0;
    *got = size - r->z.avail_out;
    return check_expansion(r, p);
}

static enum err
content_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
             struct problem *p)
{
    struct compressed_reader *r = (struct compressed_reader *)s;
    size_t n = 0;
    enum err e;

    *got = 0;
    if (size > STREAM_CHUNK_BYTES)
        size = STREAM_CHUNK_BYTES;
    while (n == 0 && !r->z_ended)
        if ((e = inflate_some(r, out, size, &n, p)) != ERR_OK)
            return e;
    if (n == 0 && !r->ended && (e = finish(r, p)) != ERR_OK)
        return e;
    *got = n;
    return ERR_OK;
}

enum err
compressed_reader_begin(struct cms_object *o, struct compressed_reader **out,
                        struct problem *p)
{
    AUTO(compressed_reader)
    struct compressed_reader *r = mem_new(sizeof(*r));
    struct ber *b = cms_object_ber(o);
    enum err e;

    if (cms_object_type(o) != CMS_TYPE_COMPRESSED)
        bug("reading something else as CompressedData");
    r->object = o;
    r->content.read = content_read;
    if ((e = read_head(b, p)) != ERR_OK ||
        (e = open_content(r, b, p)) != ERR_OK)
        return e;
    r->in = mem_raw(STREAM_CHUNK_BYTES);
    r->z_is_open = inflateInit(&r->z) == Z_OK;
    if (!r->z_is_open)
        bug("zlib does not begin");
    *out = TAKE(r);
    return ERR_OK;
}

struct stream *
compressed_reader_content(struct compressed_reader *r)
{
    return &r->content;
}

void
compressed_reader_drop(struct compressed_reader **r)
{
    if (!*r)
        return;
    if ((*r)->z_is_open)
        (void)inflateEnd(&(*r)->z);
    if ((*r)->in)
        wipe((*r)->in, STREAM_CHUNK_BYTES);
    free((*r)->in);
    free(*r);
    *r = NULL;
}
