#include "agent/session/seven_bit.h"

#include <stdio.h>

#include "agent/mime/multipart.h"
#include "agent/mime/safe_field.h"
#include "agent/mime/safe_lines.h"
#include "agent/session/legacy_display.h"
#include "agent/session/try.h"

enum shape_kind {
    SHAPE_LEAF,
    SHAPE_MULTIPART,
    SHAPE_MESSAGE, /* which has no transfer encoding (RFC 2046 5.2.1) */
    SHAPE_UNTOUCHED
};

/* What an entity is to the one around it. */
struct role {
    bool in_digest; /* a message, if it does not say otherwise */
    bool main;      /* of the text that a reader shows first */
};

/* What an entity is. (A parsed type is large and entities are nested: it
 * stays in no frame of the recursion.) */
struct shape {
    enum shape_kind kind;
    enum transfer transfer;
    bool text;     /* its line ends are line ends */
    bool binary;   /* it says so, and means its bytes */
    bool labelled; /* 8bit or binary, which it will not be */
    bool digest;   /* its parts are messages (RFC 2046 5.1.5) */
    bool all_main; /* its parts are the same text (5.1.4) */
    char boundary[512];
};

static void
note_unsafe(struct seven_bit *t, const char *what)
{
    if (!t->unsafe)
        t->unsafe = what;
}

/* ---- what it is ----------------------------------------------------------
 */

static void
read_label(const struct header *h, struct shape *out)
{
    const struct header_field *f =
        header_find(h, "Content-Transfer-Encoding", 0);
    AUTO(buf) struct buf value = {0};

    out->transfer = header_transfer(h);
    if (!f)
        return;
    header_unfold(f->value, &value);
    out->binary = slice_is_nocase(buf_slice(&value), "binary");
    out->labelled = out->binary || slice_is_nocase(buf_slice(&value), "8bit");
}

static bool
is_ascii(const char *text)
{
    while (*text)
        if ((unsigned char)*text++ > 0x7e)
            return false;
    return true;
}

static bool
is_message(const char *type)
{
    return strcmp(type, "message/rfc822") == 0 ||
           strcmp(type, "message/global") == 0;
}

/* Of a composite type nothing but its parts is encoded (RFC 2045 6.4). */
static void
shape_read(const struct header *h, struct role role, struct shape *out)
{
    struct content_type type;
    const char *boundary;

    *out = (struct shape){.kind = SHAPE_LEAF};
    read_label(h, out);
    header_content_type(h, &type);
    if (role.in_digest && header_count(h, "Content-Type") == 0)
        snprintf(type.type, sizeof(type.type), "message/rfc822");
    out->text = strncmp(type.type, "text/", 5) == 0;
    if (header_count(h, "Content-Type") > 1 ||
        header_count(h, "Content-Transfer-Encoding") > 1 ||
        strcmp(type.type, "multipart/signed") == 0 ||
        strcmp(type.type, "multipart/encrypted") == 0)
        out->kind = SHAPE_UNTOUCHED;
    if (out->kind != SHAPE_LEAF || out->transfer != TRANSFER_IDENTITY)
        return;
    boundary = content_type_find(&type, "boundary");
    if (is_message(type.type)) {
        out->kind = SHAPE_MESSAGE;
    } else if (strncmp(type.type, "message/", 8) == 0) {
        out->kind = SHAPE_UNTOUCHED;
    } else if (strncmp(type.type, "multipart/", 10) == 0) {
        out->kind = SHAPE_UNTOUCHED;
        if (boundary && is_ascii(boundary))
            out->kind = SHAPE_MULTIPART;
        out->digest = strcmp(type.type, "multipart/digest") == 0;
        out->all_main = strcmp(type.type, "multipart/alternative") == 0;
        snprintf(out->boundary, sizeof(out->boundary), "%s",
                 boundary ? boundary : "");
    }
}

/* ---- lines ----------------------------------------------------------------
 */

static enum err
put_lines(struct seven_bit *t, struct stream *body, enum unsafe_line how,
          bool *out_unsafe, struct problem *p)
{
    struct safe_lines *w = safe_lines_new(t->to, how);
    enum err e;

    if (t->plain)
        safe_lines_split(w, t->canonical, t->plain);
    e = stream_pump(body, safe_lines_sink(w), p);
    if (e == ERR_OK)
        e = safe_lines_finish(w, p);
    *out_unsafe = safe_lines_met_unsafe(w);
    safe_lines_drop(&w);
    return e;
}

/* ---- headers ---------------------------------------------------------------
 */

/* The empty line that ends a header may be missing where its body is too. */
static bool
is_ended(const struct header *h)
{
    size_t n = h->bytes.len;
    const uint8_t *p = h->bytes.data;

    if (n > 0 && p[n - 1] == '\n')
        n -= n > 1 && p[n - 2] == '\r' ? 2 : 1;
    else
        return false;
    return n == 0 || p[n - 1] == '\n';
}

