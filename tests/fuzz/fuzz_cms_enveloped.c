/*
 * The EnvelopedData and AuthEnvelopedData readers, decrypting with a key of
 * zeros: what comes out does not depend on the pieces, every failure behind
 * the first octet of ciphertext is the one answer, and under a tag no
 * changed bit of the object gives another plaintext.
 */
#include "agent/cms/enveloped.h"

#include "tests/fuzz/drops.h"
#include "tests/fuzz/mutate.h"

MUTATES_DER(0)

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

/* LOOK: at the first octets, before; it makes no difference. */
static enum err
decrypt_object(struct cms_object *o, bool look, struct buf *out, bool *aead,
               struct problem *p)
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
    *aead = cipher_is_aead(enveloped_cipher(r)->cipher);
    key = secret_copy(zeros, enveloped_cipher(r)->key_bytes);
    if (look)
        (void)enveloped_reader_looks_right(r, key);
    if ((e = enveloped_reader_content(r, key, &content, p)) != ERR_OK)
        return e;
    e = stream_read_all(content, SIZE_MAX / 2, out, p);
    REQUIRE(e == ERR_OK || e == ERR_CANNOT_DECRYPT);
    REQUIRE(e == ERR_OK || p->detail[0] == '\0');
    return e;
}

static enum err
decrypt_in_drops(struct slice input, size_t most, struct buf *out, bool *aead)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    struct drops d = drops_of(input, most);
    struct problem p = {0};
    enum err e;

    if ((e = cms_object_open(&d.s, &o, &p)) != ERR_OK)
        return e;
    return decrypt_object(o, most == 1, out, aead, &p);
}

/* Flips one bit after the other, some of them, from the end: there content,
 * attributes and tag are. */
static void
check_authenticity(struct slice input, struct slice plain)
{
    AUTO(buf) struct buf changed = {0};
    size_t step = input.n / 16 + 1;

    buf_add_slice(&changed, input);
    for (size_t back = 1; back <= input.n; back += back < 40 ? 5 : step) {
        uint8_t *at = changed.data + input.n - back;
        uint8_t bit = (uint8_t)(1 << back % 8);
        AUTO(buf) struct buf out = {0};
        bool aead = false;

        *at ^= bit;
        if (decrypt_in_drops(buf_slice(&changed), input.n, &out, &aead) ==
                ERR_OK &&
            aead)
            REQUIRE(slice_equal(buf_slice(&out), plain));
        *at ^= bit;
    }
}

/* What a contact has announced is his word. */
static void
check_capabilities(struct slice input)
{
    enum cipher c = capabilities_choose(&input, 1);
    enum hash h = capabilities_oaep(input);

    REQUIRE(c == CIPHER_AES256_GCM || c == CIPHER_AES256_CBC ||
            c == CIPHER_AES128_CBC);
    REQUIRE(c != CIPHER_AES256_GCM || capabilities_announce(input, c));
    REQUIRE(h == HASH_NONE || h == HASH_SHA256 || h == HASH_SHA384 ||
            h == HASH_SHA512);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf) struct buf a = {0};
    AUTO(buf) struct buf b = {0};
    struct slice input = slice_of(data, size);
    bool aead = false;
    enum err e = decrypt_in_drops(input, size, &a, &aead);

    REQUIRE(decrypt_in_drops(input, 1, &b, &aead) == e);
    REQUIRE(slice_equal(buf_slice(&a), buf_slice(&b)));
    check_capabilities(input);
    if (e == ERR_OK && aead)
        check_authenticity(input, buf_slice(&a));
    return 0;
}
