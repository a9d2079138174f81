#include "agent/cms/certview.h"
#include "agent/cms/der.h"
#include "agent/cms/signed.h"
#include "tests/unit/certs_only.h"
#include "tests/unit/cms_fixture.h"

/* The value of the attribute OID in a SET OF Attribute, or empty. */
static struct slice
attribute_find(struct slice attrs, enum oid oid)
{
    struct der outer = der_of(attrs), set = der_enter(&outer, TAG_SET);

    while (der_is(&set, TAG_SEQUENCE)) {
        struct der d = der_enter(&set, TAG_SEQUENCE);
        struct slice name = der_take(&d, TAG_OID);

        if (oid_find(name) == oid)
            return der_take(&d, TAG_SET);
    }
    return slice_of(NULL, 0);
}

static void
build(const struct signer_spec *spec, struct buf *out)
{
    AUTO(buf) struct buf digest = {0};
    AUTO(buf) struct buf lasting = {0};

    digest_of(spec->hash, slice_text("hello"), &digest);
    assert_int_equal(signed_attrs_lasting(spec, &lasting, NULL), ERR_OK);
    assert_int_equal(signed_attrs_build(spec, buf_slice(&lasting),
                                        buf_slice(&digest), out, NULL),
                     ERR_OK);
}

static void
the_attributes_hold_what_was_signed(void **state)
{
    struct identity id = identity_make("P-256", NULL);
    struct signer_spec spec = spec_for(&id, SCHEME_ECDSA, HASH_SHA384);
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf digest = {0};
    AUTO(buf) struct buf want = {0};

    (void)state;
    build(&spec, &attrs);
    digest_of(HASH_SHA384, slice_text("hello"), &digest);
    der_put(&want, TAG_OCTET_STRING, buf_slice(&digest));
    assert_true(
        slice_equal(attribute_find(buf_slice(&attrs), OID_MESSAGE_DIGEST),
                    buf_slice(&want)));
    buf_clear(&want);
    der_put_oid(&want, OID_DATA);
    assert_true(slice_equal(attribute_find(buf_slice(&attrs), OID_CONTENT_TYPE),
                            buf_slice(&want)));
    buf_clear(&want);
    capabilities_write(&(struct abilities){.agreement = true}, &want);
    assert_true(slice_equal(attribute_find(buf_slice(&attrs), OID_CAPABILITIES),
                            buf_slice(&want)));
    assert_true(slice_equal(attribute_find(buf_slice(&attrs), OID_SIGNING_TIME),
                            slice_text("\x17\x0d"
                                       "231114221320Z")));
    identity_drop(&id);
}

static void
the_attributes_are_in_der_order(void **state)
{
    struct identity id = identity_make("P-256", NULL);
    struct signer_spec spec = spec_for(&id, SCHEME_ECDSA, HASH_SHA256);
    AUTO(buf) struct buf attrs = {0};
    struct der outer, set;
    struct der_item item, last = {0};
    int count = 0;

    (void)state;
    build(&spec, &attrs);
    outer = der_of(buf_slice(&attrs));
    set = der_enter(&outer, TAG_SET);
    for (; der_next(&set, &item); last = item, count++) {
        size_t n = item.whole.n < last.whole.n ? item.whole.n : last.whole.n;

        if (count > 0)
            assert_true(memcmp(last.whole.p, item.whole.p, n) <= 0);
    }
    assert_true(der_done(&set) && der_done(&outer));
    assert_int_equal(count, 6);
    identity_drop(&id);
}

/* RFC 5035 section 4: SHA-256 of the certificate, then its issuer. */
static void
the_signing_certificate_is_bound(void **state)
{
    struct identity id = identity_make("P-256", NULL);
    struct signer_spec spec = spec_for(&id, SCHEME_ECDSA, HASH_SHA256);
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf digest = {0};
    struct der v2, certs, one, d;

    (void)state;
    build(&spec, &attrs);
    v2 = der_of(attribute_find(buf_slice(&attrs), OID_SIGNING_CERTIFICATE_V2));
    certs = der_enter(&v2, TAG_SEQUENCE);
    one = der_enter(&certs, TAG_SEQUENCE);
    d = der_enter(&one, TAG_SEQUENCE);
    digest_of(HASH_SHA256, buf_slice(&id.certificate), &digest);
    assert_true(
        slice_equal(der_take(&d, TAG_OCTET_STRING), buf_slice(&digest)));
    assert_true(der_take(&d, TAG_SEQUENCE).n > 0);
    assert_true(der_done(&d));
    identity_drop(&id);
}

