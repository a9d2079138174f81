/*
 * Content-Type and Content-Disposition values (RFC 2045 5.1, RFC 2231).
 * Lenient: what other readers understand is understood. Of two values for
 * one parameter the first counts, also when it has to be dropped: a second
 * one never takes its place.
 */
#include "agent/mime/content_type.h"
#include "agent/mime/letters.h"

/* The items are not cleared: a type has two of the ninety. */
static void
parameters_init(struct parameters *all)
{
    all->text = (struct buf){0};
    all->count = all->names = 0;
    all->more = all->stray = false;
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
    if (name.n == 0 || at_end(c) || c->p[0] != '=') {
        all->stray = true;
        return;
    }
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
    out->two_boundaries = out->doubtful_name = false;
    take_parameters(&c, &all);
    parameters_join(&all, out);
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
    out->ambiguous = out->two_boundaries = out->doubtful_name = false;
}
