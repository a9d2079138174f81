/*
 * multipart_next: the parts do not depend on the pieces the body comes in,
 * and are those that a plain reading of RFC 2046 over the whole body finds:
 * in their order, disjoint, inside it. The first line of the input is the
 * boundary.
 */
#include "agent/mime/multipart.h"
#include "tests/fuzz/drops.h"
#include "tests/fuzz/fuzz.h"

/* ---- the same by plain rules, over the whole body at once ------------------
 * RFC 2046 5.1.1: a line "--boundary", "--" behind it for the last, blanks;
 * the line end before it is the delimiter's. */

enum line_kind { LINE_TEXT, LINE_DELIMITER, LINE_LAST };

static struct slice
without_end(struct slice line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\n') {
        line.n--;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
    }
    return line;
}

static enum line_kind
line_kind(struct slice line, struct slice boundary)
{
    enum line_kind kind = LINE_DELIMITER;
    size_t at = 2 + boundary.n, blanks;

    /* The body may end inside of the line end. */
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    else
        line = without_end(line);
    if (line.n < at || memcmp(line.p, "--", 2) != 0 ||
        memcmp(line.p + 2, boundary.p, boundary.n) != 0)
        return LINE_TEXT;
    if (line.n >= at + 2 && memcmp(line.p + at, "--", 2) == 0) {
        kind = LINE_LAST;
        at += 2;
    }
    for (blanks = at; blanks < line.n; blanks++)
        if (line.p[blanks] != ' ' && line.p[blanks] != '\t')
            return LINE_TEXT;
    return line.n - at > LIMIT_PADDING_BYTES ? LINE_TEXT : kind;
}

static bool
has_text(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(" \t\r\n\v\f", s.p[i]) || s.p[i] == '\0')
            return true;
    return false;
}

/* Above the parts some sentences are usual; all of them name MIME. */
static bool
may_be_usual(struct slice s)
{
    for (size_t i = 0; i + 4 <= s.n; i++)
        if (slice_is_nocase(slice_of(s.p + i, 4), "mime"))
            return true;
    return false;
}

static struct slice
between(const uint8_t *from, const uint8_t *to)
{
    return slice_of(from, to > from ? (size_t)(to - from) : 0);
}

/* What describe says of BODY, when BOUNDARY is one that delimits. UNUSUAL is
 * what it found above the parts. */
static void
describe_plainly(struct slice body, struct slice boundary, bool unusual,
                 struct buf *out)
{
    const uint8_t *end = body.p + body.n, *part = NULL, *before = body.p;
    enum line_kind kind = LINE_TEXT;
    struct slice preamble = body, epilogue = {0};

    for (const uint8_t *at = body.p; at < end && kind != LINE_LAST;) {
        const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
        struct slice line = between(at, lf ? lf + 1 : end);

        kind = line_kind(line, boundary);
        if (kind != LINE_TEXT && part) {
            struct slice bytes = between(part, before);

            buf_addf(out, "[%zu]", bytes.n);
            buf_add_slice(out, bytes);
        } else if (kind != LINE_TEXT) {
            preamble = between(body.p, at);
        }
        at += line.n;
        before = at - (line.n - without_end(line).n);
        if (kind != LINE_TEXT)
            part = before = at;
        if (kind == LINE_LAST)
            epilogue = between(at, end);
    }
    if (kind != LINE_LAST && part) {
        buf_addf(out, "[%zu]", between(part, end).n);
        buf_add_slice(out, between(part, end));
    }
    buf_addf(out, "%d%d%d", kind == LINE_LAST ? PART_END_ALL : PART_CUT,
             may_be_usual(preamble) ? unusual : has_text(preamble),
             has_text(epilogue));
}

/* An empty boundary or one over the limit delimits nothing, blanks at its
 * end do not count, and no Content-Type gives one with control characters. */
static bool
is_ordinary(struct slice boundary)
{
    for (size_t i = 0; i < boundary.n; i++)
        if (boundary.p[i] < ' ')
            return false;
    return boundary.n > 0 && boundary.n <= LIMIT_BOUNDARY_BYTES &&
           boundary.p[boundary.n - 1] != ' ';
}

static void
describe(struct slice body, const char *boundary, size_t most, struct buf *out)
{
    struct drops from = drops_of(body, most);
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
    AUTO(buf) struct buf plain = {0};
    struct slice body;

    if (!lf)
        return 0;
    buf_add(&boundary, data, (size_t)(lf - data));
    body = slice_of(lf + 1, size - (size_t)(lf - data) - 1);
    describe(body, buf_text(&boundary), STREAM_CHUNK_BYTES, &whole);
    describe(body, buf_text(&boundary), 1, &single);
    REQUIRE(slice_equal(buf_slice(&whole), buf_slice(&single)));
    if (is_ordinary(buf_slice(&boundary))) {
        describe_plainly(body, buf_slice(&boundary),
                         whole.data[whole.len - 2] == '1', &plain);
        REQUIRE(slice_equal(buf_slice(&whole), buf_slice(&plain)));
    }
    return 0;
}
