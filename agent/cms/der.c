#include "agent/cms/der.h"

#include "agent/base/limits.h"

#define HIGH_TAG_NUMBER 0x1f

/* Splits the item that begins D->rest; false when it does not fit. */
static bool
item_split(struct slice rest, struct der_item *out)
{
    size_t at = 2, length;

    if (rest.n < 2 || (rest.p[0] & HIGH_TAG_NUMBER) == HIGH_TAG_NUMBER)
        return false;
    length = rest.p[1];
    if (length > 0x7f) {
        size_t octets = length & 0x7f;

        if (octets == 0 || octets > LIMIT_DER_LENGTH_OCTETS ||
            octets > rest.n - at)
            return false;
        length = 0;
        for (size_t i = 0; i < octets; i++)
            length = length << 8 | rest.p[at++];
    }
    if (length > rest.n - at)
        return false;
    out->tag = rest.p[0];
    out->body = slice_of(rest.p + at, length);
    out->whole = slice_of(rest.p, at + length);
    return true;
}

bool
der_next(struct der *d, struct der_item *out)
{
    if (d->bad || d->rest.n == 0)
        return false;
    if (!item_split(d->rest, out)) {
        d->bad = true;
        return false;
    }
    d->rest.p += out->whole.n;
    d->rest.n -= out->whole.n;
    return true;
}

bool
der_is(const struct der *d, uint8_t tag)
{
    return !d->bad && d->rest.n > 0 && d->rest.p[0] == tag;
}

static bool
take(struct der *d, uint8_t tag, struct der_item *out)
{
    if (!der_is(d, tag) || !der_next(d, out)) {
        d->bad = true;
        return false;
    }
    return true;
}

struct slice
der_take(struct der *d, uint8_t tag)
{
    struct der_item item;

    return take(d, tag, &item) ? item.body : slice_of(NULL, 0);
}

struct slice
der_take_whole(struct der *d, uint8_t tag)
{
    struct der_item item;

    return take(d, tag, &item) ? item.whole : slice_of(NULL, 0);
}

struct der
der_enter(struct der *d, uint8_t tag)
{
    struct der inner = der_of(der_take(d, tag));

    inner.bad = d->bad;
    return inner;
}

int
der_take_number(struct der *d)
{
    struct slice body = der_take(d, TAG_INTEGER);
    unsigned value = 0;

    if (d->bad || body.n == 0 || body.n > 4 || body.p[0] > 0x7f) {
        d->bad = true;
        return 0;
    }
    for (size_t i = 0; i < body.n; i++)
        value = value << 8 | body.p[i];
    return (int)value;
}

bool
der_algorithm(struct slice der, enum oid *oid, struct slice *parameters)
{
    struct der outer = der_of(der);
    struct der d = der_enter(&outer, TAG_SEQUENCE);
    struct slice name = der_take(&d, TAG_OID);
    struct der_item item = {0};

    (void)der_next(&d, &item);
    if (!der_done(&outer) || !der_done(&d))
        return false;
    *oid = oid_find(name);
    *parameters = item.tag == TAG_NULL ? slice_of(NULL, 0) : item.whole;
    return true;
}

size_t
der_header(uint8_t tag, uint64_t n, uint8_t *out)
{
    size_t octets = 1;

    out[0] = tag;
    if (n <= 0x7f) {
        out[1] = (uint8_t)n;
        return 2;
    }
    while (octets < 8 && n >> (8 * octets) != 0)
        octets++;
    out[1] = (uint8_t)(0x80 | octets);
    for (size_t i = 0; i < octets; i++)
        out[2 + i] = (uint8_t)(n >> (8 * (octets - 1 - i)));
    return 2 + octets;
}

size_t
der_open(struct buf *out, uint8_t tag)
{
    buf_add_byte(out, tag);
    buf_add_byte(out, 0);
    return out->len;
}

/* Makes room for the longer length that came out. */
void
der_close(struct buf *out, size_t mark)
{
    size_t n = out->len - mark;
    uint8_t header[10];
    size_t header_len = der_header(out->data[mark - 2], n, header);
    size_t more = header_len - 2;

    if (more > 0) {
        buf_reserve(out, more);
        memmove(out->data + mark + more, out->data + mark, n);
        out->len += more;
    }
    memcpy(out->data + mark - 2, header, header_len);
}

void
der_put(struct buf *out, uint8_t tag, struct slice body)
{
    uint8_t header[10];

    buf_add(out, header, der_header(tag, body.n, header));
    buf_add_slice(out, body);
}

void
der_put_number(struct buf *out, unsigned value)
{
    uint8_t body[5] = {0, (uint8_t)(value >> 24), (uint8_t)(value >> 16),
                       (uint8_t)(value >> 8), (uint8_t)value};
    size_t skip = 0;

    while (skip < 4 && body[skip] == 0 && body[skip + 1] <= 0x7f)
        skip++;
    der_put(out, TAG_INTEGER, slice_of(body + skip, sizeof(body) - skip));
}

void
der_put_oid(struct buf *out, enum oid oid)
{
    der_put(out, TAG_OID, oid_bytes(oid));
}

void
der_put_algorithm(struct buf *out, enum oid oid)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    der_put_oid(out, oid);
    der_close(out, mark);
}

/* X.690 11.6: the shorter one counts as padded with zeros. Two different
 * encodings never differ in their padding alone, so memcmp and length do. */
static int
encoding_compare(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = n == 0 ? 0 : memcmp(x->p, y->p, n);

    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

void
der_put_set(struct buf *out, uint8_t tag, struct slice *items, size_t count)
{
    size_t mark = der_open(out, tag);

    if (count > 1)
        qsort(items, count, sizeof(*items), encoding_compare);
    for (size_t i = 0; i < count; i++)
        buf_add_slice(out, items[i]);
    der_close(out, mark);
}
