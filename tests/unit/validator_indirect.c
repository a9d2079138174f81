/* CRLs that somebody other than the issuer has signed (RFC 5280 5.2.5). */
#include "validator_lists.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

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

/* Somebody of the root's whom the certificates name as issuer of CRLs, and one
 * of those certificates. */
static struct made
lister(void)
{
    return make_cert(&(struct cert_spec){.name = "Lists",
                                         .key = "p256d",
                                         .issuer = &root,
                                         .usage = "critical,cRLSign"});
}

static struct made
listed(const struct made *lists)
{
    return person((struct cert_spec){.email = ALICE,
                                     .extra_nid = NID_crl_distribution_points,
                                     .extra = lists_by(lists)});
}

static void
certificate_armoured(const struct made *m, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long n;

    assert_int_equal(PEM_write_bio_X509(bio, m->x), 1);
    n = BIO_get_mem_data(bio, &text);
    buf_add(out, text, (size_t)n);
    BIO_free(bio);
}

/* Whoever is revoked leaves the CRL's issuer out of their mail. */
static void
an_issuer_that_lies_beside_the_list_is_found(void **state)
{
    struct made lists = lister(), bob = listed(&lists), decoy;
    struct crl_spec by = {.issuer = &lists,
                          .revoked = &bob,
                          .when = -5 * DAY,
                          .of = &ca,
                          .scope = "critical,indirectCRL:TRUE"};
    AUTO(buf) struct buf both = {0};
    char path[160];

    (void)state;
    assert_int_equal(beside_a_clean_list(by, &bob, NULL), CHAIN_OK);
    snprintf(path, sizeof(path), "%s/issuer.pem", crl_folders[0]);
    make_pem(path, &lists, 1);
    wait_for_look();
    judge((struct message_spec){.signer = &bob});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    assert_int_equal(crls_faulty(v.crls)->n, 0);
    /* A file that stays keeps it while others come and go. */
    remove_crls();
    judge((struct message_spec){.signer = &bob});
    assert_int_equal(r.chain, CHAIN_OK);
    assert_int_equal(beside_a_clean_list(by, &bob, NULL), CHAIN_REVOKED);
    /* Nor does one of its name in the mail stand in its way. */
    decoy = make_cert(&(struct cert_spec){.name = "Lists",
                                          .key = "p256",
                                          .issuer = &root,
                                          .usage = "critical,cRLSign",
                                          .serial = serial_of(&lists)});
    judge((struct message_spec){.signer = &bob, .others = {&ca, &decoy}});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    assert_int_equal(unlink(path), 0);
    wait_for_look();
    judge((struct message_spec){.signer = &bob});
    assert_int_equal(r.chain, CHAIN_OK);
    /* In one file, DER behind PEM. */
    certificate_armoured(&lists, &both);
    buf_add_slice(&both, make_crl(&by));
    file_write(crl_path[1], buf_slice(&both));
    wait_for_look();
    judge((struct message_spec){.signer = &bob});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    remove_crls();
}

/* What lies there is no anchor. */
static void
an_issuer_beside_the_list_needs_an_anchor_too(void **state)
{
    struct made lists = make_cert(&(struct cert_spec){.name = "Lists",
                                                      .key = "p256d",
                                                      .issuer = &stranger,
                                                      .usage = "critical,"
                                                               "cRLSign"});
    struct made bob = listed(&lists);
    struct made carol =
        person((struct cert_spec){.email = ALICE, .issuer = &stranger});
    struct crl_spec by = {.issuer = &lists,
                          .revoked = &bob,
                          .when = -5 * DAY,
                          .of = &ca,
                          .scope = "critical,indirectCRL:TRUE"};
    const struct made there[] = {lists, stranger};
    char path[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/issuer.pem", crl_folders[0]);
    make_pem(path, there, 2);
    assert_int_equal(beside_a_clean_list(by, &bob, NULL), CHAIN_OK);
    judge((struct message_spec){.signer = &carol});
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    assert_int_equal(unlink(path), 0);
    remove_crls();
}

static void
an_indirect_delta_corrects_an_indirect_list(void **state)
{
    struct made lists = lister(), bob = listed(&lists);
    struct crl_spec base = {
        .issuer = &lists, .scope = "critical,indirectCRL:TRUE", .number = 1};
    struct crl_spec delta = {.issuer = &lists,
                             .scope = "critical,indirectCRL:TRUE",
                             .revoked = &bob,
                             .when = -DAY / 2,
                             .of = &ca,
                             .from = -DAY / 2,
                             .until = 30 * DAY,
                             .number = 2,
                             .base = 1};
    char path[160];

    (void)state;
    snprintf(path, sizeof(path), "%s/issuer.pem", crl_folders[0]);
    make_pem(path, &lists, 1);
    /* Whether the base says that there are deltas to it, or not. */
    for (int said = 0; said < 2; said++) {
        base.freshest = said;
        base.revoked = NULL;
        delta.removed_only = false;
        assert_int_equal(beside_a_clean_list(base, &bob, NULL), CHAIN_OK);
        file_write(crl_path[0], make_crl(&delta));
        wait_for_look();
        judge((struct message_spec){.signer = &bob});
        assert_int_equal(r.chain, CHAIN_REVOKED);
        /* On hold, and taken off. */
        base.revoked = &bob;
        base.when = -2 * DAY;
        base.hold = true;
        base.of = &ca;
        delta.removed_only = true;
        assert_int_equal(beside_a_clean_list(base, &bob, NULL), CHAIN_REVOKED);
        file_write(crl_path[0], make_crl(&delta));
        wait_for_look();
        judge((struct message_spec){.signer = &bob});
        assert_int_equal(r.chain, CHAIN_OK);
    }
    /* Not a delta of somebody else's. */
    base.revoked = NULL;
    delta.removed_only = false;
    delta.forged = true;
    assert_int_equal(beside_a_clean_list(base, &bob, NULL), CHAIN_OK);
    file_write(crl_path[0], make_crl(&delta));
    wait_for_look();
    judge((struct message_spec){.signer = &bob});
    assert_int_equal(r.chain, CHAIN_OK);
    assert_int_equal(unlink(path), 0);
    remove_crls();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_indirect_list_revokes_whom_its_entries_name),
        cmocka_unit_test(a_list_by_another_key_of_the_issuer_counts),
        cmocka_unit_test(another_authority_of_the_same_number_is_not_meant),
        cmocka_unit_test(an_issuer_that_lies_beside_the_list_is_found),
        cmocka_unit_test(an_issuer_beside_the_list_needs_an_anchor_too),
        cmocka_unit_test(an_indirect_delta_corrects_an_indirect_list),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
