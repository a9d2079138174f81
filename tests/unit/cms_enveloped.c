#include "agent/cms/enveloped.h"

#include "agent/cms/der.h"
#include "agent/cms/wrap.h"
#include "tests/unit/cms_fixture.h"

static struct identity rsa, p256, x25519;

static int
make_keys(void **state)
{
    (void)state;
    rsa = identity_make("RSA", NULL);
    p256 = identity_make("P-256", NULL);
    x25519 = identity_make("X25519", &p256);
    return 0;
}

static int
drop_keys(void **state)
{
    (void)state;
    identity_drop(&rsa);
    identity_drop(&p256);
    identity_drop(&x25519);
    return 0;
}

static void
expect_back(enum cipher cipher, const struct identity *to, bool oaep,
            size_t size, size_t write_step, size_t read_step)
{
    AUTO(buf) struct buf content = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};

    fill_pattern(&content, size);
    assert_int_equal(envelope(cipher, &to, 1, oaep, buf_slice(&content),
                              write_step, &object, NULL),
                     ERR_OK);
    assert_int_equal(
        open_envelope(buf_slice(&object), to->key, read_step, &got, NULL),
        ERR_OK);
    assert_true(slice_equal(buf_slice(&got), buf_slice(&content)));
}

/* Keys of every type one after the other; the last one opens it too. */
static void
one_and_five_hundred_recipients_open_it(void **state)
{
    static const struct identity *to[500];
    static const size_t counts[] = {1, 2, 50, 500};
    const struct identity *each[] = {&rsa, &p256, &x25519};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(to); i++)
        to[i] = each[i % ARRAY_COUNT(each)];
    for (size_t i = 0; i < 2 * ARRAY_COUNT(counts); i++) {
        size_t count = counts[i / 2], last = (count - 1) % ARRAY_COUNT(each);
        AUTO(buf) struct buf object = {0};
        struct slice text = slice_text("for everybody");

        assert_int_equal(envelope(CIPHER_AES256_GCM, to, count, i % 2, text,
                                  100, &object, NULL),
                         ERR_OK);
        for (size_t k = 0; k <= last; k++) {
            AUTO(buf) struct buf got = {0};

            assert_int_equal(open_envelope(buf_slice(&object), each[k]->key,
                                           4096, &got, NULL),
                             ERR_OK);
            assert_true(slice_equal(buf_slice(&got), text));
        }
    }
}

static void
every_cipher_comes_back_at_any_size(void **state)
{
    static const enum cipher all[] = {CIPHER_AES128_CBC, CIPHER_AES192_CBC,
                                      CIPHER_AES256_CBC, CIPHER_AES128_GCM,
                                      CIPHER_AES192_GCM, CIPHER_AES256_GCM};
    static const size_t sizes[] = {0,     1,     15,    16,     17,
                                   65535, 65536, 65537, 1 << 20};

    (void)state;
    for (size_t c = 0; c < ARRAY_COUNT(all); c++)
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
            expect_back(all[c], &p256, false, sizes[i], 1 << 16, 1 << 16);
}

static void
pieces_of_any_size_make_the_same_content(void **state)
{
    static const size_t steps[] = {1, 15, 16, 17, 1000, 4096, 100000};

    (void)state;
    for (size_t w = 0; w < ARRAY_COUNT(steps); w++)
        for (size_t r = 0; r < ARRAY_COUNT(steps); r++) {
            expect_back(CIPHER_AES256_CBC, &p256, false, 20001, steps[w],
                        steps[r]);
            expect_back(CIPHER_AES256_GCM, &p256, false, 20001, steps[w],
                        steps[r]);
        }
}

static void
every_kind_of_key_can_be_written_to(void **state)
{
    struct identity p384 = identity_make("P-384", NULL);
    struct identity p521 = identity_make("P-521", NULL);

    (void)state;
    expect_back(CIPHER_AES256_CBC, &rsa, false, 100, 4096, 4096);
    expect_back(CIPHER_AES256_GCM, &rsa, true, 100, 4096, 4096);
    expect_back(CIPHER_AES128_CBC, &p384, false, 100, 4096, 4096);
    expect_back(CIPHER_AES256_CBC, &p521, false, 100, 4096, 4096);
    expect_back(CIPHER_AES192_CBC, &x25519, false, 100, 4096, 4096);
    identity_drop(&p384);
    identity_drop(&p521);
}

