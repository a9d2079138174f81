#include "agent/mime/header.h"

#include "agent/mime/letters.h"

/* Small, so that little of a body is copied to REST. */
#define READ_BYTES (8 * 1024)

/* ---- finding the end of the block -----------------------------------------
 */

struct block {
    struct buf bytes; /* the header and what was read beyond it */
    size_t line;      /* where the line begins that is not whole yet */
    size_t look;      /* up to here there is no end of that line */
    size_t end;       /* behind the empty line, once it is found */
    bool found;
};

/* Looks at the lines that became whole: is one of them empty? */
static void
block_scan(struct block *b)
{
    const uint8_t *lf;

    while (
        (lf = memchr(b->bytes.data + b->look, '\n', b->bytes.len - b->look))) {
        size_t n = (size_t)(lf - (b->bytes.data + b->line));

        b->line = b->look = b->line + n + 1;
        if (n == 0 || (n == 1 && lf[-1] == '\r')) {
            b->end = b->line;
            b->found = true;
            return;
        }
    }
    b->look = b->bytes.len;
}

/* Reads until the empty line, the end (all is header then) or the limit. */
static enum err
block_read(struct stream *from, struct block *b, struct problem *p)
{
    while (!b->found && b->bytes.len <= LIMIT_HEADER_BYTES) {
        size_t got = 0;
        enum err e;

        e = stream_read(from, buf_room(&b->bytes, READ_BYTES), READ_BYTES, &got,
                        p);
        if (e != ERR_OK) {
            buf_reserve(&b->bytes, READ_BYTES); /* wiped, whatever it is */
            return e;
        }
        if (got == 0)
            break;
        buf_written(&b->bytes, got);
        block_scan(b);
    }
    if (!b->found)
        b->end = b->bytes.len;
    return ERR_OK;
}

/* ---- fields ----------------------------------------------------------------
 */

/* The line that S begins with, its end included. */
static struct slice
first_line(struct slice s)
{
    const uint8_t *lf = s.n ? memchr(s.p, '\n', s.n) : NULL;

    return slice_of(s.p, lf ? (size_t)(lf - s.p) + 1 : s.n);
}

static struct slice
slice_from(struct slice s, size_t at)
{
    return slice_of(s.p + at, s.n - at);
}

static struct slice
without_line_end(struct slice s)
{
    if (s.n > 0 && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n > 0 && s.p[s.n - 1] == '\r')
        s.n--;
    return s;
}

static bool
begins_with(struct slice s, const char *text)
{
    size_t n = strlen(text);

    return s.n >= n && memcmp(s.p, text, n) == 0;
}

/* The length of a field's name (RFC 5322 2.2), 0 when LINE is no field.
 * Blanks before the colon (4.5, obsolete) are in *colon only. */
static size_t
field_name(struct slice line, size_t *out_colon)
{
    size_t n = 0, colon;

    while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f &&
           line.p[n] != ':')
        n++;
    colon = n;
    while (colon < line.n && is_blank(line.p[colon]))
        colon++;
    if (colon == line.n || line.p[colon] != ':')
        return 0;
    *out_colon = colon;
    return n;
}

static void
add_field(struct header *h, struct header_field field, size_t *room)
{
    if (h->count == *room) {
        *room = *room ? *room * 2 : 32;
        h->fields = mem_resize(h->fields, *room * sizeof(h->fields[0]));
    }
    h->fields[h->count++] = field;
}

/* A CR that ends no line: some readers break the line there, so that they
 * would see other fields than we do. */
static bool
has_bare_cr(struct slice line)
{
    struct slice text = without_line_end(line);

    return text.n > 0 && memchr(text.p, '\r', text.n);
}

static enum err
bare_cr(size_t number, struct problem *p)
{
    return fail(p, ERR_BAD_MESSAGE, "line %zu of the header holds a bare CR",
                number);
}

static bool
ends_in_crlf(struct slice line)
{
    return line.n > 1 && line.p[line.n - 1] == '\n' &&
           line.p[line.n - 2] == '\r';
}

static bool
is_all_blank(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_blank(text.p[i]))
            return false;
    return true;
}

/* A line that some readers take for something else than we do. */
static bool
line_is_ambiguous(struct slice line, bool crlf)
{
    bool ended = line.n > 0 && line.p[line.n - 1] == '\n';

    return (ended && ends_in_crlf(line) != crlf) ||
           (is_blank(line.p[0]) && is_all_blank(without_line_end(line)));
}

/* Cuts REST, which begins with the first field behind NUMBER lines, into
 * fields. */
static enum err
cut_fields(struct header *h, struct slice rest, size_t number,
           struct problem *p)
{
    size_t room = 0;
    bool crlf = ends_in_crlf(first_line(rest));

    while (rest.n > 0) {
        struct slice line = first_line(rest);
        struct header_field *last = h->count ? &h->fields[h->count - 1] : NULL;
        size_t colon = 0, name;

        number++;
        if (has_bare_cr(line))
            return bare_cr(number, p);
        h->ambiguous |= line_is_ambiguous(line, crlf);
        if (without_line_end(line).n == 0)
            return ERR_OK;
        rest = slice_from(rest, line.n);
        if (last && is_blank(line.p[0])) {
            last->whole.n += line.n;
            continue;
        }
        if ((name = field_name(line, &colon)) == 0)
            return fail(p, ERR_BAD_MESSAGE,
                        "line %zu of the header is no field", number);
        h->ambiguous |= colon != name;
        if (h->count == LIMIT_HEADER_FIELDS)
            return fail(p, ERR_LIMIT, "more than %d header fields",
                        LIMIT_HEADER_FIELDS);
        add_field(h,
                  (struct header_field){.whole = line,
                                        .name = slice_of(line.p, name),
                                        .value = slice_from(line, colon + 1)},
                  &room);
    }
    return ERR_OK;
}

