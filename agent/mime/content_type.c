/*
 * Content-Type and Content-Disposition values (RFC 2045 5.1, RFC 2231).
 * Lenient: what other readers understand is understood. Of two values for
 * one parameter the first counts, also when it has to be dropped: a second
 * one never takes its place.
 */
#include "agent/base/limits.h"
#include "agent/mime/header.h"
#include "agent/mime/letters.h"

struct segment {
    size_t at, name_n, value_n; /* in the buffer of texts, side by side */
    size_t number;              /* of its name */
    unsigned index;             /* of a continuation */
    bool continued;             /* name*0 */
    bool padded;                /* name*01 */
    bool extended;              /* name* or name*0* */
};

struct parameters {
    struct buf text;
    struct segment item[LIMIT_SEGMENTS];
    size_t count;
    size_t first[LIMIT_PARAMETERS]; /* the item that each name is first of */
    size_t names;
    bool more; /* passed over */
};

/* The items are not cleared: a type has two of the ninety. */
static void
parameters_init(struct parameters *all)
{
    all->text = (struct buf){0};
    all->count = all->names = 0;
    all->more = false;
}

static void
parameters_drop(struct parameters *all)
{
    buf_drop(&all->text);
}

/* ---- the grammar --------------------------------------------------- */

static bool
at_end(const struct slice *c)
{
    return c->n == 0;
}

static void
step(struct slice *c)
{
    c->p++;
    c->n--;
}

/* Skips one comment, nested ones included (counted, not recursed into). */
static void
skip_comment(struct slice *c)
{
    size_t depth = 0;

    while (!at_end(c)) {
        uint8_t byte = c->p[0];

        step(c);
        if (byte == '\\' && !at_end(c))
            step(c);
        else if (byte == '(')
            depth++;
        else if (byte == ')' && --depth == 0)
            return;
    }
}

static void
skip_blanks(struct slice *c)
{
    while (!at_end(c)) {
        if (c->p[0] == '(')
            skip_comment(c);
        else if (is_white(c->p[0]))
            step(c);
        else
            return;
    }
}

/* Takes what is no blank, no control and none of STOP. */
static struct slice
take_until(struct slice *c, const char *stop)
{
    struct slice taken = {.p = c->p};

    while (!at_end(c) && c->p[0] > ' ' && c->p[0] != 0x7f &&
           !strchr(stop, c->p[0])) {
        step(c);
        taken.n++;
    }
    return taken;
}

static void
add_lower(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_add_byte(out, to_lower(s.p[i]));
}

/* A quoted string (RFC 2045 5.1); one that is not closed ends with the
 * field. */
static void
take_quoted(struct slice *c, struct buf *out)
{
    step(c);
    while (!at_end(c) && c->p[0] != '"') {
        if (c->p[0] == '\\' && c->n > 1)
            step(c);
        buf_add_byte(out, c->p[0]);
        step(c);
    }
    if (!at_end(c))
        step(c);
}

/* Splits "name*1*" (RFC 2231 3, 4) into its name and what the stars say. */
static void
split_name(struct slice name, struct segment *out)
{
    size_t digits = 0;

    if (name.n > 1 && name.p[name.n - 1] == '*') {
        out->extended = true;
        name.n--;
    }
    while (digits < name.n && is_digit(name.p[name.n - 1 - digits]))
        digits++;
    if (digits > 0 && digits < 4 && name.n > digits + 1 &&
        name.p[name.n - 1 - digits] == '*') {
        out->continued = true;
        out->padded = digits > 1 && name.p[name.n - digits] == '0';
        for (size_t i = name.n - digits; i < name.n; i++)
            out->index = out->index * 10 + (unsigned)(name.p[i] - '0');
        name.n -= digits + 1;
    }
    out->name_n = name.n;
}

static struct slice
segment_name(const struct parameters *all, const struct segment *s)
{
    return slice_of(all->text.data + s->at, s->name_n);
}

/* Numbers S, the next item, by its name. False when there are too many. */
static bool
number_name(struct parameters *all, struct segment *s)
{
    struct slice name = segment_name(all, s);

    for (s->number = 0; s->number < all->names; s->number++)
        if (slice_equal(segment_name(all, &all->item[all->first[s->number]]),
                        name))
            return true;
    if (all->names == LIMIT_PARAMETERS)
        return false;
    all->first[all->names++] = all->count;
    return true;
}

/* One parameter; what has no value is no parameter. */
static void
take_parameter(struct slice *c, struct parameters *all)
{
    struct segment s = {.at = all->text.len};
    struct slice name = take_until(c, "=;(\"");

    /* What can begin no parameter is passed over; a string as a whole, so
     * that nothing inside it is taken for one. */
    if (name.n == 0 && c->p[0] == '"')
        take_quoted(c, &all->text);
    else if (name.n == 0)
        step(c);
    skip_blanks(c);
    if (name.n == 0 || at_end(c) || c->p[0] != '=')
        return;
    step(c);
    skip_blanks(c);
    split_name(name, &s);
    add_lower(&all->text, slice_of(name.p, s.name_n));
    if (!at_end(c) && c->p[0] == '"')
        take_quoted(c, &all->text);
    else
        buf_add_slice(&all->text, take_until(c, ";(\""));
    s.value_n = all->text.len - s.at - s.name_n;
    if (number_name(all, &s))
        all->item[all->count++] = s;
    else
        all->more = true;
}

