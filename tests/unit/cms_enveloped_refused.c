#include "agent/cms/der.h"
#include "agent/cms/enveloped.h"
#include "tests/unit/cms_fixture.h"

static struct identity p256;

static int
make_keys(void **state)
{
    (void)state;
    p256 = identity_make("P-256", NULL);
    return 0;
}

static int
drop_keys(void **state)
{
    (void)state;
    identity_drop(&p256);
    return 0;
}

static void
make(enum cipher cipher, size_t size, struct buf *out)
{
    const struct identity *to = &p256;
    AUTO(buf) struct buf content = {0};

    fill_pattern(&content, size);
    assert_int_equal(
        envelope(cipher, &to, 1, false, buf_slice(&content), 4096, out, NULL),
        ERR_OK);
}

static void
an_object_cut_anywhere_is_an_error(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        AUTO(buf) struct buf object = {0};

        make(i ? CIPHER_AES256_GCM : CIPHER_AES256_CBC, 40, &object);
        for (size_t cut = 0; cut < object.len; cut++) {
            AUTO(buf) struct buf got = {0};
            enum err e = open_envelope(slice_of(object.data, cut), p256.key,
                                       4096, &got, NULL);

            assert_true(e == ERR_BAD_MESSAGE || e == ERR_CANNOT_DECRYPT);
        }
    }
}

/* Reads OBJECT with a key that is given, not unwrapped. */
static enum err
open_with(struct slice object, struct slice key, struct buf *out,
          struct problem *p)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(enveloped_reader) struct enveloped_reader *r = NULL;
    AUTO(secret) struct secret *cek = secret_copy(key.p, key.n);
    struct stream *content = NULL;
    struct steps from;
    enum err e;

    steps_init(&from, object, 1000);
    if ((e = cms_object_open(&from.s, &o, p)) != ERR_OK ||
        (e = enveloped_reader_begin(o, &r, p)) != ERR_OK ||
        (e = enveloped_reader_content(r, cek, &content, p)) != ERR_OK)
        return e;
    e = read_in_steps(content, 64, out, p);
    if (e != ERR_OK) {
        uint8_t octet;
        size_t got = 0;

        /* It stays an error. */
        assert_int_equal(stream_read(content, &octet, 1, &got, p), e);
        assert_int_equal(got, 0);
    }
    return e;
}

/* One object in 256 has, under another key, what looks like CBC padding: then
 * another one. Cut short by 100 it has to fail as well. */
static void
make_closed(enum cipher cipher, const uint8_t *wrong_key, struct buf *object,
            struct problem *p)
{
    for (int tries = 0; tries < 8; tries++) {
        AUTO(buf) struct buf got = {0};
        struct slice key = slice_of(wrong_key, 32);

        object->len = 0;
        make(cipher, 1000, object);
        if (open_with(buf_slice(object), key, &got, p) == ERR_CANNOT_DECRYPT &&
            open_with(slice_of(object->data, object->len - 100), key, &got,
                      NULL) == ERR_CANNOT_DECRYPT)
            return;
    }
    fail_msg("a wrong key opens everything");
}

/* The four ways to fail of RFC 3218 and EFAIL, told apart by nothing. */
static void
one_answer_for_everything_that_can_be_wrong(void **state)
{
    static const uint8_t wrong_key[32] = {1};

    (void)state;
    for (int i = 0; i < 2; i++) {
        AUTO(buf) struct buf object = {0};
        AUTO(buf) struct buf got = {0};
        struct problem p[4] = {{0}};

        make_closed(i ? CIPHER_AES256_GCM : CIPHER_AES256_CBC, wrong_key,
                    &object, &p[0]);
        assert_int_equal(
            open_with(buf_slice(&object), slice_of(wrong_key, 16), &got, &p[1]),
            ERR_CANNOT_DECRYPT);
        assert_int_equal(open_with(slice_of(object.data, object.len - 100),
                                   slice_of(wrong_key, 32), &got, &p[2]),
                         ERR_CANNOT_DECRYPT);
        /* Padding, by the block before the last, or content under a tag:
         * behind the last ten octets of ends or eight. */
        object.data[object.len - 11 - 16] ^= 1;
        assert_int_equal(
            open_envelope(buf_slice(&object), p256.key, 4096, &got, &p[3]),
            ERR_CANNOT_DECRYPT);
        for (int k = 0; k < 4; k++) {
            assert_string_equal(p[k].detail, "");
            assert_string_equal(p[k].subject, "");
            assert_int_equal(p[k].code, ERR_CANNOT_DECRYPT);
        }
    }
}

