/*
 * What a Content-Type or Content-Disposition says behind its type, piece by
 * piece, between the grammar that finds the pieces and RFC 2231, which joins
 * them. Used in these two files only.
 */
#ifndef AGENT_MIME_CONTENT_TYPE_H
#define AGENT_MIME_CONTENT_TYPE_H

#include "agent/base/limits.h"
#include "agent/mime/header.h"

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
    bool more;  /* passed over */
    bool stray; /* what is no parameter */
};

static inline struct slice
segment_name(const struct parameters *all, const struct segment *s)
{
    return slice_of(all->text.data + s->at, s->name_n);
}

/* There is room. */
static inline void
text_set(char *out, struct slice text)
{
    if (text.n > 0)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
}

/* Adds the parameters to OUT, which has its type already. */
void parameters_join(const struct parameters *all, struct content_type *out);

#endif
