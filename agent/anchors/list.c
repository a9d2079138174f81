#include "agent/anchors/list.h"

static void
number_write(struct buf *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buf_add_byte(out, (uint8_t)(value >> (8 * i)));
}

static bool
number_read(struct slice *rest, size_t bytes, uint64_t *out)
{
    uint64_t value = 0;

    if (rest->n < bytes)
        return false;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | rest->p[i];
    *rest = slice_of(rest->p + bytes, rest->n - bytes);
    *out = value;
    return true;
}

static bool
bytes_read(struct slice *rest, size_t limit, struct slice *out)
{
    uint64_t n;

    if (!number_read(rest, 4, &n) || n > limit || n > rest->n)
        return false;
    *out = slice_of(rest->p, (size_t)n);
    *rest = slice_of(rest->p + n, rest->n - (size_t)n);
    return true;
}

void
anchor_item_write(struct buf *out, const struct anchor_item *item)
{
    size_t n = item->label.n < LIMIT_BUILTIN_LABEL_BYTES
                   ? item->label.n
                   : LIMIT_BUILTIN_LABEL_BYTES;

    if (item->der.n == 0 || item->der.n > LIMIT_BUILTIN_DER_BYTES)
        bug("an anchor that has no place in a list");
    number_write(out, item->der.n, 4);
    buf_add_slice(out, item->der);
    number_write(out, item->distrust_after, 8);
    number_write(out, n, 4);
    buf_add(out, item->label.p, n);
}

void
anchor_list_end(struct buf *out)
{
    number_write(out, 0, 4);
}

bool
anchor_item_read(struct slice *rest, struct anchor_item *out)
{
    struct slice at = *rest;
    struct anchor_item item;

    if (!bytes_read(&at, LIMIT_BUILTIN_DER_BYTES, &item.der))
        return false;
    if (item.der.n == 0)
        return false;
    if (!number_read(&at, 8, &item.distrust_after) ||
        !bytes_read(&at, LIMIT_BUILTIN_LABEL_BYTES, &item.label))
        return false;
    *rest = at;
    *out = item;
    return true;
}

bool
anchor_list_is_whole(struct slice list)
{
    static const uint8_t end[4];
    struct anchor_item item;

    while (anchor_item_read(&list, &item))
        continue;
    return slice_equal(list, slice_of(end, sizeof(end)));
}