static void
a_changed_octet_never_crashes_and_never_passes_as_authentic(void **state)
{
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf want = {0};

    (void)state;
    fill_pattern(&want, 40);
    make(CIPHER_AES256_GCM, 40, &object);
    for (size_t i = 0; i < object.len; i++) {
        AUTO(buf) struct buf got = {0};
        enum err e;

        object.data[i] ^= 0x21;
        e = open_envelope(buf_slice(&object), p256.key, 4096, &got, NULL);
        object.data[i] ^= 0x21;
        if (e == ERR_OK)
            assert_true(slice_equal(buf_slice(&got), buf_slice(&want)));
    }
}

/* Every last block a sender could have made: only a whole padding passes. */
static void
padding_is_checked_octet_by_octet(void **state)
{
    static const uint8_t key[16] = {3};
    struct cipher_algorithm a = {
        .cipher = CIPHER_AES128_CBC, .iv_bytes = 16, .iv = {0}};

    (void)state;
    for (int pad = 0; pad <= 18; pad++)
        for (int spoiled = 0; spoiled <= 1; spoiled++) {
            AUTO(buf) struct buf object = {0};
            AUTO(buf) struct buf got = {0};
            uint8_t block[32], encrypted[48];
            EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
            bool good = pad >= 1 && pad <= 16 && !(spoiled && pad > 1);
            size_t m[4];
            int n = 0;

            memset(block, 'x', sizeof(block));
            memset(block + 32 - pad, pad, (size_t)pad);
            block[31] = (uint8_t)pad;
            if (spoiled && pad > 1)
                block[32 - pad] ^= 0x80;
            EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, key, a.iv);
            EVP_EncryptUpdate(ctx, encrypted, &n, block, 32);
            EVP_CIPHER_CTX_free(ctx);
            m[0] = der_open(&object, TAG_SEQUENCE);
            der_put_oid(&object, OID_ENVELOPED_DATA);
            m[1] = der_open(&object, TAG_CONTEXT_CONSTRUCTED);
            m[2] = der_open(&object, TAG_SEQUENCE);
            der_put_number(&object, 0);
            der_put(&object, TAG_SET, slice_of(NULL, 0));
            m[3] = der_open(&object, TAG_SEQUENCE);
            der_put_oid(&object, OID_DATA);
            cipher_write_algorithm(&a, &object);
            der_put(&object, TAG_CONTEXT, slice_of(encrypted, 32));
            for (int i = 3; i >= 0; i--)
                der_close(&object, m[i]);
            assert_int_equal(
                open_with(buf_slice(&object), slice_of(key, 16), &got, NULL),
                good ? ERR_OK : ERR_CANNOT_DECRYPT);
            if (good)
                assert_int_equal(got.len, 32 - pad);
        }
}

/* EnvelopedData with RECIPIENTS in its SET, AES-128-CBC and no content. */
static enum err
read_recipients(struct slice recipients, struct cms_object **o,
                struct steps *from, struct buf *object,
                struct enveloped_reader **out, struct problem *p)
{
    struct cipher_algorithm a = {.cipher = CIPHER_AES128_CBC, .iv_bytes = 16};
    size_t m[4];
    enum err e;

    m[0] = der_open(object, TAG_SEQUENCE);
    der_put_oid(object, OID_ENVELOPED_DATA);
    m[1] = der_open(object, TAG_CONTEXT_CONSTRUCTED);
    m[2] = der_open(object, TAG_SEQUENCE);
    der_put_number(object, 2);
    der_put(object, TAG_SET, recipients);
    m[3] = der_open(object, TAG_SEQUENCE);
    der_put_oid(object, OID_DATA);
    cipher_write_algorithm(&a, object);
    der_put(object, TAG_CONTEXT, slice_of(NULL, 0));
    for (int i = 3; i >= 0; i--)
        der_close(object, m[i]);
    steps_init(from, buf_slice(object), 4096);
    if ((e = cms_object_open(&from->s, o, p)) != ERR_OK)
        return e;
    return enveloped_reader_begin(*o, out, p);
}

