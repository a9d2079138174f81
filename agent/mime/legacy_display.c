#include "agent/mime/legacy_display.h"

#include <stdio.h>

#include "agent/mime/legacy_element.h"
#include "agent/mime/letters.h"
#include "agent/mime/safe_field.h"
#include "agent/mime/transfer.h"

#define MOST_DEPTH 8    /* multiparts around the text */
#define LINE_BYTES 2048 /* what is longer is no delimiter */
#define HEAD_BYTES                                                             \
    (64 * 1024) /* of a text: the element is there or nowhere                  \
                 */

enum mode {
    MODE_HEADER, /* of a part that may be the text */
    MODE_PASS,   /* up to the next delimiter */
    MODE_HEAD,   /* of a text that has the element */
    MODE_BASE64, /* what is behind it, whose quanta begin elsewhere now */
    MODE_DONE    /* the text is over */
};

struct level {
    char boundary[LIMIT_BOUNDARY_BYTES + 1];
    bool all; /* each of its parts is the text (multipart/alternative) */
    size_t parts;
};

struct legacy_display {
    struct stream s;
    struct stream *from;
    enum mode mode;
    bool ended;
    struct level level[MOST_DEPTH];
    size_t depth;
    struct buf line; /* whose end was not seen yet */
    bool in_long;    /* in a line of which a piece went by */
    struct buf header;
    struct buf head;
    bool html;
    enum transfer transfer;
    /* base64 that is written anew */
    struct base64_writer *writer;
    uint32_t bits;
    size_t held;
    bool padded;
    struct buf out;
    size_t given;
    struct sink_buf to;
};

/* ---- transfer encodings ---------------------------------------------------
 */

/* More characters of base64, into TO. */
static void
decode_base64(struct legacy_display *d, struct slice s, struct buf *to)
{
    for (size_t i = 0; i < s.n && !d->padded; i++) {
        int value = base64_value(s.p[i]);

        d->padded = s.p[i] == '=';
        if (value < 0)
            continue;
        d->bits = d->bits << 6 | (uint32_t)value;
        if (++d->held < 4)
            continue;
        buf_add_byte(to, (uint8_t)(d->bits >> 16));
        buf_add_byte(to, (uint8_t)(d->bits >> 8));
        buf_add_byte(to, (uint8_t)d->bits);
        d->held = 0;
    }
}

/* What the last quantum holds when it is not whole. */
static void
decode_base64_end(struct legacy_display *d, struct buf *to)
{
    if (d->held > 1)
        buf_add_byte(to, (uint8_t)(d->bits >> (6 * d->held - 8)));
    if (d->held > 2)
        buf_add_byte(to, (uint8_t)(d->bits >> 2));
    d->held = 0;
}

static enum err
put(struct legacy_display *d, struct slice s, struct problem *p)
{
    return sink_write(&d->to.s, s.p, s.n, p);
}

static enum err
end_base64(struct legacy_display *d, struct problem *p)
{
    AUTO(buf) struct buf rest = {0};
    enum err e;

    decode_base64_end(d, &rest);
    e = sink_write(base64_writer_sink(d->writer), rest.data, rest.len, p);
    if (e == ERR_OK)
        e = base64_writer_finish(d->writer, p);
    base64_writer_drop(&d->writer);
    return e;
}

static enum err
head_base64(struct legacy_display *d, bool whole, struct problem *p)
{
    AUTO(buf) struct buf text = {0};
    bool crlf = memmem(d->head.data, d->head.len, "\r\n", 2) != NULL;
    enum err e;

    d->bits = 0;
    d->held = 0;
    d->padded = false;
    decode_base64(d, buf_slice(&d->head), &text);
    if (whole)
        decode_base64_end(d, &text);
    if (text.len == 0 || !legacy_element_cut(&text, d->html))
        return put(d, buf_slice(&d->head), p);
    d->writer = base64_writer_new(&d->to.s, crlf);
    e = sink_write(base64_writer_sink(d->writer), text.data, text.len, p);
    if (e == ERR_OK && whole)
        return end_base64(d, p);
    d->mode = MODE_BASE64;
    return e;
}

