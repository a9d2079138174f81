/*
 * Opening a message, and writing what of it is readable.
 */
#include <stdio.h>

#include "agent/mime/date.h"
#include "agent/mime/legacy_display.h"
#include "agent/session/reading.h"
#include "agent/session/try.h"

/* ---- who it is from
 * -------------------------------------------------------------------- */

static void
sender_read(const struct header *h, struct author *out)
{
    const struct header_field *f = header_find(h, "Sender", 0);
    struct mailbox_list l = {0};

    if (!f)
        return;
    mailbox_list_parse(f->value, &l);
    if (!l.malformed && l.count == 1)
        snprintf(out->sender, sizeof(out->sender), "%s", l.item[0].address);
    mailbox_list_drop(&l);
}

/* Longer than any line may be (RFC 5322 2.1.1): readers cut it or show only
 * its beginning. */
static bool
has_long_line(struct slice field)
{
    const uint8_t *end = field.p + field.n, *lf;

    for (const uint8_t *p = field.p; p < end; p = lf + 1) {
        lf = memchr(p, '\n', (size_t)(end - p));
        lf = lf ? lf : end;
        if (lf - p > LIMIT_FROM_LINE_BYTES)
            return true;
    }
    return false;
}

static void
message_id_read(const struct header *h, struct author *out)
{
    const struct header_field *f = header_find(h, "Message-ID", 0);
    AUTO(buf) struct buf text = {0};

    if (!f)
        return;
    header_unfold(f->value, &text);
    snprintf(out->message_id, sizeof(out->message_id), "%s", buf_text(&text));
}

/* Readers show the first, or the last, of several. */
static void
dates_read(const struct header *h, struct author *out)
{
    const struct header_field *f;
    time_t when;

    for (size_t n = 0; (f = header_find(h, "Date", n)); n++)
        if (!date_read(f->value, &when) || when <= 0 ||
            (n > 0 && (int64_t)when != out->date))
            out->date_unclear = true;
        else
            out->date = (int64_t)when;
}

void
author_read(const struct header *h, struct author *out)
{
    const struct header_field *f = header_find(h, "From", 0);

    if (h->ambiguous)
        out->header_flags |= HEADER_AMBIGUOUS;
    message_id_read(h, out);
    dates_read(h, out);
    if (!f) {
        /* A whole message has an author (RFC 5322 3.6); a bare entity was
         * taken out of one that is not seen here. */
        if (header_is_message(h))
            out->header_flags |= HEADER_MALFORMED_FROM;
        return;
    }
    mailbox_list_parse(f->value, &out->from);
    if (has_long_line(f->whole) || out->from.obsolete)
        out->header_flags |= HEADER_MALFORMED_FROM;
    if (header_count(h, "From") > 1 || out->from.count > 1)
        out->header_flags |= HEADER_SEVERAL_FROM;
    if (out->from.malformed || out->from.group || out->from.count == 0)
        out->header_flags |= HEADER_MALFORMED_FROM;
    for (size_t i = 0; i < out->from.count; i++)
        if (mailbox_is_deceiving(&out->from.item[i]))
            out->header_flags |= HEADER_DECEIVING_NAME;
    sender_read(h, out);
}

void
author_drop(struct author *a)
{
    mailbox_list_drop(&a->from);
}

/* ---- opening
 * -------------------------------------------------------------------- */

enum err
reading_open(struct request *r, enum verb verb, int fd, struct reading *out)
{
    struct problem *p = &r->problem;

    out->r = r;
    out->verb = verb;
    input_open(fd, &out->input);
    out->begins = out->input.stream.offset;
    TRY(header_read(&out->input.stream.s, &out->top.header, &out->top.rest, p));
    if (out->top.header.bytes.len == 0 && out->top.rest.len == 0)
        return fail(p, ERR_NOT_MAIL, "it is empty");
    out->top.is_entity = true;
    stream_joined_init(&out->top.joined, buf_slice(&out->top.rest),
                       &out->input.stream.s);
    out->top.body = &out->top.joined.s;
    out->openpgp =
        header_is_openpgp(&out->top.header, buf_slice(&out->top.rest));
    author_read(&out->top.header, &out->author);
    return ERR_OK;
}

