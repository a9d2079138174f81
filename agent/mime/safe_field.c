#include "agent/mime/safe_field.h"

#include "agent/mime/address.h"
#include "agent/mime/letters.h"
#include "agent/mime/safe_lines.h"

#define WORD_BYTES                                                             \
    42 /* of UTF-8 in an encoded word: 56 characters of base64                 \
        */
#define FOLD_AT 76

static bool
is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] > 0x7f)
            return false;
    return true;
}

/* ---- RFC 2047 ----------------------------------------------------------- */

static void
base64_add(struct slice s, struct buf *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < s.n; i += 3) {
        size_t n = s.n - i < 3 ? s.n - i : 3;
        uint32_t bits = (uint32_t)s.p[i] << 16;

        bits |= n > 1 ? (uint32_t)s.p[i + 1] << 8 : 0;
        bits |= n > 2 ? s.p[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            buf_add_byte(out, k <= n
                                  ? (uint8_t)alphabet[bits >> (18 - 6 * k) & 63]
                                  : '=');
    }
}

void
encoded_words_add(struct slice text, struct buf *out)
{
    AUTO(buf) struct buf utf8 = {0};
    struct slice rest = text;

    if (!is_utf8(text)) {
        if (!charset_decode(slice_text("iso-8859-1"), text, &utf8))
            bug("ISO-8859-1 is not known");
        rest = buf_slice(&utf8);
    }
    while (rest.n > 0) {
        struct slice word = slice_of(rest.p, 0);

        while (rest.n > 0) {
            struct slice next = rest;

            (void)utf8_take(&next);
            if (word.n + (rest.n - next.n) > WORD_BYTES)
                break;
            word.n += rest.n - next.n;
            rest = next;
        }
        buf_add_text(out, "=?utf-8?B?");
        base64_add(word, out);
        buf_add_text(out, rest.n > 0 ? "?=\r\n " : "?=");
    }
}

/* From the first word beyond ASCII to the last one: blanks between encoded
 * words would be lost. */
static void
unstructured_add(struct slice text, struct buf *out)
{
    size_t first = 0, last = text.n;

    while (first < text.n && text.p[first] < 0x80)
        first++;
    while (last > first && text.p[last - 1] < 0x80)
        last--;
    while (first > 0 && !is_blank(text.p[first - 1]))
        first--;
    while (last < text.n && !is_blank(text.p[last]))
        last++;
    buf_add(out, text.p, first);
    encoded_words_add(slice_of(text.p + first, last - first), out);
    buf_add(out, text.p + last, text.n - last);
}

/* ---- addresses ---------------------------------------------------------- */

static void
name_add(const char *name, struct buf *out)
{
    struct slice s = slice_text(name);

    if (!is_ascii(s)) {
        encoded_words_add(s, out);
        return;
    }
    buf_add_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, s.p[i]);
    }
    buf_add_byte(out, '"');
}

/* False, and nothing appended, when it cannot be written anew. */
static bool
mailboxes_add(struct slice value, struct buf *out)
{
    struct mailbox_list l = {0};
    bool usable;

    mailbox_list_parse(value, &l);
    usable = l.count > 0 && !l.malformed && !l.group && !l.obsolete;
    for (size_t i = 0; usable && i < l.count; i++)
        usable = is_ascii(slice_text(l.item[i].address));
    for (size_t i = 0; usable && i < l.count; i++) {
        const struct mailbox *m = &l.item[i];

        buf_add_text(out, i > 0 ? ",\r\n " : "");
        if (m->name && m->name[0])
            name_add(m->name, out);
        buf_addf(out, m->name && m->name[0] ? " <%s>" : "%s", m->address);
    }
    mailbox_list_drop(&l);
    return usable;
}

/* ---- RFC 2231 ----------------------------------------------------------- */

/* Up to the next ";" outside strings and comments. */
static struct slice
take_segment(struct slice *rest)
{
    struct slice s = {.p = rest->p};
    bool quoted = false;
    size_t depth = 0;

    while (s.n < rest->n) {
        uint8_t c = rest->p[s.n];

        if (c == ';' && !quoted && depth == 0)
            break;
        if (c == '\\' && (quoted || depth > 0) && s.n + 1 < rest->n)
            s.n++;
        else if (c == '"' && depth == 0)
            quoted = !quoted;
        else if (c == '(' && !quoted)
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        s.n++;
    }
    *rest = s.n < rest->n ? slice_of(rest->p + s.n + 1, rest->n - s.n - 1)
                          : slice_of(NULL, 0);
    return trimmed(s);
}

