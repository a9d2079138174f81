/* What the validator finds in signatures, their strength, and certificates. */
#include "tests/unit/cpu_time.h"
#include "validator_case.h"

/* ---- integrity ---------------------------------------------------------- */

static void
a_signed_mail_of_its_sender_is_good(void **state)
{
    struct description d;

    (void)state;
    judge((struct message_spec){.signing_time = -60,
                                .flags = MAKE_V2 | MAKE_CAPABILITIES});
    is_good();
    assert_int_equal(r.reasons.n, 0);
    assert_int_equal(r.time_source, TIME_SIGNING);
    assert_int_equal(r.capabilities.n, 15);
    assert_int_equal(r.issuers.n, 1);
    assert_true(slice_equal(r.issuers.item[0], ca.der));
    assert_true(slice_equal(r.certificate, alice.der));
    assert_true(record_decode(RECORD_description, r.described, &d));
    assert_int_equal(d.addresses.n, 1);
    assert_true(slice_is(d.addresses.item[0], ALICE));
    assert_true(slice_is(d.name, "Alice"));
    assert_true(slice_is(d.issuer, "CN=CA"));
    assert_int_equal(d.uses, USE_SIGN);
    assert_int_equal(d.bits, 2048);
    assert_int_equal(d.fingerprint.n, 32);
    assert_true(r.digest_name.n > 0 && r.signature_name.n > 0);
}

static void
pss_ecdsa_and_ed25519_are_good(void **state)
{
    struct made ec = person((struct cert_spec){.email = ALICE, .key = "p256d"});
    struct made ed =
        person((struct cert_spec){.email = ALICE, .key = "ed25519"});

    (void)state;
    judge((struct message_spec){.pss = true});
    is_good();
    judge((struct message_spec){.signer = &ec});
    is_good();
    judge((struct message_spec){.signer = &ed, .hash = HASH_SHA512});
    is_good();
    judge((struct message_spec){.flags = MAKE_NO_ATTRS});
    is_good();
    judge((struct message_spec){.flags = MAKE_NO_ATTRS, .pss = true});
    is_good();
}

static void
a_changed_signature_is_wrong_with_every_algorithm(void **state)
{
    struct made ec = person((struct cert_spec){.email = ALICE, .key = "p256d"});
    struct made ed =
        person((struct cert_spec){.email = ALICE, .key = "ed25519"});
    struct message_spec specs[] = {
        {.flags = MAKE_BAD_SIGNATURE},
        {.flags = MAKE_BAD_SIGNATURE, .pss = true},
        {.flags = MAKE_BAD_SIGNATURE, .signer = &ec},
        {.flags = MAKE_BAD_SIGNATURE, .signer = &ed, .hash = HASH_SHA512},
        {.flags = MAKE_BAD_SIGNATURE | MAKE_NO_ATTRS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        judge(specs[i]);
        assert_int_equal(r.integrity, INTEGRITY_SIGNATURE_WRONG);
        assert_true(says("signature-invalid"));
        assert_int_equal(r.good, 0);
        assert_int_equal(r.capabilities.n, 0);
    }
}

static void
attributes_that_are_doubled_or_missing_are_bad(void **state)
{
    const unsigned flags[] = {MAKE_DIGEST_TWICE, MAKE_NO_CONTENT_TYPE,
                              MAKE_TWO_VALUES, MAKE_TIME_TWICE};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(flags); i++) {
        judge((struct message_spec){.flags = flags[i], .signing_time = -60});
        assert_int_equal(r.integrity, INTEGRITY_ATTRIBUTES_BAD);
        assert_true(says("attributes-bad"));
        assert_int_equal(r.good, 0);
    }
}

static void
another_digest_is_a_changed_content(void **state)
{
    (void)state;
    judge((struct message_spec){.flags = MAKE_WRONG_DIGEST});
    assert_int_equal(r.integrity, INTEGRITY_DIGEST_WRONG);
    assert_true(says("digest-mismatch"));
}

