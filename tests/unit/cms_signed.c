#include "agent/cms/signed.h"

#include "agent/cms/der.h"
#include "tests/unit/cms_fixture.h"

static struct identity signer;

static int
make_signer(void **state)
{
    (void)state;
    signer = identity_make("P-256", NULL);
    return 0;
}

static int
drop_signer(void **state)
{
    (void)state;
    identity_drop(&signer);
    return 0;
}

static struct signer_spec
ecdsa(void)
{
    return spec_for(&signer, SCHEME_ECDSA, HASH_SHA256);
}

/* Content, signer and certificate come back, and the signature holds. */
static void
expect_read_back(struct slice object, size_t step, struct slice content,
                 bool opaque)
{
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf got = {0};
    struct signature_algorithm a;

    assert_int_equal(read_signed(object, step, &read, &got, NULL), ERR_OK);
    assert_int_equal(read.has_content, opaque);
    assert_int_equal(read.content_empty, opaque && content.n == 0);
    assert_true(
        slice_equal(buf_slice(&got), opaque ? content : slice_of(NULL, 0)));
    assert_int_equal(read.hashes, 1u << HASH_SHA256);
    assert_true(slice_equal(read.content_type, oid_bytes(OID_DATA)));
    assert_int_equal(read.certificate_count, 1);
    assert_true(
        slice_equal(read.certificate[0], buf_slice(&signer.certificate)));
    assert_int_equal(read.signer_count, 1);
    assert_int_equal(read.signer[0].hash, HASH_SHA256);
    assert_true(signature_from_algorithm(read.signer[0].signature_algorithm,
                                         HASH_SHA256, &a));
    assert_true(identity_verify(&signer, &a, read.signer[0].signed_attrs,
                                read.signer[0].signature));
}

static void
detached_and_opaque_come_back_at_any_size(void **state)
{
    static const size_t sizes[] = {0,     1,     15,    16,     17,
                                   65535, 65536, 65537, 1 << 20};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        AUTO(buf) struct buf content = {0};
        AUTO(buf) struct buf detached = {0};
        AUTO(buf) struct buf opaque = {0};

        fill_pattern(&content, sizes[i]);
        sign_detached(&signer, ecdsa(), buf_slice(&content), &detached);
        sign_opaque(&signer, ecdsa(), buf_slice(&content), 1 << 16, &opaque);
        expect_read_back(buf_slice(&detached), 4096, buf_slice(&content),
                         false);
        expect_read_back(buf_slice(&opaque), 1 << 16, buf_slice(&content),
                         true);
    }
}

static void
pieces_of_any_size_make_the_same_content(void **state)
{
    static const size_t steps[] = {1, 2, 3, 7, 63, 1000, 4096, 100000};
    AUTO(buf) struct buf content = {0};

    (void)state;
    fill_pattern(&content, 50001);
    for (size_t w = 0; w < ARRAY_COUNT(steps); w++) {
        AUTO(buf) struct buf opaque = {0};

        sign_opaque(&signer, ecdsa(), buf_slice(&content), steps[w], &opaque);
        for (size_t r = w % 2; r < ARRAY_COUNT(steps); r += 2)
            expect_read_back(buf_slice(&opaque), steps[r], buf_slice(&content),
                             true);
    }
}

static void
expect_every_cut_refused(struct slice object)
{
    for (size_t cut = 0; cut < object.n; cut++) {
        AUTO(signed_data) struct signed_data read = {0};
        AUTO(buf) struct buf got = {0};

        assert_int_equal(
            read_signed(slice_of(object.p, cut), 4096, &read, &got, NULL),
            ERR_BAD_MESSAGE);
    }
}

static void
an_object_cut_anywhere_is_an_error(void **state)
{
    AUTO(buf) struct buf content = {0};
    AUTO(buf) struct buf detached = {0};
    AUTO(buf) struct buf opaque = {0};

    (void)state;
    fill_pattern(&content, 40);
    sign_detached(&signer, ecdsa(), buf_slice(&content), &detached);
    sign_opaque(&signer, ecdsa(), buf_slice(&content), 10, &opaque);
    expect_every_cut_refused(buf_slice(&detached));
    expect_every_cut_refused(buf_slice(&opaque));
}

