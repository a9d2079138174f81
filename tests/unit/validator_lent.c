/* Anchors, CRLs and certificates that one request brings along. */
#include "validator_case.h"

#include "agent/base/fd.h"

static void
lend(enum trust_kind kind, struct slice bytes)
{
    const struct lent_trust lent = {.name = 7, .kind = kind, .bytes = bytes};

    assert_true(trust_add(&v.trust, &lent));
}

static void
forget(void)
{
    lend(TRUST_FORGET, slice_of(NULL, 0));
}

static enum err
judge_lent(struct message_spec m, uint64_t at)
{
    struct problem p = {0};

    if (!m.signer)
        m.signer = &alice;
    m.others[0] = &ca;
    m.from = ALICE;
    make_request(&m, &q);
    q.trust = 7;
    q.at = at;
    return validator_verdict(&v, &q, &r, &p);
}

static uint64_t
from_now(long seconds)
{
    return (uint64_t)(time(NULL) + seconds);
}

static void
lend_crls(struct crl_spec of_ca)
{
    forget();
    if (!of_ca.issuer)
        of_ca.issuer = &ca;
    lend(TRUST_CRLS, make_crl(&of_ca));
    lend(TRUST_CRLS, make_crl(&(struct crl_spec){.issuer = &root}));
}

/* ---- anchors ------------------------------------------------------------- */

static void
only_anchors_that_were_given_count(void **state)
{
    (void)state;
    forget();
    lend(TRUST_ANCHORS, stranger.der);
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.chain, CHAIN_UNTRUSTED);
    forget();
    lend(TRUST_ANCHORS, root.der);
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
    /* Nothing of it reaches a request that brings nothing. */
    forget();
    lend(TRUST_ANCHORS, stranger.der);
    judge((struct message_spec){0});
    is_good();
}

static void
what_was_not_lent_whole_is_not_judged_by(void **state)
{
    struct problem p = {0};

    (void)state;
    forget();
    lend(TRUST_ANCHORS, root.der);
    make_request(&(struct message_spec){.signer = &alice,
                                        .others = {&ca},
                                        .from = ALICE},
                 &q);
    q.trust = 8;
    assert_int_equal(validator_verdict(&v, &q, &r, &p), ERR_INTERNAL);
}

static void
files_that_hold_something_else_are_refused(void **state)
{
    (void)state;
    forget();
    lend(TRUST_ANCHORS, slice_text("no certificate"));
    assert_int_equal(judge_lent((struct message_spec){0}, 0),
                     ERR_BAD_CERTIFICATE);
    forget();
    lend(TRUST_ANCHORS, slice_of(NULL, 0));
    assert_int_equal(judge_lent((struct message_spec){0}, 0),
                     ERR_BAD_CERTIFICATE);
    forget();
    lend(TRUST_ANCHORS, slice_of(root.der.p, root.der.n - 1));
    assert_int_equal(judge_lent((struct message_spec){0}, 0),
                     ERR_BAD_CERTIFICATE);
    forget();
    lend(TRUST_CRLS, root.der);
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_INPUT);
}

static void
pem_and_der_may_be_mixed(void **state)
{
    AUTO(buf) struct buf all = {0};
    AUTO(buf) struct buf pem = {0};
    struct problem p = {0};
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/root.pem", folders[0]);
    assert_int_equal(file_read(path, 65536, &pem, &p), ERR_OK);
    buf_add_slice(&all, stranger.der);
    buf_add_text(&all, "\r\nThe root:\n");
    buf_add_slice(&all, buf_slice(&pem));
    buf_add_text(&all, "\n");
    buf_add_slice(&all, ca.der);
    forget();
    lend(TRUST_ANCHORS, buf_slice(&all));
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
    assert_int_equal(anchors_count(v.trust.anchors), 3);
}

static void
more_than_the_limit_is_refused(void **state)
{
    AUTO(buf) struct buf zeros = {0};
    const struct lent_trust one_more = {
        .name = 7, .kind = TRUST_CRLS, .bytes = slice_text("x")};

    (void)state;
    buf_reserve(&zeros, LIMIT_TRUST_CHUNK_BYTES);
    memset(zeros.data, 0, LIMIT_TRUST_CHUNK_BYTES);
    zeros.len = LIMIT_TRUST_CHUNK_BYTES;
    forget();
    for (size_t i = 0; i < LIMIT_TRUST_BYTES / LIMIT_TRUST_CHUNK_BYTES; i++)
        lend(TRUST_CRLS, buf_slice(&zeros));
    assert_false(trust_add(&v.trust, &one_more));
    forget();
    assert_true(trust_add(&v.trust, &one_more));
}

