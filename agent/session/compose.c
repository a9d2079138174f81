#include "agent/session/compose.h"

#include <stdio.h>
#include <strings.h>

#include "agent/mime/multipart.h"
#include "agent/session/seven_bit.h"
#include "agent/session/try.h"

static enum err
put(struct sink *to, const char *text, struct problem *p)
{
    return sink_write(to, text, strlen(text), p);
}

/* A mail without a header field at its beginning is refused: a signature
 * over something else than was meant helps nobody. */
static enum err
draft_read(struct draft *d, struct problem *p)
{
    struct input *in = &d->input;

    TRY(header_read(&in->stream.s, &d->entity.header, &d->entity.rest, p));
    if (d->entity.header.bytes.len == 0 && d->entity.rest.len == 0)
        return fail(p, ERR_NOT_MAIL, "it is empty");
    d->entity.is_entity = true;
    stream_joined_init(&d->entity.joined, buf_slice(&d->entity.rest),
                       &in->stream.s);
    d->entity.body = &d->entity.joined.s;
    return ERR_OK;
}

enum err
draft_open(int fd, struct draft *out, struct problem *p)
{
    enum err e;

    memset(out, 0, sizeof(*out));
    input_open(fd, &out->input);
    out->begins = out->input.stream.offset;
    out->hopes = out->begins >= 0;
    e = draft_read(out, p);
    if (e != ERR_OK) {
        draft_drop(out);
        return e;
    }
    out->whole = header_is_message(&out->entity.header);
    out->crlf = out->entity.header.crlf;
    return ERR_OK;
}

enum err
draft_rewind(struct draft *d, struct problem *p)
{
    struct slice now;
    struct entity before = d->entity;
    enum err e;

    *p = (struct problem){0};
    d->entity = (struct entity){0};
    stream_fd_init(&d->input.stream, d->input.fd, d->begins,
                   d->input.stream.end);
    e = draft_read(d, p);
    now = buf_slice(&d->entity.header.bytes);
    if (e == ERR_OK && !slice_equal(now, buf_slice(&before.header.bytes)))
        e = fail(p, ERR_INPUT, "it was changed while it was read");
    entity_drop(&before);
    d->hopes = d->begin_again = false;
    return e;
}

void
draft_drop(struct draft *d)
{
    entity_drop(&d->entity);
    input_drop(&d->input);
}

/* A field as it is; the last one of a header that was cut short gets the
 * line end it lacks. */
/* Each line with the same end: a header that mixes them is read in more than
 * one way, so its signature would not be good. */
static enum err
put_field(struct sink *to, const struct header_field *f, const char *eol,
          struct problem *p)
{
    const uint8_t *at = f->whole.p, *end = at + f->whole.n;

    while (at < end) {
        const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = lf ? lf : end;

        if (lf && stop > at && stop[-1] == '\r')
            stop--;
        TRY(sink_write(to, at, (size_t)(stop - at), p));
        TRY(put(to, eol, p));
        at = lf ? lf + 1 : end;
    }
    return ERR_OK;
}

static bool
goes_inside(const struct draft *d, const struct header_field *f)
{
    if (field_is_dropped(f))
        return false;
    return d->whole ? header_is_mime(f)
                    : !slice_is_nocase(f->name, "MIME-Version");
}

static enum err
put_outer_field(const struct draft *d, const struct header_field *f,
                struct sink *to, const char *eol, struct problem *p)
{
    AUTO(buf) struct buf value = {0};
    AUTO(buf) struct buf whole = {0};
    struct header_field other;

    switch (protect_outer(&d->protect, f, &value)) {
    case OUTER_SAME:
        return put_field(to, f, eol, p);
    case OUTER_OTHER:
        buf_add_slice(&whole, f->name);
        buf_addf(&whole, ": %s\r\n", buf_text(&value));
        other = (struct header_field){.whole = buf_slice(&whole)};
        return put_field(to, &other, eol, p);
    case OUTER_NONE:
        break;
    }
    return ERR_OK;
}