static void
octets_behind_the_object_are_ignored(void **state)
{
    AUTO(buf) struct buf object = {0};
    struct slice content = slice_text("hello");

    (void)state;
    sign_opaque(&signer, ecdsa(), content, 10, &object);
    buf_add_text(&object, "\r\n-- \r\nsent by a list");
    expect_read_back(buf_slice(&object), 4096, content, true);
}

static void
a_changed_octet_never_crashes_the_reader(void **state)
{
    AUTO(buf) struct buf object = {0};

    (void)state;
    sign_opaque(&signer, ecdsa(), slice_text("hello"), 10, &object);
    for (size_t i = 0; i < object.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            AUTO(signed_data) struct signed_data read = {0};
            AUTO(buf) struct buf got = {0};
            enum err e;

            object.data[i] ^= (uint8_t)(1 << bit);
            e = read_signed(buf_slice(&object), 4096, &read, &got, NULL);
            assert_true(e == ERR_OK || e == ERR_BAD_MESSAGE || e == ERR_LIMIT ||
                        e == ERR_UNSUPPORTED || e == ERR_NOT_SMIME);
            object.data[i] ^= (uint8_t)(1 << bit);
        }
}

/* SignedData with the given parts, definite lengths. */
static void
put_object(struct slice econtent, struct slice certificates,
           struct slice signers, struct buf *out)
{
    size_t a = der_open(out, TAG_SEQUENCE), b, c, d;

    der_put_oid(out, OID_SIGNED_DATA);
    b = der_open(out, TAG_CONTEXT_CONSTRUCTED);
    c = der_open(out, TAG_SEQUENCE);
    der_put_number(out, 1);
    der_put(out, TAG_SET, slice_of(NULL, 0));
    d = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_DATA);
    buf_add_slice(out, econtent);
    der_close(out, d);
    buf_add_slice(out, certificates);
    der_put(out, TAG_SET, signers);
    der_close(out, c);
    der_close(out, b);
    der_close(out, a);
}

static enum err
read_parts(struct slice econtent, struct slice certificates,
           struct slice signers, struct signed_data *out, struct buf *content)
{
    AUTO(buf) struct buf object = {0};

    put_object(econtent, certificates, signers, &object);
    return read_signed(buf_slice(&object), 4096, out, content, NULL);
}

static void
nested_segments_are_joined(void **state)
{
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf got = {0};
    static const char nested[] = "\xa0\x15\x24\x80\x24\x80\x04\x02he\x24\x03"
                                 "\x04\x01l\x00\x00\x04\x02lo\x00\x00";

    (void)state;
    assert_int_equal(read_parts(slice_of(nested, sizeof(nested) - 1),
                                slice_of(NULL, 0), slice_of(NULL, 0), &read,
                                &got),
                     ERR_OK);
    assert_true(slice_is(buf_slice(&got), "hello"));
    assert_int_equal(read.signer_count, 0);
}

static void
content_of_another_type_is_unsupported(void **state)
{
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf got = {0};

    (void)state;
    assert_int_equal(read_parts(slice_of("\xa0\x02\x30\x00", 4),
                                slice_of(NULL, 0), slice_of(NULL, 0), &read,
                                &got),
                     ERR_UNSUPPORTED);
}

static void
only_plain_certificates_are_kept_and_crls_passed_over(void **state)
{
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf got = {0};
    AUTO(buf) struct buf set = {0};
    size_t mark = der_open(&set, TAG_CONTEXT_CONSTRUCTED);

    (void)state;
    buf_add(&set, "\xa1\x02\x05\x00", 4); /* an attribute certificate */
    buf_add_slice(&set, buf_slice(&signer.certificate));
    buf_add(&set, "\xa3\x80\x05\x00\x00\x00", 6);
    der_close(&set, mark);
    buf_add(&set, "\xa1\x80\x30\x02\x05\x00\x00\x00", 8);
    assert_int_equal(read_parts(slice_of(NULL, 0), buf_slice(&set),
                                slice_of(NULL, 0), &read, &got),
                     ERR_OK);
    assert_int_equal(read.certificate_count, 1);
    assert_true(
        slice_equal(read.certificate[0], buf_slice(&signer.certificate)));
    assert_false(read.has_content);
}

