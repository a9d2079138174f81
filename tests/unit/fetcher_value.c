/* What the values of an entry hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/cms/oid.h"
#include "agent/fetcher/value.h"
#include "tests/unit/certs_only.h"
#include "validator_make.h"

static struct made root, ca, alice;

static struct slice
certs_only(struct buf *out)
{
    const struct slice all[] = {ca.der, alice.der};

    certs_only_make(all, 2, out);
    return buf_slice(out);
}

/* As `smime contacts publish` writes it: detached, over nothing. */
static struct slice
signed_by_alice(struct buf *out)
{
    const struct slice chain[] = {ca.der};
    struct signer_spec spec = {.certificate = alice.der,
                               .chain = chain,
                               .chain_count = 1,
                               .hash = HASH_SHA256,
                               .signing_time = 1700000000};
    AUTO(buf) struct buf attrs = {0};
    struct problem p = {0};
    struct digests *digests = digests_new(1U << HASH_SHA256);

    spec.signature = (struct signature_algorithm){.scheme = SCHEME_RSA_PKCS1,
                                                  .hash = HASH_SHA256};
    assert_int_equal(signed_attrs_build(&spec, slice_of(NULL, 0),
                                        digests_get(digests, HASH_SHA256),
                                        &attrs, &p),
                     ERR_OK);
    digests_drop(&digests);
    assert_int_equal(signed_write_detached(&spec, buf_slice(&attrs),
                                           slice_text("not checked here"), out,
                                           &p),
                     ERR_OK);
    return buf_slice(out);
}

static void
a_certificate_is_taken_as_it_is(void **state)
{
    struct directory_item item;

    (void)state;
    assert_true(value_certificate(alice.der, &item));
    assert_int_equal(item.kind, DIRECTORY_CERTIFICATE);
    assert_int_equal(item.certificates.n, 1);
    assert_true(slice_equal(item.certificates.item[0], alice.der));
    assert_int_equal(item.signature.n, 0);
}

static void
what_is_no_certificate_is_none(void **state)
{
    AUTO(buf) struct buf bytes = {0};
    AUTO(buf) struct buf long_one = {0};
    struct directory_item item;

    (void)state;
    assert_false(value_certificate(slice_text(""), &item));
    assert_false(value_certificate(slice_text("-----BEGIN CERT"), &item));
    assert_false(
        value_certificate(slice_of(alice.der.p, alice.der.n - 1), &item));
    assert_false(value_certificate(certs_only(&bytes), &item));
    memset(buf_room(&long_one, LIMIT_CERT_BYTES + 1), 0, LIMIT_CERT_BYTES + 1);
    buf_written(&long_one, LIMIT_CERT_BYTES + 1);
    assert_false(value_certificate(buf_slice(&long_one), &item));
}

static void
a_signed_value_is_evidence(void **state)
{
    AUTO(value_room) struct value_room room = {.digests = NULL};
    AUTO(buf) struct buf bytes = {0};
    struct directory_item item;
    struct problem p = {0};
    struct slice value = signed_by_alice(&bytes);

    (void)state;
    assert_int_equal(value_smime(value, &room, &item, &p), ERR_OK);
    assert_int_equal(item.kind, DIRECTORY_SMIME);
    assert_int_equal(item.certificates.n, 2);
    assert_true(slice_equal(item.certificates.item[0], alice.der));
    assert_true(item.signed_attrs.n > 0);
    assert_true(slice_is(item.signature, "not checked here"));
    assert_int_equal(item.content_digest.n, 32);
    assert_true(item.sid_issuer.n > 0 || item.sid_key_id.n > 0);
}

static void
one_without_a_signer_brings_certificates_alone(void **state)
{
    AUTO(value_room) struct value_room room = {.digests = NULL};
    AUTO(buf) struct buf bytes = {0};
    struct directory_item item;
    struct problem p = {0};

    (void)state;
    assert_int_equal(value_smime(certs_only(&bytes), &room, &item, &p), ERR_OK);
    assert_int_equal(item.certificates.n, 2);
    assert_int_equal(item.signature.n, 0);
}

/* Cut anywhere it is an error, or whole but for nothing. */
static void
a_value_that_is_cut_is_refused(void **state)
{
    AUTO(buf) struct buf bytes = {0};
    struct slice value = signed_by_alice(&bytes);

    (void)state;
    for (size_t n = 0; n < value.n; n++) {
        AUTO(value_room) struct value_room room = {.digests = NULL};
        struct directory_item item;
        struct problem p = {0};

        assert_int_not_equal(
            value_smime(slice_of(value.p, n), &room, &item, &p), ERR_OK);
    }
}

static void
what_is_no_signed_data_is_refused(void **state)
{
    AUTO(value_room) struct value_room room = {.digests = NULL};
    AUTO(buf) struct buf none = {0};
    struct directory_item item;
    struct problem p = {0};

    (void)state;
    assert_int_equal(value_smime(alice.der, &room, &item, &p), ERR_BAD_MESSAGE);
    certs_only_make(NULL, 0, &none);
    assert_int_equal(value_smime(buf_slice(&none), &room, &item, &p),
                     ERR_BAD_MESSAGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_taken_as_it_is),
        cmocka_unit_test(what_is_no_certificate_is_none),
        cmocka_unit_test(a_signed_value_is_evidence),
        cmocka_unit_test(one_without_a_signer_brings_certificates_alone),
        cmocka_unit_test(a_value_that_is_cut_is_refused),
        cmocka_unit_test(what_is_no_signed_data_is_refused),
    };
    int failed;

    algorithm_warm_up();
    root = make_cert(
        &(struct cert_spec){.name = "Root", .key = "p256", .ca = true});
    ca = make_cert(&(struct cert_spec){
        .name = "CA", .key = "p256b", .ca = true, .issuer = &root});
    alice = make_cert(&(struct cert_spec){.name = "Alice",
                                          .key = "rsa2048",
                                          .issuer = &ca,
                                          .email = "alice@example.org"});
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    make_end();
    return failed;
}