static struct slice
name_of_segment(struct slice segment)
{
    size_t n = 0;

    while (n < segment.n && segment.p[n] != '=' && segment.p[n] != '*' &&
           !is_white(segment.p[n]))
        n++;
    return slice_of(segment.p, n);
}

/* All of it is one for readers: no comment, string or control before it. */
static bool
is_whole_name(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (is_control(name.p[i]) || name.p[i] == '(' || name.p[i] == '"')
            return false;
    return name.n > 0;
}

/* Not "x name=value" or "(x)name=value": readers take them for this or that. */
static bool
is_parameter(struct slice segment)
{
    struct slice name = name_of_segment(segment);
    size_t n = name.n;

    while (n < segment.n && is_white(segment.p[n]))
        n++;
    return is_whole_name(name) &&
           (n == segment.n || segment.p[n] == '=' || segment.p[n] == '*');
}

static bool
is_named(struct slice name, const char *const *names)
{
    for (; names && *names; names++)
        if (slice_is_nocase(name, *names))
            return true;
    return false;
}

static void
percent_add(struct slice value, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];

        if (is_alphanumeric(c) || c == '.' || c == '-' || c == '_')
            buf_add_byte(out, c);
        else
            buf_addf(out, "%%%02X", c);
    }
}

/* Where a value without quotes ends. Of a file's name people mean all of it;
 * of a boundary only what readers take finds the parts. */
static bool
ends_value(struct slice name, uint8_t c)
{
    return slice_is_nocase(name, "boundary") &&
           (c <= ' ' || c == 0x7f || c == '"' || c == '(');
}

/* "name=value" or "name=\"value\"", the value beyond ASCII. */
static void
extended_add(struct slice segment, struct buf *out)
{
    struct slice name = name_of_segment(segment), value;
    AUTO(buf) struct buf plain = {0};
    const uint8_t *at = memchr(segment.p, '=', segment.n);
    bool quoted;

    value =
        at ? trimmed(slice_of(at + 1, (size_t)(segment.p + segment.n - at) - 1))
           : slice_of(NULL, 0);
    quoted = value.n > 0 && value.p[0] == '"';
    for (size_t i = quoted; i < value.n; i++) {
        if (quoted ? value.p[i] == '"' : ends_value(name, value.p[i]))
            break; /* readers take no more */
        if (quoted && value.p[i] == '\\' && i + 1 < value.n)
            i++;
        buf_add_byte(&plain, value.p[i]);
    }
    if (!is_ascii(name))
        return;
    buf_add_slice(out, name);
    buf_add_text(out,
                 is_utf8(buf_slice(&plain)) ? "*=utf-8''" : "*=iso-8859-1''");
    percent_add(buf_slice(&plain), out);
}

void
parameters_copy(struct slice value, const char *const *names, struct buf *out)
{
    AUTO(buf) struct buf text = {0};
    struct slice rest;
    bool first = true;

    header_unfold(value, &text);
    rest = buf_slice(&text);
    while (rest.n > 0) {
        struct slice segment = take_segment(&rest);
        AUTO(buf) struct buf written = {0};

        if (!first && is_named(name_of_segment(segment), names))
            continue;
        if (first || is_ascii(segment) || !is_parameter(segment))
            buf_add_slice(&written, segment);
        else
            extended_add(segment, &written);
        if (!first && written.len > 0)
            buf_add_text(out, ";\r\n ");
        buf_add_slice(out, buf_slice(&written));
        first = false;
    }
}

/* ---- a field ------------------------------------------------------------ */

