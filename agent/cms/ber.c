#include "agent/cms/ber.h"

#include <stdio.h>

#include "agent/base/limits.h"

#define CONSTRUCTED     0x20
#define HIGH_TAG_NUMBER 0x1f

static const char ends_early[] = "the structure ends early";

void
ber_init(struct ber *b, struct stream *from)
{
    *b = (struct ber){.from = from};
    /* Not cleared: a small message would pay for pages it never uses. */
    b->buffer = mem_raw(BER_BUFFER_BYTES);
}

void
ber_drop(struct ber *b)
{
    free(b->buffer);
    b->buffer = NULL;
}

enum err
ber_fail(struct ber *b, struct problem *p, enum err e, const char *detail)
{
    if (b->failed.code == ERR_OK)
        (void)fail(&b->failed, e, "%s", detail);
    if (p)
        *p = b->failed;
    return b->failed.code;
}

enum err
ber_over(struct ber *b, struct problem *p, size_t limit, const char *what)
{
    char detail[128];

    snprintf(detail, sizeof(detail), "more than %zu %s", limit, what);
    return ber_fail(b, p, ERR_LIMIT, detail);
}

static enum err
bad(struct ber *b, struct problem *p, const char *detail)
{
    return ber_fail(b, p, ERR_BAD_MESSAGE, detail);
}

/* One read of the source into OUT; its end is an error here. */
static enum err
pull(struct ber *b, uint8_t *out, size_t size, size_t *got, struct problem *p)
{
    enum err e;

    if (b->failed.code != ERR_OK)
        return ber_fail(b, p, b->failed.code, "");
    e = stream_read(b->from, out, size, got, &b->failed);
    if (e != ERR_OK) {
        b->failed.code = e;
        return ber_fail(b, p, e, "");
    }
    return *got == 0 ? bad(b, p, ends_early) : ERR_OK;
}

static uint64_t
level_end(const struct ber *b)
{
    return b->depth == 0 ? UINT64_MAX : b->level[b->depth - 1].end;
}

static enum err
next_octet(struct ber *b, uint8_t *out, struct problem *p)
{
    enum err e;

    if (b->position == level_end(b))
        return bad(b, p, "an element is longer than what encloses it");
    if (b->at == b->have) {
        size_t got = 0;

        if ((e = pull(b, b->buffer, BER_BUFFER_BYTES, &got, p)) != ERR_OK)
            return e;
        b->at = 0;
        b->have = got;
    }
    *out = b->buffer[b->at++];
    b->position++;
    return ERR_OK;
}

static enum err
read_tag(struct ber *b, struct ber_header *h, struct problem *p)
{
    enum err e;

    if ((e = next_octet(b, &h->tag, p)) != ERR_OK)
        return e;
    h->id[0] = h->tag;
    h->id_len = 1;
    if ((h->tag & HIGH_TAG_NUMBER) != HIGH_TAG_NUMBER)
        return ERR_OK;
    do {
        if (h->id_len == sizeof(h->id))
            return bad(b, p, "a tag number is too large");
        if ((e = next_octet(b, &h->id[h->id_len++], p)) != ERR_OK)
            return e;
    } while (h->id[h->id_len - 1] & 0x80);
    return ERR_OK;
}

static enum err
read_length(struct ber *b, struct ber_header *h, struct problem *p)
{
    uint8_t octet;
    enum err e;

    if ((e = next_octet(b, &octet, p)) != ERR_OK)
        return e;
    if (octet == 0x80 && !(h->tag & CONSTRUCTED))
        return bad(b, p, "a primitive element of indefinite length");
    if (octet <= 0x80) {
        h->indefinite = octet == 0x80;
        h->length = h->indefinite ? 0 : octet;
        return ERR_OK;
    }
    if ((octet & 0x7f) > LIMIT_BER_LENGTH_OCTETS)
        return bad(b, p, "a length is too large");
    for (unsigned n = octet & 0x7f; n > 0; n--) {
        if ((e = next_octet(b, &octet, p)) != ERR_OK)
            return e;
        h->length = h->length << 8 | octet;
    }
    return ERR_OK;
}

static enum err
read_header(struct ber *b, struct problem *p)
{
    struct ber_header h = {0};
    struct ber_level *level = b->depth ? &b->level[b->depth - 1] : NULL;
    enum err e;

    if ((e = read_tag(b, &h, p)) != ERR_OK ||
        (e = read_length(b, &h, p)) != ERR_OK)
        return e;
    if (h.tag == 0) {
        if (!level || !level->indefinite || h.length != 0)
            return bad(b, p, "an end-of-contents where none can be");
        level->ended = true;
        return ERR_OK;
    }
    if (h.length > level_end(b) - b->position)
        return bad(b, p, "an element is longer than what encloses it");
    b->peeked = h;
    b->has_peeked = true;
    return ERR_OK;
}

