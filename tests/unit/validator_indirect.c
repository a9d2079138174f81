/* CRLs that somebody other than the issuer has signed (RFC 5280 5.2.5). */
#include "validator_lists.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_indirect_list_revokes_whom_its_entries_name),
        cmocka_unit_test(a_list_by_another_key_of_the_issuer_counts),
        cmocka_unit_test(another_authority_of_the_same_number_is_not_meant),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
