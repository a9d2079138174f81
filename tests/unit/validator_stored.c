/* CRLs that stay in folders, and anchors that somebody else has issued. */
#include "validator_case.h"

#include <openssl/x509v3.h>

#include "agent/base/fd.h"

static char crl_path[2][160];

static void
wait_for_look(void)
{
    struct timespec t = {.tv_nsec = (FOLDER_LOOK_MS + 5) * 1000000L};

    nanosleep(&t, NULL);
}

static void
file_write(const char *path, struct slice bytes)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

/* Puts a CRL of the CA and an empty one of the root into the folder. */
static void
store_crls(struct crl_spec of_ca)
{
    if (!of_ca.issuer)
        of_ca.issuer = &ca;
    for (size_t i = 0; i < 2; i++)
        snprintf(crl_path[i], sizeof(crl_path[i]), "%s/%zu.crl", crl_folders[0],
                 i);
    file_write(crl_path[0], make_crl(&of_ca));
    file_write(crl_path[1],
               make_crl(&(struct crl_spec){
                   .issuer = &root, .from = -40 * DAY, .until = 30 * DAY}));
    wait_for_look();
}

static void
remove_crls(void)
{
    (void)unlink(crl_path[0]);
    (void)unlink(crl_path[1]);
    wait_for_look();
}

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
an_outdated_list_checks_nobody_and_says_so(void **state)
{
    (void)state;
    store_crls((struct crl_spec){.from = -20 * DAY, .until = -10 * DAY});
    judge((struct message_spec){0});
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    assert_true(says("crl-outdated"));
    /* The signing time is the signer's word: it was current then, but what
     * has happened since is what counts. */
    judge((struct message_spec){.signing_time = -15 * DAY});
    is_good();
    assert_int_equal(r.time_source, TIME_SIGNING);
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    assert_true(says("crl-outdated"));
    store_crls((struct crl_spec){0});
    judge((struct message_spec){.signing_time = -15 * DAY});
    assert_int_equal(r.revocation, REVOCATION_CLEAR);
    assert_false(says("crl-outdated"));
    store_crls((struct crl_spec){.from = -20 * DAY,
                                 .until = -10 * DAY,
                                 .revoked = &alice,
                                 .when = -21 * DAY});
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    remove_crls();
}

static void
the_newer_list_of_two_counts(void **state)
{
    (void)state;
    store_crls((struct crl_spec){.revoked = &alice,
                                 .when = -5 * DAY,
                                 .from = -4 * DAY,
                                 .until = 10 * DAY});
    file_write(crl_path[1], make_crl(&(struct crl_spec){
                                .issuer = &ca, .from = -DAY, .until = DAY}));
    wait_for_look();
    judge((struct message_spec){0});
    /* Taken off: it was on hold. */
    assert_int_equal(r.chain, CHAIN_OK);
    file_write(crl_path[1],
               make_crl(&(struct crl_spec){
                   .issuer = &ca, .from = -10 * DAY, .until = DAY}));
    wait_for_look();
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    remove_crls();
}

/* Two of the CA in place of the root's own. */
static void
store_two(struct crl_spec first, struct crl_spec second)
{
    time_t began;

    first.issuer = second.issuer = &ca;
    for (size_t i = 0; i < 2; i++)
        snprintf(crl_path[i], sizeof(crl_path[i]), "%s/%zu.crl", crl_folders[0],
                 i);
    /* Both within one second. */
    do {
        began = time(NULL);
        file_write(crl_path[0], make_crl(&first));
        file_write(crl_path[1], make_crl(&second));
    } while (time(NULL) != began);
    wait_for_look();
}

static void
of_lists_as_new_the_one_that_revokes_counts(void **state)
{
    const struct crl_spec clean = {0};
    const struct crl_spec names = {.revoked = &alice, .when = -5 * DAY};
    struct crl_spec next = {.from = -DAY / 2, .until = 30 * DAY};

    (void)state;
    store_two(clean, names);
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    store_two(names, clean);
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    store_two(names, next);
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_OK);
    /* A digest that can be forged takes nobody off. */
    next.md = EVP_sha1();
    store_two(names, next);
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    remove_crls();
}

