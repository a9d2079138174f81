/* Whom the validator trusts, when, and for which sender. */
#include "validator_case.h"

/* ---- chain and time ----------------------------------------------------- */

static void
nobody_vouches_for_strangers(void **state)
{
    struct made own = make_cert(&(struct cert_spec){
        .name = "Self", .key = "rsa2048", .email = ALICE, .usage = SIGNS});
    struct made other =
        person((struct cert_spec){.email = ALICE, .issuer = &stranger});

    (void)state;
    judge((struct message_spec){.signer = &own});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    judge((struct message_spec){.signer = &other, .others = {&stranger}});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    assert_true(says("untrusted-issuer"));
    assert_int_equal(r.good, 0);
    assert_int_equal(r.integrity, INTEGRITY_OK);
}

static void
without_the_intermediate_there_is_no_path(void **state)
{
    (void)state;
    judge((struct message_spec){.others = {&root}});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
}

static void
a_leaf_is_no_issuer(void **state)
{
    struct made forged = person((struct cert_spec){
        .name = "Mallory", .email = "bob@example.org", .issuer = &alice});

    (void)state;
    judge((struct message_spec){
        .signer = &forged, .others = {&ca, &alice}, .from = "bob@example.org"});
    assert_int_equal(r.chain, CHAIN_INVALID);
    assert_true(says("not-an-authority"));
}

/* RFC 5280 4.1.2.1 and 6.1.4 (k): libcrypto looks at no version. */
static void
only_version_3_has_extensions(void **state)
{
    struct made leaf, issuer, of_odd;

    (void)state;
    for (long version = 0; version <= 3; version++) {
        leaf = person((struct cert_spec){.email = ALICE});
        assert_int_equal(X509_set_version(leaf.x, version), 1);
        make_again(&leaf, ca.key);
        judge((struct message_spec){.signer = &leaf});
        if (version == X509_VERSION_3) {
            is_good();
            continue;
        }
        assert_int_equal(r.chain, CHAIN_INVALID);
        assert_true(says("chain-invalid"));
        issuer = make_cert(&(struct cert_spec){
            .name = "Odd", .key = "p256d", .ca = true, .issuer = &root});
        assert_int_equal(X509_set_version(issuer.x, version), 1);
        make_again(&issuer, root.key);
        of_odd = person((struct cert_spec){.email = ALICE, .issuer = &issuer});
        judge((struct message_spec){.signer = &of_odd, .others = {&issuer}});
        assert_int_equal(r.chain, CHAIN_INVALID);
    }
}

static void
the_signing_time_excuses_what_has_expired_since(void **state)
{
    struct made old = person((struct cert_spec){
        .email = ALICE, .from = -100 * DAY, .until = -10 * DAY});

    (void)state;
    judge((struct message_spec){.signer = &old, .signing_time = -20 * DAY});
    is_good();
    assert_true(says("expired-now"));
    judge((struct message_spec){.signer = &old, .signing_time = -5 * DAY});
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    assert_true(says("expired"));
    judge((struct message_spec){.signer = &old});
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    /* A signature that is not the signer's excuses nothing. */
    judge((struct message_spec){.signer = &old,
                                .signing_time = -20 * DAY,
                                .flags = MAKE_BAD_SIGNATURE});
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    assert_int_equal(r.time_source, TIME_NOW);
}

static void
odd_signing_times_are_judged_now(void **state)
{
    (void)state;
    judge((struct message_spec){.signing_time = 5 * DAY});
    is_good();
    assert_int_equal(r.time_source, TIME_NOW);
    assert_true(says("odd-signing-time"));
    judge((struct message_spec){.signing_time = -60 * DAY});
    assert_int_equal(r.time_source, TIME_NOW);
    assert_true(says("odd-signing-time"));
}