static void
a_signing_certificate_attribute_must_name_the_signer(void **state)
{
    (void)state;
    judge((struct message_spec){.flags = MAKE_V2_WRONG});
    assert_int_equal(r.integrity, INTEGRITY_ATTRIBUTES_BAD);
    assert_true(says("signing-certificate-mismatch"));
}

static void
another_content_type_needs_attributes(void **state)
{
    (void)state;
    make_request(&(struct message_spec){.signer = &alice,
                                        .others = {&ca},
                                        .from = ALICE,
                                        .flags = MAKE_NO_ATTRS},
                 &q);
    q.content_type = slice_of("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", 9);
    validator_judge(&v, &q, &r);
    assert_int_equal(r.integrity, INTEGRITY_ATTRIBUTES_BAD);
}

static void
a_signer_that_is_not_there_is_named_so(void **state)
{
    (void)state;
    make_request(&(struct message_spec){.signer = &alice, .from = ALICE}, &q);
    q.certificates.n = 0;
    validator_judge(&v, &q, &r);
    assert_int_equal(r.integrity, INTEGRITY_NO_CERTIFICATE);
    assert_int_equal(r.chain, CHAIN_NOT_ASKED);
    assert_true(says("no-signer-certificate"));
    assert_int_equal(r.good, 0);
}

/* Whoever sends a mail on can add certificates to it. */
static void
another_of_the_same_issuer_and_number_takes_nothing(void **state)
{
    struct made fake = make_cert(
        &(struct cert_spec){.name = "CA", .key = "p256c", .ca = true});
    struct made signer =
        person((struct cert_spec){.email = ALICE, .serial = 7});
    struct cert_spec specs[] = {
        {.email = ALICE, .serial = 7, .issuer = &fake, .key = "p256b"},
        {.email = ALICE, .serial = 7, .issuer = &fake},
        {.email = "bob@example.org", .serial = 7},
        {.email = ALICE, .serial = 7, .from = -20 * DAY, .until = -10 * DAY}};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_COUNT(specs); i++) {
        struct made decoy = person(specs[i / 2]);

        make_request(&(struct message_spec){.signer = &signer,
                                            .others = {&decoy, &ca},
                                            .from = ALICE},
                     &q);
        if (i % 2 == 0) {
            q.certificates.item[0] = signer.der;
            q.certificates.item[2] = decoy.der;
        }
        validator_judge(&v, &q, &r);
        is_good();
        assert_true(slice_equal(r.certificate, signer.der));
    }
}

/* id-RSAES-OAEP (RFC 4055 1.2) is for encryption alone. */
static void
a_key_that_is_not_for_signing_is_said_to_be(void **state)
{
    struct made oaep = person((struct cert_spec){.email = ALICE});
    X509_PUBKEY *spki = X509_get_X509_PUBKEY(oaep.x);
    const unsigned char *bits;
    int n;

    (void)state;
    assert_int_equal(X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, spki), 1);
    assert_int_equal(X509_PUBKEY_set0_param(spki, OBJ_nid2obj(NID_rsaesOaep),
                                            V_ASN1_UNDEF, NULL,
                                            OPENSSL_memdup(bits, (size_t)n), n),
                     1);
    make_again(&oaep, ca.key);
    judge((struct message_spec){.signer = &oaep});
    assert_int_equal(r.integrity, INTEGRITY_UNSUPPORTED);
    assert_true(says("bad-certificate") && says("weak-key"));
    assert_false(says("chain-invalid"));
    assert_int_equal(r.good, 0);
}

static void
unknown_algorithms_are_unsupported(void **state)
{
    (void)state;
    make_request(&(struct message_spec){.signer = &alice, .from = ALICE}, &q);
    q.signature_algorithm = slice_of("\x30\x03\x06\x01\x2a", 5);
    validator_judge(&v, &q, &r);
    assert_int_equal(r.integrity, INTEGRITY_UNSUPPORTED);
    assert_true(says("unsupported-algorithm"));
}

