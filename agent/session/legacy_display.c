#include "agent/session/legacy_display.h"

#include <strings.h>

#include "agent/mime/safe_field.h"
#include "agent/mime/transfer.h"
#include "agent/session/input.h"
#include "agent/session/try.h"

/* In so much of a text <body> is looked for. */
#define HEAD_BYTES (32 * 1024)

#define DIV_BEGIN "<div class=\"header-protection-legacy-display\">\r\n<pre>"
#define DIV_END   "</pre>\r\n</div>\r\n"

static bool
is_ascii(const char *text)
{
    while (*text)
        if ((unsigned char)*text++ > 0x7f)
            return false;
    return true;
}

static bool
is_attachment(const struct header *h)
{
    const struct header_field *f = header_find(h, "Content-Disposition", 0);
    struct content_type t;

    return f && content_type_parse(f->value, &t) &&
           strcmp(t.type, "attachment") == 0;
}

bool
legacy_display_fits(const struct header *h)
{
    struct content_type type;

    header_content_type(h, &type);
    return (strcmp(type.type, "text/plain") == 0 ||
            strcmp(type.type, "text/html") == 0) &&
           !is_attachment(h) && header_transfer(h) != TRANSFER_UNKNOWN &&
           header_count(h, "Content-Type") <= 1 &&
           header_count(h, "Content-Transfer-Encoding") <= 1;
}

/* ---- what is written ------------------------------------------------------
 */

struct element {
    bool html;
    bool to_utf8; /* the part's charset is ASCII, which UTF-8 is too */
    struct buf text;
};

static void
element_drop(struct element *e)
{
    buf_drop(&e->text);
}

static void
add_escaped(const char *text, bool html, struct buf *out)
{
    for (; *text; text++)
        if (*text == '\n')
            buf_add_text(out, "\r\n");
        else if (html && strchr("<>&", *text))
            buf_addf(out, "&#%d;", *text);
        else if ((unsigned char)*text >= ' ')
            buf_add_byte(out, (uint8_t)*text);
}

/* Fields with values in encoded words, a line each. */
static void
add_encoded(const char *display, struct buf *out)
{
    while (*display) {
        size_t line = strcspn(display, "\n"), name = strcspn(display, " ") + 1;

        buf_add(out, display, name);
        encoded_words_add(slice_of(display + name, line - name), out);
        display += line;
        if (*display)
            buf_add_byte(out, (uint8_t)*display++);
    }
}

/* In another charset than UTF-8 what is beyond ASCII is an encoded word. */
static void
element_make(const char *display, const struct content_type *type,
             struct element *out)
{
    const char *charset = content_type_find(type, "charset");
    AUTO(buf) struct buf other = {0};

    out->html = strcmp(type->type, "text/html") == 0;
    out->to_utf8 = !is_ascii(display) &&
                   (!charset || strcasecmp(charset, "us-ascii") == 0);
    if (!is_ascii(display) && !out->to_utf8 &&
        strcasecmp(charset, "utf-8") != 0) {
        add_encoded(display, &other);
        display = buf_text(&other);
    }
    buf_add_text(&out->text, out->html ? DIV_BEGIN : "");
    add_escaped(display, out->html, &out->text);
    buf_add_text(&out->text, out->html ? DIV_END : "\r\n\r\n");
}

static enum err
put_header(const struct header *h, const struct element *element,
           struct sink *to, struct problem *p)
{
    static const char *const ours[] = {"hp-legacy-display", "charset", NULL};
    const struct header_field *type = header_find(h, "Content-Type", 0);
    AUTO(buf) struct buf text = {0};

    for (size_t i = 0; i < h->count; i++)
        if (&h->fields[i] != type &&
            !slice_is_nocase(h->fields[i].name, "Content-Transfer-Encoding"))
            (void)safe_field_add(&h->fields[i], &text);
    buf_add_text(&text, "Content-Type: ");
    if (!type)
        buf_add_text(&text, "text/plain");
    else if (element->to_utf8)
        parameters_copy(type->value, ours, &text);
    else
        parameters_copy(type->value, (const char *const[]){ours[0], NULL},
                        &text);
    buf_add_text(&text, element->to_utf8 ? ";\r\n charset=utf-8" : "");
    buf_add_text(&text, ";\r\n hp-legacy-display=\"1\"\r\n"
                        "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    return sink_write(to, text.data, text.len, p);
}

/* Where a text in HTML begins: behind <body>. A document that shows none of
 * its tags is all body. */
static size_t
body_begins(struct slice html)
{
    size_t n = 0;

    for (; n + 5 <= html.n; n++)
        if (strncasecmp((const char *)html.p + n, "<body", 5) == 0) {
            const uint8_t *end = memchr(html.p + n, '>', html.n - n);

            return end ? (size_t)(end - html.p) + 1 : 0;
        }
    return 0;
}

static enum err
read_head(struct stream *from, struct buf *out, struct problem *p)
{
    size_t got = 1;

    while (got > 0 && out->len < HEAD_BYTES) {
        uint8_t *room = buf_room(out, HEAD_BYTES - out->len);

        TRY(stream_read(from, room, HEAD_BYTES - out->len, &got, p));
        buf_written(out, got);
    }
    return ERR_OK;
}

static enum err
put_body(const struct element *element, struct stream *text, struct sink *to,
         struct problem *p)
{
    AUTO(buf) struct buf head = {0};
    size_t at = 0;

    if (element->html) {
        TRY(read_head(text, &head, p));
        at = body_begins(buf_slice(&head));
        TRY(sink_write(to, head.data, at, p));
    }
    TRY(sink_write(to, element->text.data, element->text.len, p));
    if (head.len > at)
        TRY(sink_write(to, head.data + at, head.len - at, p));
    return stream_pump(text, to, p);
}

enum err
legacy_display_put(const char *display, const struct header *h,
                   struct stream *body, struct sink *to, struct problem *p)
{
    AUTO(base64_reader) struct base64_reader *base64 = base64_reader_new(body);
    AUTO(quoted_reader) struct quoted_reader *quoted = quoted_reader_new(body);
    AUTO(element) struct element element = {.html = false};
    AUTO(quoted_writer) struct quoted_writer *w = quoted_writer_new(to);
    enum transfer transfer = header_transfer(h);
    struct content_type type;

    header_content_type(h, &type);
    element_make(display, &type, &element);
    TRY(put_header(h, &element, to, p));
    if (transfer == TRANSFER_BASE64)
        body = base64_reader_stream(base64);
    else if (transfer == TRANSFER_QUOTED)
        body = quoted_reader_stream(quoted);
    TRY(put_body(&element, body, quoted_writer_sink(w), p));
    return quoted_writer_finish(w, p);
}
