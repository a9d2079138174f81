/*
 * Each limit of an encrypted object: what has just as much is read, with one
 * more it is refused and the error says the limit, or a recipient is passed
 * over as not supported.
 */
#include "tests/unit/cms_fixture.h"

#include "agent/cms/der.h"
#include "agent/cms/enveloped.h"
#include "agent/cms/wrap.h"

static const uint8_t key[16] = {3}, nonce[12] = {5};

/* N bytes of VALUE with a head and TAG. */
static void
put_filled(uint8_t tag, size_t n, struct buf *out)
{
    AUTO(buf) struct buf body = {0};

    buf_reserve(&body, n + 1);
    memset(body.data, 1, n);
    body.len = n;
    der_put(out, tag, buf_slice(&body));
}

/* An element of N bytes in all that holds one string. */
static void
put_whole(uint8_t tag, size_t n, struct buf *out)
{
    for (size_t inner = n;; inner--) {
        AUTO(buf) struct buf string = {0};
        AUTO(buf) struct buf whole = {0};

        put_filled(TAG_OCTET_STRING, inner, &string);
        der_put(&whole, tag, buf_slice(&string));
        if (whole.len > n)
            continue;
        assert_int_equal(whole.len, n);
        buf_add_slice(out, buf_slice(&whole));
        return;
    }
}

struct opened {
    struct buf bytes;
    struct steps from;
    struct cms_object *object;
    struct enveloped_reader *reader;
    struct problem problem;
};

static void
opened_drop(struct opened *o)
{
    enveloped_reader_drop(&o->reader);
    cms_object_drop(&o->object);
    buf_drop(&o->bytes);
}

/* TYPE with RECIPIENTS, what is encrypted and what follows it, opened up to
 * the encrypted content. */
static enum err
open_parts(enum oid type, struct slice recipients, struct slice content,
           struct slice tail, struct opened *o)
{
    size_t m[4];
    enum err e;

    m[0] = der_open(&o->bytes, TAG_SEQUENCE);
    der_put_oid(&o->bytes, type);
    m[1] = der_open(&o->bytes, TAG_CONTEXT_CONSTRUCTED);
    m[2] = der_open(&o->bytes, TAG_SEQUENCE);
    der_put_number(&o->bytes, 0);
    der_put(&o->bytes, TAG_SET, recipients);
    m[3] = der_open(&o->bytes, TAG_SEQUENCE);
    buf_add_slice(&o->bytes, content);
    der_close(&o->bytes, m[3]);
    buf_add_slice(&o->bytes, tail);
    for (int i = 2; i >= 0; i--)
        der_close(&o->bytes, m[i]);
    steps_init(&o->from, buf_slice(&o->bytes), 4096);
    if ((e = cms_object_open(&o->from.s, &o->object, &o->problem)) != ERR_OK)
        return e;
    return enveloped_reader_begin(o->object, &o->reader, &o->problem);
}

static void
put_content(enum cipher cipher, struct slice encrypted, struct buf *out)
{
    struct cipher_algorithm a = {.cipher = cipher};

    a.iv_bytes = cipher == CIPHER_AES128_GCM ? 12 : 16;
    memcpy(a.iv, nonce, sizeof(nonce));
    a.tag_bytes = 16;
    der_put_oid(out, OID_DATA);
    cipher_write_algorithm(&a, out);
    der_put(out, TAG_CONTEXT, encrypted);
}

static enum err
open_recipients(const struct buf *recipients, struct opened *o)
{
    AUTO(buf) struct buf content = {0};

    put_content(CIPHER_AES128_CBC, slice_of(NULL, 0), &content);
    return open_parts(OID_ENVELOPED_DATA, buf_slice(recipients),
                      buf_slice(&content), slice_of(NULL, 0), o);
}

static void
expect_over(const struct opened *o, enum err e, const char *detail)
{
    assert_int_equal(e, ERR_LIMIT);
    assert_string_equal(o->problem.detail, detail);
}

/* ---- recipients ---------------------------------------------------------- */

static void
a_thousand_recipients_are_read_and_no_more(void **state)
{
    AUTO(buf) struct buf many = {0};
    AUTO(opened) struct opened o = {0};
    AUTO(opened) struct opened over = {0};

    (void)state;
    for (int i = 0; i < LIMIT_RECIPIENTS; i++)
        buf_add(&many, "\xa2\x00", 2);
    assert_int_equal(open_recipients(&many, &o), ERR_OK);
    assert_int_equal(enveloped_recipient_count(o.reader), LIMIT_RECIPIENTS);
    buf_add(&many, "\xa2\x00", 2);
    expect_over(&over, open_recipients(&many, &over),
                "more than 1000 recipients");
}

