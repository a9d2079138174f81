/* What is read from folders, CRLs and anchors; and what is known of a signer
 * from earlier. */
#include "validator_lists.h"

static void
a_stored_list_is_asked_by_every_verdict(void **state)
{
    (void)state;
    judge((struct message_spec){0});
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    store_crls((struct crl_spec){0});
    judge((struct message_spec){0});
    is_good();
    assert_int_equal(r.revocation, REVOCATION_CLEAR);
    /* The verdict is remembered; what it rests on is not forgotten. */
    judge((struct message_spec){0});
    assert_int_equal(r.revocation, REVOCATION_CLEAR);
    store_crls((struct crl_spec){.revoked = &alice, .when = -5 * DAY});
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    assert_int_equal(r.revocation, REVOCATION_REVOKED);
    assert_int_equal(r.good, 0);
    remove_crls();
    judge((struct message_spec){0});
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
}

static void
a_revoked_certificate_is_described_as_such(void **state)
{
    struct describe_request dq = {.purpose = 1};
    AUTO(buf) struct buf store = {0};
    struct describe_reply dr;
    struct description d;

    (void)state;
    dq.certificates.item[dq.certificates.n++] = alice.der;
    dq.certificates.item[dq.certificates.n++] = ca.der;
    store_crls((struct crl_spec){.revoked = &alice, .when = -5 * DAY});
    validator_describe(&v, &dq, &store, &dr);
    assert_true(record_decode(RECORD_description, dr.records.item[0], &d));
    assert_int_equal(d.chain, CHAIN_REVOKED);
    store_crls((struct crl_spec){.revoked = &stranger, .when = -5 * DAY});
    validator_describe(&v, &dq, &store, &dr);
    assert_true(record_decode(RECORD_description, dr.records.item[0], &d));
    assert_int_equal(d.chain, CHAIN_OK);
    remove_crls();
}

static void
a_forged_list_in_the_folder_says_nothing(void **state)
{
    (void)state;
    store_crls(
        (struct crl_spec){.revoked = &alice, .when = -5 * DAY, .forged = true});
    judge((struct message_spec){0});
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    remove_crls();
}

static void
a_damaged_file_is_named_and_the_others_count(void **state)
{
    char path[160];

    (void)state;
    store_crls((struct crl_spec){.revoked = &alice, .when = -5 * DAY});
    snprintf(path, sizeof(path), "%s/broken.crl", crl_folders[0]);
    file_write(path, slice_of(ca.der.p, ca.der.n - 3));
    wait_for_look();
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    assert_int_equal(crls_faulty(v.crls)->n, 1);
    assert_string_equal(crls_faulty(v.crls)->item[0].path, path);
    assert_int_equal(unlink(path), 0);
    wait_for_look();
    judge((struct message_spec){0});
    assert_int_equal(crls_faulty(v.crls)->n, 0);
    assert_int_equal(crls_count(v.crls), 2);
    remove_crls();
}

static void
a_damaged_anchor_is_named_and_the_others_count(void **state)
{
    char path[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/damaged.pem", folders[0]);
    file_write(path, slice_text("-----BEGIN CERTIFICATE-----\nAAAA\n"));
    wait_for_look();
    judge((struct message_spec){0});
    is_good();
    assert_int_equal(anchors_faulty(v.anchors)->n, 1);
    assert_string_equal(anchors_faulty(v.anchors)->item[0].path, path);
    make_pem(path, &stranger, 1);
    wait_for_look();
    judge((struct message_spec){0});
    assert_int_equal(anchors_faulty(v.anchors)->n, 0);
    assert_int_equal(unlink(path), 0);
    wait_for_look();
}

static void
a_file_with_another_ending_is_named(void **state)
{
    static const char *const names[] = {"root.p7b",  "README",   ".root",
                                        "notes.txt", "root.key", "root.pem~"};
    char path[ARRAY_COUNT(names)][160];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path[i], sizeof(path[i]), "%s/%s", folders[0], names[i]);
        make_pem(path[i], &stranger, 1);
    }
    wait_for_look();
    judge((struct message_spec){0});
    is_good();
    assert_int_equal(anchors_faulty(v.anchors)->n, 1);
    assert_string_equal(anchors_faulty(v.anchors)->item[0].path, path[0]);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_int_equal(unlink(path[i]), 0);
    wait_for_look();
    judge((struct message_spec){0});
    assert_int_equal(anchors_faulty(v.anchors)->n, 0);
}

