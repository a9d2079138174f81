/*
 * multipart_next: the parts do not depend on the pieces the body comes in,
 * and no part holds a line that is the delimiter. The first line of the
 * input is the boundary.
 */
#include "agent/mime/multipart.h"
#include "tests/fuzz/fuzz.h"

struct drops {
    struct stream s;
    struct slice rest;
    size_t most;
};

static enum err
drops_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
           struct problem *p)
{
    struct drops *d = (struct drops *)s;
    size_t n = d->rest.n < d->most ? d->rest.n : d->most;

    (void)p;
    *got = n < size ? n : size;
    if (*got > 0)
        memcpy(out, d->rest.p, *got);
    d->rest.p += *got;
    d->rest.n -= *got;
    return ERR_OK;
}

/* Is any line of PART the bare delimiter? */
static bool
holds_delimiter(struct slice part, const char *boundary)
{
    AUTO(buf) struct buf line = {0};
    const uint8_t *hit;
    size_t n = strlen(boundary);

    /* Blanks at its end and a length over the limit have rules of their own. */
    if (n == 0 || n > 512 || boundary[n - 1] == ' ' || boundary[n - 1] == '\t')
        return false;
    buf_addf(&line, "\n--%s\n", boundary);
    hit = part.n ? memmem(part.p, part.n, line.data, line.len) : NULL;
    return hit != NULL;
}

static void
describe(struct slice body, const char *boundary, size_t most, struct buf *out)
{
    struct drops from = {.s = {.read = drops_read}, .rest = body, .most = most};
    AUTO(multipart)
    struct multipart *m = multipart_new(slice_of(NULL, 0), &from.s, boundary);
    enum part_event event = PART_BEGIN;
    bool preamble, epilogue;
    struct problem p = {0};

    for (;;) {
        AUTO(buf) struct buf part = {0};

        REQUIRE(multipart_next(m, &event, &p) == ERR_OK);
        if (event != PART_BEGIN)
            break;
        REQUIRE(stream_read_all(multipart_part(m), body.n, &part, &p) ==
                ERR_OK);
        REQUIRE(!holds_delimiter(buf_slice(&part), boundary));
        buf_addf(out, "[%zu]", part.len);
        buf_add_slice(out, buf_slice(&part));
    }
    REQUIRE(multipart_surroundings(m, &preamble, &epilogue, &p) == ERR_OK);
    REQUIRE(from.rest.n == 0);
    buf_addf(out, "%d%d%d", event, preamble, epilogue);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *lf = size ? memchr(data, '\n', size) : NULL;
    AUTO(buf) struct buf boundary = {0};
    AUTO(buf) struct buf whole = {0};
    AUTO(buf) struct buf single = {0};
    struct slice body;

    if (!lf)
        return 0;
    buf_add(&boundary, data, (size_t)(lf - data));
    body = slice_of(lf + 1, size - (size_t)(lf - data) - 1);
    describe(body, buf_text(&boundary), STREAM_CHUNK_BYTES, &whole);
    describe(body, buf_text(&boundary), 1, &single);
    REQUIRE(slice_equal(buf_slice(&whole), buf_slice(&single)));
    return 0;
}