/* ---- strength and coverage ---------------------------------------------- */

/* With the neutral point as key and as R, and 0 as S, anything is signed. */
static void
an_ed25519_key_of_small_order_is_weak(void **state)
{
    static const uint8_t neutral[64] = {1};
    static const uint8_t others[][32] = {
        {0},
        {0x81, [31] = 0x80},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x85},
    };
    uint8_t wide[57] = {0};
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, neutral, 32);
    struct made ed =
        person((struct cert_spec){.email = ALICE, .key = "ed25519"});

    (void)state;
    assert_int_equal(X509_set_pubkey(ed.x, key), 1);
    make_again(&ed, ca.key);
    make_request(
        &(struct message_spec){
            .signer = &ed, .others = {&ca}, .from = ALICE, .hash = HASH_SHA512},
        &q);
    q.signature = slice_of(neutral, sizeof(neutral));
    validator_judge(&v, &q, &r);
    assert_int_equal(r.integrity, INTEGRITY_OK);
    assert_int_equal(r.strength, STRENGTH_WEAK_KEY);
    assert_true(says("weak-key"));
    assert_int_equal(r.good, 0);
    EVP_PKEY_free(key);
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        key =
            EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, others[i], 32);
        assert_int_equal(key_is_weak(key), i != 1);
        EVP_PKEY_free(key);
    }
    /* Ed448: 0, 1, 2; then the modulus, or one less, or two. */
    for (int i = 0; i < 6; i++) {
        memset(wide, i < 3 ? 0 : 0xff, 56);
        if (i >= 3)
            wide[28] = 0xfe;
        wide[0] = (uint8_t)(i < 3 ? i : 0xff - (i - 3));
        key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED448, NULL, wide, 57);
        assert_int_equal(key_is_weak(key), i != 2 && i != 5);
        EVP_PKEY_free(key);
    }
}

static void
weak_is_valid_but_not_good(void **state)
{
    struct made small =
        person((struct cert_spec){.email = ALICE, .key = "rsa1024"});
    struct made sha1 =
        person((struct cert_spec){.email = ALICE, .md = EVP_sha1()});

    (void)state;
    judge((struct message_spec){.hash = HASH_SHA1});
    assert_int_equal(r.integrity, INTEGRITY_OK);
    assert_int_equal(r.strength, STRENGTH_WEAK_DIGEST);
    assert_true(says("weak-digest"));
    assert_int_equal(r.good, 0);
    judge((struct message_spec){.signer = &small});
    assert_int_equal(r.strength, STRENGTH_WEAK_KEY);
    assert_int_equal(r.chain, CHAIN_OK);
    assert_true(says("weak-key"));
    judge((struct message_spec){.signer = &sha1});
    assert_int_equal(r.strength, STRENGTH_WEAK_DIGEST);
    assert_int_equal(r.good, 0);
    /* And again from what is remembered. */
    judge((struct message_spec){.signer = &sha1});
    assert_int_equal(r.strength, STRENGTH_WEAK_DIGEST);
}

static void
a_part_of_a_message_is_not_the_message(void **state)
{
    (void)state;
    judge((struct message_spec){0});
    q.covers = 0;
    validator_judge(&v, &q, &r);
    assert_int_equal(r.good, 0);
    assert_true(says("not-covered"));
}

/* ---- the certificate to encrypt to -------------------------------------- */