static void
each_of_several_recipients_can_open_it(void **state)
{
    const struct identity *all[] = {&rsa, &p256, &x25519};
    AUTO(buf) struct buf object = {0};
    struct identity other = identity_make("P-256", NULL);

    (void)state;
    assert_int_equal(envelope(CIPHER_AES256_CBC, all, 3, false,
                              slice_text("hello"), 10, &object, NULL),
                     ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        AUTO(buf) struct buf got = {0};

        assert_int_equal(
            open_envelope(buf_slice(&object), all[i]->key, 4096, &got, NULL),
            ERR_OK);
        assert_true(slice_is(buf_slice(&got), "hello"));
    }
    buf_clear(&object);
    assert_int_equal(envelope(CIPHER_AES256_CBC, all, 1, false,
                              slice_text("hello"), 10, &object, NULL),
                     ERR_OK);
    assert_int_equal(
        open_envelope(buf_slice(&object), other.key, 4096, &object, NULL),
        ERR_NOT_FOR_US);
    identity_drop(&other);
}

/* The reader on OBJECT, for a look at its recipients. */
struct look {
    struct steps from;
    struct cms_object *object;
    struct enveloped_reader *reader;
};

static enum err
look_open(struct look *l, struct slice object)
{
    enum err e;

    *l = (struct look){0};
    steps_init(&l->from, object, 100);
    if ((e = cms_object_open(&l->from.s, &l->object, NULL)) != ERR_OK)
        return e;
    return enveloped_reader_begin(l->object, &l->reader, NULL);
}

static void
look_close(struct look *l)
{
    enveloped_reader_drop(&l->reader);
    cms_object_drop(&l->object);
}

static void
recipients_are_told_as_they_were_written(void **state)
{
    const struct identity *all[] = {&rsa, &p256};
    AUTO(buf) struct buf object = {0};
    const struct recipient_info *r;
    struct look look;

    (void)state;
    assert_int_equal(envelope(CIPHER_AES256_GCM, all, 2, true,
                              slice_text("hello"), 10, &object, NULL),
                     ERR_OK);
    assert_int_equal(look_open(&look, buf_slice(&object)), ERR_OK);
    assert_int_equal(cms_object_type(look.object), CMS_TYPE_AUTH_ENVELOPED);
    assert_int_equal(enveloped_recipient_count(look.reader), 2);
    r = enveloped_recipient(look.reader, 0);
    assert_int_equal(r->kind, RECIPIENT_KEY_TRANSPORT);
    assert_int_equal(r->scheme, SCHEME_RSA_OAEP);
    assert_int_equal(r->hash, HASH_SHA256);
    assert_true(r->supported);
    assert_int_equal(r->serial.n, 2);
    r = enveloped_recipient(look.reader, 1);
    assert_int_equal(r->kind, RECIPIENT_KEY_AGREEMENT);
    assert_int_equal(r->hash, HASH_SHA256);
    assert_int_equal(r->kek_bytes, 32);
    assert_int_equal(r->originator.n, 65);
    assert_false(r->cofactor);
    assert_int_equal(enveloped_cipher(look.reader)->cipher, CIPHER_AES256_GCM);
    assert_int_equal(enveloped_cipher(look.reader)->tag_bytes, 16);
    look_close(&look);
}

/* AuthEnvelopedData under a known key, with authAttrs behind the content. */
static void
put_authenticated(const uint8_t key[32], struct slice nonce, struct slice attrs,
                  struct slice content, struct buf *out)
{
    AUTO(buf) struct buf cipher = {0};
    struct cipher_algorithm a = {
        .cipher = CIPHER_AES256_GCM, .iv_bytes = nonce.n, .tag_bytes = 13};
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t tag[16];
    size_t m[4];
    int n = 0;

    memcpy(a.iv, nonce.p, nonce.n);
    buf_reserve(&cipher, content.n + 16);
    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, NULL, NULL);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)nonce.n, NULL);
    EVP_EncryptInit_ex(ctx, NULL, NULL, key, nonce.p);
    EVP_EncryptUpdate(ctx, NULL, &n, attrs.p, (int)attrs.n);
    EVP_EncryptUpdate(ctx, cipher.data, &n, content.p, (int)content.n);
    cipher.len = content.n;
    EVP_EncryptFinal_ex(ctx, tag, &n);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 13, tag);
    EVP_CIPHER_CTX_free(ctx);
    m[0] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_AUTH_ENVELOPED_DATA);
    m[1] = der_open(out, TAG_CONTEXT_CONSTRUCTED);
    m[2] = der_open(out, TAG_SEQUENCE);
    der_put_number(out, 0);
    der_put(out, TAG_SET, slice_of(NULL, 0));
    m[3] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_DATA);
    cipher_write_algorithm(&a, out);
    der_put(out, TAG_CONTEXT, buf_slice(&cipher));
    der_close(out, m[3]);
    buf_add_byte(out, TAG_CONTEXT_CONSTRUCTED + 1); /* re-tagged authAttrs */
    buf_add(out, attrs.p + 1, attrs.n - 1);
    der_put(out, TAG_OCTET_STRING, slice_of(tag, 13));
    for (int i = 2; i >= 0; i--)
        der_close(out, m[i]);
}