static void
all_recipients_together_are_bounded(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        AUTO(buf) struct buf list = {0};
        AUTO(opened) struct opened o = {0};
        enum err e;

        put_whole(TAG_CONTEXT_CONSTRUCTED + 2, LIMIT_RECIPIENT_BYTES - 5000,
                  &list);
        put_whole(TAG_CONTEXT_CONSTRUCTED + 2, 5000 + over, &list);
        e = open_recipients(&list, &o);
        if (over)
            expect_over(&o, e,
                        "more than 2097152 bytes in one part of the structure");
        else
            assert_int_equal(e, ERR_OK);
    }
}

struct agreement {
    size_t point, ukm, encrypted_key;
    int keys;
};

/* KeyAgreeRecipientInfo (RFC 5652 6.2.2). */
static void
put_agreement(const struct agreement *a, struct buf *out)
{
    size_t info = der_open(out, TAG_CONTEXT_CONSTRUCTED + 1), m[3];
    AUTO(buf) struct buf bits = {0};

    der_put_number(out, 3);
    m[0] = der_open(out, TAG_CONTEXT_CONSTRUCTED);
    m[1] = der_open(out, TAG_CONTEXT_CONSTRUCTED + 1);
    m[2] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_EC_PUBLIC_KEY);
    der_close(out, m[2]);
    buf_reserve(&bits, a->point + 1);
    memset(bits.data, 0, a->point + 1);
    bits.len = a->point + 1;
    der_put(out, TAG_BIT_STRING, buf_slice(&bits));
    der_close(out, m[1]);
    der_close(out, m[0]);
    m[0] = der_open(out, TAG_CONTEXT_CONSTRUCTED + 1);
    put_filled(TAG_OCTET_STRING, a->ukm, out);
    der_close(out, m[0]);
    m[0] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_STD_DH_SHA256);
    m[1] = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_AES128_WRAP);
    der_close(out, m[1]);
    der_close(out, m[0]);
    m[0] = der_open(out, TAG_SEQUENCE);
    for (int i = 0; i < a->keys; i++) {
        m[1] = der_open(out, TAG_SEQUENCE);
        m[2] = der_open(out, TAG_SEQUENCE);
        put_filled(TAG_SEQUENCE, 0, out);
        der_put_number(out, 1);
        der_close(out, m[2]);
        put_filled(TAG_OCTET_STRING, a->encrypted_key, out);
        der_close(out, m[1]);
    }
    der_close(out, m[0]);
    der_close(out, info);
}

static bool
is_supported(struct agreement a)
{
    AUTO(buf) struct buf list = {0};
    AUTO(opened) struct opened o = {0};

    a.keys = 1;
    put_agreement(&a, &list);
    assert_int_equal(open_recipients(&list, &o), ERR_OK);
    assert_int_equal(enveloped_recipient_count(o.reader), 1);
    return enveloped_recipient(o.reader, 0)->supported;
}

/* What ECC-CMS-SharedInfo has besides the UKM, when that is about so long. */
static size_t
shared_info_overhead(size_t ukm)
{
    AUTO(buf) struct buf algorithm = {0};
    AUTO(buf) struct buf bytes = {0};
    AUTO(buf) struct buf filled = {0};
    size_t whole = der_open(&algorithm, TAG_SEQUENCE);

    der_put_oid(&algorithm, OID_AES128_WRAP);
    der_close(&algorithm, whole);
    buf_reserve(&filled, ukm);
    memset(filled.data, 1, ukm);
    filled.len = ukm;
    buf_reserve(&bytes, ukm + 256);
    shared_info_write(buf_slice(&algorithm), buf_slice(&filled), 16, &bytes);
    return bytes.len - ukm;
}

static void
each_field_of_an_agreement_is_bounded(void **state)
{
    const struct agreement usual = {.point = 65, .ukm = 8, .encrypted_key = 24};
    struct agreement a;

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        a = usual;
        a.point = LIMIT_ORIGINATOR_BYTES + over;
        assert_int_equal(is_supported(a), !over);
        a = usual;
        a.ukm = LIMIT_SHARED_INFO_BYTES -
                shared_info_overhead(LIMIT_SHARED_INFO_BYTES - 100) + over;
        assert_int_equal(is_supported(a), !over);
        a = usual;
        a.encrypted_key = LIMIT_ENCRYPTED_KEY_BYTES + over;
        assert_int_equal(is_supported(a), !over);
    }
}