/* At blanks: of the line TEXT only what folding may part (RFC 5322 2.2.3). */
static bool
folded_add(struct slice text, struct buf *out)
{
    bool fits = true;

    while (text.n > SAFE_LINE_BYTES) {
        size_t n = SAFE_LINE_BYTES - 1;

        while (n > 0 && !(is_blank(text.p[n]) && !is_blank(text.p[n - 1])))
            n--;
        fits = fits && n > 0;
        if (n == 0)
            break;
        buf_add(out, text.p, n);
        buf_add_text(out, "\r\n");
        text = slice_of(text.p + n, text.n - n);
    }
    buf_add_slice(out, text);
    buf_add_text(out, "\r\n");
    return fits;
}

/* Line by line, without blanks at their ends. A line of blanks alone ends the
 * header for some readers. */
static bool
lines_add(struct slice whole, struct buf *out)
{
    const uint8_t *at = whole.p, *end = whole.p + whole.n;
    bool fits = true;

    while (at < end) {
        const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = lf ? lf : end;

        while (stop > at && is_white(stop[-1]))
            stop--;
        if (stop > at)
            fits &= folded_add(slice_of(at, (size_t)(stop - at)), out);
        at = lf ? lf + 1 : end;
    }
    return fits;
}

/* Blanks before the colon (RFC 5322 4.5) would make "From " of From. */
static bool
field_add(const struct header_field *f, struct buf *out)
{
    AUTO(buf) struct buf whole = {0};
    size_t at = f->name.n;

    while (at < f->whole.n && is_blank(f->whole.p[at]))
        at++;
    buf_add_slice(&whole, f->name);
    buf_add(&whole, f->whole.p + at, f->whole.n - at);
    return lines_add(buf_slice(&whole), out);
}

static bool
is_address_field(struct slice name)
{
    static const char *const names[] = {
        "From",        "Sender",        "Reply-To",  "To",        "Cc",
        "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", NULL};

    return is_named(name, names);
}

static bool
is_typed_field(struct slice name)
{
    return slice_is_nocase(name, "Content-Type") ||
           slice_is_nocase(name, "Content-Disposition");
}

/* What OF says in ASCII is in OTHER too. A file's name makes no structure. */
static bool
says_all_of(const struct content_type *other, const struct content_type *of)
{
    for (size_t i = 0; i < of->count; i++) {
        const char *name = of->parameters[i].name;
        const char *value = of->parameters[i].value;
        const char *found = content_type_find(other, name);

        if (is_ascii(slice_text(name)) && is_ascii(slice_text(value)) &&
            strcmp(name, "name") != 0 && strcmp(name, "filename") != 0 &&
            !(found && strcmp(found, value) == 0))
            return false;
    }
    return strcmp(other->type, of->type) == 0;
}

/* Readers that pass over what is broken find parameters inside the value of
 * another one, where they are none any more once that is encoded: a boundary
 * too. */
static bool
reads_the_same(struct slice before, struct slice after)
{
    struct content_type *old = mem_new(sizeof(*old));
    struct content_type *new = mem_new(sizeof(*new));
    bool same = content_type_parse(before, old) &&
                content_type_parse(after, new) && says_all_of(old, new) &&
                says_all_of(new, old);

    free(old);
    free(new);
    return same;
}

bool
safe_field_add(const struct header_field *f, struct buf *out)
{
    static const char *const none[] = {NULL};
    AUTO(buf) struct buf value = {0};
    AUTO(buf) struct buf text = {0};
    AUTO(buf) struct buf whole = {0};
    AUTO(buf) struct buf written = {0};

    if (is_ascii(f->whole))
        return field_add(f, out);
    header_unfold(f->value, &text);
    if (is_typed_field(f->name))
        parameters_copy(f->value, none, &value);
    else if (is_address_field(f->name))
        (void)mailboxes_add(f->value, &value);
    else if (!slice_is_nocase(f->name, "Content-Transfer-Encoding"))
        unstructured_add(buf_slice(&text), &value);
    buf_addf(&whole, "%.*s: ", (int)f->name.n, (const char *)f->name.p);
    buf_add_slice(&whole, buf_slice(&value));
    (void)lines_add(buf_slice(&whole), &written);
    if (value.len == 0 || !lines_are_safe(buf_slice(&written), NULL) ||
        (is_typed_field(f->name) &&
         !reads_the_same(f->value, buf_slice(&value)))) {
        (void)field_add(f, out);
        return false;
    }
    buf_add_slice(out, buf_slice(&written));
    return true;
}