static void
too_many_certificates_or_signers_are_refused(void **state)
{
    AUTO(buf) struct buf certificates = {0};
    AUTO(buf) struct buf signers = {0};
    AUTO(buf) struct buf got = {0};
    size_t mark = der_open(&certificates, TAG_CONTEXT_CONSTRUCTED);

    (void)state;
    for (int i = 0; i <= LIMIT_CERTIFICATES; i++)
        buf_add(&certificates, "\x30\x02\x05\x00", 4);
    der_close(&certificates, mark);
    for (int i = 0; i <= LIMIT_SIGNERS; i++)
        buf_add(&signers, "\x30\x00", 2);
    for (int i = 0; i < 2; i++) {
        AUTO(signed_data) struct signed_data read = {0};

        assert_int_equal(
            read_parts(slice_of(NULL, 0),
                       i ? slice_of(NULL, 0) : buf_slice(&certificates),
                       i ? buf_slice(&signers) : slice_of(NULL, 0), &read,
                       &got),
            ERR_LIMIT);
    }
}

static void
a_malformed_signer_is_named(void **state)
{
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf got = {0};
    struct problem p = {0};

    (void)state;
    put_object(slice_of(NULL, 0), slice_of(NULL, 0), slice_of("\x30\x00", 2),
               &object);
    assert_int_equal(read_signed(buf_slice(&object), 4096, &read, &got, &p),
                     ERR_BAD_MESSAGE);
    assert_string_equal(p.detail, "signer 1 is malformed");
}

static void
what_is_no_cms_object_is_said_to_be_none(void **state)
{
    static const char *const texts[] = {"hello", "-----BEGIN CMS-----",
                                        "\x30\x03\x02\x01\x01"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(cms_object) struct cms_object *o = NULL;
        struct stream_memory from;
        struct problem p = {0};

        stream_memory_init(&from, slice_text(texts[i]));
        assert_int_equal(cms_object_open(&from.s, &o, &p), ERR_BAD_MESSAGE);
        assert_string_equal(p.detail, "not a CMS object");
        assert_null(o);
    }
}

static void
several_digests_come_out_of_one_pass(void **state)
{
    AUTO(digests)
    struct digests *d = digests_new(1u << HASH_SHA256 | 1u << HASH_SHA1);
    AUTO(buf) struct buf want = {0};

    (void)state;
    assert_int_equal(sink_write(digests_sink(d), "hel", 3, NULL), ERR_OK);
    assert_int_equal(sink_write(digests_sink(d), "lo", 2, NULL), ERR_OK);
    digest_of(HASH_SHA256, slice_text("hello"), &want);
    assert_true(slice_equal(digests_get(d, HASH_SHA256), buf_slice(&want)));
    assert_int_equal(digests_get(d, HASH_SHA1).n, 20);
    assert_int_equal(digests_get(d, HASH_SHA512).n, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detached_and_opaque_come_back_at_any_size),
        cmocka_unit_test(pieces_of_any_size_make_the_same_content),
        cmocka_unit_test(an_object_cut_anywhere_is_an_error),
        cmocka_unit_test(octets_behind_the_object_are_ignored),
        cmocka_unit_test(a_changed_octet_never_crashes_the_reader),
        cmocka_unit_test(nested_segments_are_joined),
        cmocka_unit_test(content_of_another_type_is_unsupported),
        cmocka_unit_test(only_plain_certificates_are_kept_and_crls_passed_over),
        cmocka_unit_test(too_many_certificates_or_signers_are_refused),
        cmocka_unit_test(a_malformed_signer_is_named),
        cmocka_unit_test(what_is_no_cms_object_is_said_to_be_none),
        cmocka_unit_test(several_digests_come_out_of_one_pass),
    };

    return cmocka_run_group_tests(tests, make_signer, drop_signer);
}