static enum err
head_quoted(struct legacy_display *d, struct problem *p)
{
    struct stream_memory from;
    struct quoted_reader *reader;
    struct quoted_writer *writer = quoted_writer_new(&d->to.s);
    AUTO(buf) struct buf text = {0};
    enum err e;

    stream_memory_init(&from, buf_slice(&d->head));
    reader = quoted_reader_new(&from.s);
    e = stream_read_all(quoted_reader_stream(reader), SIZE_MAX, &text, p);
    if (e == ERR_OK && (text.len == 0 || !legacy_element_cut(&text, d->html)))
        e = put(d, buf_slice(&d->head), p);
    else if (e == ERR_OK)
        e = sink_write(quoted_writer_sink(writer), text.data, text.len, p);
    if (e == ERR_OK)
        e = quoted_writer_finish(writer, p);
    quoted_writer_drop(&writer);
    quoted_reader_drop(&reader);
    return e;
}

/* The head of a text is there. WHOLE: and all of it. */
static enum err
put_head(struct legacy_display *d, bool whole, struct problem *p)
{
    enum err e;

    d->mode = MODE_PASS;
    if (d->head.len == 0)
        return ERR_OK;
    if (d->transfer == TRANSFER_BASE64) {
        e = head_base64(d, whole, p);
    } else if (d->transfer == TRANSFER_QUOTED) {
        e = head_quoted(d, p);
    } else {
        (void)legacy_element_cut(&d->head, d->html);
        e = put(d, buf_slice(&d->head), p);
    }
    buf_clear(&d->head);
    return e;
}

/* ---- structure ------------------------------------------------------------
 */

static bool
is_element(const struct content_type *type)
{
    const char *flag = content_type_find(type, "hp-legacy-display");

    return flag && strcmp(flag, "1") == 0 &&
           (strcmp(type->type, "text/plain") == 0 ||
            strcmp(type->type, "text/html") == 0);
}

static enum mode
begin_multipart(struct legacy_display *d, const struct content_type *type)
{
    const char *boundary = content_type_find(type, "boundary");
    struct level *l = &d->level[d->depth];

    if (!boundary || d->depth == MOST_DEPTH)
        return d->depth > 0 ? MODE_PASS : MODE_DONE;
    snprintf(l->boundary, sizeof(l->boundary), "%s", boundary);
    l->all = strcmp(type->type, "multipart/alternative") == 0;
    l->parts = 0;
    d->depth++;
    return MODE_PASS;
}

/* What follows the header H. */
static enum mode
begin_entity(struct legacy_display *d, const struct header *h)
{
    const struct header_field *f = header_find(h, "Content-Type", 0);
    struct content_type type;

    if (!f || !content_type_parse(f->value, &type))
        return d->depth > 0 ? MODE_PASS : MODE_DONE;
    d->transfer = header_transfer(h);
    if (strncmp(type.type, "multipart/", 10) == 0 &&
        d->transfer == TRANSFER_IDENTITY)
        return begin_multipart(d, &type);
    d->html = strcmp(type.type, "text/html") == 0;
    if (is_element(&type) && d->transfer != TRANSFER_UNKNOWN)
        return MODE_HEAD;
    return d->depth > 0 ? MODE_PASS : MODE_DONE;
}