enum err
draft_protect(struct request *r, bool encrypts, struct draft *d)
{
    struct policy policy;

    TRY(policy_of(r, &policy));
    if (d->whole)
        d->protect = (struct protect){.how = policy.header,
                                      .encrypts = encrypts,
                                      .legacy_display = policy.legacy_display};
    return ERR_OK;
}

enum err
compose_outer(const struct draft *d, struct sink *to, bool crlf,
              struct problem *p)
{
    const struct header *h = &d->entity.header;
    const char *eol = crlf ? "\r\n" : "\n";

    for (size_t i = 0; d->whole && i < h->count; i++)
        if (!header_is_mime(&h->fields[i]) && !field_is_dropped(&h->fields[i]))
            TRY(put_outer_field(d, &h->fields[i], to, eol, p));
    if (d->whole && header_count(h, "MIME-Version") > 0)
        return ERR_OK;
    TRY(put(to, "MIME-Version: 1.0", p));
    return put(to, eol, p);
}

/* The fields of the inner entity. A message without Content-Type is plain text
 * (RFC 2045 5.2); inside a signature it says so, for readers that expect a part
 * to have a header. */
static enum err
inner_header(struct draft *d, struct header *out, struct problem *p)
{
    const struct header *h = &d->entity.header;
    AUTO(buf) struct buf text = {0};
    AUTO(buf) struct buf rest = {0};
    struct stream_memory from;
    bool typed = false;

    if (protect_is_on(&d->protect) &&
        !protect_fields_add(&d->protect, h, &text))
        d->unsafe = "a header field inside it";
    for (size_t i = 0; i < h->count; i++) {
        const struct header_field *f = &h->fields[i];
        bool type = slice_is_nocase(f->name, "Content-Type");

        if (!goes_inside(d, f))
            continue;
        if (type && !typed)
            protect_type_add(&d->protect, f, &text);
        else
            buf_add_slice(&text, f->whole);
        if (text.data[text.len - 1] != '\n')
            buf_add_text(&text, "\r\n");
        typed |= type;
    }
    if (!typed)
        protect_type_add(&d->protect, NULL, &text);
    buf_add_text(&text, "\r\n");
    stream_memory_init(&from, buf_slice(&text));
    return header_read(&from.s, out, &rest, p);
}

static enum err
put_inner(struct draft *d, struct seven_bit *t, struct problem *p)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf display = {0};
    enum err e;

    d->unsafe = NULL;
    TRY(inner_header(d, &h, p));
    protect_display_add(&d->protect, &d->entity.header, &display);
    t->hopes = d->hopes;
    t->display = display.len > 0 ? buf_text(&display) : NULL;
    e = seven_bit_write(t, &h, d->entity.body, p);
    d->begin_again = t->begin_again;
    d->unsafe = d->unsafe ? d->unsafe : t->unsafe;
    return e;
}

enum err
compose_inner(struct draft *d, struct sink *to, struct problem *p)
{
    struct seven_bit t = {.to = to};

    return put_inner(d, &t, p);
}

static enum err
put_signature_part(struct slice der, bool crlf, struct sink *to,
                   struct problem *p)
{
    const char *eol = crlf ? "\r\n" : "\n";
    struct base64_writer *w = NULL;
    char head[256];
    enum err e;

    snprintf(head, sizeof(head),
             "Content-Type: application/pkcs7-signature; "
             "name=\"smime.p7s\"%s"
             "Content-Transfer-Encoding: base64%s"
             "Content-Disposition: attachment; filename=\"smime.p7s\"%s%s",
             eol, eol, eol, eol);
    TRY(put(to, head, p));
    w = base64_writer_new(to, crlf);
    e = sink_write(base64_writer_sink(w), der.p, der.n, p);
    if (e == ERR_OK)
        e = base64_writer_finish(w, p);
    base64_writer_drop(&w);
    return e;
}

/* The inner entity goes to TO with the line ends wanted, and in canonical
 * form (RFC 8551 3.1.1) into the digest, in one pass. With LF a reader comes
 * to the same digest: no CR stands before a line end. */
static enum err
put_signed_part(struct draft *d, bool crlf, struct digests *digests,
                struct sink *to, struct problem *p)
{
    struct lf_writer *plain = lf_writer_new(to);
    struct sink *canonical = digests_sink(digests);
    struct sink_tee tee;
    struct seven_bit t = {.to = &tee.s};
    enum err e;