static void
take_parameters(struct slice *c, struct parameters *all)
{
    for (;;) {
        skip_blanks(c);
        while (!at_end(c) && c->p[0] == ';') {
            step(c);
            skip_blanks(c);
        }
        if (at_end(c))
            return;
        all->more |= all->count == LIMIT_SEGMENTS;
        if (all->more)
            return;
        take_parameter(c, all);
    }
}

/* ---- RFC 2231 ------------------------------------------------------ */

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

/* The whole value of the parameter that begins with FIRST, in UTF-8. */
static void
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
    if (charset.n == 0 || !charset_decode(charset, buf_slice(&bytes), out))
        buf_add_slice(out, buf_slice(&bytes));
}

/* One value more for a name, other than the next piece of a continuation. A
 * file's name makes no other structure, and some give it in both forms, for
 * old readers and new ones. */
static bool
repeats_a_name(const struct parameters *all, size_t i)
{
    const struct segment *s = &all->item[i];

    if (slice_is(segment_name(all, s), "name"))
        return false;
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
    struct slice name = segment_name(all, s);

    if (!s->continued || slice_is(name, "name"))
        return false;
    return s->padded ||
           (s->index > 0 && !find_segment(all, s->number, s->index - 1));
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

/* There is room. */
static void
text_set(char *out, struct slice text)
{
    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

static bool
began_before(const struct parameters *all, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (all->item[k].number == all->item[i].number &&
            all->item[k].continued && all->item[k].index == 0)
            return true;
    return false;
}

/* A second name of a file that is not the first one. Pieces are joined once:
 * two beginnings are no honest name. */
static bool
is_another_name(const struct parameters *all, size_t i,
                const struct content_type *out)
{
    const struct segment *s = &all->item[i];
    struct slice name = segment_name(all, s);
    AUTO(buf) struct buf value = {0};
    const char *first =
        content_type_find(out, slice_is(name, "name") ? "name" : "filename");

    if ((s->continued && s->index > 0) ||
        !(slice_is(name, "name") || slice_is(name, "filename")))
        return false;
    if (s->continued && began_before(all, i))
        return true;
    join_value(all, s, &value);
    return !first || !slice_is(buf_slice(&value), first);
}

static void
join_parameters(const struct parameters *all, struct content_type *out)
{
    AUTO(buf) struct buf value = {0};

    out->ambiguous |= all->more;
    for (size_t i = 0; i < all->count; i++) {
        struct slice name = segment_name(all, &all->item[i]);
        bool twice = repeats_a_name(all, i);

        out->ambiguous |= twice || is_doubtful_piece(all, &all->item[i]);
        out->two_boundaries |= twice && slice_is(name, "boundary");
        if (all->first[all->item[i].number] != i) {
            out->two_names |= is_another_name(all, i, out);
            continue;
        }
        buf_clear(&value);
        join_value(all, &all->item[i], &value);
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

/* "type/subtype", or one token alone as Content-Disposition has it. */
static bool
take_type(struct slice *c, struct content_type *out)
{
    AUTO(buf) struct buf type = {0};
    const uint8_t *behind;
    bool apart = false;

    skip_blanks(c);
    add_lower(&type, take_until(c, "/;=(\""));
    behind = c->p;
    skip_blanks(c);
    if (type.len > 0 && !at_end(c) && c->p[0] == '/') {
        apart |= c->p != behind;
        step(c);
        behind = c->p;
        skip_blanks(c);
        apart |= c->p != behind;
        buf_add_byte(&type, '/');
        add_lower(&type, take_until(c, "/;=(\""));
    }
    if (type.len == 0 || type.len >= sizeof(out->type))
        return false;
    text_set(out->type, buf_slice(&type));
    out->ambiguous = apart; /* some take it for no type, and for text */
    return true;
}

/* Comments, escapes, quotes that are not all of a value: what simple readers
 * do not know, and take for something else. */
static bool
is_unusual(struct slice text)
{
    bool quoted = false, ended = false, value = false;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (quoted ? c == '\\' : c == '(')
            return true;
        if (c == '"') {
            if (!quoted && !value)
                return true;
            ended = quoted;
            quoted = !quoted;
        } else if (!quoted && !is_white(c)) {
            if (ended && c != ';')
                return true;
            ended = false;
            value = c == '=';
        }
    }
    return quoted;
}

/* What stands between the type and the first parameter has a type's form. */
static bool
is_another_type(struct slice rest)
{
    const uint8_t *end = rest.n ? memchr(rest.p, ';', rest.n) : NULL;
    size_t n = end ? (size_t)(end - rest.p) : rest.n;

    return n > 0 && memchr(rest.p, '/', n) && !memchr(rest.p, '=', n);
}

bool
content_type_parse(struct slice value, struct content_type *out)
{
    AUTO(buf) struct buf text = {0};
    AUTO(parameters) struct parameters all;
    struct slice c;

    parameters_init(&all);
    header_unfold(value, &text);
    c = buf_slice(&text);
    if (!take_type(&c, out))
        return false;
    out->count = 0;
    out->ambiguous |= is_unusual(buf_slice(&text)) || is_another_type(c);
    out->two_boundaries = out->two_names = false;
    take_parameters(&c, &all);
    join_parameters(&all, out);
    return true;
}

void
header_content_type(const struct header *h, struct content_type *out)
{
    const struct header_field *f = header_find(h, "Content-Type", 0);

    if (f && content_type_parse(f->value, out))
        return;
    text_set(out->type, slice_text("text/plain"));
    out->count = 0;
    out->ambiguous = out->two_boundaries = out->two_names = false;
}
