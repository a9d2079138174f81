#include "agent/mime/elsewhere.h"

#include <stdio.h>
#include <strings.h>

#include "agent/base/limits.h"
#include "agent/mime/dash_line.h"
#include "agent/mime/header.h"
#include "agent/mime/letters.h"

struct level {
    char boundary[512];
    bool digest; /* its parts are messages where they say nothing */
};

struct elsewhere {
    bool in_header;
    bool found;
    bool doubtful;
    struct buf line;  /* what came of the current one, its end left out */
    struct buf field; /* the header field that may go on */
    bool too_long;
    bool in_line; /* behind the beginning of one that is passed over */
    bool cut;     /* the field went beyond a limit */
    bool typed;
    bool behind;   /* ... the header that the content begins with */
    bool attached; /* in a message of somebody else's, begun at level: */
    size_t attached_at;
    struct buf said_type, said_encoding; /* by the header, behind its colon */
    size_t depth;
    /* Not cleared, for most of it is never used: */
    struct content_type type; /* of the header being read, when typed */
    struct level level[LIMIT_NESTED_PARTS];
};

struct elsewhere *
elsewhere_new(void)
{
    struct elsewhere *w = mem_raw(sizeof(*w));

    memset(w, 0, offsetof(struct elsewhere, type));
    w->type.type[0] = '\0';
    w->type.count = 0;
    w->in_header = true;
    return w;
}

void
elsewhere_drop(struct elsewhere **w)
{
    if (*w) {
        buf_drop(&(*w)->line);
        buf_drop(&(*w)->field);
        buf_drop(&(*w)->said_type);
        buf_drop(&(*w)->said_encoding);
    }
    free(*w);
    *w = NULL;
}

/* ---- one header
 * ------------------------------------------------------------- */

static void
header_begin(struct elsewhere *w)
{
    w->in_header = true;
    w->typed = false;
    buf_clear(&w->field);
    buf_clear(&w->said_type);
    buf_clear(&w->said_encoding);
}

/* What is odd there makes readers differ on what the author says. The first
 * header is looked at elsewhere; what is attached is as it was found. */
static bool
is_own_part(const struct elsewhere *w)
{
    return w->behind && !w->attached;
}

/* Is it the field NAME? Then *out is from its colon on. */
static bool
field_is(struct slice f, const char *name, struct slice *out)
{
    size_t n = strlen(name);

    if (f.n <= n || !slice_is_nocase(slice_of(f.p, n), name))
        return false;
    while (n < f.n && is_blank(f.p[n]))
        n++;
    *out = slice_of(f.p + n, f.n - n);
    return n < f.n && f.p[n] == ':';
}

/* Readers disagree about which of two counts. */
static void
note_said(struct elsewhere *w, struct slice value, struct buf *said)
{
    if (said->len == 0)
        buf_add_slice(said, trimmed(value));
    else if (is_own_part(w) && !slice_equal(buf_slice(said), trimmed(value)))
        w->doubtful = true;
}

/* The first Content-Type counts, as everywhere; a second one that points
 * elsewhere counts as well: readers differ. */
static void
field_end(struct elsewhere *w)
{
    struct slice f = buf_slice(&w->field), value;
    struct content_type type;

    if (field_is(f, "content-transfer-encoding", &value))
        note_said(w, value, &w->said_encoding);
    if (f.n > sizeof("content-type") - 1 &&
        slice_is_nocase(slice_of(f.p, sizeof("content-type") - 1),
                        "content-type"))
        w->found |= w->cut; /* others may read the rest of it */
    if (field_is(f, "content-type", &value)) {
        note_said(w, value, &w->said_type);
        if (content_type_parse(slice_of(value.p + 1, value.n - 1), &type)) {
            if (strcmp(type.type, "message/external-body") == 0 ||
                strcmp(type.type, "message/partial") == 0)
                w->found = true;
            w->doubtful |= type.two_boundaries;
            if (!w->typed)
                w->type = type;
            w->typed = true;
        }
    }
    buf_clear(&w->field);
    w->cut = false;
}

/* A boundary may not end in blanks (RFC 2046 5.1.1): they are padding. */
static size_t
without_blanks(const char *boundary)
{
    size_t n = strlen(boundary);

    while (n > 0 && is_blank((uint8_t)boundary[n - 1]))
        n--;
    return n;
}

/* What is all of the content is the message itself, unless it says that it is
 * forwarded; in a part it is somebody else's. */
static void
message_begin(struct elsewhere *w)
{
    const char *forwarded =
        w->typed ? content_type_find(&w->type, "forwarded") : NULL;

    if (!w->attached &&
        (w->depth > 0 || (forwarded && strcasecmp(forwarded, "yes") == 0))) {
        w->attached = true;
        w->attached_at = w->depth;
    }
    header_begin(w);
}

/* Some readers decode a multipart that says so (RFC 2045 6.4 forbids it), and
 * find parts that are not looked at here. */
static bool
is_encoded(const struct elsewhere *w)
{
    struct slice said = buf_slice(&w->said_encoding);

    return !w->attached && said.n > 0 &&
           slice_is_nocase(trimmed(slice_of(said.p + 1, said.n - 1)), "base64");
}