static void
a_key_that_only_signs_is_not_offered_for_encryption(void **state)
{
    struct identity ed = identity_make("ED25519", NULL);
    struct identity ec = identity_make("P-256", NULL);
    struct signer_spec spec = spec_for(&ed, SCHEME_EDDSA, HASH_SHA512);
    AUTO(buf) struct buf attrs = {0};

    (void)state;
    build(&spec, &attrs);
    assert_int_equal(attribute_find(buf_slice(&attrs), OID_KEY_PREFERENCE).n,
                     0);
    spec = spec_for(&ec, SCHEME_ECDSA, HASH_SHA256);
    buf_clear(&attrs);
    build(&spec, &attrs);
    assert_true(attribute_find(buf_slice(&attrs), OID_KEY_PREFERENCE).n > 0);
    identity_drop(&ed);
    identity_drop(&ec);
}

static void
times_from_2050_on_are_generalized(void **state)
{
    struct identity id = identity_make("P-256", NULL);
    struct signer_spec spec = spec_for(&id, SCHEME_ECDSA, HASH_SHA256);
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf digest = {0};

    (void)state;
    spec.signing_time = 2524607999;
    build(&spec, &attrs);
    assert_true(slice_equal(attribute_find(buf_slice(&attrs), OID_SIGNING_TIME),
                            slice_text("\x17\x0d"
                                       "491231235959Z")));
    buf_clear(&attrs);
    spec.signing_time = 2524608000;
    build(&spec, &attrs);
    assert_true(slice_equal(attribute_find(buf_slice(&attrs), OID_SIGNING_TIME),
                            slice_text("\x18\x0f"
                                       "20500101000000Z")));
    spec.signing_time = -1;
    digest_of(HASH_SHA256, slice_text("x"), &digest);
    assert_int_equal(signed_attrs_build(&spec, slice_of(NULL, 0),
                                        buf_slice(&digest), &attrs, NULL),
                     ERR_INTERNAL);
    identity_drop(&id);
}

static void
a_broken_certificate_cannot_sign(void **state)
{
    struct signer_spec spec = {.certificate = slice_text("no certificate"),
                               .hash = HASH_SHA256,
                               .signature = {SCHEME_ECDSA, HASH_SHA256, 0, 0}};
    AUTO(buf) struct buf out = {0};

    (void)state;
    assert_int_equal(signed_attrs_lasting(&spec, &out, NULL),
                     ERR_BAD_CERTIFICATE);
    assert_int_equal(signed_write_detached(&spec, slice_of("\x31\x00", 2),
                                           slice_text("s"), &out, NULL),
                     ERR_BAD_CERTIFICATE);
    assert_int_equal(out.len, 0);
}

static void
the_chain_is_sent_once_each(void **state)
{
    struct identity id = identity_make("P-256", NULL);
    struct identity ca = identity_make("P-384", NULL);
    struct signer_spec spec = spec_for(&id, SCHEME_ECDSA, HASH_SHA256);
    struct slice chain[] = {buf_slice(&ca.certificate),
                            buf_slice(&id.certificate),
                            buf_slice(&ca.certificate)};
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf content = {0};

    (void)state;
    spec.chain = chain;
    spec.chain_count = ARRAY_COUNT(chain);
    sign_detached(&id, spec, slice_text("hello"), &object);
    assert_int_equal(
        read_signed(buf_slice(&object), 4096, &read, &content, NULL), ERR_OK);
    assert_int_equal(read.certificate_count, 2);
    identity_drop(&id);
    identity_drop(&ca);
}

