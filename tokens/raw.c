/* PKCS#1 v1.5 padding by hand, for tokens that have raw RSA only. */
#include "tokens/operation.h"

#include <openssl/crypto.h>

#define LEAST_PADDING 8 /* RFC 8017, 7.2.1 and 9.2 */

bool
raw_pad_signature(const uint8_t *data, size_t n, uint8_t *em, size_t bytes)
{
    if (bytes < 3 + LEAST_PADDING || n > bytes - 3 - LEAST_PADDING)
        return false;
    size_t fill = bytes - 3 - n;

    em[0] = 0;
    em[1] = 1;
    memset(em + 2, 0xff, fill);
    em[2 + fill] = 0;
    memcpy(em + 3 + fill, data, n);
    return true;
}

/* All ones or none, without a branch. */
static size_t
mask_zero(size_t x)
{
    return ((x | (0 - x)) >> (sizeof(x) * 8 - 1)) - 1;
}

/* Moves EM to the left by SHIFT bytes, looking at every byte whatever SHIFT
 * is. */
static void
shift_left(uint8_t *em, size_t bytes, size_t shift)
{
    for (size_t step = 1; step < bytes; step <<= 1) {
        uint8_t keep = (uint8_t)mask_zero(shift & step);

        for (size_t i = 0; i + step < bytes; i++)
            em[i] = (uint8_t)((em[i] & keep) | (em[i + step] & (uint8_t)~keep));
    }
}

/* RFC 8017, 7.2.2; Bleichenbacher: where the padding ends and whether it is
 * one shows in no branch and no address before the answer is given. */
bool
raw_unpad(uint8_t *em, size_t bytes, size_t *out_len)
{
    size_t looking = ~(size_t)0, end = 0;

    if (bytes < 3 + LEAST_PADDING)
        return false;
    for (size_t i = 2; i < bytes; i++) {
        size_t here = looking & mask_zero(em[i]);

        end |= here & i;
        looking &= ~here;
    }
    size_t good = mask_zero(em[0]) & mask_zero(em[1] ^ 2) & ~looking;
    /* end >= 2 + LEAST_PADDING, by the sign of the difference. */
    good &= ((end - 2 - LEAST_PADDING) >> (sizeof(end) * 8 - 1)) - 1;
    shift_left(em, bytes, (end + 1) & good);
    *out_len = (bytes - end - 1) & good;
    return good != 0;
}

/* A token may leave leading zeros out. */
static bool
whole_block(struct operation *op, uint8_t *em, size_t bytes)
{
    if (op->out_len > bytes)
        return false;
    memset(em, 0, bytes - op->out_len);
    memcpy(em + bytes - op->out_len, op->out, op->out_len);
    return true;
}

static enum tokens_err
raw_decrypt(struct token *t, struct operation *op, size_t bytes)
{
    uint8_t em[TOKEN_SIGNATURE_BYTES];
    size_t n = 0;
    enum tokens_err e = operation_run(t, op);

    if (e == TOKENS_OK && (!whole_block(op, em, bytes) ||
                           !raw_unpad(em, bytes, &n) || n > op->room))
        e = TOKENS_MESSAGE;
    if (e == TOKENS_OK) {
        memcpy(op->out, em, n);
        op->out_len = n;
    }
    OPENSSL_cleanse(em, sizeof(em));
    return e;
}

enum tokens_err
raw_pkcs1(struct token *t, struct operation *op, size_t bytes)
{
    uint8_t em[TOKEN_SIGNATURE_BYTES];

    if (bytes > sizeof(em))
        return TOKENS_CANNOT;
    op->mechanism = (CK_MECHANISM){.mechanism = CKM_RSA_X_509};
    if (op->decrypt)
        return raw_decrypt(t, op, bytes);
    if (!raw_pad_signature(op->data, op->data_len, em, bytes))
        return TOKENS_MESSAGE;
    op->data = em;
    op->data_len = bytes;
    return operation_run(t, op);
}