static void
a_certificate_to_come_is_not_yet_valid(void **state)
{
    struct made soon = person((struct cert_spec){
        .email = ALICE, .from = 10 * DAY, .until = 100 * DAY});

    (void)state;
    judge((struct message_spec){.signer = &soon});
    assert_int_equal(r.chain, CHAIN_NOT_YET);
    assert_true(says("not-yet-valid"));
}

static void
an_issuer_to_come_is_told_apart(void **state)
{
    struct made soon = make_cert(&(struct cert_spec){.name = "Soon",
                                                     .key = "p256d",
                                                     .ca = true,
                                                     .issuer = &root,
                                                     .from = 10 * DAY,
                                                     .until = 100 * DAY});
    struct made early =
        person((struct cert_spec){.email = ALICE, .issuer = &soon});

    (void)state;
    judge((struct message_spec){.signer = &early, .others = {&soon}});
    assert_int_equal(r.chain, CHAIN_NOT_YET);
    assert_true(says("issuer-not-yet-valid"));
    assert_false(says("not-yet-valid"));
}

static void
a_given_time_is_what_is_judged_at(void **state)
{
    (void)state;
    make_request(&(struct message_spec){.signer = &alice,
                                        .others = {&ca},
                                        .from = ALICE},
                 &q);
    q.at = (uint64_t)time(NULL) + 500 * DAY;
    validator_judge(&v, &q, &r);
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    assert_int_equal(r.time_source, TIME_GIVEN);
    assert_int_equal(r.judged_at, q.at);
    q.at = (uint64_t)time(NULL) + 5 * DAY;
    validator_judge(&v, &q, &r);
    is_good();
}

static void
certificates_for_something_else_are_refused(void **state)
{
    struct made web =
        person((struct cert_spec){.email = ALICE, .extended = "serverAuth"});
    struct made any = person(
        (struct cert_spec){.email = ALICE, .extended = "anyExtendedKeyUsage"});
    struct made mail = person((struct cert_spec){
        .email = ALICE, .extended = "clientAuth,emailProtection"});
    struct made enc = person((struct cert_spec){
        .email = ALICE, .usage = "critical,keyEncipherment"});

    (void)state;
    judge((struct message_spec){.signer = &web});
    assert_int_equal(r.chain, CHAIN_PURPOSE);
    judge((struct message_spec){.signer = &enc});
    assert_int_equal(r.chain, CHAIN_PURPOSE);
    assert_true(says("wrong-purpose"));
    judge((struct message_spec){.signer = &any});
    is_good();
    judge((struct message_spec){.signer = &mail});
    is_good();
}

static void
an_issuer_for_something_else_is_refused(void **state)
{
    struct made web_ca =
        make_cert(&(struct cert_spec){.name = "Web CA",
                                      .key = "p256e",
                                      .ca = true,
                                      .issuer = &root,
                                      .extended = "serverAuth"});
    struct made c =
        person((struct cert_spec){.email = ALICE, .issuer = &web_ca});

    (void)state;
    judge((struct message_spec){.signer = &c, .others = {&web_ca}});
    assert_int_equal(r.chain, CHAIN_PURPOSE);
    assert_true(says("issuer-purpose"));
}

static void
new_anchors_are_noticed(void **state)
{
    struct made other =
        person((struct cert_spec){.email = ALICE, .issuer = &stranger});
    char path[128];

    (void)state;
    judge((struct message_spec){.signer = &other});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    snprintf(path, sizeof(path), "%s/two.crt", folders[0]);
    make_pem(path, (struct made[]){stranger, ca}, 2);
    for (int i = 0; i < 200 && r.chain != CHAIN_OK; i++) {
        usleep(10000);
        validator_judge(&v, &q, &r);
    }
    is_good();
    assert_int_equal(anchors_count(v.anchors), 3);
    unlink(path);
    for (int i = 0; i < 200 && r.chain == CHAIN_OK; i++) {
        usleep(10000);
        validator_judge(&v, &q, &r);
    }
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
}

