/*
 * AES-CCM (RFC 5084), which is read and never written: every size, additional
 * data, changed octets, the bound; and what tells a key by the first octets.
 */
#include "agent/cms/der.h"
#include "agent/cms/fetched.h"
#include "tests/unit/cms_fixture.h"

static const uint8_t key[32] = {3, 1, 4}, nonce[12] = {5, 9, 2};

struct message {
    enum cipher cipher;
    int tag_bytes;
    struct slice content;
    struct slice attributes; /* SET OF, or empty */
};

static enum oid
oid_of(enum cipher c)
{
    return c == CIPHER_AES128_CCM   ? OID_AES128_CCM
           : c == CIPHER_AES192_CCM ? OID_AES192_CCM
                                    : OID_AES256_CCM;
}

static void
encrypt(const struct message *m, uint8_t *out, uint8_t tag[16])
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0, size = (int)m->content.n;

    assert_int_equal(
        EVP_EncryptInit_ex2(c, cipher_evp(m->cipher), NULL, NULL, NULL), 1);
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, sizeof(nonce), NULL);
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, m->tag_bytes, NULL);
    assert_int_equal(EVP_EncryptInit_ex2(c, NULL, key, nonce, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(c, NULL, &n, NULL, size), 1);
    if (m->attributes.n > 0)
        assert_int_equal(EVP_EncryptUpdate(c, NULL, &n, m->attributes.p,
                                           (int)m->attributes.n),
                         1);
    assert_int_equal(EVP_EncryptUpdate(c, out, &n, m->content.p, size), 1);
    assert_int_equal(
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, m->tag_bytes, tag), 1);
    EVP_CIPHER_CTX_free(c);
}

static void
put_algorithm(const struct message *m, struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE), parameters;

    der_put_oid(out, oid_of(m->cipher));
    parameters = der_open(out, TAG_SEQUENCE);
    der_put(out, TAG_OCTET_STRING, slice_of(nonce, sizeof(nonce)));
    if (m->tag_bytes != 12)
        der_put_number(out, (unsigned)m->tag_bytes);
    der_close(out, parameters);
    der_close(out, mark);
}

static void
put_message(const struct message *m, struct buf *out)
{
    AUTO(buf) struct buf encrypted = {0};
    uint8_t tag[16];
    size_t mark[4];

    buf_reserve(&encrypted, m->content.n + 1);
    encrypt(m, encrypted.data, tag);
    encrypted.len = m->content.n;
    mark[0] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_AUTH_ENVELOPED_DATA);
    mark[1] = der_open(out, TAG_CONTEXT_CONSTRUCTED);
    mark[2] = der_open(out, TAG_SEQUENCE);
    der_put_number(out, 0);
    der_put(out, TAG_SET, slice_of(NULL, 0));
    mark[3] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_DATA);
    put_algorithm(m, out);
    der_put(out, TAG_CONTEXT, buf_slice(&encrypted));
    der_close(out, mark[3]);
    if (m->attributes.n > 0) {
        size_t at = out->len;

        buf_add_slice(out, m->attributes);
        out->data[at] = TAG_CONTEXT_CONSTRUCTED + 1;
    }
    der_put(out, TAG_OCTET_STRING, slice_of(tag, (size_t)m->tag_bytes));
    for (int i = 2; i >= 0; i--)
        der_close(out, mark[i]);
}

/* LOOK: at the first octets, before; *right is what they say. */
static enum err
read_message(struct slice object, bool look, bool *right, struct buf *out)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(enveloped_reader) struct enveloped_reader *r = NULL;
    AUTO(secret) struct secret *cek = NULL;
    struct stream *content = NULL;
    struct problem p = {0};
    struct steps from;
    enum err e;

    steps_init(&from, object, 100);
    if ((e = cms_object_open(&from.s, &o, &p)) != ERR_OK ||
        (e = enveloped_reader_begin(o, &r, &p)) != ERR_OK)
        return e;
    cek = secret_copy(key, enveloped_cipher(r)->key_bytes);
    if (look)
        *right = enveloped_reader_looks_right(r, cek);
    assert_int_equal(enveloped_reader_content(r, cek, &content, &p), ERR_OK);
    e = read_in_steps(content, 1000, out, &p);
    assert_true(e == ERR_OK || p.detail[0] == '\0');
    return e;
}

static void
every_size_is_read(void **state)
{
    static const size_t sizes[] = {0, 1, 16, 5000};
    static const uint8_t attributes[] = {TAG_SET, 3, 4, 1, 7};
    AUTO(buf) struct buf content = {0};

    (void)state;
    fill_pattern(&content, 5000);
    for (int i = 0; i < 3 * 5 * 4 * 2; i++) {
        AUTO(buf) struct buf object = {0};
        AUTO(buf) struct buf got = {0};
        struct message m = {.cipher = (enum cipher)(CIPHER_AES128_CCM + i % 3),
                            .tag_bytes = 8 + 2 * (i / 3 % 5),
                            .content =
                                slice_of(content.data, sizes[i / 15 % 4]),
                            .attributes = slice_of(attributes, i < 60 ? 0 : 5)};

        put_message(&m, &object);
        assert_int_equal(read_message(buf_slice(&object), false, NULL, &got),
                         ERR_OK);
        assert_true(slice_equal(buf_slice(&got), m.content));
    }
}

