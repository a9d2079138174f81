/*
 * The EnvelopedData and AuthEnvelopedData readers, decrypting with a key of
 * zeros: what comes out does not depend on the pieces, and every failure
 * behind the first octet of ciphertext is the one answer.
 */
#include "agent/cms/enveloped.h"

#include "tests/fuzz/fuzz.h"

/* At most MOST bytes at a time. */
struct drops {
    struct stream s;
    struct slice rest;
    size_t most;
};

static enum err
drops_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
           struct problem *p)
{
    struct drops *d = (struct drops *)s;
    size_t n = d->rest.n < d->most ? d->rest.n : d->most;

    (void)p;
    *got = n < size ? n : size;
    if (*got > 0) {
        memcpy(out, d->rest.p, *got);
        d->rest.p += *got;
        d->rest.n -= *got;
    }
    return ERR_OK;
}

static void
check_recipients(const struct enveloped_reader *r)
{
    size_t count = enveloped_recipient_count(r);

    REQUIRE(count <= LIMIT_RECIPIENTS);
    for (size_t i = 0; i < count; i++) {
        const struct recipient_info *info = enveloped_recipient(r, i);

        if (!info->supported)
            continue;
        REQUIRE(info->encrypted_key.n <= 1024);
        REQUIRE(info->label.n <= 512 && info->shared_info.n <= 1024);
        REQUIRE(info->originator.n <= 256);
        REQUIRE(info->kind == RECIPIENT_KEY_TRANSPORT ||
                (info->kind == RECIPIENT_KEY_AGREEMENT &&
                 info->kek_bytes >= 16 && info->shared_info.n > 0));
    }
}

static enum err
decrypt_object(struct cms_object *o, struct buf *out, struct problem *p)
{
    static const uint8_t zeros[128];
    AUTO(enveloped_reader) struct enveloped_reader *r = NULL;
    AUTO(secret) struct secret *key = NULL;
    struct stream *content = NULL;
    enum err e;

    if (cms_object_type(o) != CMS_TYPE_ENVELOPED &&
        cms_object_type(o) != CMS_TYPE_AUTH_ENVELOPED)
        return ERR_NOT_SMIME;
    if ((e = enveloped_reader_begin(o, &r, p)) != ERR_OK)
        return e;
    check_recipients(r);
    key = secret_copy(zeros, enveloped_cipher(r)->key_bytes);
    if ((e = enveloped_reader_content(r, key, &content, p)) != ERR_OK)
        return e;
    e = stream_read_all(content, SIZE_MAX / 2, out, p);
    REQUIRE(e == ERR_OK || e == ERR_CANNOT_DECRYPT);
    REQUIRE(e == ERR_OK || p->detail[0] == '\0');
    return e;
}

static enum err
decrypt_in_drops(struct slice input, size_t most, struct buf *out)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    struct drops d = {.s = {.read = drops_read}, .rest = input, .most = most};
    struct problem p = {0};
    enum err e;

    if ((e = cms_object_open(&d.s, &o, &p)) != ERR_OK)
        return e;
    return decrypt_object(o, out, &p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf a = {0};
    AUTO(buf) struct buf b = {0};
    struct slice input = slice_of(data, size);
    enum err e = decrypt_in_drops(input, size, &a);

    REQUIRE(decrypt_in_drops(input, 1, &b) == e);
    REQUIRE(slice_equal(buf_slice(&a), buf_slice(&b)));
    return 0;
}