static void
recipients_of_unknown_kinds_are_told_and_not_tried(void **state)
{
    AUTO(cms_object) struct cms_object *o = NULL;
    AUTO(enveloped_reader) struct enveloped_reader *r = NULL;
    AUTO(buf) struct buf object = {0};
    struct steps from;

    (void)state;
    assert_int_equal(read_recipients(slice_of("\xa2\x00\xa3\x00\xa4\x00", 6),
                                     &o, &from, &object, &r, NULL),
                     ERR_OK);
    assert_int_equal(enveloped_recipient_count(r), 3);
    assert_int_equal(enveloped_recipient(r, 0)->kind, RECIPIENT_KEK);
    assert_int_equal(enveloped_recipient(r, 1)->kind, RECIPIENT_PASSWORD);
    assert_int_equal(enveloped_recipient(r, 2)->kind, RECIPIENT_OTHER);
    for (size_t i = 0; i < 3; i++)
        assert_false(enveloped_recipient(r, i)->supported);
}

static void
too_many_or_malformed_recipients_are_refused(void **state)
{
    AUTO(buf) struct buf many = {0};

    (void)state;
    for (int i = 0; i <= LIMIT_RECIPIENTS; i++)
        buf_add(&many, "\xa2\x00", 2);
    for (int i = 0; i < 3; i++) {
        AUTO(cms_object) struct cms_object *o = NULL;
        AUTO(enveloped_reader) struct enveloped_reader *r = NULL;
        AUTO(buf) struct buf object = {0};
        struct slice set = i == 0   ? buf_slice(&many)
                           : i == 1 ? slice_of("\x30\x00", 2)
                                    : slice_of("\x04\x00", 2);
        struct steps from;

        assert_int_equal(read_recipients(set, &o, &from, &object, &r, NULL),
                         i == 0 ? ERR_LIMIT : ERR_BAD_MESSAGE);
    }
}

static void
keys_that_cannot_encrypt_are_refused_by_number(void **state)
{
    struct identity ed = identity_make("ED25519", NULL);
    struct identity broken = {0};
    const struct identity *to[] = {&p256, &ed};
    AUTO(buf) struct buf out = {0};
    struct problem p = {0};

    (void)state;
    assert_int_equal(
        envelope(CIPHER_AES256_CBC, to, 2, false, slice_text("x"), 1, &out, &p),
        ERR_UNSUPPORTED);
    assert_non_null(strstr(p.detail, "recipient 2"));
    buf_add_text(&broken.certificate, "no certificate");
    to[1] = &broken;
    assert_int_equal(
        envelope(CIPHER_AES256_CBC, to, 2, false, slice_text("x"), 1, &out, &p),
        ERR_BAD_CERTIFICATE);
    assert_non_null(strstr(p.detail, "recipient 2"));
    assert_int_equal(out.len, 0);
    identity_drop(&broken);
    identity_drop(&ed);
}

static enum err
full_write(struct sink *s, const uint8_t *bytes, size_t n, struct problem *p)
{
    (void)s;
    (void)bytes;
    (void)n;
    return fail(p, ERR_OUTPUT, "no room");
}

static void
a_full_disk_is_told(void **state)
{
    AUTO(enveloped_writer) struct enveloped_writer *w = NULL;
    struct envelope_recipient to = {.certificate =
                                        buf_slice(&p256.certificate)};
    struct sink full = {full_write};

    (void)state;
    assert_int_equal(
        enveloped_writer_begin(&full, CIPHER_AES256_CBC, &to, 1, &w, NULL),
        ERR_OUTPUT);
    assert_null(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_cut_anywhere_is_an_error),
        cmocka_unit_test(one_answer_for_everything_that_can_be_wrong),
        cmocka_unit_test(
            a_changed_octet_never_crashes_and_never_passes_as_authentic),
        cmocka_unit_test(padding_is_checked_octet_by_octet),
        cmocka_unit_test(recipients_of_unknown_kinds_are_told_and_not_tried),
        cmocka_unit_test(too_many_or_malformed_recipients_are_refused),
        cmocka_unit_test(keys_that_cannot_encrypt_are_refused_by_number),
        cmocka_unit_test(a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
