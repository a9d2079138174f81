/*
 * Parameters that come in several pieces, or in a charset of their own (RFC
 * 2231), as one value for each name.
 */
#include "agent/mime/content_type.h"
#include "agent/mime/letters.h"

static struct slice
segment_value(const struct parameters *all, const struct segment *s)
{
    return slice_of(all->text.data + s->at + s->name_n, s->value_n);
}

static void
add_percent_decoded(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%' && s.n - i > 2 && hex_value(s.p[i + 1]) >= 0 &&
            hex_value(s.p[i + 2]) >= 0) {
            buf_add_byte(out, (uint8_t)(hex_value(s.p[i + 1]) << 4 |
                                        hex_value(s.p[i + 2])));
            i += 2;
        } else
            buf_add_byte(out, s.p[i]);
    }
}

/* Takes charset'language' off the first segment of an extended value. */
static struct slice
take_charset(struct slice *value)
{
    struct slice charset = {0};
    const uint8_t *first = value->n ? memchr(value->p, '\'', value->n) : NULL;
    const uint8_t *second, *end = value->p + value->n;

    if (!first)
        return charset;
    second = memchr(first + 1, '\'', (size_t)(end - first - 1));
    if (!second)
        return charset;
    charset = slice_of(value->p, (size_t)(first - value->p));
    *value = slice_of(second + 1, (size_t)(end - second - 1));
    return charset;
}

static const struct segment *
find_segment(const struct parameters *all, size_t number, unsigned index)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct segment *s = &all->item[i];

        if (s->number == number && s->continued && s->index == index)
            return s;
    }
    return NULL;
}

/* To readers that know its charset it may say anything: shifts (RFC 2152) are
 * letters here, and may hide an end. */
static bool
may_shift(struct slice value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] == '+' || value.p[i] == '&' || value.p[i] == '~')
            return true;
    return false;
}

/* The whole value of the parameter that begins with FIRST, in UTF-8. False
 * when it may be another one in its charset, which is not known here. */
static bool
join_value(const struct parameters *all, const struct segment *first,
           struct buf *out)
{
    AUTO(buf) struct buf bytes = {0};
    struct slice charset = {0};
    const struct segment *s = first;
    unsigned index = 0;

    if (first->continued)
        s = find_segment(all, first->number, index);
    while (s) {
        struct slice value = segment_value(all, s);

        if (s->extended && index == 0)
            charset = take_charset(&value);
        if (s->extended)
            add_percent_decoded(&bytes, value);
        else
            buf_add_slice(&bytes, value);
        s = s->continued ? find_segment(all, s->number, ++index) : NULL;
    }
    if (charset.n > 0 && charset_decode(charset, buf_slice(&bytes), out))
        return true;
    buf_add_slice(out, buf_slice(&bytes));
    return charset.n == 0 || !may_shift(buf_slice(&bytes));
}

static bool
is_file_name(struct slice parameter)
{
    return slice_is(parameter, "name") || slice_is(parameter, "filename");
}

/* One value more for a name, other than the next piece of a continuation. */
static bool
repeats_a_name(const struct parameters *all, size_t i)
{
    const struct segment *s = &all->item[i];

    for (size_t k = 0; k < i; k++) {
        const struct segment *t = &all->item[k];

        if (t->number == s->number &&
            !(s->continued && t->continued && s->index != t->index))
            return true;
    }
    return false;
}

/* A piece that some readers do not find: behind one that is missing, or
 * numbered with a zero in front (RFC 2231 3 has none). */
static bool
is_doubtful_piece(const struct parameters *all, const struct segment *s)
{
    return s->continued &&
           (s->padded ||
            (s->index > 0 && !find_segment(all, s->number, s->index - 1)));
}

/* A NUL would cut the value short, a line end would forge a header. */
static bool
has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i]) && s.p[i] != '\t')
            return true;
    return false;
}

static bool
came_before(const struct parameters *all, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (all->item[k].number == all->item[i].number &&
            all->item[k].continued && all->item[k].index == all->item[i].index)
            return true;
    return false;
}

/* A second name of a file that is not the first one: some give the same in
 * both forms, for old readers and new ones. Pieces are joined once: one that
 * comes twice makes no honest name. */
static bool
is_another_name(const struct parameters *all, size_t i,
                const struct content_type *out)
{
    const struct segment *s = &all->item[i];
    struct slice name = segment_name(all, s);
    AUTO(buf) struct buf value = {0};
    const char *first =
        content_type_find(out, slice_is(name, "name") ? "name" : "filename");

    if (s->continued && (came_before(all, i) || s->index > 0))
        return came_before(all, i);
    return !join_value(all, s, &value) || !first ||
           !slice_is(buf_slice(&value), first);
}

/* A file's name makes no other structure, but may be another one. */
static void
note_twice(const struct parameters *all, size_t i, struct content_type *out)
{
    const struct segment *s = &all->item[i];
    struct slice name = segment_name(all, s);

    if (is_file_name(name)) {
        out->doubtful_name |=
            is_doubtful_piece(all, s) ||
            (all->first[s->number] != i && is_another_name(all, i, out));
    } else if (repeats_a_name(all, i)) {
        out->ambiguous = true;
        out->two_boundaries |= slice_is(name, "boundary");
    } else {
        out->ambiguous |= is_doubtful_piece(all, s);
    }
}

void
parameters_join(const struct parameters *all, struct content_type *out)
{
    AUTO(buf) struct buf value = {0};

    out->ambiguous |= all->more;
    out->doubtful_name |= all->stray;
    for (size_t i = 0; i < all->count; i++) {
        struct slice name = segment_name(all, &all->item[i]);

        note_twice(all, i, out);
        if (all->first[all->item[i].number] != i)
            continue;
        buf_clear(&value);
        if (!join_value(all, &all->item[i], &value))
            out->doubtful_name |= is_file_name(name);
        if (name.n >= sizeof(out->parameters[0].name) ||
            value.len >= sizeof(out->parameters[0].value) ||
            has_control(buf_slice(&value)) || out->count == LIMIT_PARAMETERS) {
            out->ambiguous = true;
            continue;
        }
        text_set(out->parameters[out->count].name, name);
        text_set(out->parameters[out->count].value, buf_slice(&value));
        out->count++;
    }
}