/* ---- sender ------------------------------------------------------------- */

static void
the_sender_must_be_the_one_who_signed(void **state)
{
    (void)state;
    judge((struct message_spec){.from = "bob@example.org"});
    assert_int_equal(r.sender, SENDER_DIFFERS);
    assert_true(says("from-mismatch"));
    assert_int_equal(r.good, 0);
    judge((struct message_spec){.from = "Alice@EXAMPLE.org"});
    is_good();
    q.from.item[0] = slice_text("bob@example.org");
    q.sender = slice_text(ALICE);
    validator_judge(&v, &q, &r);
    assert_int_equal(r.sender, SENDER_BY_SENDER_FIELD);
    assert_int_equal(r.good, 0);
    assert_true(says("sender-field-matches"));
}

static void
deceiving_headers_are_ambiguous(void **state)
{
    (void)state;
    judge((struct message_spec){0});
    is_good();
    q.header_flags = HEADER_DECEIVING_NAME;
    validator_judge(&v, &q, &r);
    assert_int_equal(r.sender, SENDER_AMBIGUOUS);
    assert_true(says("deceiving-name"));
    q.header_flags = 0;
    q.from.item[q.from.n++] = slice_text("bob@example.org");
    validator_judge(&v, &q, &r);
    assert_int_equal(r.sender, SENDER_AMBIGUOUS);
    assert_true(says("several-from"));
    q.from.n = 0;
    validator_judge(&v, &q, &r);
    assert_int_equal(r.sender, SENDER_NOT_SEEN);
    assert_true(says("sender-not-seen"));
    assert_int_equal(r.good, 0);
}

static void
only_addresses_where_addresses_belong_count(void **state)
{
    static const char nul[] = "alice@example.org\0.evil.example";
    struct made cn = person((struct cert_spec){.name = ALICE});
    struct made dn = person((struct cert_spec){.dn_email = ALICE});
    struct made cut =
        person((struct cert_spec){.email = nul, .email_len = sizeof(nul) - 1});
    struct made utf8 =
        person((struct cert_spec){.utf8 = "\xc3\xa4lice@example.org"});
    struct made bidi =
        person((struct cert_spec){.utf8 = "alice\xe2\x80\xae@example.org"});

    (void)state;
    judge((struct message_spec){.signer = &cn});
    assert_int_equal(r.sender, SENDER_NO_ADDRESS);
    assert_true(says("no-address"));
    judge((struct message_spec){.signer = &dn});
    is_good();
    judge((struct message_spec){.signer = &cut});
    assert_int_equal(r.sender, SENDER_NO_ADDRESS);
    assert_true(says("bad-address"));
    judge((struct message_spec){.signer = &utf8,
                                .from = "\xc3\xa4lice@example.org"});
    is_good();
    judge((struct message_spec){.signer = &bidi});
    assert_int_equal(r.sender, SENDER_NO_ADDRESS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_vouches_for_strangers),
        cmocka_unit_test(without_the_intermediate_there_is_no_path),
        cmocka_unit_test(a_leaf_is_no_issuer),
        cmocka_unit_test(only_version_3_has_extensions),
        cmocka_unit_test(the_signing_time_excuses_what_has_expired_since),
        cmocka_unit_test(odd_signing_times_are_judged_now),
        cmocka_unit_test(a_certificate_to_come_is_not_yet_valid),
        cmocka_unit_test(an_issuer_to_come_is_told_apart),
        cmocka_unit_test(a_given_time_is_what_is_judged_at),
        cmocka_unit_test(certificates_for_something_else_are_refused),
        cmocka_unit_test(an_issuer_for_something_else_is_refused),
        cmocka_unit_test(new_anchors_are_noticed),
        cmocka_unit_test(the_sender_must_be_the_one_who_signed),
        cmocka_unit_test(deceiving_headers_are_ambiguous),
        cmocka_unit_test(only_addresses_where_addresses_belong_count),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