/* With the transfer encoding AS, or as it says itself when that is NULL. */
static enum err
put_header(struct seven_bit *t, const struct header *h, const char *as,
           struct problem *p)
{
    AUTO(buf) struct buf text = {0};
    struct stream_memory whole;
    bool said = false, unsafe;

    if (!as && !is_ended(h) && lines_are_safe(buf_slice(&h->bytes), NULL)) {
        stream_memory_init(&whole, buf_slice(&h->bytes));
        return put_lines(t, &whole.s, UNSAFE_KEPT, &unsafe, p);
    }
    for (size_t i = 0; i < h->count; i++) {
        const struct header_field *f = &h->fields[i];

        if (as && slice_is_nocase(f->name, "Content-Transfer-Encoding")) {
            if (!said)
                buf_addf(&text, "Content-Transfer-Encoding: %s\r\n", as);
            said = true;
        } else if (!safe_field_add(f, &text)) {
            note_unsafe(t, "a header field inside it");
        }
    }
    if (as && !said)
        buf_addf(&text, "Content-Transfer-Encoding: %s\r\n", as);
    buf_add_text(&text, "\r\n");
    return sink_write(t->to, text.data, text.len, p);
}

/* ---- bodies ----------------------------------------------------------------
 */

static enum err
put_quoted(struct seven_bit *t, struct stream *body, struct problem *p)
{
    struct quoted_writer *w = quoted_writer_new(t->to);
    enum err e = stream_pump(body, quoted_writer_sink(w), p);

    if (e == ERR_OK)
        e = quoted_writer_finish(w, p);
    quoted_writer_drop(&w);
    return e;
}

/* Line ends have to be CRLF inside base64 too (RFC 2046 4.1.1), unless they
 * are bytes like any other. */
static enum err
put_base64(struct seven_bit *t, struct stream *body, bool exact,
           struct problem *p)
{
    struct base64_writer *w = base64_writer_new(t->to, true);
    struct crlf_writer *lines = crlf_writer_new(base64_writer_sink(w));
    enum err e = stream_pump(
        body, exact ? base64_writer_sink(w) : crlf_writer_sink(lines), p);

    if (e == ERR_OK)
        e = crlf_writer_finish(lines, p);
    if (e == ERR_OK)
        e = base64_writer_finish(w, p);
    crlf_writer_drop(&lines);
    base64_writer_drop(&w);
    return e;
}

/* What is not looked into. */
static enum err
put_untouched(struct seven_bit *t, const struct header *h, struct stream *body,
              struct problem *p)
{
    bool unsafe = false;
    enum err e;

    TRY(put_header(t, h, NULL, p));
    e = put_lines(t, body, UNSAFE_KEPT, &unsafe, p);
    if (unsafe)
        note_unsafe(t, "a part that may not be encoded");
    return e;
}

static enum err
put_encoded_already(struct seven_bit *t, const struct header *h,
                    const struct shape *shape, struct stream *body,
                    struct problem *p)
{
    bool unsafe;

    if (shape->transfer == TRANSFER_UNKNOWN)
        return put_untouched(t, h, body, p);
    TRY(put_header(t, h, NULL, p));
    return put_lines(t, body,
                     shape->transfer == TRANSFER_QUOTED ? UNSAFE_QUOTED
                                                        : UNSAFE_BASE64,
                     &unsafe, p);
}

/* ---- a part that is not encoded --------------------------------------------
 */

struct window {
    struct buf bytes;
    bool whole; /* the part ends there */
    bool safe;
    bool heavy; /* quoted-printable would be longer than base64 */
    bool nul;
};

static enum err
window_read(struct stream *body, struct window *out, struct problem *p)
{
    size_t coded = 0;

    while (out->bytes.len <= SEVEN_BIT_WINDOW_BYTES && !out->whole) {
        uint8_t *room = buf_room(&out->bytes, STREAM_CHUNK_BYTES);
        size_t got = 0;

        TRY(stream_read(body, room, STREAM_CHUNK_BYTES, &got, p));
        buf_written(&out->bytes, got);
        out->whole = got == 0;
    }
    out->safe = lines_are_safe(buf_slice(&out->bytes), &coded);
    out->heavy = coded > out->bytes.len / 6;
    out->nul = out->bytes.len > 0 &&
               memchr(out->bytes.data, '\0', out->bytes.len) != NULL;
    return ERR_OK;
}

/* A long part that is safe so far. */
static enum err
put_hoped(struct seven_bit *t, const struct header *h, const char *as,
          struct stream *body, struct problem *p)
{
    bool unsafe = false;
    enum err e;

    TRY(put_header(t, h, as, p));
    e = put_lines(t, body, UNSAFE_REFUSED, &unsafe, p);
    t->begin_again = e != ERR_OK && unsafe;
    return e;
}

static enum err
put_window(struct seven_bit *t, const struct header *h,
           const struct shape *shape, const struct window *w,
           struct stream *body, struct problem *p)
{
    /* Line ends that may be none are kept by base64 alone. */
    bool exact = !shape->text && shape->binary;
    const char *as = shape->labelled ? "7bit" : NULL;