static enum err
open_with(struct slice object, struct slice key, struct buf *out,
          struct problem *p)
{
    AUTO(secret) struct secret *cek = secret_copy(key.p, key.n);
    struct stream *content = NULL;
    struct look look;
    enum err e = look_open(&look, object);

    if (e == ERR_OK)
        e = enveloped_reader_content(look.reader, cek, &content, p);
    if (e == ERR_OK)
        e = read_in_steps(content, 1000, out, p);
    look_close(&look);
    return e;
}

static void
authenticated_attributes_behind_the_content_count(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 1000, 70000};
    static const size_t attr_sizes[] = {1, 13, 14, 15, 100, 1000};
    static const uint8_t key[32] = {7, 1, 2};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
        for (size_t j = 0; j < ARRAY_COUNT(attr_sizes); j++) {
            AUTO(buf) struct buf attrs = {0};
            AUTO(buf) struct buf body = {0};
            AUTO(buf) struct buf content = {0};
            AUTO(buf) struct buf object = {0};
            AUTO(buf) struct buf got = {0};
            size_t mark;

            fill_pattern(&body, attr_sizes[j]);
            mark = der_open(&attrs, TAG_SET);
            der_put(&attrs, TAG_OCTET_STRING, buf_slice(&body));
            der_close(&attrs, mark);
            fill_pattern(&content, sizes[i]);
            put_authenticated(key, slice_text(j % 2 ? "0123456789ab" : "short"),
                              buf_slice(&attrs), buf_slice(&content), &object);
            assert_int_equal(
                open_with(buf_slice(&object), slice_of(key, 32), &got, NULL),
                ERR_OK);
            assert_true(slice_equal(buf_slice(&got), buf_slice(&content)));
            /* One bit of the attributes: the tag follows them at the end. */
            object.data[object.len - 13 - 2 - 1] ^= 1;
            assert_int_equal(
                open_with(buf_slice(&object), slice_of(key, 32), &got, NULL),
                ERR_CANNOT_DECRYPT);
        }
}

static void
a_key_is_unwrapped_or_replaced_by_a_random_one(void **state)
{
    static const uint8_t kek[32] = {9, 8, 7}, cek[32] = {1, 2, 3};
    AUTO(buf) struct buf wrapped = {0};
    AUTO(secret) struct secret *a = secret_new();
    AUTO(secret) struct secret *b = secret_new();

    (void)state;
    assert_true(kek_wrap(slice_of(kek, 32), slice_of(cek, 32), &wrapped));
    assert_int_equal(wrapped.len, 40);
    assert_true(kek_unwrap(slice_of(kek, 32), buf_slice(&wrapped), 32, a));
    assert_true(slice_equal(secret_slice(a), slice_of(cek, 32)));
    wrapped.data[3] ^= 1;
    assert_false(kek_unwrap(slice_of(kek, 32), buf_slice(&wrapped), 32, a));
    assert_false(kek_unwrap(slice_of(kek, 32), buf_slice(&wrapped), 32, b));
    assert_int_equal(secret_slice(a).n, 32);
    assert_false(slice_equal(secret_slice(a), slice_of(cek, 32)));
    assert_false(slice_equal(secret_slice(a), secret_slice(b)));
    wrapped.data[3] ^= 1;
    assert_false(kek_unwrap(slice_of(kek, 32), buf_slice(&wrapped), 16, a));
    assert_int_equal(secret_slice(a).n, 16);
    assert_false(kek_unwrap(slice_of(kek, 32), slice_of(NULL, 0), 16, a));
    assert_false(kek_unwrap(slice_of(kek, 31), buf_slice(&wrapped), 32, a));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_and_five_hundred_recipients_open_it),
        cmocka_unit_test(every_cipher_comes_back_at_any_size),
        cmocka_unit_test(pieces_of_any_size_make_the_same_content),
        cmocka_unit_test(every_kind_of_key_can_be_written_to),
        cmocka_unit_test(each_of_several_recipients_can_open_it),
        cmocka_unit_test(recipients_are_told_as_they_were_written),
        cmocka_unit_test(authenticated_attributes_behind_the_content_count),
        cmocka_unit_test(a_key_is_unwrapped_or_replaced_by_a_random_one),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