static enum err
put(struct sink *to, const char *text, struct problem *p)
{
    return sink_write(to, text, strlen(text), p);
}

static enum err
put_field(struct sink *to, const struct header_field *f, struct problem *p)
{
    TRY(sink_write(to, f->whole.p, f->whole.n, p));
    if (f->whole.n > 0 && f->whole.p[f->whole.n - 1] == '\n')
        return ERR_OK;
    return put(to, "\n", p);
}

static bool
names_field(const struct header *h, struct slice name)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->fields[i].name.n == name.n &&
            strncasecmp((const char *)h->fields[i].name.p, (const char *)name.p,
                        name.n) == 0)
            return true;
    return false;
}

/*
 * The fields above readable text: the message's own (what was judged is what
 * is shown), then the inner entity's MIME fields, then fields that only the
 * inner entity has.
 */
static enum err
put_header(struct reading *g, const struct entity *e, struct sink *to)
{
    const struct header *outer = &g->top.header;
    const struct header *inner = &e->header;
    struct problem *p = &g->r->problem;

    for (size_t i = 0; i < outer->count; i++)
        if (!header_is_mime(&outer->fields[i]))
            TRY(put_field(to, &outer->fields[i], p));
    for (size_t i = 0; i < inner->count; i++)
        if (!names_field(outer, inner->fields[i].name) ||
            (header_is_mime(&inner->fields[i]) &&
             !slice_is_nocase(inner->fields[i].name, "MIME-Version")))
            TRY(put_field(to, &inner->fields[i], p));
    return put(to, "\n", p);
}

/* Whoever shows protected fields does not show them twice. */
static enum err
pass_without_legacy(struct reading *g, struct entity *e, struct sink *to,
                    const struct where *w)
{
    struct stream *whole = e->body;
    struct legacy_display *d = legacy_display_new(&e->header, whole);
    enum err error;

    e->body = legacy_display_stream(d);
    error = reading_pass(g, e, to, w);
    e->body = whole;
    legacy_display_drop(&d);
    return error;
}

static enum err
put_converted(struct reading *g, struct entity *e, struct sink *to,
              const struct where *w)
{
    struct problem *p = &g->r->problem;

    if (g->header.hp != HP_NONE) {
        TRY(protected_put(g, e, to, p));
        TRY(put(to, "\n", p));
    } else {
        TRY(put_header(g, e, to));
    }
    if (g->header.hp == HP_CIPHER)
        return pass_without_legacy(g, e, to, w);
    return reading_pass(g, e, to, w);
}

/* What was inside comes with CRLF; it leaves with the line ends that the
 * message came with. */
static enum err
put_inner(struct reading *g, struct entity *e, const struct where *w)
{
    struct problem *p = &g->r->problem;
    struct crlf_writer *crlf = NULL;
    struct lf_writer *lf = NULL;
    enum err error;

    if (g->top.header.crlf) {
        crlf = crlf_writer_new(g->to);
        error = put_converted(g, e, crlf_writer_sink(crlf), w);
        error = error == ERR_OK ? crlf_writer_finish(crlf, p) : error;
    } else {
        lf = lf_writer_new(g->to);
        error = put_converted(g, e, lf_writer_sink(lf), w);
        error = error == ERR_OK ? lf_writer_finish(lf, p) : error;
    }
    crlf_writer_drop(&crlf);
    lf_writer_drop(&lf);
    return error;
}

enum err
reading_put(struct reading *g, struct entity *e, const struct where *w)
{
    struct problem *p = &g->r->problem;

    protected_read(g, e, w);
    note_other_kind(g, e, w);
    if (!g->to)
        return reading_pass(g, e, NULL, w);
    if (w->depth > 0)
        return put_inner(g, e, w);
    TRY(sink_write(g->to, e->header.bytes.data, e->header.bytes.len, p));
    return reading_pass(g, e, g->to, w);
}