static void
header_end(struct elsewhere *w)
{
    const char *boundary = NULL;
    bool digest = w->depth > 0 && w->level[w->depth - 1].digest;

    field_end(w);
    w->in_header = false;
    w->behind = true;
    if (w->typed ? content_type_is_message(&w->type) : digest) {
        message_begin(w);
        return;
    }
    if (w->typed && strncmp(w->type.type, "multipart/", 10) == 0) {
        w->found |= is_encoded(w);
        boundary = content_type_find(&w->type, "boundary");
        w->doubtful |= !boundary && w->type.ambiguous; /* one was dropped */
    }
    if (!boundary || without_blanks(boundary) == 0)
        return;
    if (w->depth == LIMIT_NESTED_PARTS) {
        w->found = true;
        return;
    }
    snprintf(w->level[w->depth].boundary, sizeof(w->level[0].boundary), "%.*s",
             (int)without_blanks(boundary), boundary);
    w->level[w->depth++].digest = strcmp(w->type.type, "multipart/digest") == 0;
}

/* ---- lines
 * ------------------------------------------------------------------ */

/* Would others, who take longer lines, see a delimiter in it? */
static bool
begins_like_a_delimiter(const struct elsewhere *w, struct slice line)
{
    for (size_t k = 0; k < w->depth; k++) {
        size_t n = strlen(w->level[k].boundary);

        if (line.n >= n + 2 && memcmp(line.p, "--", 2) == 0 &&
            memcmp(line.p + 2, w->level[k].boundary, n) == 0)
            return true;
    }
    return false;
}

/* A delimiter of any level ends all that are inside it. */
static bool
take_delimiter(struct elsewhere *w, struct slice line)
{
    if (line.n < 2 || memcmp(line.p, "--", 2) != 0)
        return false;
    for (size_t k = w->depth; k > 0; k--) {
        const char *boundary = w->level[k - 1].boundary;
        size_t n = strlen(boundary), at = 2 + n;
        bool closing;

        if (line.n < at || memcmp(line.p + 2, boundary, n) != 0)
            continue;
        closing = line.n >= at + 2 && memcmp(line.p + at, "--", 2) == 0;
        for (at += closing ? 2 : 0; at < line.n && is_blank(line.p[at]);)
            at++;
        if (at != line.n)
            continue;
        w->depth = closing ? k - 1 : k;
        w->attached &= k > w->attached_at;
        header_begin(w);
        w->in_header = !closing;
        return true;
    }
    return false;
}

/* Some readers end a line at a CR or NUL, or the header at a line of blanks. */
static bool
is_ambiguous(struct slice line)
{
    return memchr(line.p, '\r', line.n) || memchr(line.p, '\0', line.n) ||
           trimmed(line).n == 0;
}

static void
add_line(struct elsewhere *w, struct slice line)
{
    w->doubtful |= is_own_part(w) && is_ambiguous(line);
    if (!is_blank(line.p[0]))
        field_end(w);
    /* A header that begins folded: some see its first field all the same. */
    while (w->field.len == 0 && line.n > 0 && is_blank(line.p[0]))
        line = slice_of(line.p + 1, line.n - 1);
    w->cut |= w->too_long;
    if (line.n <= LIMIT_PART_HEADER_BYTES - w->field.len)
        buf_add_slice(&w->field, line);
    else
        w->cut = true;
}

static void
line_end(struct elsewhere *w)
{
    struct slice line = buf_slice(&w->line);

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (w->too_long)
        w->found |= begins_like_a_delimiter(w, line);
    if (w->too_long || !take_delimiter(w, line)) {
        if (w->in_header && line.n == 0)
            header_end(w);
        else if (w->in_header)
            add_line(w, line);
    }
    buf_clear(&w->line);
    w->too_long = false;
}

/* Only lines of a header and those that may be delimiters are kept. */
static void
keep(struct elsewhere *w, const uint8_t *p, size_t n)
{
    size_t room = LIMIT_DELIMITER_BYTES - w->line.len;

    w->too_long |= n > room;
    buf_add(&w->line, p, n < room ? n : room);
}

/* Is FIRST, the next byte, of a line that nothing is kept of? */
static bool
passes_over(const struct elsewhere *w, uint8_t first)
{
    return !w->in_header && w->line.len == 0 && (w->in_line || first != '-');
}

void
elsewhere_write(struct elsewhere *w, const uint8_t *p, size_t n)
{
    const uint8_t *end = p + n;

    while (p < end) {
        const uint8_t *lf;

        if (passes_over(w, *p)) {
            const uint8_t *dash = dash_line_find(p, end);

            w->in_line = !dash && end[-1] != '\n';
            if (!dash)
                return;
            p = dash;
        }
        lf = memchr(p, '\n', (size_t)(end - p));
        keep(w, p, (size_t)((lf ? lf : end) - p));
        if (!lf)
            return;
        line_end(w);
        p = lf + 1;
    }
}

bool
elsewhere_found(struct elsewhere *w)
{
    if (w->line.len > 0)
        line_end(w);
    if (w->in_header)
        field_end(w);
    return w->found;
}

bool
elsewhere_is_doubtful(const struct elsewhere *w)
{
    return w->doubtful;
}