static void
a_preferred_certificate_is_told(void **state)
{
    struct made enc = person((struct cert_spec){
        .email = ALICE, .usage = "critical,keyEncipherment"});
    struct made bob =
        person((struct cert_spec){.name = "Bob",
                                  .email = "bob@example.org",
                                  .usage = "critical,keyEncipherment"});

    (void)state;
    judge((struct message_spec){.others = {&ca, &enc}, .prefers = &enc});
    is_good();
    assert_true(slice_equal(r.encryption_certificate, enc.der));
    assert_int_equal(r.preference, PREFERENCE_OTHER);
    judge((struct message_spec){
        .others = {&ca, &enc}, .prefers = &enc, .flags = MAKE_PREFERS_MS});
    is_good();
    assert_true(slice_equal(r.encryption_certificate, enc.der));
    assert_int_equal(r.preference, PREFERENCE_OTHER);
    judge((struct message_spec){.others = {&ca, &enc}});
    assert_int_equal(r.preference, PREFERENCE_NONE);
    assert_true(slice_equal(r.encryption_certificate, enc.der));
    judge((struct message_spec){.others = {&ca, &bob}, .prefers = &bob});
    is_good();
    assert_int_equal(r.encryption_certificate.n, 0);
}

/* ---- reading ------------------------------------------------------------ */

static void
certificates_are_described_and_rubbish_is_empty(void **state)
{
    AUTO(buf) struct buf store = {0};
    struct describe_request dq = {.purpose = 1};
    struct describe_reply dr;
    struct description d;

    (void)state;
    dq.certificates.n = 3;
    dq.certificates.item[0] = alice.der;
    dq.certificates.item[1] = slice_text("rubbish");
    dq.certificates.item[2] = ca.der;
    validator_describe(&v, &dq, &store, &dr);
    assert_int_equal(dr.records.n, 3);
    assert_int_equal(dr.records.item[1].n, 0);
    assert_true(record_decode(RECORD_description, dr.records.item[0], &d));
    assert_int_equal(d.chain, CHAIN_OK);
    assert_true(record_decode(RECORD_description, dr.records.item[2], &d));
    assert_int_equal(d.is_ca, 1);
    dq.certificates.n = 1;
    validator_describe(&v, &dq, &store, &dr);
    assert_true(record_decode(RECORD_description, dr.records.item[0], &d));
    assert_int_equal(d.chain, CHAIN_UNTRUSTED);
}

static void
a_cut_certificate_never_parses(void **state)
{
    (void)state;
    for (size_t n = 0; n < alice.der.n; n++)
        assert_null(certs_find(v.certs, slice_of(alice.der.p, n)));
    assert_non_null(certs_find(v.certs, alice.der));
}

static void
a_known_signer_is_quick(void **state)
{
    double began_ms;

    (void)state;
    judge((struct message_spec){.signing_time = -60});
    began_ms = cpu_time_ms();
    for (int i = 0; i < 500; i++)
        validator_judge(&v, &q, &r);
    print_message("known signer: %.1f us\n", (cpu_time_ms() - began_ms) * 2);
    is_good();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_mail_of_its_sender_is_good),
        cmocka_unit_test(pss_ecdsa_and_ed25519_are_good),
        cmocka_unit_test(an_ed25519_key_of_small_order_is_weak),
        cmocka_unit_test(a_changed_signature_is_wrong_with_every_algorithm),
        cmocka_unit_test(attributes_that_are_doubled_or_missing_are_bad),
        cmocka_unit_test(another_digest_is_a_changed_content),
        cmocka_unit_test(a_signing_certificate_attribute_must_name_the_signer),
        cmocka_unit_test(another_content_type_needs_attributes),
        cmocka_unit_test(a_signer_that_is_not_there_is_named_so),
        cmocka_unit_test(another_of_the_same_issuer_and_number_takes_nothing),
        cmocka_unit_test(a_key_that_is_not_for_signing_is_said_to_be),
        cmocka_unit_test(unknown_algorithms_are_unsupported),
        cmocka_unit_test(weak_is_valid_but_not_good),
        cmocka_unit_test(a_part_of_a_message_is_not_the_message),
        cmocka_unit_test(a_preferred_certificate_is_told),
        cmocka_unit_test(certificates_are_described_and_rubbish_is_empty),
        cmocka_unit_test(a_cut_certificate_never_parses),
        cmocka_unit_test(a_known_signer_is_quick),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
