#include "agent/cms/decrypt.h"

#include "agent/base/limits.h"
#include "agent/cms/fetched.h"
#include "agent/cms/late_aad.h"

#define AUTH_ATTRS        (TAG_CONTEXT_CONSTRUCTED + 1)
#define UNPROTECTED_ATTRS (TAG_CONTEXT_CONSTRUCTED + 1)
#define UNAUTH_ATTRS      (TAG_CONTEXT_CONSTRUCTED + 2)

/* plain[at..len) is decrypted and not yet handed out; of it the last block
 * is held back until the padding was checked. */
struct decryption {
    struct stream stream;
    struct cms_object *object;
    struct ber_string string;
    struct cipher_algorithm algorithm;
    EVP_CIPHER_CTX *ctx;
    struct secret *key; /* for what comes last */
    struct slice first; /* ciphertext that was read before, borrowed */
    struct buf whole;   /* CCM: all of it */
    uint8_t *cipher;
    uint8_t *plain;
    size_t at;
    size_t len;
    size_t most; /* of PLAIN was ever filled: what has to be wiped */
    bool ended;
    enum err failed;
};

/* The one answer. What is not the message's fault keeps its own. */
static enum err
cannot_decrypt(struct decryption *d, enum err e, struct problem *p)
{
    bool of_message = e == ERR_BAD_MESSAGE || e == ERR_LIMIT ||
                      e == ERR_UNSUPPORTED || e == ERR_CANNOT_DECRYPT;

    d->failed = of_message ? ERR_CANNOT_DECRYPT : e;
    wipe(d->plain, d->most);
    buf_clear(&d->whole);
    return of_message ? fail(p, ERR_CANNOT_DECRYPT, NULL) : e;
}

static size_t
held_back(const struct decryption *d)
{
    return d->ended || cipher_is_aead(d->algorithm.cipher)
               ? 0
               : d->algorithm.iv_bytes; /* CBC: the block size */
}

static size_t
available(const struct decryption *d)
{
    size_t n = d->len - d->at, held = held_back(d);

    return n > held ? n - held : 0;
}

/* The last block's padding (RFC 5652 section 6.3), each octet looked at. */
static bool
strip_padding(struct decryption *d)
{
    size_t block = d->algorithm.iv_bytes, n = d->len - d->at;
    unsigned pad, wrong;

    if (n != block)
        return false;
    pad = d->plain[d->len - 1];
    wrong = (pad == 0) | (pad > block);
    for (size_t i = 0; i < block; i++)
        wrong |= (i < pad) & (d->plain[d->len - 1 - i] != pad);
    if (wrong)
        return false;
    d->len -= pad;
    return true;
}

static enum err
skip_if(struct ber *b, uint8_t tag, struct problem *p)
{
    bool here = false;
    enum err e = ber_is(b, tag, &here, p);

    return e == ERR_OK && here ? ber_skip(b, p) : e;
}

/* authAttrs, re-tagged as they are authenticated (RFC 5083 section 2.2),
 * and the mac. */
static enum err
read_auth_tail(struct ber *b, struct buf *aad, struct buf *mac,
               struct problem *p)
{
    bool here = false;
    enum err e;

    if ((e = ber_is(b, AUTH_ATTRS, &here, p)) != ERR_OK)
        return e;
    if (here) {
        if ((e = ber_collect(b, aad, LIMIT_AAD_BYTES, p)) != ERR_OK)
            return e;
        aad->data[0] = TAG_SET;
    }
    if ((e = ber_collect(b, mac, LIMIT_BLOCK_BYTES + 2, p)) != ERR_OK)
        return e;
    return skip_if(b, UNAUTH_ATTRS, p);
}

static bool
check_tag(struct decryption *d, struct slice aad, struct slice whole_mac)
{
    struct der der = der_of(whole_mac);
    struct slice mac = der_take(&der, TAG_OCTET_STRING);
    uint8_t tag[LIMIT_BLOCK_BYTES];
    uint8_t rest[LIMIT_BLOCK_BYTES];
    int n = 0;

    if (!der_done(&der) || mac.n != d->algorithm.tag_bytes)
        return false;
    memcpy(tag, mac.p, mac.n);
    if (aad.n > 0 && !gcm_tag_without_aad(secret_slice(d->key), aad,
                                          d->string.total, tag, mac.n))
        return false;
    return EVP_CIPHER_CTX_ctrl(d->ctx, EVP_CTRL_AEAD_SET_TAG, (int)mac.n,
                               tag) == 1 &&
           EVP_DecryptFinal_ex(d->ctx, rest, &n) == 1;
}

