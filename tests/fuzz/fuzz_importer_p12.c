/*
 * A PKCS#12 file without a password: the first byte says whether it may lack
 * a MAC. All items fit the records they are sent in, keys come before
 * certificates, at least one key is there, and the end stays the end.
 */
#include "agent/importer/p12.h"

#include "agent/wire/values.h"
#include "tests/fuzz/mutate.h"

/* An honest count of iterations would leave no time for other inputs: more
 * is left to the unit test of its limit. */
#define MOST_ITERATIONS 20000

MUTATES_DER(1)

/* Does an INTEGER of two to four octets hold more? */
static bool
is_slow(struct slice der)
{
    for (size_t i = 0; i + 2 < der.n; i++) {
        size_t n = der.p[i + 1];
        uint32_t value = 0;

        if (der.p[i] != 0x02 || n < 2 || n > 4 || n > der.n - i - 2)
            continue;
        for (size_t k = 0; k < n; k++)
            value = value << 8 | der.p[i + 2 + k];
        if (value > MOST_ITERATIONS)
            return true;
    }
    return false;
}

static void
read_items(struct p12 *p12)
{
    AUTO(buf) struct buf wire = {0};
    int keys = 0, certificates = 0;
    struct p12_item item, again;

    for (;;) {
        p12_next(p12, &item);
        buf_clear(&wire);
        record_encode(RECORD_p12_item, &item, &wire);
        REQUIRE(record_decode(RECORD_p12_item, buf_slice(&wire), &again));
        if (item.kind == P12_END)
            break;
        REQUIRE(item.kind == P12_KEY ? certificates == 0 : keys > 0);
        keys += item.kind == P12_KEY;
        certificates += item.kind != P12_KEY;
        REQUIRE(item.spki.n > 0);
    }
    REQUIRE(keys > 0 && keys <= LIMIT_P12_KEYS);
    REQUIRE(certificates <= LIMIT_P12_CERTIFICATES);
    p12_next(p12, &item);
    REQUIRE(item.kind == P12_END);
}

#pragma weak __lsan_disable
#pragma weak __lsan_enable
void __lsan_disable(void);
void __lsan_enable(void);

/* libcrypto keeps the random generators of its contexts where LeakSanitizer
 * does not see them. */
static void
warm(void)
{
    if (__lsan_disable)
        __lsan_disable();
    p12_warm();
    if (__lsan_enable)
        __lsan_enable();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_warm;
    AUTO(p12) struct p12 *p12 = NULL;
    struct problem p = {0};
    enum err e;

    if (!is_warm)
        warm();
    is_warm = true;
    if (size < 1 || is_slow(slice_of(data + 1, size - 1)))
        return 0;
    e = p12_read(slice_of(data + 1, size - 1), NULL, data[0] & 1, &p12, &p);
    REQUIRE(e == p.code && (e == ERR_OK) == (p12 != NULL));
    REQUIRE(e == ERR_OK || e == ERR_P12_FORMAT || e == ERR_P12_PASSWORD ||
            e == ERR_P12_NO_MAC || e == ERR_P12_NO_KEY ||
            e == ERR_P12_UNSUPPORTED || e == ERR_LIMIT);
    if (p12)
        read_items(p12);
    return 0;
}
