/*
 * A value of a directory's entry, as either attribute: what is taken from it
 * is in it, within its limits, and fits the message to the keyring.
 */
#include "agent/fetcher/value.h"

#include "agent/cms/certview.h"
#include "agent/wire/channel.h"
#include "tests/fuzz/mutate.h"

MUTATES_DER(0)

static bool
is_within(struct slice part, struct slice whole)
{
    return part.n == 0 ||
           (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* What the keyring decodes is what was found. */
static void
check_message(const struct directory_item *item)
{
    AUTO(buf) struct buf bytes = {0};
    struct directory_item again;

    record_encode(RECORD_directory_item, item, &bytes);
    REQUIRE(record_decode(RECORD_directory_item, buf_slice(&bytes), &again));
    REQUIRE(again.certificates.n == item->certificates.n);
    REQUIRE(slice_equal(again.signature, item->signature));
    REQUIRE(slice_equal(again.signed_attrs, item->signed_attrs));
}

static void
try_smime(struct slice value)
{
    AUTO(value_room) struct value_room room = {.digests = NULL};
    struct directory_item item;
    struct problem p = {0};
    enum err e = value_smime(value, &room, &item, &p);
    size_t bytes = 0;

    REQUIRE(e == p.code);
    REQUIRE(e == ERR_OK || e == ERR_BAD_MESSAGE || e == ERR_LIMIT ||
            e == ERR_UNSUPPORTED);
    if (e != ERR_OK)
        return;
    REQUIRE(item.kind == DIRECTORY_SMIME);
    REQUIRE(item.certificates.n > 0);
    for (size_t i = 0; i < item.certificates.n; i++)
        bytes += item.certificates.item[i].n;
    REQUIRE(bytes <= LIMIT_EVIDENCE_BYTES);
    check_message(&item);
}

static void
try_certificate(struct slice value)
{
    struct directory_item item;
    struct cert_view view;

    if (!value_certificate(value, &item))
        return;
    REQUIRE(value.n <= LIMIT_CERT_BYTES && cert_view_parse(value, &view));
    REQUIRE(item.certificates.n == 1 && item.signature.n == 0);
    REQUIRE(is_within(item.certificates.item[0], value));
    check_message(&item);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice value = slice_of(data, size);

    try_certificate(value);
    try_smime(value);
    return 0;
}