enum err
ber_peek(struct ber *b, const struct ber_header **out, struct problem *p)
{
    struct ber_level *level = b->depth ? &b->level[b->depth - 1] : NULL;
    enum err e;

    if (b->failed.code != ERR_OK)
        return ber_fail(b, p, b->failed.code, "");
    if (level && !level->indefinite && !b->has_peeked &&
        b->position == level->end)
        level->ended = true;
    if (!b->has_peeked && !(level && level->ended) &&
        (e = read_header(b, p)) != ERR_OK)
        return e;
    *out = b->has_peeked ? &b->peeked : NULL;
    return ERR_OK;
}

enum err
ber_is(struct ber *b, uint8_t tag, bool *out, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = ber_peek(b, &h, p)) == ERR_OK)
        *out = h && h->tag == tag;
    return e;
}

enum err
ber_enter(struct ber *b, uint8_t tag, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = ber_peek(b, &h, p)) != ERR_OK)
        return e;
    if (!h || h->tag != tag || !(tag & CONSTRUCTED))
        return bad(b, p, h ? "an unexpected element" : ends_early);
    if (b->depth == LIMIT_BER_DEPTH)
        return ber_over(b, p, LIMIT_BER_DEPTH, "elements in each other");
    b->level[b->depth] = (struct ber_level){
        .indefinite = h->indefinite,
        .end = h->indefinite ? level_end(b) : b->position + h->length};
    b->depth++;
    b->has_peeked = false;
    return ERR_OK;
}

enum err
ber_leave(struct ber *b, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if (b->depth == 0)
        bug("leaving the outermost level");
    if ((e = ber_peek(b, &h, p)) != ERR_OK)
        return e;
    if (h)
        return bad(b, p, "an unexpected element");
    b->depth--;
    return ERR_OK;
}

/* Consumes the peeked header of a primitive element; its LENGTH octets are
 * then to be taken with ber_octets. */
static enum err
ber_begin_primitive(struct ber *b, uint64_t *length, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = ber_peek(b, &h, p)) != ERR_OK)
        return e;
    if (!h || (h->tag & CONSTRUCTED))
        return bad(b, p, h ? "an unexpected element" : ends_early);
    *length = h->length;
    b->has_peeked = false;
    return ERR_OK;
}

/* Large pieces go past the buffer: no copy for a body. */
enum err
ber_octets(struct ber *b, uint8_t *out, size_t size, size_t *got,
           struct problem *p)
{
    size_t n = b->have - b->at;
    enum err e;

    if (n == 0 && size >= BER_BUFFER_BYTES) {
        if ((e = pull(b, out, size, &n, p)) != ERR_OK)
            return e;
    } else {
        if (n == 0) {
            if ((e = pull(b, b->buffer, BER_BUFFER_BYTES, &n, p)) != ERR_OK)
                return e;
            b->at = 0;
            b->have = n;
        }
        n = n < size ? n : size;
        memcpy(out, b->buffer + b->at, n);
        b->at += n;
    }
    b->position += n;
    *got = n;
    return ERR_OK;
}

enum err
ber_string_begin(struct ber_string *s, struct ber *b, uint8_t tag,
                 struct problem *p)
{
    bool primitive = false;
    enum err e;

    *s = (struct ber_string){.b = b};
    if ((e = ber_is(b, tag, &primitive, p)) != ERR_OK)
        return e;
    if (primitive)
        return ber_begin_primitive(b, &s->left, p);
    if ((e = ber_enter(b, tag | CONSTRUCTED, p)) == ERR_OK)
        s->nested = 1;
    return e;
}

/* Goes to the next segment that has octets, or to the string's end. */
static enum err
next_segment(struct ber_string *s, struct problem *p)
{
    while (s->left == 0 && s->nested > 0) {
        const struct ber_header *h = NULL;
        enum err e;

        if ((e = ber_peek(s->b, &h, p)) != ERR_OK)
            return e;
        if (!h) {
            e = ber_leave(s->b, p);
            s->nested--;
        } else if (h->tag == TAG_OCTET_STRING) {
            e = ber_begin_primitive(s->b, &s->left, p);
        } else if (s->nested == LIMIT_STRING_DEPTH) {
            e = ber_over(s->b, p, LIMIT_STRING_DEPTH,
                         "OCTET STRINGs in each other");
        } else {
            e = ber_enter(s->b, TAG_OCTET_STRING | CONSTRUCTED, p);
            s->nested++;
        }
        if (e != ERR_OK)
            return e;
    }
    s->done = s->left == 0;
    return ERR_OK;
}

enum err
ber_string_read(struct ber_string *s, uint8_t *out, size_t size, size_t *got,
                struct problem *p)
{
    enum err e;

    if (!s->done && (e = next_segment(s, p)) != ERR_OK)
        return e;
    if (s->done) {
        *got = 0;
        return ERR_OK;
    }
    e = ber_octets(s->b, out, s->left < size ? (size_t)s->left : size, got, p);
    if (e == ERR_OK) {
        s->left -= *got;
        s->total += *got;
    }
    return e;
}
