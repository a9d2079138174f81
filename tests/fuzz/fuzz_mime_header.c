/*
 * header_read and what is read out of it. The fields and the rest are all of
 * the input, whatever the size of the pieces it comes in.
 */
#include "agent/mime/header.h"
#include "tests/fuzz/drops.h"
#include "tests/fuzz/fuzz.h"

static void
check_fields(const struct header *h, struct slice input, struct slice rest)
{
    size_t bytes = rest.n;

    for (size_t i = 0; i < h->count; i++) {
        const struct header_field *f = &h->fields[i];

        REQUIRE(f->name.n > 0 && f->name.p == f->whole.p);
        REQUIRE(f->value.p > f->name.p);
        REQUIRE(f->value.p + f->value.n <= f->whole.p + f->whole.n);
        REQUIRE(!memchr(f->whole.p, '\0', f->whole.n));
        REQUIRE(header_find(h, "Content-Type", 0) != NULL ||
                !slice_is_nocase(f->name, "content-type"));
        bytes += f->whole.n;
    }
    REQUIRE(h->count <= LIMIT_HEADER_FIELDS);
    REQUIRE(h->bytes.len <= LIMIT_HEADER_BYTES);
    REQUIRE(bytes <= input.n);
    /* Only the empty line is in neither. */
    REQUIRE(h->unix_from || input.n - bytes <= 2);
}

static void
check_type(const struct header *h)
{
    struct content_type t;

    if (header_smime_kind(h, &t) == SMIME_MULTIPART_SIGNED)
        REQUIRE(strcmp(t.type, "multipart/signed") == 0);
    REQUIRE(t.count <= LIMIT_PARAMETERS);
    for (size_t i = 0; i < t.count; i++) {
        REQUIRE(
            memchr(t.parameters[i].value, '\0', sizeof(t.parameters[i].value)));
        for (size_t k = 0; k < i; k++)
            REQUIRE(strcmp(t.parameters[i].name, t.parameters[k].name) != 0);
    }
    REQUIRE(header_transfer(h) <= TRANSFER_UNKNOWN);
    REQUIRE(header_count(h, "From") == 0 || header_is_message(h));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct drops drops = drops_of(input, 1);
    struct stream_memory memory;
    AUTO(header) struct header a = {0};
    AUTO(header) struct header b = {0};
    AUTO(buf) struct buf rest_a = {0};
    AUTO(buf) struct buf rest_b = {0};
    struct problem p = {0};
    enum err e;

    stream_memory_init(&memory, input);
    e = header_read(&memory.s, &a, &rest_a, &p);
    REQUIRE(header_read(&drops.s, &b, &rest_b, &p) == e);
    if (e != ERR_OK) {
        REQUIRE(a.count == 0 && rest_a.len == 0 && p.code == e);
        return 0;
    }
    REQUIRE(a.count == b.count && rest_b.len == 0);
    buf_add_slice(&rest_a, memory.rest);
    REQUIRE(rest_a.len == drops.rest.n);
    check_fields(&a, input, buf_slice(&rest_a));
    check_type(&a);
    return 0;
}