static void
no_entry_of_a_complete_list_takes_off(void **state)
{
    const struct crl_spec odd = {
        .revoked = &alice, .when = -5 * DAY, .removed_before = true};
    const struct crl_spec base = {.revoked = &alice, .when = -5 * DAY};
    const struct crl_spec next = {.revoked = &alice,
                                  .when = -5 * DAY,
                                  .removed_only = true,
                                  .from = -DAY / 2,
                                  .until = 30 * DAY};

    (void)state;
    store_crls(odd);
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    store_two(base, next);
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    remove_crls();
}

/* crlDistributionPoints as extension_add takes it: BY issues the CRL. */
static const char *
lists_by(const struct made *by)
{
    static char text[512];
    CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
    DIST_POINT *point = DIST_POINT_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    unsigned char *der = NULL;
    int n;

    GENERAL_NAME_set0_value(name, GEN_DIRNAME,
                            X509_NAME_dup(X509_get_subject_name(by->x)));
    point->CRLissuer = GENERAL_NAMES_new();
    sk_GENERAL_NAME_push(point->CRLissuer, name);
    sk_DIST_POINT_push(points, point);
    n = i2d_CRL_DIST_POINTS(points, &der);
    assert_in_range(n, 1, 250);
    memcpy(text, "DER:", 5);
    for (int i = 0; i < n; i++)
        snprintf(text + 4 + 2 * i, 3, "%02x", der[i]);
    OPENSSL_free(der);
    CRL_DIST_POINTS_free(points);
    return text;
}

/* The verdict where the CA's own CRL clears everybody and OTHER is there. */
static enum chain
beside_a_clean_list(struct crl_spec other, const struct made *signer,
                    const struct made *lists)
{
    store_crls((struct crl_spec){0});
    file_write(crl_path[1], make_crl(&other));
    wait_for_look();
    judge((struct message_spec){.signer = signer, .others = {&ca, lists}});
    return r.chain;
}

static long
serial_of(const struct made *m)
{
    return ASN1_INTEGER_get(X509_get0_serialNumber(m->x));
}

static void
an_indirect_list_revokes_whom_its_entries_name(void **state)
{
    struct made lists = make_cert(&(struct cert_spec){.name = "Lists",
                                                      .key = "p256d",
                                                      .issuer = &root,
                                                      .usage = "critical,"
                                                               "cRLSign"});
    struct made bob =
        person((struct cert_spec){.email = ALICE,
                                  .extra_nid = NID_crl_distribution_points,
                                  .extra = lists_by(&lists)});
    struct crl_spec by = {.issuer = &lists,
                          .revoked = &bob,
                          .when = -5 * DAY,
                          .of = &ca,
                          .scope = "critical,indirectCRL:TRUE"};
    struct crl_spec odd = by, next = by;
    struct made decoy;

    (void)state;
    assert_int_equal(beside_a_clean_list(by, &bob, &lists), CHAIN_REVOKED);
    /* Whatever else the message brings of that name. */
    decoy = make_cert(&(struct cert_spec){.name = "Lists",
                                          .key = "p256",
                                          .issuer = &root,
                                          .usage = "critical,cRLSign",
                                          .serial = serial_of(&lists)});
    judge(
        (struct message_spec){.signer = &bob, .others = {&ca, &decoy, &lists}});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    /* Not where its issuer is nobody the certificate names. */
    odd.revoked = &alice;
    assert_int_equal(beside_a_clean_list(odd, &alice, &lists), CHAIN_OK);
    /* Not by a CRL that is not indirect, of another issuer's, or forged. */
    odd = by;
    odd.scope = NULL;
    assert_int_equal(beside_a_clean_list(odd, &bob, &lists), CHAIN_OK);
    odd = by;
    odd.of = &root;
    assert_int_equal(beside_a_clean_list(odd, &bob, &lists), CHAIN_OK);
    odd = by;
    odd.forged = true;
    assert_int_equal(beside_a_clean_list(odd, &bob, &lists), CHAIN_OK);
    /* Of certificates of authorities alone. */
    odd = by;
    odd.scope = "critical,indirectCRL:TRUE,onlyCA:TRUE";
    assert_int_equal(beside_a_clean_list(odd, &bob, &lists), CHAIN_OK);
    /* A newer one takes it off. */
    next.revoked = NULL;
    next.from = -DAY / 2;
    next.until = 30 * DAY;
    store_crls(by);
    file_write(crl_path[1], make_crl(&next));
    wait_for_look();
    judge((struct message_spec){.signer = &bob, .others = {&ca, &lists}});
    assert_int_equal(r.chain, CHAIN_OK);
    remove_crls();
}