/* The values grow with what was folded. */
static void
set_values(struct header *h)
{
    for (size_t i = 0; i < h->count; i++) {
        struct header_field *f = &h->fields[i];
        size_t before = (size_t)(f->value.p - f->whole.p);

        f->value = without_line_end(slice_from(f->whole, before));
    }
}

/* "From " as mailbox files have it; with a colon next it is the field. */
static bool
is_mbox_line(struct slice line, const char *word)
{
    size_t n = strlen(word);

    if (!begins_with(line, word))
        return false;
    while (n < line.n && is_blank(line.p[n]))
        n++;
    return n == line.n || line.p[n] != ':';
}

/* Passes over what mailbox files, and those who took the mail out of another
 * one, put before its first field: "From ", then any number of ">From ". */
static enum err
skip_mbox_lines(struct header *h, struct slice *rest, size_t *out_lines,
                struct problem *p)
{
    size_t lines = 0;

    while ((lines == 0 && is_mbox_line(*rest, "From ")) ||
           is_mbox_line(*rest, ">From ")) {
        struct slice line = first_line(*rest);

        lines++;
        if (has_bare_cr(line))
            return bare_cr(lines, p);
        *rest = slice_from(*rest, line.n);
    }
    h->unix_from = lines > 0;
    *out_lines = lines;
    return ERR_OK;
}

static bool
begins_like_mail(struct slice first)
{
    size_t colon;

    return first.n == 0 || without_line_end(first).n == 0 ||
           field_name(first, &colon) > 0;
}

static enum err
parse_block(struct header *h, struct problem *p)
{
    struct slice rest = buf_slice(&h->bytes);
    size_t lines = 0;
    enum err e;

    h->crlf = ends_in_crlf(first_line(rest));
    if ((e = skip_mbox_lines(h, &rest, &lines, p)) != ERR_OK)
        return e;
    if (rest.n > 0 && memchr(rest.p, '\0', rest.n))
        return fail(p, ERR_NOT_MAIL, "its header holds a NUL");
    if (!begins_like_mail(first_line(rest)))
        return fail(p, ERR_NOT_MAIL, "its first line is no header field");
    if (h->bytes.len > LIMIT_HEADER_BYTES)
        return fail(p, ERR_LIMIT, "a header over %d bytes", LIMIT_HEADER_BYTES);
    if ((e = cut_fields(h, rest, lines, p)) != ERR_OK)
        return e;
    set_values(h);
    return ERR_OK;
}

static void
block_drop(struct block *b)
{
    buf_drop(&b->bytes);
}

enum err
header_read(struct stream *from, struct header *out, struct buf *rest,
            struct problem *p)
{
    AUTO(block) struct block b = {0};
    AUTO(header) struct header h = {0};
    size_t beyond;
    enum err e;

    if ((e = block_read(from, &b, p)) != ERR_OK)
        return e;
    beyond = b.bytes.len - b.end;
    h.bytes = b.bytes;
    h.bytes.len = b.end;
    b.bytes = (struct buf){0};
    if ((e = parse_block(&h, p)) != ERR_OK)
        return e;
    if (beyond > 0)
        buf_add(rest, h.bytes.data + h.bytes.len, beyond);
    *out = h;
    h = (struct header){0};
    return ERR_OK;
}

void
header_drop(struct header *h)
{
    buf_drop(&h->bytes);
    free(h->fields);
    *h = (struct header){0};
}

/* ---- looking at fields ------------------------------------------------------
 */

const struct header_field *
header_find(const struct header *h, const char *name, size_t n)
{
    for (size_t i = 0; i < h->count; i++)
        if (slice_is_nocase(h->fields[i].name, name) && n-- == 0)
            return &h->fields[i];
    return NULL;
}

size_t
header_count(const struct header *h, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < h->count; i++)
        n += slice_is_nocase(h->fields[i].name, name);
    return n;
}

void
header_unfold(struct slice value, struct buf *out)
{
    struct slice rest = trimmed(value);

    buf_reserve(out, rest.n);
    while (rest.n > 0) {
        struct slice line = first_line(rest);

        rest = slice_from(rest, line.n);
        buf_add_slice(out, rest.n > 0 ? without_line_end(line) : line);
    }
}

bool
header_is_mime(const struct header_field *f)
{
    static const char prefix[] = "Content-";
    size_t n = sizeof(prefix) - 1;

    return f->name.n > n && slice_is_nocase(slice_of(f->name.p, n), prefix);
}

bool
header_is_message(const struct header *h)
{
    static const char resent[] = "Resent-";
    static const char *const names[] = {
        "From",        "Sender",     "Reply-To", "To",         "Cc",
        "Bcc",         "Date",       "Subject",  "Comments",   "Keywords",
        "In-Reply-To", "References", "Received", "Message-ID", "Return-Path"};

    for (size_t i = 0; i < h->count; i++) {
        struct slice name = h->fields[i].name;

        for (size_t k = 0; k < ARRAY_COUNT(names); k++)
            if (slice_is_nocase(name, names[k]))
                return true;
        if (name.n > sizeof(resent) - 1) {
            name.n = sizeof(resent) - 1;
            if (slice_is_nocase(name, resent))
                return true;
        }
    }
    return false;
}