/* ---- CRLs ---------------------------------------------------------------- */

/* COUNT times DER are lent as KIND, beside a certificate to check. */
static enum err
check_many(enum trust_kind kind, struct slice der, size_t count,
           struct problem *p)
{
    AUTO(buf) struct buf all = {0};
    struct check_request check = {.trust = 7, .purpose = PURPOSE_ANY};
    struct check_reply reply;

    forget();
    lend(TRUST_CERTIFICATE, alice.der);
    lend(TRUST_ANCHORS, root.der);
    for (size_t i = 0; i < count; i++) {
        buf_add_slice(&all, der);
        if (all.len > LIMIT_TRUST_CHUNK_BYTES / 2 || i + 1 == count) {
            lend(kind, buf_slice(&all));
            buf_clear(&all);
        }
    }
    return validator_check(&v, &check, &reply, p);
}

static void
each_kind_is_bounded_in_number(void **state)
{
    const struct {
        enum trust_kind kind;
        struct slice der;
        size_t most; /* beside what check_many lends of the same kind */
        const char *detail;
    } rows[] = {
        {TRUST_ANCHORS, root.der, LIMIT_TRUST_ANCHORS - 1,
         "more than 1024 anchors"},
        {TRUST_CRLS, make_crl(&(struct crl_spec){.issuer = &ca}),
         LIMIT_TRUST_CRLS, "more than 256 CRLs"},
        {TRUST_CHAIN, ca.der, LIMIT_TRUST_CERTS, "more than 63 certificates"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct problem p = {0};

        assert_int_equal(
            check_many(rows[i].kind, rows[i].der, rows[i].most, &p), ERR_OK);
        assert_int_equal(
            check_many(rows[i].kind, rows[i].der, rows[i].most + 1, &p),
            ERR_LIMIT);
        assert_string_equal(p.detail, rows[i].detail);
    }
    forget();
}

static void
certificates_beside_lists_are_bounded(void **state)
{
    struct problem p = {0};

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        lend_crls((struct crl_spec){0});
        for (size_t i = 0; i < LIMIT_CRL_ISSUERS + over; i++)
            lend(TRUST_CRLS, stranger.der);
        make_request(&(struct message_spec){.signer = &alice,
                                            .others = {&ca},
                                            .from = ALICE},
                     &q);
        q.trust = 7;
        assert_int_equal(validator_verdict(&v, &q, &r, &p),
                         over ? ERR_LIMIT : ERR_OK);
    }
    assert_string_equal(p.detail, "more than 64 certificates beside CRLs");
    forget();
}

/* Here the CA's, with another key than it has in the message. */
static void
the_issuer_of_a_list_may_be_given_with_it(void **state)
{
    struct made again = make_cert(&(struct cert_spec){
        .name = "CA", .key = "p256d", .issuer = &root, .ca = true});
    struct crl_spec by = {.issuer = &again, .revoked = &alice, .when = -DAY};

    (void)state;
    lend_crls(by);
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.chain, CHAIN_OK);
    lend(TRUST_CRLS, again.der);
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.chain, CHAIN_REVOKED);
    /* It is gone with the request. */
    lend_crls(by);
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.chain, CHAIN_OK);
    forget();
}

static void
a_certificate_on_no_list_is_clear(void **state)
{
    (void)state;
    lend_crls((struct crl_spec){0});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
    assert_int_equal(r.revocation, REVOCATION_CLEAR);
    judge((struct message_spec){0});
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
}

static void
a_missing_list_is_no_failure(void **state)
{
    (void)state;
    forget();
    lend(TRUST_CRLS, make_crl(&(struct crl_spec){.issuer = &root}));
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
}