    if (w->safe && (w->whole || t->hopes) && !(exact && !w->whole))
        return put_hoped(t, h, as, body, p);
    if (exact || w->nul || w->heavy || (!shape->text && !w->safe)) {
        TRY(put_header(t, h, "base64", p));
        return put_base64(t, body, exact || w->nul, p);
    }
    TRY(put_header(t, h, "quoted-printable", p));
    return put_quoted(t, body, p);
}

static enum err
put_leaf(struct seven_bit *t, const struct header *h, const struct shape *shape,
         struct stream *body, struct problem *p)
{
    struct window w = {.whole = false};
    struct stream_joined joined;
    enum err e = window_read(body, &w, p);

    stream_joined_init(&joined, buf_slice(&w.bytes), body);
    if (e == ERR_OK)
        e = put_window(t, h, shape, &w, &joined.s, p);
    buf_drop(&w.bytes);
    return e;
}

/* ---- what has parts -------------------------------------------------------
 */

static enum err put_entity(struct seven_bit *t, const struct header *h,
                           struct role role, struct stream *body,
                           struct problem *p);

static enum err
put_inner(struct seven_bit *t, struct stream *from, struct role role,
          struct problem *p)
{
    struct entity inner = {0};
    bool unsafe = false;
    enum err e = entity_read(from, &inner, p);

    t->depth++;
    if (e == ERR_OK && inner.is_entity)
        e = put_entity(t, &inner.header, role, inner.body, p);
    else if (e == ERR_OK) /* it has no header: nothing can be said of it */
        e = put_lines(t, inner.body, UNSAFE_KEPT, &unsafe, p);
    if (unsafe)
        note_unsafe(t, "a part without a header that can be read");
    t->depth--;
    entity_drop(&inner);
    return e;
}

static enum err
put_parts(struct seven_bit *t, struct multipart *m, const struct shape *shape,
          bool main, struct problem *p)
{
    struct role role = {.in_digest = shape->digest, .main = main};
    enum part_event event;

    for (;;) {
        TRY(multipart_next(m, &event, p));
        if (event != PART_BEGIN)
            return ERR_OK;
        TRY(put_inner(t, multipart_part(m), role, p));
        role.main = main && shape->all_main;
    }
}

/* What stands around the parts goes on as it is, where it is safe; no reader
 * shows it. */
static enum err
put_multipart(struct seven_bit *t, const struct header *h,
              const struct shape *shape, bool main, struct stream *body,
              struct problem *p)
{
    struct multipart *m =
        multipart_new(slice_of(NULL, 0), body, shape->boundary);
    struct safe_lines *aside = safe_lines_new(t->to, UNSAFE_ASIDE);
    bool before, behind;
    enum err e = put_header(t, h, shape->labelled ? "7bit" : NULL, p);

    multipart_set_aside(m, safe_lines_sink(aside));
    if (e == ERR_OK)
        e = put_parts(t, m, shape, main, p);
    if (e == ERR_OK)
        e = multipart_surroundings(m, &before, &behind, p);
    if (e == ERR_OK)
        e = safe_lines_finish(aside, p);
    safe_lines_drop(&aside);
    multipart_drop(&m);
    return e;
}

static enum err
put_message(struct seven_bit *t, const struct header *h,
            const struct shape *shape, struct stream *body, struct problem *p)
{
    TRY(put_header(t, h, shape->labelled ? "7bit" : NULL, p));
    return put_inner(t, body, (struct role){.main = false}, p);
}

static enum err
put_one(struct seven_bit *t, const struct header *h, const struct shape *shape,
        bool main, struct stream *body, struct problem *p)
{
    if (main && t->display && legacy_display_fits(h))
        return legacy_display_put(t->display, h, body, t->to, p);
    return shape->transfer == TRANSFER_IDENTITY
               ? put_leaf(t, h, shape, body, p)
               : put_encoded_already(t, h, shape, body, p);
}

static enum err
put_entity(struct seven_bit *t, const struct header *h, struct role role,
           struct stream *body, struct problem *p)
{
    struct shape shape;

    shape_read(h, role, &shape);
    if (t->depth >= LIMIT_NESTING)
        shape.kind = SHAPE_UNTOUCHED;
    switch (shape.kind) {
    case SHAPE_MULTIPART:
        return put_multipart(t, h, &shape, role.main, body, p);
    case SHAPE_MESSAGE:
        return put_message(t, h, &shape, body, p);
    case SHAPE_UNTOUCHED:
        return put_untouched(t, h, body, p);
    case SHAPE_LEAF:
        break;
    }
    return put_one(t, h, &shape, role.main, body, p);
}

enum err
seven_bit_write(struct seven_bit *t, const struct header *h,
                struct stream *body, struct problem *p)
{
    return put_entity(t, h, (struct role){.main = true}, body, p);
}
