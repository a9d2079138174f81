/*
 * Files of certificates or CRLs as the validator reads them, and the list of
 * built-in anchors: what is found lies inside the input or came out of its
 * base64, is found once, and is found again in a file made of it.
 */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "agent/anchors/list.h"
#include "agent/validator/armour.h"
#include "tests/fuzz/fuzz.h"

/* All that is found, written as one PEM file. Gives how many. */
static size_t
read_all(struct slice bytes, enum armoured want, struct buf *out)
{
    struct armour_reader r;
    struct slice der;
    size_t count = 0, total = 0;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long n;

    REQUIRE(bio);
    armour_init(&r, want, bytes);
    while (armour_next(&r, &der)) {
        REQUIRE(der.n > 0);
        total += der.n;
        count++;
        REQUIRE(total <= bytes.n);
        REQUIRE(PEM_write_bio(bio,
                              want == ARMOURED_CRL ? PEM_STRING_X509_CRL
                                                   : PEM_STRING_X509,
                              "", der.p, (long)der.n) > 0);
    }
    REQUIRE(r.rest.n == 0);
    armour_drop(&r);
    n = BIO_get_mem_data(bio, &text);
    buf_add(out, text, (size_t)n);
    BIO_free(bio);
    ERR_clear_error();
    return count;
}

static void
check_armour(struct slice bytes, enum armoured want)
{
    AUTO(buf) struct buf once = {0};
    AUTO(buf) struct buf twice = {0};
    size_t count = read_all(bytes, want, &once);

    REQUIRE(read_all(buf_slice(&once), want, &twice) == count);
    REQUIRE(slice_equal(buf_slice(&once), buf_slice(&twice)));
}

static void
check_list(struct slice bytes)
{
    AUTO(buf) struct buf again = {0};
    struct slice rest = bytes;
    struct anchor_item item;

    while (anchor_item_read(&rest, &item)) {
        REQUIRE(item.der.n > 0 && item.der.n <= LIMIT_BUILTIN_DER_BYTES);
        REQUIRE(item.label.n <= LIMIT_BUILTIN_LABEL_BYTES);
        anchor_item_write(&again, &item);
    }
    REQUIRE(again.len + rest.n == bytes.n);
    REQUIRE(again.len == 0 || memcmp(again.data, bytes.p, again.len) == 0);
    anchor_list_end(&again);
    if (anchor_list_is_whole(bytes))
        REQUIRE(slice_equal(buf_slice(&again), bytes));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of(data, size);

    check_armour(bytes, ARMOURED_CERTIFICATE);
    check_armour(bytes, ARMOURED_CRL);
    check_list(bytes);
    return 0;
}