/* The element goes, and so does what says that it is there. */
static enum err
put_header(struct legacy_display *d, const struct header *h, struct problem *p)
{
    static const char *const names[] = {"hp-legacy-display", NULL};
    AUTO(buf) struct buf text = {0};
    size_t kept = 0;

    if (d->mode != MODE_HEAD)
        return put(d, buf_slice(&d->header), p);
    for (size_t i = 0; i < h->count; i++) {
        const struct header_field *f = &h->fields[i];

        if (slice_is_nocase(f->name, "Content-Type")) {
            buf_add_text(&text, "Content-Type: ");
            parameters_copy(f->value, names, &text);
            buf_add_text(&text, "\r\n");
        } else {
            buf_add_slice(&text, f->whole);
        }
    }
    buf_add_text(&text, "\r\n");
    for (size_t i = 0; i < text.len; i++)
        if (h->crlf || text.data[i] != '\r')
            text.data[kept++] = text.data[i];
    text.len = kept;
    return put(d, buf_slice(&text), p);
}

static enum err
end_header(struct legacy_display *d, struct problem *p)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf rest = {0};
    struct stream_memory from;
    struct problem ignored = {0};
    enum err e;

    stream_memory_init(&from, buf_slice(&d->header));
    d->mode = MODE_PASS;
    if (header_read(&from.s, &h, &rest, &ignored) == ERR_OK)
        d->mode = begin_entity(d, &h);
    e = put_header(d, &h, p);
    buf_clear(&d->header);
    return e;
}

/* Is LINE a delimiter of L (RFC 2046 5.1.1)? */
static bool
is_delimiter(const struct level *l, struct slice line, bool *out_closing)
{
    size_t n = strlen(l->boundary);
    struct slice rest;

    if (n == 0 || line.n < n + 2 || memcmp(line.p, "--", 2) != 0 ||
        memcmp(line.p + 2, l->boundary, n) != 0)
        return false;
    rest = slice_of(line.p + n + 2, line.n - n - 2);
    *out_closing = rest.n > 1 && memcmp(rest.p, "--", 2) == 0;
    if (*out_closing)
        rest = slice_of(rest.p + 2, rest.n - 2);
    for (size_t i = 0; i < rest.n; i++)
        if (!is_white(rest.p[i]))
            return false;
    return true;
}

/* A text, or a header, ends. */
static enum err
end_part(struct legacy_display *d, struct problem *p)
{
    switch (d->mode) {
    case MODE_HEADER:
        return end_header(d, p);
    case MODE_HEAD:
        return put_head(d, true, p);
    case MODE_BASE64:
        return end_base64(d, p);
    case MODE_PASS:
    case MODE_DONE:
        break;
    }
    return ERR_OK;
}

static enum err
delimiter(struct legacy_display *d, size_t level, bool closing,
          struct problem *p)
{
    struct level *l = &d->level[level];
    enum err e = end_part(d, p);

    d->depth = closing ? level : level + 1;
    if (closing)
        d->mode = level == 0 ? MODE_DONE : MODE_PASS;
    else
        d->mode = ++l->parts == 1 || l->all ? MODE_HEADER : MODE_DONE;
    return e;
}

/* ---- lines ----------------------------------------------------------------
 */

static bool
is_soft(struct slice line)
{
    size_t n = line.n;

    while (n > 0 && is_white(line.p[n - 1]))
        n--;
    return n > 0 && line.p[n - 1] == '=';
}

static enum err
content(struct legacy_display *d, struct slice line, struct problem *p)
{
    AUTO(buf) struct buf text = {0};

    switch (d->mode) {
    case MODE_HEADER:
        buf_add_slice(&d->header, line);
        if (legacy_line_end(line.p, line.n) < 3 && is_white(line.p[0]) &&
            line.p[0] != ' ' && line.p[0] != '\t')
            return end_header(d, p);
        if (d->header.len < LIMIT_PART_HEADER_BYTES)
            return ERR_OK;
        d->mode = MODE_PASS;
        line = buf_slice(&d->header);
        break;
    case MODE_HEAD:
        buf_add_slice(&d->head, line);
        if (d->head.len < HEAD_BYTES ||
            (d->head.len < 2 * HEAD_BYTES && is_soft(line)))
            return ERR_OK;
        return put_head(d, false, p);
    case MODE_BASE64:
        decode_base64(d, line, &text);
        return sink_write(base64_writer_sink(d->writer), text.data, text.len,
                          p);
    case MODE_PASS:
    case MODE_DONE:
        break;
    }
    return put(d, line, p);
}