static void
expect_signature_holds(const char *type, enum scheme scheme, enum hash hash)
{
    struct identity id = identity_make(type, NULL);
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf content = {0};
    struct signer_info *s = &read.signer[0];
    struct signature_algorithm a;

    sign_detached(&id, spec_for(&id, scheme, hash), slice_text("x"), &object);
    assert_int_equal(
        read_signed(buf_slice(&object), 4096, &read, &content, NULL), ERR_OK);
    assert_int_equal(s->hash, hash);
    assert_true(signature_from_algorithm(s->signature_algorithm, hash, &a));
    assert_int_equal(a.scheme, scheme);
    assert_true(identity_verify(&id, &a, s->signed_attrs, s->signature));
    assert_false(identity_verify(&id, &a, s->signature, s->signature));
    identity_drop(&id);
}

static void
every_scheme_signs_and_is_read_back(void **state)
{
    (void)state;
    expect_signature_holds("RSA", SCHEME_RSA_PKCS1, HASH_SHA256);
    expect_signature_holds("RSA", SCHEME_RSA_PSS, HASH_SHA512);
    expect_signature_holds("P-384", SCHEME_ECDSA, HASH_SHA384);
    expect_signature_holds("P-521", SCHEME_ECDSA, HASH_SHA512);
    expect_signature_holds("ED25519", SCHEME_EDDSA, HASH_SHA512);
}

static void
certificates_alone_travel_without_signers(void **state)
{
    struct identity a = identity_make("P-256", NULL);
    struct identity b = identity_make("P-384", NULL);
    struct slice both[] = {buf_slice(&a.certificate),
                           buf_slice(&b.certificate)};
    AUTO(signed_data) struct signed_data read = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf content = {0};

    (void)state;
    certs_only_make(both, 2, &object);
    assert_int_equal(
        read_signed(buf_slice(&object), 4096, &read, &content, NULL), ERR_OK);
    assert_int_equal(read.certificate_count, 2);
    assert_int_equal(read.signer_count, 0);
    assert_int_equal(read.hashes, 0);
    assert_false(read.has_content);
    identity_drop(&a);
    identity_drop(&b);
}

/* RFC 8551 2.5.3: whoever has two certificates sends the other one along. */
static void
another_certificate_is_named_to_encrypt_to(void **state)
{
    struct identity signer = identity_make("P-256", NULL);
    struct identity reader = identity_make("RSA", NULL);
    struct signer_spec spec = spec_for(&signer, SCHEME_ECDSA, HASH_SHA256);
    AUTO(buf) struct buf attrs = {0};
    AUTO(buf) struct buf object = {0};
    AUTO(buf) struct buf content = {0};
    AUTO(signed_data) struct signed_data read = {0};
    struct slice capabilities, preference;
    struct cert_view view;

    (void)state;
    spec.encryption = buf_slice(&reader.certificate);
    spec.oaep = true;
    build(&spec, &attrs);
    capabilities = attribute_find(buf_slice(&attrs), OID_CAPABILITIES);
    assert_int_equal(capabilities_oaep(capabilities), HASH_SHA256);
    assert_true(capabilities_announce(capabilities, CIPHER_AES256_GCM));
    assert_true(capabilities_announce(capabilities, CIPHER_AES192_CBC));
    assert_true(capabilities_announce(capabilities, CIPHER_AES128_CCM));
    assert_false(capabilities_announce(capabilities, CIPHER_3DES_CBC));
    assert_true(cert_view_parse(spec.encryption, &view));
    preference = attribute_find(buf_slice(&attrs), OID_KEY_PREFERENCE);
    assert_true(preference.n > view.issuer.n);
    assert_non_null(
        memmem(preference.p, preference.n, view.issuer.p, view.issuer.n));
    sign_detached(&signer, spec, slice_text("hello"), &object);
    assert_int_equal(
        read_signed(buf_slice(&object), 100, &read, &content, NULL), ERR_OK);
    assert_int_equal(read.certificate_count, 2);
    identity_drop(&signer);
    identity_drop(&reader);
}

