#include "agent/cms/late_aad.h"

#include "agent/base/secret.h"
#include "agent/cms/fetched.h"

#define BLOCK_BYTES 16

/* An element of GCM's field; the first octet's highest bit is the lowest
 * power (NIST SP 800-38D section 6.3). */
struct element {
    uint64_t high;
    uint64_t low;
};

static struct element
element_read(const uint8_t *p, size_t n)
{
    uint8_t block[BLOCK_BYTES] = {0};
    struct element e = {0, 0};

    memcpy(block, p, n);
    for (int i = 0; i < 8; i++) {
        e.high = e.high << 8 | block[i];
        e.low = e.low << 8 | block[8 + i];
    }
    return e;
}

static struct element
add(struct element a, struct element b)
{
    return (struct element){a.high ^ b.high, a.low ^ b.low};
}

/* Bit by bit and without branches on the key's element: it runs a few
 * hundred times for a message, not for each block of it. */
static struct element
multiply(struct element x, struct element y)
{
    struct element z = {0, 0};

    for (int i = 0; i < 128; i++) {
        uint64_t bit = i < 64 ? x.high >> (63 - i) : x.low >> (127 - i);
        uint64_t mask = 0 - (bit & 1), carry = 0 - (y.low & 1);

        z.high ^= y.high & mask;
        z.low ^= y.low & mask;
        y.low = y.low >> 1 | y.high << 63;
        y.high = y.high >> 1 ^ (carry & 0xe100000000000000);
    }
    return z;
}

static struct element
power(struct element base, uint64_t exponent)
{
    struct element result = {0x8000000000000000, 0}; /* one */

    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            result = multiply(result, base);
        base = multiply(base, base);
    }
    return result;
}

/* H: the cipher of the block of zeros. */
static bool
hash_key(struct slice key, struct element *out)
{
    AUTO(cipher_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t block[BLOCK_BYTES] = {0};
    int n = 0;

    if (!ctx ||
        EVP_EncryptInit_ex2(ctx, ecb_evp(key.n), key.p, NULL, NULL) != 1 ||
        EVP_EncryptUpdate(ctx, block, &n, block, BLOCK_BYTES) != 1 ||
        n != BLOCK_BYTES)
        return false;
    *out = element_read(block, BLOCK_BYTES);
    wipe(block, sizeof(block));
    return true;
}

bool
gcm_tag_without_aad(struct slice key, struct slice aad,
                    uint64_t ciphertext_bytes, uint8_t *tag, size_t tag_bytes)
{
    uint64_t blocks =
        ciphertext_bytes / BLOCK_BYTES + (ciphertext_bytes % BLOCK_BYTES != 0);
    struct element h, share = {0, 0}, lengths = {(uint64_t)aad.n * 8, 0};

    if (!hash_key(key, &h))
        return false;
    for (size_t at = 0; at < aad.n; at += BLOCK_BYTES) {
        size_t n = aad.n - at < BLOCK_BYTES ? aad.n - at : BLOCK_BYTES;

        share = multiply(add(share, element_read(aad.p + at, n)), h);
    }
    share = multiply(share, power(h, blocks + 1));
    share = add(share, multiply(lengths, h));
    for (size_t i = 0; i < tag_bytes && i < BLOCK_BYTES; i++)
        tag[i] ^=
            (uint8_t)((i < 8 ? share.high : share.low) >> (8 * (7 - i % 8)));
    wipe(&h, sizeof(h));
    return true;
}