static enum err
whole_line(struct legacy_display *d, struct slice line, struct problem *p)
{
    bool closing = false;

    for (size_t i = 0; i < d->depth && d->mode != MODE_DONE; i++)
        if (is_delimiter(&d->level[i], line, &closing)) {
            enum err e = delimiter(d, i, closing, p);

            return e == ERR_OK ? put(d, line, p) : e;
        }
    return content(d, line, p);
}

static enum err
take_lines(struct legacy_display *d, const uint8_t *p, size_t n,
           struct problem *problem)
{
    enum err e = ERR_OK;

    while (n > 0 && e == ERR_OK) {
        const uint8_t *lf = memchr(p, '\n', n);
        size_t taken = lf ? (size_t)(lf - p) + 1 : n;

        if (d->mode == MODE_DONE) {
            taken = n;
            e = put(d, slice_of(p, n), problem);
        } else if (d->in_long || d->line.len + taken > LINE_BYTES) {
            if (d->line.len > 0)
                e = content(d, buf_slice(&d->line), problem);
            d->line.len = 0;
            if (e == ERR_OK)
                e = content(d, slice_of(p, taken), problem);
            d->in_long = !lf;
        } else if (lf && d->line.len == 0) {
            e = whole_line(d, slice_of(p, taken), problem);
        } else {
            buf_add(&d->line, p, taken);
            if (lf) {
                e = whole_line(d, buf_slice(&d->line), problem);
                d->line.len = 0;
            }
        }
        p += taken;
        n -= taken;
    }
    return e;
}

static enum err
end_input(struct legacy_display *d, struct problem *p)
{
    enum err e = ERR_OK;

    d->ended = true;
    if (d->line.len > 0)
        e = whole_line(d, buf_slice(&d->line), p);
    d->line.len = 0;
    return e == ERR_OK ? end_part(d, p) : e;
}

/* ---- the stream -----------------------------------------------------------
 */

static enum err
legacy_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    struct legacy_display *d = (struct legacy_display *)s;
    static uint8_t chunk[16 * 1024];
    size_t n;
    enum err e = ERR_OK;

    while (d->given == d->out.len && !d->ended && e == ERR_OK) {
        d->given = d->out.len = 0;
        if (d->mode == MODE_DONE && d->line.len == 0)
            return stream_read(d->from, out, size, got, p);
        if ((e = stream_read(d->from, chunk, sizeof(chunk), &n, p)) != ERR_OK)
            return e;
        e = n > 0 ? take_lines(d, chunk, n, p) : end_input(d, p);
    }
    if (e != ERR_OK)
        return e;
    n = d->out.len - d->given < size ? d->out.len - d->given : size;
    if (n > 0)
        memcpy(out, d->out.data + d->given, n);
    d->given += n;
    *got = n;
    return ERR_OK;
}

struct legacy_display *
legacy_display_new(const struct header *h, struct stream *from)
{
    struct legacy_display *d = mem_new(sizeof(*d));

    d->s.read = legacy_read;
    d->from = from;
    sink_buf_init(&d->to, &d->out, SIZE_MAX);
    d->mode = begin_entity(d, h);
    return d;
}

struct stream *
legacy_display_stream(struct legacy_display *d)
{
    return &d->s;
}

void
legacy_display_drop(struct legacy_display **d)
{
    if (*d) {
        buf_drop(&(*d)->line);
        buf_drop(&(*d)->header);
        buf_drop(&(*d)->head);
        buf_drop(&(*d)->out);
        base64_writer_drop(&(*d)->writer);
        free(*d);
    }
    *d = NULL;
}
