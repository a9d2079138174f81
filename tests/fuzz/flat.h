/*
 * An entity as a reader sees it: the texts of its parts decoded, one after
 * the other, with LF line ends. For tests of what writes an entity anew: both
 * have to be the same. Included by unit tests and fuzz targets.
 */
#ifndef TESTS_FUZZ_FLAT_H
#define TESTS_FUZZ_FLAT_H

#include "agent/mime/multipart.h"
#include "agent/session/input.h"

struct flat {
    struct buf text;
    size_t depth;
    bool untouched; /* something that is written as it is */
};

static inline bool flat_entity(struct flat *f, const struct header *h,
                               bool in_digest, struct stream *body);

static inline bool
flat_from(struct flat *f, struct stream *from, bool in_digest)
{
    struct problem p = {0};
    struct entity e = {0};
    bool done = entity_read(from, &e, &p) == ERR_OK;

    f->depth++;
    f->untouched |= done && !e.is_entity;
    if (done && e.is_entity)
        done = flat_entity(f, &e.header, in_digest, e.body);
    f->depth--;
    entity_drop(&e);
    return done;
}

/* Line ends that are no text's are compared as they are. */
static inline bool
flat_leaf(struct flat *f, const struct header *h, bool text,
          struct stream *body)
{
    struct base64_reader *base64 = base64_reader_new(body);
    struct quoted_reader *quoted = quoted_reader_new(body);
    struct sink_buf to;
    struct lf_writer *lf;
    struct problem p = {0};
    enum transfer transfer = header_transfer(h);
    enum err e;

    sink_buf_init(&to, &f->text, SIZE_MAX);
    lf = lf_writer_new(&to.s);
    e = stream_pump(transfer == TRANSFER_BASE64   ? base64_reader_stream(base64)
                    : transfer == TRANSFER_QUOTED ? quoted_reader_stream(quoted)
                                                  : body,
                    text ? lf_writer_sink(lf) : &to.s, &p);
    if (e == ERR_OK)
        e = lf_writer_finish(lf, &p);
    f->untouched |= transfer == TRANSFER_UNKNOWN;
    buf_add_text(&f->text, e == ERR_OK ? "\n--\n" : "\n(cut)\n");
    lf_writer_drop(&lf);
    base64_reader_drop(&base64);
    quoted_reader_drop(&quoted);
    return e == ERR_OK || e == ERR_BAD_MESSAGE;
}

static inline bool
flat_parts(struct flat *f, const char *boundary, bool digest,
           struct stream *body)
{
    struct multipart *m = multipart_new(slice_of(NULL, 0), body, boundary);
    enum part_event event = PART_BEGIN;
    struct problem p = {0};
    bool done = true;

    while (done && event == PART_BEGIN) {
        done = multipart_next(m, &event, &p) == ERR_OK;
        if (done && event == PART_BEGIN)
            done = flat_from(f, multipart_part(m), digest);
    }
    multipart_drop(&m);
    return done;
}

static inline bool
flat_entity(struct flat *f, const struct header *h, bool in_digest,
            struct stream *body)
{
    const struct header_field *field = header_find(h, "Content-Type", 0);
    struct content_type *type = mem_new(sizeof(*type));
    const char *boundary;
    bool identity = header_transfer(h) == TRANSFER_IDENTITY, done;

    snprintf(type->type, sizeof(type->type), "%s",
             !field && in_digest ? "message/rfc822" : "text/plain");
    if (field && !content_type_parse(field->value, type))
        snprintf(type->type, sizeof(type->type), "text/plain");
    boundary = content_type_find(type, "boundary");
    buf_addf(&f->text, "%s\n", type->type);
    f->untouched |= f->depth >= LIMIT_NESTING ||
                    header_count(h, "Content-Type") > 1 ||
                    header_count(h, "Content-Transfer-Encoding") > 1 ||
                    strcmp(type->type, "multipart/signed") == 0 ||
                    strcmp(type->type, "multipart/encrypted") == 0;
    if (identity && !f->untouched &&
        (strcmp(type->type, "message/rfc822") == 0 ||
         strcmp(type->type, "message/global") == 0))
        done = flat_from(f, body, false);
    else if (identity && !f->untouched && boundary &&
             strncmp(type->type, "multipart/", 10) == 0)
        done = flat_parts(f, boundary,
                          strcmp(type->type, "multipart/digest") == 0, body);
    else {
        f->untouched |= strncmp(type->type, "message/", 8) == 0 ||
                        strncmp(type->type, "multipart/", 10) == 0;
        done = flat_leaf(f, h, true, body);
    }
    free(type);
    return done;
}

#endif