static void
a_revoked_certificate_is_not_good(void **state)
{
    (void)state;
    lend_crls((struct crl_spec){.revoked = &alice, .when = -10 * DAY});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.chain, CHAIN_REVOKED);
    assert_int_equal(r.revocation, REVOCATION_REVOKED);
    assert_true(says("revoked"));
    assert_int_equal(r.good, 0);
    lend_crls((struct crl_spec){.revoked = &stranger, .when = -10 * DAY});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
}

static void
a_revoked_issuer_is_not_good(void **state)
{
    (void)state;
    forget();
    lend(TRUST_CRLS, make_crl(&(struct crl_spec){.issuer = &ca}));
    lend(TRUST_CRLS, make_crl(&(struct crl_spec){
                         .issuer = &root, .revoked = &ca, .when = -5 * DAY}));
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.chain, CHAIN_REVOKED);
}

static void
a_later_revocation_is_told_and_excuses_no_signing_time(void **state)
{
    const struct message_spec earlier = {.signing_time = -20 * DAY};

    (void)state;
    lend_crls((struct crl_spec){.revoked = &alice, .when = -10 * DAY});
    assert_int_equal(judge_lent(earlier, 0), ERR_OK);
    assert_int_equal(r.chain, CHAIN_OK);
    assert_int_equal(r.time_source, TIME_SIGNING);
    assert_int_equal(r.revocation, REVOCATION_REVOKED);
    assert_true(r.revoked_at >= from_now(-10 * DAY - 60) &&
                r.revoked_at <= from_now(-10 * DAY));
    assert_true(says("revoked-since"));
    assert_int_equal(r.good, 0);
    /* A time that the person gives is believed. */
    assert_int_equal(judge_lent(earlier, from_now(-20 * DAY)), ERR_OK);
    is_good();
    assert_true(says("revoked-since"));
    assert_int_equal(judge_lent(earlier, from_now(-9 * DAY)), ERR_OK);
    assert_int_equal(r.chain, CHAIN_REVOKED);
}

static void
the_newest_list_is_asked_too(void **state)
{
    (void)state;
    forget();
    lend(TRUST_CRLS,
         make_crl(&(struct crl_spec){
             .issuer = &ca, .from = -25 * DAY, .until = -15 * DAY}));
    lend(TRUST_CRLS, make_crl(&(struct crl_spec){
                         .issuer = &ca, .revoked = &alice, .when = -10 * DAY}));
    lend(TRUST_CRLS,
         make_crl(&(struct crl_spec){
             .issuer = &root, .from = -25 * DAY, .until = 30 * DAY}));
    assert_int_equal(
        judge_lent((struct message_spec){.signing_time = -20 * DAY}, 0),
        ERR_OK);
    assert_int_equal(r.chain, CHAIN_OK);
    assert_true(says("revoked-since"));
    assert_int_equal(r.good, 0);
}

static void
a_forged_list_says_nothing(void **state)
{
    (void)state;
    lend_crls((struct crl_spec){
        .revoked = &alice, .when = -10 * DAY, .forged = true});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    lend_crls((struct crl_spec){.forged = true});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
}

static void
an_old_list_clears_nobody_but_still_revokes(void **state)
{
    (void)state;
    lend_crls((struct crl_spec){.from = -20 * DAY, .until = -10 * DAY});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    lend_crls((struct crl_spec){.from = -20 * DAY,
                                .until = -10 * DAY,
                                .revoked = &alice,
                                .when = -21 * DAY});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.chain, CHAIN_REVOKED);
    lend_crls((struct crl_spec){.from = -20 * DAY,
                                .until = -10 * DAY,
                                .revoked = &alice,
                                .when = -21 * DAY,
                                .forged = true});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
}

static void
a_list_for_authorities_clears_no_person(void **state)
{
    (void)state;
    lend_crls((struct crl_spec){.scope = "critical,onlyCA:TRUE"});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    lend_crls((struct crl_spec){.scope = "critical,onlyuser:TRUE"});
    assert_int_equal(judge_lent((struct message_spec){0}, 0), ERR_OK);
    assert_int_equal(r.revocation, REVOCATION_CLEAR);
}

/* ---- those that a message brings ----------------------------------------- */