static enum err
finish_auth(struct decryption *d, struct problem *p)
{
    AUTO(buf) struct buf aad = {0};
    AUTO(buf) struct buf mac = {0};
    struct ber *b = d->string.b;
    enum err e;

    if ((e = read_auth_tail(b, &aad, &mac, p)) != ERR_OK ||
        (e = cms_object_close(d->object, p)) != ERR_OK)
        return e;
    return check_tag(d, buf_slice(&aad), buf_slice(&mac)) ? ERR_OK
                                                          : ERR_CANNOT_DECRYPT;
}

static enum err
finish_cbc(struct decryption *d, struct problem *p)
{
    uint8_t rest[LIMIT_BLOCK_BYTES];
    int n = 0;
    enum err e;

    if ((e = skip_if(d->string.b, UNPROTECTED_ATTRS, p)) != ERR_OK ||
        (e = cms_object_close(d->object, p)) != ERR_OK)
        return e;
    if (EVP_DecryptFinal_ex(d->ctx, rest, &n) != 1 || !strip_padding(d))
        return ERR_CANNOT_DECRYPT;
    return ERR_OK;
}

/* Behind the ciphertext: out of EncryptedContentInfo, then what the type of
 * the object has there. */
static enum err
finish(struct decryption *d, struct problem *p)
{
    enum err e;

    if ((e = ber_leave(d->string.b, p)) != ERR_OK)
        return e;
    e = cms_object_type(d->object) == CMS_TYPE_AUTH_ENVELOPED
            ? finish_auth(d, p)
            : finish_cbc(d, p);
    if (e == ERR_OK)
        d->ended = true;
    return e;
}

static enum err
next_piece(struct decryption *d, size_t *got, struct problem *p)
{
    *got = d->first.n;
    if (d->first.n == 0)
        return ber_string_read(&d->string, d->cipher, STREAM_CHUNK_BYTES, got,
                               p);
    memcpy(d->cipher, d->first.p, d->first.n);
    d->first.n = 0;
    return ERR_OK;
}

/* ---- CCM ------------------------------------------------------------------
 * Its check begins with the length and the additional data (RFC 3610 section
 * 2.2), and both come last here, so all of the ciphertext is held. */

static enum err
collect_ccm(struct decryption *d, struct problem *p)
{
    size_t got = 0;
    enum err e;

    do {
        if ((e = next_piece(d, &got, p)) != ERR_OK)
            return e;
        if (d->whole.len + got > LIMIT_CCM_BYTES)
            return ERR_LIMIT;
        buf_add(&d->whole, d->cipher, got);
    } while (got > 0);
    return ber_leave(d->string.b, p);
}

static bool
open_ccm(struct decryption *d, struct slice aad, struct slice whole_mac)
{
    struct der der = der_of(whole_mac);
    struct slice mac = der_take(&der, TAG_OCTET_STRING);
    uint8_t nothing[LIMIT_BLOCK_BYTES] = {0};
    uint8_t *in = d->whole.len > 0 ? d->whole.data : nothing;
    EVP_CIPHER_CTX *c = d->ctx;
    int n = 0, size = (int)d->whole.len;

    return der_done(&der) && mac.n == d->algorithm.tag_bytes &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, (int)mac.n,
                               (void *)(uintptr_t)mac.p) == 1 &&
           EVP_DecryptInit_ex2(c, NULL, secret_slice(d->key).p, d->algorithm.iv,
                               NULL) == 1 &&
           EVP_DecryptUpdate(c, NULL, &n, NULL, size) == 1 &&
           (aad.n == 0 ||
            EVP_DecryptUpdate(c, NULL, &n, aad.p, (int)aad.n) == 1) &&
           EVP_DecryptUpdate(c, in, &n, in, size) == 1;
}

static enum err
read_ccm(struct decryption *d, struct problem *p)
{
    AUTO(buf) struct buf aad = {0};
    AUTO(buf) struct buf mac = {0};
    enum err e;

    if ((e = collect_ccm(d, p)) != ERR_OK ||
        (e = read_auth_tail(d->string.b, &aad, &mac, p)) != ERR_OK ||
        (e = cms_object_close(d->object, p)) != ERR_OK)
        return e;
    if (!open_ccm(d, buf_slice(&aad), buf_slice(&mac)))
        return ERR_CANNOT_DECRYPT;
    d->ended = true;
    return ERR_OK;
}

/* ---- as a stream ----------------------------------------------------------
 */

/* Decrypts one more piece behind the block that is held back. */
static enum err
refill(struct decryption *d, struct problem *p)
{
    size_t left = d->len - d->at, got = 0;
    int n = 0;
    enum err e;

    if (left > 0)
        memmove(d->plain, d->plain + d->at, left);
    d->at = 0;
    d->len = left;
    if ((e = next_piece(d, &got, p)) != ERR_OK)
        return e;
    if (got == 0)
        return finish(d, p);
    if (d->most < left + got + LIMIT_BLOCK_BYTES)
        d->most = left + got + LIMIT_BLOCK_BYTES;
    if (EVP_DecryptUpdate(d->ctx, d->plain + left, &n, d->cipher, (int)got) !=
        1)
        return ERR_CANNOT_DECRYPT;
    d->len += (size_t)n;
    return ERR_OK;
}

