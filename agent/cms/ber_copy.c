#include "agent/cms/ber.h"

#define CONSTRUCTED 0x20
#define SKIP_BYTES  4096

/* Takes N octets into OUT; NULL throws them away. */
static enum err
take_octets(struct ber *b, uint64_t n, struct buf *out, struct problem *p)
{
    uint8_t chunk[SKIP_BYTES];

    while (n > 0) {
        size_t want = n < sizeof(chunk) ? (size_t)n : sizeof(chunk);
        size_t got = 0;
        enum err e;

        if ((e = ber_octets(b, chunk, want, &got, p)) != ERR_OK)
            return e;
        if (out)
            buf_add(out, chunk, got);
        n -= got;
    }
    return ERR_OK;
}

/* Consumes the peeked header, primitive or not, as if it were primitive. */
static void
take_header(struct ber *b, struct ber_header *out)
{
    *out = b->peeked;
    b->has_peeked = false;
}

static enum err
peek_some(struct ber *b, const struct ber_header **out, struct problem *p)
{
    enum err e = ber_peek(b, out, p);

    if (e == ERR_OK && !*out)
        e = ber_fail(b, p, ERR_BAD_MESSAGE, "the structure ends early");
    return e;
}

/* One step inside indefinite elements: over a definite one at once, into an
 * indefinite one, or out of one that ended. */
static enum err
skip_step(struct ber *b, struct problem *p)
{
    const struct ber_header *h = NULL;
    struct ber_header header;
    enum err e;

    if ((e = ber_peek(b, &h, p)) != ERR_OK)
        return e;
    if (!h)
        return ber_leave(b, p);
    if (h->indefinite)
        return ber_enter(b, h->tag, p);
    take_header(b, &header);
    return take_octets(b, header.length, NULL, p);
}

enum err
ber_skip(struct ber *b, struct problem *p)
{
    const struct ber_header *h = NULL;
    size_t depth = b->depth;
    enum err e;

    if ((e = peek_some(b, &h, p)) != ERR_OK)
        return e;
    do {
        e = skip_step(b, p);
    } while (e == ERR_OK && b->depth > depth);
    return e;
}

static enum err
check_room(struct ber *b, const struct buf *out, uint64_t more, size_t limit,
           struct problem *p)
{
    if (out->len > limit || more > limit - out->len)
        return ber_over(b, p, limit, "bytes in one part of the structure");
    return ERR_OK;
}

static void
add_header(struct buf *out, const struct ber_header *h, uint64_t length)
{
    uint8_t bytes[10];
    size_t n = der_header(0, length, bytes);

    buf_add(out, h->id, h->id_len);
    buf_add(out, bytes + 1, n - 1);
}

/* Puts H's header before what was appended behind START. */
static void
insert_header(struct buf *out, size_t start, const struct ber_header *h)
{
    size_t n = out->len - start, before = out->len, more;

    add_header(out, h, n);
    more = out->len - before;
    buf_reserve(out, more);
    memmove(out->data + start + more, out->data + start, n + more);
    memmove(out->data + start, out->data + before + more, more);
}

static enum err
collect_string(struct ber *b, struct buf *out, size_t limit, struct problem *p)
{
    struct ber_header plain = {.id = {TAG_OCTET_STRING}, .id_len = 1};
    struct ber_string s;
    size_t start = out->len, got = 0;
    uint8_t chunk[SKIP_BYTES];
    enum err e;

    if ((e = ber_string_begin(&s, b, TAG_OCTET_STRING, p)) != ERR_OK)
        return e;
    for (;;) {
        e = ber_string_read(&s, chunk, sizeof(chunk), &got, p);
        if (e != ERR_OK || got == 0)
            break;
        if ((e = check_room(b, out, got, limit, p)) != ERR_OK)
            break;
        buf_add(out, chunk, got);
    }
    if (e == ERR_OK)
        insert_header(out, start, &plain);
    return e;
}

/* A constructed element: its children one by one, then its header. Depth is
 * bounded by ber_enter. */
static enum err
collect_constructed(struct ber *b, struct buf *out, size_t limit,
                    struct problem *p)
{
    struct ber_header header = b->peeked;
    size_t start = out->len;
    enum err e;

    if ((e = ber_enter(b, header.tag, p)) != ERR_OK)
        return e;
    for (;;) {
        const struct ber_header *h = NULL;

        if ((e = ber_peek(b, &h, p)) != ERR_OK)
            return e;
        if (!h)
            break;
        if ((e = ber_collect(b, out, limit, p)) != ERR_OK)
            return e;
    }
    insert_header(out, start, &header);
    return ber_leave(b, p);
}

static enum err
copy_definite(struct ber *b, struct buf *out, size_t limit, struct problem *p)
{
    struct ber_header header;
    enum err e;

    take_header(b, &header);
    if ((e = check_room(b, out, header.length, limit, p)) != ERR_OK)
        return e;
    add_header(out, &header, header.length);
    if ((e = check_room(b, out, header.length, limit, p)) != ERR_OK)
        return e;
    return take_octets(b, header.length, out, p);
}

enum err
ber_collect(struct ber *b, struct buf *out, size_t limit, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = peek_some(b, &h, p)) != ERR_OK ||
        (e = check_room(b, out, h->length, limit, p)) != ERR_OK)
        return e;
    if (h->tag == (TAG_OCTET_STRING | CONSTRUCTED))
        e = collect_string(b, out, limit, p);
    else if (h->tag & CONSTRUCTED)
        e = collect_constructed(b, out, limit, p);
    else
        return copy_definite(b, out, limit, p);
    /* Headers came last. */
    return e == ERR_OK ? check_room(b, out, 0, limit, p) : e;
}

enum err
ber_copy(struct ber *b, struct buf *out, size_t limit, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = peek_some(b, &h, p)) != ERR_OK)
        return e;
    return h->indefinite ? ber_collect(b, out, limit, p)
                         : copy_definite(b, out, limit, p);
}