static void
judge_with_list(struct crl_spec of_ca)
{
    if (!of_ca.issuer)
        of_ca.issuer = &ca;
    make_request(&(struct message_spec){.signer = &alice,
                                        .others = {&ca},
                                        .from = ALICE},
                 &q);
    assert_true(slice_list_add(&q.crls, slice_text("no CRL")));
    assert_true(slice_list_add(&q.crls, make_crl(&of_ca)));
    validator_judge(&v, &q, &r);
}

static void
a_list_in_the_message_revokes(void **state)
{
    (void)state;
    judge_with_list((struct crl_spec){.revoked = &alice, .when = -5 * DAY});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    assert_int_equal(r.revocation, REVOCATION_REVOKED);
    assert_int_equal(r.good, 0);
    assert_true(says("revoked"));
    judge_with_list(
        (struct crl_spec){.issuer = &root, .revoked = &ca, .when = -5 * DAY});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    /* Nothing of it is remembered. */
    judge((struct message_spec){0});
    is_good();
}

static void
a_list_in_the_message_clears_nobody(void **state)
{
    (void)state;
    judge_with_list((struct crl_spec){0});
    is_good();
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    forget();
    lend_crls((struct crl_spec){.revoked = &alice, .when = -5 * DAY});
    make_request(&(struct message_spec){.signer = &alice,
                                        .others = {&ca},
                                        .from = ALICE},
                 &q);
    q.trust = 7;
    assert_true(
        slice_list_add(&q.crls, make_crl(&(struct crl_spec){.issuer = &ca})));
    assert_int_equal(validator_verdict(&v, &q, &r, &(struct problem){0}),
                     ERR_OK);
    assert_int_equal(r.revocation, REVOCATION_REVOKED);
}

static void
a_list_in_the_message_counts_only_from_the_issuer(void **state)
{
    (void)state;
    judge_with_list(
        (struct crl_spec){.revoked = &alice, .when = -5 * DAY, .forged = true});
    is_good();
    judge_with_list((struct crl_spec){
        .issuer = &stranger, .revoked = &alice, .when = -5 * DAY});
    is_good();
}

static void
a_later_list_takes_off_what_one_in_the_message_names(void **state)
{
    (void)state;
    forget();
    lend_crls((struct crl_spec){.from = -DAY, .until = DAY});
    make_request(&(struct message_spec){.signer = &alice,
                                        .others = {&ca},
                                        .from = ALICE},
                 &q);
    q.trust = 7;
    assert_true(
        slice_list_add(&q.crls, make_crl(&(struct crl_spec){.issuer = &ca,
                                                            .revoked = &alice,
                                                            .when = -5 * DAY,
                                                            .from = -4 * DAY,
                                                            .until = DAY})));
    assert_int_equal(validator_verdict(&v, &q, &r, &(struct problem){0}),
                     ERR_OK);
    is_good();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_anchors_that_were_given_count),
        cmocka_unit_test(what_was_not_lent_whole_is_not_judged_by),
        cmocka_unit_test(files_that_hold_something_else_are_refused),
        cmocka_unit_test(pem_and_der_may_be_mixed),
        cmocka_unit_test(more_than_the_limit_is_refused),
        cmocka_unit_test(each_kind_is_bounded_in_number),
        cmocka_unit_test(certificates_beside_lists_are_bounded),
        cmocka_unit_test(the_issuer_of_a_list_may_be_given_with_it),
        cmocka_unit_test(a_certificate_on_no_list_is_clear),
        cmocka_unit_test(a_missing_list_is_no_failure),
        cmocka_unit_test(a_revoked_certificate_is_not_good),
        cmocka_unit_test(a_revoked_issuer_is_not_good),
        cmocka_unit_test(
            a_later_revocation_is_told_and_excuses_no_signing_time),
        cmocka_unit_test(the_newest_list_is_asked_too),
        cmocka_unit_test(a_forged_list_says_nothing),
        cmocka_unit_test(an_old_list_clears_nobody_but_still_revokes),
        cmocka_unit_test(a_list_for_authorities_clears_no_person),
        cmocka_unit_test(a_list_in_the_message_revokes),
        cmocka_unit_test(a_list_in_the_message_clears_nobody),
        cmocka_unit_test(a_list_in_the_message_counts_only_from_the_issuer),
        cmocka_unit_test(a_later_list_takes_off_what_one_in_the_message_names),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