static void
a_reader_of_little_is_announced_as_one(void **state)
{
    struct identity id = identity_make("RSA", NULL);
    struct signer_spec spec = spec_for(&id, SCHEME_RSA_PKCS1, HASH_SHA256);
    struct slice capabilities;

    (void)state;
    for (int oaep = 0; oaep < 2; oaep++) {
        AUTO(buf) struct buf attrs = {0};

        spec.oaep = oaep;
        build(&spec, &attrs);
        capabilities = attribute_find(buf_slice(&attrs), OID_CAPABILITIES);
        assert_int_equal(capabilities_oaep(capabilities),
                         oaep ? HASH_SHA256 : HASH_NONE);
    }
    AUTO(buf) struct buf attrs = {0};
    spec.cbc_only = true;
    build(&spec, &attrs);
    capabilities = attribute_find(buf_slice(&attrs), OID_CAPABILITIES);
    assert_int_equal(capabilities_oaep(capabilities), HASH_NONE);
    assert_false(capabilities_announce(capabilities, CIPHER_AES256_GCM));
    assert_true(capabilities_announce(capabilities, CIPHER_AES256_CBC));
    identity_drop(&id);
}

static void
the_best_cipher_that_everybody_knows_is_chosen(void **state)
{
    static const char only_128[] = "\x30\x0d\x30\x0b\x06\x09\x60\x86\x48\x01"
                                   "\x65\x03\x04\x01\x02";
    static const char cbc_256[] = "\x30\x0d\x30\x0b\x06\x09\x60\x86\x48\x01"
                                  "\x65\x03\x04\x01\x2a";
    AUTO(buf) struct buf ours = {0};
    struct slice list[3];

    (void)state;
    capabilities_write(&(struct abilities){0}, &ours);
    list[0] = list[1] = buf_slice(&ours);
    assert_int_equal(capabilities_choose(list, 2), CIPHER_AES256_GCM);
    list[1] = slice_of(cbc_256, 15);
    assert_int_equal(capabilities_choose(list, 2), CIPHER_AES256_CBC);
    list[2] = slice_of(only_128, 15);
    assert_int_equal(capabilities_choose(list, 3), CIPHER_AES128_CBC);
    list[1] = slice_of(NULL, 0);
    assert_int_equal(capabilities_choose(list, 2), CIPHER_AES256_CBC);
    list[1] = slice_text("\x30\x7f not capabilities");
    assert_int_equal(capabilities_choose(list, 2), CIPHER_AES256_CBC);
    assert_int_equal(capabilities_choose(list, 0), CIPHER_AES256_CBC);
}

/* A hundred foreign ones hide what one can. */
static void
so_many_capabilities_are_read_and_no_more(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        AUTO(buf) struct buf list = {0};
        struct slice one;
        size_t whole = der_open(&list, TAG_SEQUENCE);

        for (int i = 1; i < LIMIT_CAPABILITIES + over; i++)
            buf_add(&list, "\x30\x03\x06\x01\x2a", 5);
        buf_add(&list, "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x02",
                13);
        der_close(&list, whole);
        one = buf_slice(&list);
        assert_int_equal(capabilities_choose(&one, 1),
                         over ? CIPHER_AES256_CBC : CIPHER_AES128_CBC);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_attributes_hold_what_was_signed),
        cmocka_unit_test(the_attributes_are_in_der_order),
        cmocka_unit_test(the_signing_certificate_is_bound),
        cmocka_unit_test(a_key_that_only_signs_is_not_offered_for_encryption),
        cmocka_unit_test(times_from_2050_on_are_generalized),
        cmocka_unit_test(a_broken_certificate_cannot_sign),
        cmocka_unit_test(the_chain_is_sent_once_each),
        cmocka_unit_test(every_scheme_signs_and_is_read_back),
        cmocka_unit_test(certificates_alone_travel_without_signers),
        cmocka_unit_test(another_certificate_is_named_to_encrypt_to),
        cmocka_unit_test(a_reader_of_little_is_announced_as_one),
        cmocka_unit_test(the_best_cipher_that_everybody_knows_is_chosen),
        cmocka_unit_test(so_many_capabilities_are_read_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