    sink_tee_init(&tee, canonical, crlf ? to : lf_writer_sink(plain));
    if (!crlf) {
        t.canonical = canonical;
        t.plain = to;
    }
    e = put_inner(d, &t, p);
    if (e == ERR_OK)
        e = lf_writer_finish(plain, p);
    lf_writer_drop(&plain);
    return e;
}

static enum err
compose_multipart(struct request *r, struct signer *s, struct draft *d,
                  bool crlf, struct sink *to)
{
    AUTO(digests) struct digests *digests = digests_new(1U << s->hash);
    AUTO(buf) struct buf der = {0};
    const char *eol = crlf ? "\r\n" : "\n";
    struct problem *p = &r->problem;
    char boundary[40], line[512];

    multipart_boundary(boundary);
    snprintf(line, sizeof(line),
             "Content-Type: multipart/signed;%s"
             " protocol=\"application/pkcs7-signature\";%s"
             " micalg=%s; boundary=\"%s\"%s%s"
             "This is a message with an S/MIME signature.%s%s--%s%s",
             eol, eol, hash_micalg(s->hash), boundary, eol, eol, eol, eol,
             boundary, eol);
    TRY(put(to, line, p));
    TRY(put_signed_part(d, crlf, digests, to, p));
    TRY(signer_sign_detached(r, s, digests, s->chain_count, &der));
    snprintf(line, sizeof(line), "%s--%s%s", eol, boundary, eol);
    TRY(put(to, line, p));
    TRY(put_signature_part(buf_slice(&der), crlf, to, p));
    snprintf(line, sizeof(line), "%s--%s--%s", eol, boundary, eol);
    return put(to, line, p);
}

static enum err
put_opaque_content(struct request *r, struct signer *s, struct draft *d,
                   struct signed_writer *w)
{
    AUTO(digests) struct digests *digests = digests_new(1U << s->hash);
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf signature = {0};
    struct signer_spec spec;

    TRY(signed_writer_begin(w, &r->problem));
    TRY(put_signed_part(d, true, digests, signed_writer_content(w),
                        &r->problem));
    TRY(signer_sign(r, s, digests_get(digests, s->hash), &attrs, &signature,
                    &spec));
    return signed_writer_end(w, &spec, buf_slice(&attrs), buf_slice(&signature),
                             &r->problem);
}

static enum err
compose_opaque(struct request *r, struct signer *s, struct draft *d, bool crlf,
               struct sink *to)
{
    const char *eol = crlf ? "\r\n" : "\n";
    struct base64_writer *base64 = NULL;
    struct signed_writer *w = NULL;
    char head[320];
    enum err e;

    snprintf(head, sizeof(head),
             "Content-Type: application/pkcs7-mime; smime-type=signed-data;%s"
             " name=\"smime.p7m\"%s"
             "Content-Transfer-Encoding: base64%s"
             "Content-Disposition: attachment; filename=\"smime.p7m\"%s%s",
             eol, eol, eol, eol, eol);
    TRY(put(to, head, &r->problem));
    base64 = base64_writer_new(to, crlf);
    w = signed_writer_new(base64_writer_sink(base64), s->hash);
    e = put_opaque_content(r, s, d, w);
    if (e == ERR_OK)
        e = base64_writer_finish(base64, &r->problem);
    signed_writer_drop(&w);
    base64_writer_drop(&base64);
    return e;
}

enum err
compose_signed(struct request *r, struct signer *s, struct draft *d,
               bool opaque, bool crlf, struct sink *to)
{
    return opaque ? compose_opaque(r, s, d, crlf, to)
                  : compose_multipart(r, s, d, crlf, to);
}

void
compose_warn(const struct draft *d, json_t *warnings)
{
    AUTO(buf) struct buf text = {0};

    if (!d->unsafe)
        return;
    buf_addf(&text,
             "%s is not in a form that every mail system leaves as it is; a "
             "signature around it (--opaque) or encryption protects it",
             d->unsafe);
    json_array_append_new(warnings, json_string(buf_text(&text)));
}
