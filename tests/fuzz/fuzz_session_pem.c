/*
 * A file of certificates as a CA hands it out: each item is one DER element,
 * and a PEM file of the items gives the same ones.
 */
#include "agent/session/pem.h"

#include "agent/cms/der.h"
#include "tests/fuzz/mutate.h"

MUTATES_DER(0)

static void
check_item(const struct certificate_bundle *b, struct slice item)
{
    struct der d = der_of(item);

    REQUIRE(item.p >= b->bytes.data &&
            item.p + item.n <= b->bytes.data + b->bytes.len);
    (void)der_take(&d, TAG_SEQUENCE);
    REQUIRE(der_done(&d) && item.n <= LIMIT_CERT_BYTES);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(certificate_bundle) struct certificate_bundle b = {0};
    AUTO(certificate_bundle) struct certificate_bundle again = {0};
    AUTO(buf) struct buf text = {0};
    struct problem p = {0};
    enum err e = certificate_bundle_read(slice_of(data, size), &b, &p);

    REQUIRE(e == p.code);
    REQUIRE(e == ERR_OK || e == ERR_BAD_CERTIFICATE || e == ERR_LIMIT);
    if (e != ERR_OK)
        return 0;
    REQUIRE(b.count > 0 && b.count <= LIMIT_BUNDLE_CERTIFICATES);
    for (size_t i = 0; i < b.count; i++) {
        json_t *pem = json_pem("CERTIFICATE", b.item[i]);

        check_item(&b, b.item[i]);
        buf_add_text(&text, json_string_value(pem));
        json_decref(pem);
    }
    REQUIRE(certificate_bundle_read(buf_slice(&text), &again, &p) == ERR_OK);
    REQUIRE(again.count == b.count);
    for (size_t i = 0; i < b.count; i++)
        REQUIRE(slice_equal(again.item[i], b.item[i]));
    return 0;
}