static void
an_issuing_authority_alone_can_be_the_anchor(void **state)
{
    struct made other = make_cert(&(struct cert_spec){
        .name = "Issuing", .key = "p256d", .ca = true, .issuer = &stranger});
    struct made bob =
        person((struct cert_spec){.email = ALICE, .issuer = &other});
    struct made carol =
        person((struct cert_spec){.email = ALICE, .issuer = &stranger});
    char path[160];

    (void)state;
    judge((struct message_spec){.signer = &bob, .others = {&other}});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    snprintf(path, sizeof(path), "%s/issuing.pem", folders[0]);
    make_pem(path, &other, 1);
    wait_for_look();
    judge((struct message_spec){.signer = &bob, .others = {&stranger}});
    is_good();
    judge((struct message_spec){.signer = &bob, .others = {&other, &stranger}});
    is_good();
    /* Its own issuer is not trusted by that. */
    judge((struct message_spec){.signer = &carol, .others = {&stranger}});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    assert_int_equal(unlink(path), 0);
    wait_for_look();
    judge((struct message_spec){.signer = &bob, .others = {&other, &stranger}});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
}

static void
judge_seen(const struct made *signer, long seen, long signing_time)
{
    make_request(&(struct message_spec){.signer = signer,
                                        .others = {&ca},
                                        .from = ALICE,
                                        .signing_time = signing_time},
                 &q);
    q.first_seen = (uint64_t)(time(NULL) + seen);
    validator_judge(&v, &q, &r);
}

static void
an_expired_certificate_is_judged_when_it_was_first_seen(void **state)
{
    struct made old = person((struct cert_spec){
        .email = ALICE, .from = -400 * DAY, .until = -30 * DAY});

    (void)state;
    judge((struct message_spec){.signer = &old});
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    assert_int_equal(r.time_source, TIME_NOW);
    judge_seen(&old, -100 * DAY, 0);
    is_good();
    assert_int_equal(r.time_source, TIME_FIRST_SEEN);
    assert_int_equal(r.judged_at, q.first_seen);
    assert_true(says("first-seen"));
    /* Not when it was seen only after it had expired ... */
    judge_seen(&old, -20 * DAY, 0);
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    judge_seen(&old, -500 * DAY, 0);
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    /* ... and a message that gives a time of its own is held to it. */
    judge_seen(&old, -100 * DAY, -10 * DAY);
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    assert_int_equal(r.time_source, TIME_SIGNING);
    judge_seen(&old, -100 * DAY, 30 * DAY);
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    judge_seen(&old, -100 * DAY, -50 * DAY);
    is_good();
    assert_int_equal(r.time_source, TIME_SIGNING);
    assert_true(says("expired-now"));
}

static void
wanted_issuers_are_named(void **state)
{
    uint8_t name[32];

    (void)state;
    make_request(&(struct message_spec){.signer = &alice, .from = ALICE}, &q);
    validator_judge(&v, &q, &r);
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    assert_int_equal(r.wanted.n, 1);
    assert_int_equal(
        X509_NAME_digest(X509_get_subject_name(ca.x), EVP_sha256(), name, NULL),
        1);
    assert_true(slice_equal(r.wanted.item[0], slice_of(name, 32)));
    judge((struct message_spec){0});
    assert_int_equal(r.wanted.n, 0);
    assert_int_equal(r.issuer_names.n, 1);
    assert_true(slice_equal(r.issuer_names.item[0], slice_of(name, 32)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_list_is_asked_by_every_verdict),
        cmocka_unit_test(a_revoked_certificate_is_described_as_such),
        cmocka_unit_test(a_forged_list_in_the_folder_says_nothing),
        cmocka_unit_test(a_damaged_file_is_named_and_the_others_count),
        cmocka_unit_test(a_damaged_anchor_is_named_and_the_others_count),
        cmocka_unit_test(a_file_with_another_ending_is_named),
        cmocka_unit_test(an_issuing_authority_alone_can_be_the_anchor),
        cmocka_unit_test(
            an_expired_certificate_is_judged_when_it_was_first_seen),
        cmocka_unit_test(wanted_issuers_are_named),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