/* One RecipientInfo may be for many. */
static void
the_keys_of_one_agreement_are_recipients_each(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct agreement a = {65, 8, 24, LIMIT_RECIPIENTS + over};
        AUTO(buf) struct buf list = {0};
        AUTO(opened) struct opened o = {0};
        enum err e;

        put_agreement(&a, &list);
        e = open_recipients(&list, &o);
        if (over)
            expect_over(&o, e, "more than 1000 recipients");
        else
            assert_int_equal(e, ERR_OK);
    }
}

static void
a_wrapped_key_is_bounded(void **state)
{
    const struct slice kek = slice_of(key, 16);

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        const size_t want = LIMIT_WRAPPED_BYTES - 8 + 8 * over;
        AUTO(buf) struct buf plain = {0};
        AUTO(buf) struct buf wrapped = {0};
        AUTO(secret) struct secret *out = secret_new();
        uint8_t bytes[LIMIT_WRAPPED_BYTES + 8] = {0};

        fill_pattern(&plain, want);
        assert_int_equal(kek_wrap(kek, buf_slice(&plain), &wrapped), !over);
        assert_int_equal(wrapped.len, over ? 0 : LIMIT_WRAPPED_BYTES);
        memcpy(bytes, wrapped.data ? wrapped.data : bytes, wrapped.len);
        assert_int_equal(
            kek_unwrap(kek, slice_of(bytes, LIMIT_WRAPPED_BYTES + 8 * over),
                       want, out),
            !over);
        if (!over)
            assert_true(slice_equal(secret_slice(out), buf_slice(&plain)));
    }
}

/* ---- the content --------------------------------------------------------- */

static void
the_head_of_the_content_is_bounded(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        AUTO(buf) struct buf content = {0};
        AUTO(opened) struct opened o = {0};
        enum err e;

        der_put_oid(&content, OID_DATA);
        put_whole(TAG_SEQUENCE, LIMIT_CONTENT_HEAD_BYTES - content.len + over,
                  &content);
        der_put(&content, TAG_CONTEXT, slice_of(NULL, 0));
        e = open_parts(OID_ENVELOPED_DATA, slice_of(NULL, 0),
                       buf_slice(&content), slice_of(NULL, 0), &o);
        if (over)
            expect_over(&o, e,
                        "more than 4096 bytes in one part of the structure");
        else
            assert_int_not_equal(e, ERR_LIMIT);
    }
}

/* Four octets under a tag that covers AAD too. */
static void
encrypt(struct slice aad, uint8_t *out, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;

    EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, nonce);
    EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n);
    EVP_EncryptUpdate(ctx, out, &n, (const uint8_t *)"text", 4);
    EVP_EncryptFinal_ex(ctx, out + n, &n);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag);
    EVP_CIPHER_CTX_free(ctx);
}

/* Beyond the limit it has the one answer that all has behind the
 * ciphertext. */
static void
authenticated_attributes_are_bounded(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        AUTO(buf) struct buf aad = {0};
        AUTO(buf) struct buf content = {0};
        AUTO(buf) struct buf tail = {0};
        AUTO(buf) struct buf got = {0};
        AUTO(opened) struct opened o = {0};
        AUTO(secret) struct secret *cek = secret_copy(key, 16);
        struct stream *plain = NULL;
        uint8_t encrypted[4], tag[16];
        enum err e;

        put_whole(TAG_SET, LIMIT_AAD_BYTES + over, &aad);
        encrypt(buf_slice(&aad), encrypted, tag);
        put_content(CIPHER_AES128_GCM, slice_of(encrypted, 4), &content);
        aad.data[0] = TAG_CONTEXT_CONSTRUCTED + 1;
        buf_add_slice(&tail, buf_slice(&aad));
        der_put(&tail, TAG_OCTET_STRING, slice_of(tag, 16));
        assert_int_equal(open_parts(OID_AUTH_ENVELOPED_DATA, slice_of(NULL, 0),
                                    buf_slice(&content), buf_slice(&tail), &o),
                         ERR_OK);
        assert_int_equal(
            enveloped_reader_content(o.reader, cek, &plain, &o.problem),
            ERR_OK);
        e = read_in_steps(plain, 64, &got, &o.problem);
        assert_int_equal(e, over ? ERR_CANNOT_DECRYPT : ERR_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_recipients_are_read_and_no_more),
        cmocka_unit_test(all_recipients_together_are_bounded),
        cmocka_unit_test(each_field_of_an_agreement_is_bounded),
        cmocka_unit_test(the_keys_of_one_agreement_are_recipients_each),
        cmocka_unit_test(a_wrapped_key_is_bounded),
        cmocka_unit_test(the_head_of_the_content_is_bounded),
        cmocka_unit_test(authenticated_attributes_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