static void
a_list_by_another_key_of_the_issuer_counts(void **state)
{
    struct made again = make_cert(&(struct cert_spec){
        .name = "CA", .key = "p256d", .issuer = &root, .ca = true});
    struct crl_spec by = {.issuer = &again, .revoked = &alice, .when = -DAY};

    (void)state;
    assert_int_equal(beside_a_clean_list(by, &alice, &again), CHAIN_REVOKED);
    /* Not by one whom the anchor does not vouch for. */
    again = make_cert(&(struct cert_spec){
        .name = "CA", .key = "p256d", .issuer = &stranger, .ca = true});
    assert_int_equal(beside_a_clean_list(by, &alice, &again), CHAIN_OK);
    remove_crls();
}

static void
another_authority_of_the_same_number_is_not_meant(void **state)
{
    /* Of the CA's own, that speaks of somebody else's certificate. */
    const struct crl_spec by = {.revoked = &alice,
                                .when = -5 * DAY,
                                .of = &stranger,
                                .scope = "critical,indirectCRL:TRUE"};
    struct crl_spec own = by;

    (void)state;
    store_crls(by);
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_OK);
    own.of = NULL;
    store_crls(own);
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    remove_crls();
}

static void
a_list_with_a_weak_digest_revokes_and_clears_nobody(void **state)
{
    (void)state;
    store_crls((struct crl_spec){.md = EVP_sha1()});
    judge((struct message_spec){0});
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    assert_true(says("crl-weak"));
    store_crls((struct crl_spec){
        .md = EVP_sha1(), .revoked = &alice, .when = -5 * DAY});
    judge((struct message_spec){0});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    remove_crls();
}

static void
a_list_of_after_the_expiry_clears_nobody(void **state)
{
    struct made old = person((struct cert_spec){
        .email = ALICE, .from = -400 * DAY, .until = -30 * DAY});

    (void)state;
    /* The root's own, which speaks of the CA alone, is older. */
    store_crls((struct crl_spec){0});
    judge((struct message_spec){.signer = &old, .signing_time = -50 * DAY});
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
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

/* ---- time ---------------------------------------------------------------- */

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
        cmocka_unit_test(an_outdated_list_checks_nobody_and_says_so),
        cmocka_unit_test(the_newer_list_of_two_counts),
        cmocka_unit_test(of_lists_as_new_the_one_that_revokes_counts),
        cmocka_unit_test(no_entry_of_a_complete_list_takes_off),
        cmocka_unit_test(an_indirect_list_revokes_whom_its_entries_name),
        cmocka_unit_test(a_list_by_another_key_of_the_issuer_counts),
        cmocka_unit_test(another_authority_of_the_same_number_is_not_meant),
        cmocka_unit_test(a_list_with_a_weak_digest_revokes_and_clears_nobody),
        cmocka_unit_test(a_list_of_after_the_expiry_clears_nobody),
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
