/*
 * What stands above the first part of a multipart (RFC 2046 5.1.1). Readers
 * that know MIME show nothing of it, others all; so nothing that a signature
 * does not cover may stand there but the few sentences everybody writes.
 */
#include "agent/base/limits.h"
#include "agent/mime/letters.h"
#include "agent/mime/multipart.h"

static const char *const usual[] = {
    "this is an s/mime signed message",
    "this is a message with an s/mime signature",
    "this is a cryptographically signed message in mime format",
    "this is a multi-part message in mime format",
    "this is a multipart message in mime format",
    "this is a message in mime format",
    "this is a mime-formatted message",
    "this message is in mime format",
    "this is a signed message in mime format",
    "this is a message with multiple parts in mime format",
};

/* One blank for each run of white, lower case, no full stops at the end (but
 * nothing else than full stops is not nothing). */
static void
simplify(struct slice text, struct buf *out)
{
    bool gap = false;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (is_white(c)) {
            gap = out->len > 0;
            continue;
        }
        if (gap)
            buf_add_byte(out, ' ');
        buf_add_byte(out, to_lower(c));
        gap = false;
    }
    while (out->len > 1 && out->data[out->len - 1] == '.')
        out->len--;
}

bool
preamble_is_usual(struct slice text)
{
    AUTO(buf) struct buf simple = {0};

    if (text.n > LIMIT_PREAMBLE_BYTES)
        return false;
    simplify(text, &simple);
    if (simple.len == 0)
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(usual); i++)
        if (slice_is(buf_slice(&simple), usual[i]))
            return true;
    return false;
}