static size_t
hand_out(struct decryption *d, const uint8_t *from, size_t n, uint8_t *out,
         size_t size)
{
    n = n < size ? n : size;
    if (n > 0)
        memcpy(out, from + d->at, n);
    d->at += n;
    return n;
}

static enum err
decryption_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
                struct problem *p)
{
    struct decryption *d = (struct decryption *)s;
    enum err e;

    *got = 0;
    if (d->failed != ERR_OK)
        return fail(p, d->failed, NULL);
    if (cipher_is_ccm(d->algorithm.cipher)) {
        if (!d->ended && (e = read_ccm(d, p)) != ERR_OK)
            return cannot_decrypt(d, e, p);
        *got = hand_out(d, d->whole.data, d->whole.len - d->at, out, size);
        return ERR_OK;
    }
    while (!d->ended && available(d) == 0)
        if ((e = refill(d, p)) != ERR_OK)
            return cannot_decrypt(d, e, p);
    *got = hand_out(d, d->plain, available(d), out, size);
    return ERR_OK;
}

static bool
set_parameters(EVP_CIPHER_CTX *ctx, const struct cipher_algorithm *a)
{
    if (cipher_is_ccm(a->cipher) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)a->tag_bytes,
                            NULL) != 1)
        return false;
    if (cipher_is_aead(a->cipher))
        return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN,
                                   (int)a->iv_bytes, NULL) == 1;
    if (a->cipher == CIPHER_RC2_CBC)
        return EVP_CIPHER_CTX_set_key_length(ctx, (int)a->key_bytes) == 1 &&
               EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_SET_RC2_KEY_BITS, a->rc2_bits,
                                   NULL) > 0;
    return true;
}

static bool
cipher_begin(EVP_CIPHER_CTX *ctx, const struct cipher_algorithm *a,
             struct slice key)
{
    const EVP_CIPHER *cipher = cipher_evp(a->cipher);

    return cipher && EVP_DecryptInit_ex2(ctx, cipher, NULL, NULL, NULL) == 1 &&
           set_parameters(ctx, a) &&
           EVP_DecryptInit_ex2(ctx, NULL, key.p, a->iv, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
}

enum err
decryption_new(struct cms_object *o, const struct ber_string *string,
               struct slice first, const struct cipher_algorithm *a,
               struct slice key, struct decryption **out, struct problem *p)
{
    AUTO(decryption) struct decryption *d = NULL;

    if (key.n != a->key_bytes)
        return fail(p, ERR_CANNOT_DECRYPT, NULL);
    d = mem_new(sizeof(*d));
    d->stream.read = decryption_read;
    d->object = o;
    d->string = *string;
    d->first = first;
    d->algorithm = *a;
    d->key = secret_copy(key.p, key.n);
    d->cipher = mem_raw(STREAM_CHUNK_BYTES);
    d->plain = mem_raw(STREAM_CHUNK_BYTES + 2 * LIMIT_BLOCK_BYTES);
    d->ctx = EVP_CIPHER_CTX_new();
    if (!d->ctx || !cipher_begin(d->ctx, a, key))
        return fail(p, ERR_UNSUPPORTED, "%s", cipher_name(a->cipher));
    *out = TAKE(d);
    return ERR_OK;
}

bool
decryption_looks_right(struct slice first, const struct cipher_algorithm *a,
                       struct slice key)
{
    AUTO(cipher_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t plain[LIMIT_FIRST_BYTES + LIMIT_BLOCK_BYTES];
    bool right = true;
    int n = 0;

    /* The first block of two: a last one is padded. */
    if (key.n != a->key_bytes || cipher_is_ccm(a->cipher) ||
        first.n != LIMIT_FIRST_BYTES || !ctx || !cipher_begin(ctx, a, key) ||
        EVP_DecryptUpdate(ctx, plain, &n, first.p, (int)first.n) != 1 ||
        n < LIMIT_BLOCK_BYTES)
        return false;
    for (int i = 0; i < LIMIT_BLOCK_BYTES; i++)
        right &= (plain[i] >= ' ' && plain[i] < 0x7f) || plain[i] == '\n' ||
                 plain[i] == '\r' || plain[i] == '\t';
    wipe(plain, sizeof(plain));
    return right;
}

struct stream *
decryption_stream(struct decryption *d)
{
    return &d->stream;
}

void
decryption_drop(struct decryption **d)
{
    if (!*d)
        return;
    if ((*d)->plain)
        wipe((*d)->plain, (*d)->most);
    EVP_CIPHER_CTX_free((*d)->ctx);
    secret_drop(&(*d)->key);
    buf_drop(&(*d)->whole);
    free((*d)->cipher);
    free((*d)->plain);
    free(*d);
    *d = NULL;
}
