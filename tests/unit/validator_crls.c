/* What the CRLs of an authority say together (RFC 5280 5, 6.3). */
#include "validator_lists.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outdated_list_checks_nobody_and_says_so),
        cmocka_unit_test(the_newer_list_of_two_counts),
        cmocka_unit_test(of_lists_as_new_the_one_that_revokes_counts),
        cmocka_unit_test(no_entry_of_a_complete_list_takes_off),
        cmocka_unit_test(a_list_with_a_weak_digest_revokes_and_clears_nobody),
        cmocka_unit_test(a_list_of_after_the_expiry_clears_nobody),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
