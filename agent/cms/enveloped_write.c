#include <openssl/rand.h>

#include "agent/cms/enveloped.h"
#include "agent/cms/fetched.h"
#include "agent/cms/recipient.h"
#include "agent/cms/segments.h"

#define GCM_NONCE_BYTES 12
#define GCM_TAG_BYTES   16
#define CBC_IV_BYTES    16
#define ENCRYPT_BYTES   SEGMENT_BYTES

/* BER with indefinite lengths: ContentInfo and the type's SEQUENCE. */
static const char enveloped_begin[] =
    "\x30\x80\x06\x09" PKCS "\x01\x07\x03\xa0\x80\x30\x80";
static const char auth_enveloped_begin[] =
    "\x30\x80\x06\x0b" PKCS "\x01\x09\x10\x01\x17\xa0\x80\x30\x80";
/* EncryptedContentInfo and contentType id-data; then the algorithm and the
 * encrypted content [0]. */
static const char content_begin[] = "\x30\x80\x06\x09" PKCS "\x01\x07\x01";
static const char string_begin[] = "\xa0\x80";
static const uint8_t end_of_contents[6];

struct enveloped_writer {
    struct sink sink;
    struct sink *to;
    struct cipher_algorithm algorithm;
    EVP_CIPHER_CTX *ctx;
    struct segments segments;
    uint8_t encrypted[ENCRYPT_BYTES + CBC_IV_BYTES];
};

static enum err
encrypt_write(struct sink *s, const uint8_t *p, size_t n,
              struct problem *problem)
{
    struct enveloped_writer *w = (struct enveloped_writer *)s;

    while (n > 0) {
        size_t take = n < ENCRYPT_BYTES ? n : ENCRYPT_BYTES;
        int len = 0;
        enum err e;

        if (EVP_EncryptUpdate(w->ctx, w->encrypted, &len, p, (int)take) != 1)
            return fail(problem, ERR_INTERNAL, "encryption failed");
        e = sink_write(&w->segments.sink, w->encrypted, (size_t)len, problem);
        if (e != ERR_OK)
            return e;
        p += take;
        n -= take;
    }
    return ERR_OK;
}

/* A fresh key and nonce, and the context under them. */
static enum err
begin_cipher(struct enveloped_writer *w, enum cipher cipher, struct secret *key,
             struct problem *p)
{
    struct cipher_algorithm *a = &w->algorithm;
    uint8_t *room;

    a->cipher = cipher;
    a->key_bytes = cipher_key_bytes(cipher);
    a->iv_bytes = cipher_is_aead(cipher) ? GCM_NONCE_BYTES : CBC_IV_BYTES;
    a->tag_bytes = cipher_is_aead(cipher) ? GCM_TAG_BYTES : 0;
    room = secret_room(key, a->key_bytes);
    w->ctx = EVP_CIPHER_CTX_new();
    if (!w->ctx || RAND_priv_bytes(room, (int)a->key_bytes) != 1 ||
        RAND_bytes(a->iv, (int)a->iv_bytes) != 1 ||
        EVP_EncryptInit_ex2(w->ctx, cipher_evp(cipher), room, a->iv, NULL) != 1)
        return fail(p, ERR_INTERNAL, "encryption cannot begin");
    return ERR_OK;
}

/* Version: 2 with a key agreement (RFC 5652 section 6.1), 0 otherwise and
 * always for AuthEnvelopedData. */
static enum err
write_head(const struct enveloped_writer *w,
           const struct envelope_recipient *recipients, size_t count,
           struct slice key, struct buf *out, struct problem *p)
{
    AUTO(buf) struct buf set = {0};
    bool agreed = false, auth = cipher_is_aead(w->algorithm.cipher);
    size_t mark = der_open(&set, TAG_SET);
    enum err e;

    for (size_t i = 0; i < count; i++) {
        e = recipient_write(&recipients[i], i + 1, key, &set, &agreed, p);
        if (e != ERR_OK)
            return e;
    }
    der_close(&set, mark);
    if (auth)
        buf_add(out, auth_enveloped_begin, sizeof(auth_enveloped_begin) - 1);
    else
        buf_add(out, enveloped_begin, sizeof(enveloped_begin) - 1);
    der_put_number(out, agreed && !auth ? 2 : 0);
    buf_add_slice(out, buf_slice(&set));
    buf_add(out, content_begin, sizeof(content_begin) - 1);
    cipher_write_algorithm(&w->algorithm, out);
    buf_add(out, string_begin, sizeof(string_begin) - 1);
    return ERR_OK;
}

enum err
enveloped_writer_begin(struct sink *to, enum cipher cipher,
                       const struct envelope_recipient *recipients,
                       size_t count, struct enveloped_writer **out,
                       struct problem *p)
{
    AUTO(enveloped_writer) struct enveloped_writer *w = mem_raw(sizeof(*w));
    AUTO(secret) struct secret *key = secret_new();
    AUTO(buf) struct buf head = {0};
    enum err e;

    memset(w, 0, offsetof(struct enveloped_writer, encrypted));
    if (count == 0 || !cipher_is_written(cipher))
        bug("an envelope for nobody or with a cipher not to be written");
    if (count > LIMIT_RECIPIENTS)
        return fail(p, ERR_LIMIT, "more than %d recipients", LIMIT_RECIPIENTS);
    w->sink.write = encrypt_write;
    w->to = to;
    segments_init(&w->segments, to);
    if ((e = begin_cipher(w, cipher, key, p)) != ERR_OK ||
        (e = write_head(w, recipients, count, secret_slice(key), &head, p)) !=
            ERR_OK ||
        (e = sink_write(to, head.data, head.len, p)) != ERR_OK)
        return e;
    *out = TAKE(w);
    return ERR_OK;
}

struct sink *
enveloped_writer_content(struct enveloped_writer *w)
{
    return &w->sink;
}

static enum err
put_mac(struct enveloped_writer *w, struct buf *out, struct problem *p)
{
    uint8_t tag[GCM_TAG_BYTES];

    if (EVP_CIPHER_CTX_ctrl(w->ctx, EVP_CTRL_AEAD_GET_TAG, sizeof(tag), tag) !=
        1)
        return fail(p, ERR_INTERNAL, "encryption has no tag");
    der_put(out, TAG_OCTET_STRING, slice_of(tag, sizeof(tag)));
    return ERR_OK;
}

enum err
enveloped_writer_end(struct enveloped_writer *w, struct problem *p)
{
    AUTO(buf) struct buf tail = {0};
    int len = 0;
    enum err e;

    if (EVP_EncryptFinal_ex(w->ctx, w->encrypted, &len) != 1)
        return fail(p, ERR_INTERNAL, "encryption cannot end");
    e = sink_write(&w->segments.sink, w->encrypted, (size_t)len, p);
    if (e != ERR_OK || (e = segments_flush(&w->segments, p)) != ERR_OK)
        return e;
    /* Out of the string and EncryptedContentInfo. */
    buf_add(&tail, end_of_contents, 4);
    if (cipher_is_aead(w->algorithm.cipher) &&
        (e = put_mac(w, &tail, p)) != ERR_OK)
        return e;
    buf_add(&tail, end_of_contents, 6);
    return sink_write(w->to, tail.data, tail.len, p);
}

void
enveloped_writer_drop(struct enveloped_writer **w)
{
    if (!*w)
        return;
    EVP_CIPHER_CTX_free((*w)->ctx);
    segments_drop(&(*w)->segments);
    free(*w);
    *w = NULL;
}