static void
a_tag_of_less_than_eight_octets_is_none(void **state)
{
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};
    struct message m = {.cipher = CIPHER_AES128_CCM,
                        .tag_bytes = 6,
                        .content = slice_text("a text")};

    (void)state;
    put_message(&m, &object);
    assert_int_equal(read_message(buf_slice(&object), false, NULL, &got),
                     ERR_UNSUPPORTED);
}

static void
no_changed_octet_gives_a_plaintext(void **state)
{
    static const uint8_t attributes[] = {TAG_SET, 3, 4, 1, 7};
    AUTO(buf) struct buf object = {0};
    struct message m = {.cipher = CIPHER_AES256_CCM,
                        .tag_bytes = 16,
                        .content = slice_text("a text of some length"),
                        .attributes = slice_of(attributes, 5)};

    (void)state;
    put_message(&m, &object);
    for (size_t back = 1; back <= 16 + 2 + 5 + m.content.n; back++) {
        AUTO(buf) struct buf got = {0};

        object.data[object.len - back] ^= 1;
        assert_int_not_equal(
            read_message(buf_slice(&object), false, NULL, &got), ERR_OK);
        assert_int_equal(got.len, 0);
        object.data[object.len - back] ^= 1;
    }
}

static void
so_much_is_held_and_no_more(void **state)
{
    AUTO(buf) struct buf content = {0};

    (void)state;
    fill_pattern(&content, LIMIT_CCM_BYTES + 1);
    for (size_t more = 0; more < 2; more++) {
        AUTO(buf) struct buf object = {0};
        AUTO(buf) struct buf got = {0};
        struct message m = {.cipher = CIPHER_AES128_CCM,
                            .tag_bytes = 12,
                            .content =
                                slice_of(content.data, LIMIT_CCM_BYTES + more)};

        put_message(&m, &object);
        assert_int_equal(read_message(buf_slice(&object), false, NULL, &got),
                         more ? ERR_CANNOT_DECRYPT : ERR_OK);
        assert_int_equal(got.len, more ? 0 : LIMIT_CCM_BYTES);
    }
}

/* ---- the first octets -----------------------------------------------------
 */

static void
the_right_key_is_told_by_text_and_nothing_is_lost(void **state)
{
    static const enum cipher ciphers[] = {CIPHER_AES128_CBC, CIPHER_AES256_GCM};
    static const char *const texts[] = {
        "", "short",
        "Content-Type: text/plain\r\n\r\nThe text, of any length."};
    struct identity rsa = identity_make("RSA", NULL);
    const struct identity *to = &rsa;

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_COUNT(texts); i++) {
        AUTO(buf) struct buf object = {0};
        AUTO(buf) struct buf got = {0};
        AUTO(cms_object) struct cms_object *o = NULL;
        AUTO(enveloped_reader) struct enveloped_reader *r = NULL;
        AUTO(secret) struct secret *good = secret_new();
        AUTO(secret) struct secret *bad = NULL;
        struct slice text = slice_text(texts[i / 2]);
        struct stream *content = NULL;
        struct steps from;

        assert_int_equal(
            envelope(ciphers[i % 2], &to, 1, false, text, 100, &object, NULL),
            ERR_OK);
        steps_init(&from, buf_slice(&object), 7);
        assert_int_equal(cms_object_open(&from.s, &o, NULL), ERR_OK);
        assert_int_equal(enveloped_reader_begin(o, &r, NULL), ERR_OK);
        assert_true(key_unwrap(rsa.key, enveloped_recipient(r, 0),
                               enveloped_cipher(r)->key_bytes, good));
        bad = secret_copy(key, enveloped_cipher(r)->key_bytes);
        assert_false(enveloped_reader_looks_right(r, bad));
        assert_int_equal(enveloped_reader_looks_right(r, good), text.n > 31);
        assert_int_equal(enveloped_reader_content(r, good, &content, NULL),
                         ERR_OK);
        assert_int_equal(read_in_steps(content, 5, &got, NULL), ERR_OK);
        assert_true(slice_equal(buf_slice(&got), text));
    }
    identity_drop(&rsa);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_read),
        cmocka_unit_test(a_tag_of_less_than_eight_octets_is_none),
        cmocka_unit_test(no_changed_octet_gives_a_plaintext),
        cmocka_unit_test(so_much_is_held_and_no_more),
        cmocka_unit_test(the_right_key_is_told_by_text_and_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
