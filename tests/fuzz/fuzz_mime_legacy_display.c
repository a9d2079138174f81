/*
 * The legacy display taken off: in any pieces the same, nothing is added, and
 * a body of which no header says that it has one stays byte for byte.
 */
#include "agent/mime/legacy_display.h"

#include <strings.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

MUTATES_MAIL

static void
strip(const struct header *h, struct slice body, size_t piece, struct buf *out)
{
    struct stream_memory from;
    struct legacy_display *d;
    struct problem p = {0};
    size_t got = 1;

    stream_memory_init(&from, body);
    d = legacy_display_new(h, &from.s);
    while (got > 0) {
        uint8_t *room = buf_room(out, piece);

        REQUIRE(stream_read(legacy_display_stream(d), room, piece, &got, &p) ==
                ERR_OK);
        buf_written(out, got);
    }
    legacy_display_drop(&d);
}

/* In whatever case, or encoded (RFC 2231). */
static bool
may_say_so(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] == '%' ||
            (n - i >= 6 && strncasecmp((const char *)p + i, "legacy", 6) == 0))
            return true;
    return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(header) struct header h = {0};
    AUTO(buf) struct buf body = {0};
    AUTO(buf) struct buf out = {0};
    AUTO(buf) struct buf same = {0};
    struct stream_memory from;
    struct problem p = {0};

    stream_memory_init(&from, slice_of(data, size));
    if (header_read(&from.s, &h, &body, &p) != ERR_OK)
        return 0;
    REQUIRE(stream_read_all(&from.s, SIZE_MAX, &body, &p) == ERR_OK);
    strip(&h, buf_slice(&body), 4096, &out);
    strip(&h, buf_slice(&body), 1 + size % 5, &same);
    REQUIRE(slice_equal(buf_slice(&out), buf_slice(&same)));
    if (!may_say_so(data, size))
        REQUIRE(slice_equal(buf_slice(&out), buf_slice(&body)));
    return 0;
}
