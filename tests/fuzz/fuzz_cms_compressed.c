/*
 * The CompressedData reader: what comes out does not depend on the pieces,
 * and it never grows beyond its bound.
 */
#include "agent/cms/compressed.h"

#include "tests/fuzz/drops.h"
#include "tests/fuzz/mutate.h"

MUTATES_DER(0)

static enum err
read_in_drops(struct slice input, size_t most, struct buf *out)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(compressed_reader) struct compressed_reader *r = NULL;
    struct drops d = drops_of(input, most);
    struct problem p = {0};
    enum err e;

    if ((e = cms_object_open(&d.s, &o, &p)) != ERR_OK)
        return e;
    if (cms_object_type(o) != CMS_TYPE_COMPRESSED)
        return ERR_NOT_SMIME;
    if ((e = compressed_reader_begin(o, &r, &p)) != ERR_OK)
        return e;
    e = stream_read_all(compressed_reader_content(r), SIZE_MAX / 2, out, &p);
    REQUIRE(e == ERR_OK || e == ERR_BAD_MESSAGE || e == ERR_LIMIT);
    return e;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf a = {0};
    AUTO(buf) struct buf b = {0};
    struct slice input = slice_of(data, size);
    enum err e = read_in_drops(input, size, &a);

    REQUIRE(a.len <= LIMIT_EXPANSION_BYTES + STREAM_CHUNK_BYTES ||
            a.len / LIMIT_EXPANSION <= size);
    REQUIRE(read_in_drops(input, 1, &b) == e);
    if (e == ERR_OK)
        REQUIRE(slice_equal(buf_slice(&a), buf_slice(&b)));
    return 0;
}
