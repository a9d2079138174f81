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

static enum chain
chain_after(struct crl_spec base, struct crl_spec delta)
{
    store_two(base, delta);
    judge((struct message_spec){0});
    return r.chain;
}

/* On hold, and taken off by a delta (RFC 5280 5.2.4): nobody has to say that
 * there are deltas, and both may be of one second. */
static void
a_delta_takes_off_what_is_on_hold(void **state)
{
    struct crl_spec base = {
        .revoked = &alice, .when = -5 * DAY, .hold = true, .number = 5};
    struct crl_spec delta = {.revoked = &alice,
                             .when = -5 * DAY,
                             .removed_only = true,
                             .number = 6,
                             .base = 5};

    (void)state;
    for (int said = 0; said < 2; said++)
        for (int later = 0; later < 2; later++) {
            base.freshest = said;
            delta.from = later ? -DAY / 2 : 0;
            delta.until = later ? 30 * DAY : 0;
            delta.forged = false;
            assert_int_equal(chain_after(base, delta), CHAIN_OK);
            delta.forged = true;
            assert_int_equal(chain_after(base, delta), CHAIN_REVOKED);
        }
    delta.forged = false;
    /* To a newer base, or not newer itself. */
    delta.base = 7;
    delta.number = 8;
    assert_int_equal(chain_after(base, delta), CHAIN_REVOKED);
    delta.base = 3;
    delta.number = 4;
    for (int later = 0; later < 2; later++) {
        delta.from = later ? -DAY / 2 : 0;
        delta.until = later ? 30 * DAY : 0;
        assert_int_equal(chain_after(base, delta), CHAIN_REVOKED);
    }
    delta.number = 6;
    delta.scope = "critical,onlyuser:TRUE";
    assert_int_equal(chain_after(base, delta), CHAIN_REVOKED);
    delta.scope = NULL;
    assert_int_equal(chain_after(base, delta), CHAIN_OK);
    /* A later delta to the same base. */
    base.number = 6;
    base.base = 5;
    delta.number = 7;
    delta.base = 5;
    assert_int_equal(chain_after(base, delta), CHAIN_OK);
    remove_crls();
}

/* From a hold alone (RFC 5280 5.3.1). */
static void
a_delta_takes_nobody_off_who_is_revoked_for_good(void **state)
{
    struct crl_spec base = {.revoked = &alice, .when = -5 * DAY, .number = 5};
    const struct crl_spec delta = {.revoked = &alice,
                                   .when = -5 * DAY,
                                   .removed_only = true,
                                   .from = -DAY / 2,
                                   .until = 30 * DAY,
                                   .number = 6,
                                   .base = 5};

    (void)state;
    for (int said = 0; said < 2; said++) {
        base.freshest = said;
        base.hold = false;
        assert_int_equal(chain_after(base, delta), CHAIN_REVOKED);
        base.hold = true;
        assert_int_equal(chain_after(base, delta), CHAIN_OK);
    }
    remove_crls();
}

/* Whatever was revoked is dropped from the lists once it has expired. */
static void
a_removal_of_after_the_expiry_takes_nobody_off(void **state)
{
    struct made old = person((struct cert_spec){
        .email = ALICE, .from = -400 * DAY, .until = -30 * DAY});
    const struct crl_spec base = {.revoked = &old,
                                  .when = -60 * DAY,
                                  .hold = true,
                                  .from = -55 * DAY,
                                  .until = 30 * DAY,
                                  .number = 5};
    struct crl_spec delta = {.revoked = &old,
                             .when = -60 * DAY,
                             .removed_only = true,
                             .from = -20 * DAY,
                             .until = 30 * DAY,
                             .number = 6,
                             .base = 5};

    (void)state;
    store_two(base, delta);
    judge((struct message_spec){.signer = &old, .signing_time = -50 * DAY});
    assert_int_equal(r.chain, CHAIN_REVOKED);
    delta.from = -40 * DAY;
    store_two(base, delta);
    judge((struct message_spec){.signer = &old, .signing_time = -50 * DAY});
    assert_int_equal(r.chain, CHAIN_OK);
    remove_crls();
}

/* A delta that nobody says is there names, between two lists that do not. */
static void
a_list_out_of_date_clears_nobody_whom_a_current_delta_names(void **state)
{
    const struct crl_spec base = {
        .from = -10 * DAY, .until = 30 * DAY, .number = 4};
    struct crl_spec delta = {.revoked = &alice,
                             .when = -5 * DAY,
                             .from = -4 * DAY,
                             .until = 30 * DAY,
                             .number = 5,
                             .base = 4};
    struct crl_spec later = {
        .issuer = &ca, .from = -2 * DAY, .until = -DAY, .number = 6};
    char path[sizeof(crl_path[0])];

    (void)state;
    snprintf(path, sizeof(path), "%s/2.crl", crl_folders[0]);
    file_write(path, make_crl(&later));
    assert_int_equal(chain_after(base, delta), CHAIN_REVOKED);
    later.until = DAY;
    file_write(path, make_crl(&later));
    assert_int_equal(chain_after(base, delta), CHAIN_OK);
    /* Where both are out of date, the later counts, and clears nobody. */
    delta.until = later.until = -DAY;
    file_write(path, make_crl(&later));
    assert_int_equal(chain_after(base, delta), CHAIN_OK);
    later.from = -5 * DAY;
    file_write(path, make_crl(&later));
    assert_int_equal(chain_after(base, delta), CHAIN_REVOKED);
    (void)unlink(path);
    remove_crls();
}

static void
of_two_lists_out_of_date_the_later_counts_and_clears_nobody(void **state)
{
    struct crl_spec names = {.revoked = &alice,
                             .when = -5 * DAY,
                             .from = -4 * DAY,
                             .until = -DAY,
                             .number = 5};
    const struct crl_spec clean = {
        .from = -2 * DAY, .until = -DAY, .number = 6};

    (void)state;
    assert_int_equal(chain_after(names, clean), CHAIN_OK);
    assert_int_equal(r.revocation, REVOCATION_NOT_CHECKED);
    assert_true(says("crl-outdated"));
    names.until = DAY;
    assert_int_equal(chain_after(names, clean), CHAIN_REVOKED);
    remove_crls();
}

static void
a_later_list_that_is_out_of_date_clears_nobody(void **state)
{
    const struct crl_spec names = {.revoked = &alice,
                                   .when = -5 * DAY,
                                   .hold = true,
                                   .from = -4 * DAY,
                                   .until = 30 * DAY,
                                   .number = 5};
    struct crl_spec delta = {.revoked = &alice,
                             .when = -5 * DAY,
                             .removed_only = true,
                             .from = -2 * DAY,
                             .until = -DAY,
                             .number = 6,
                             .base = 5};

    (void)state;
    assert_int_equal(chain_after(names, delta), CHAIN_REVOKED);
    delta.until = DAY;
    assert_int_equal(chain_after(names, delta), CHAIN_OK);
    remove_crls();
}

/* Authorities that begin to count anew break RFC 5280 5.2.3; what they wrote
 * last counts all the same. */
static void
a_later_list_counts_whatever_its_number(void **state)
{
    const struct crl_spec names = {
        .revoked = &alice, .when = -5 * DAY, .number = 900};
    struct crl_spec clean = {.from = -DAY / 2, .until = 30 * DAY, .number = 1};

    (void)state;
    assert_int_equal(chain_after(names, clean), CHAIN_OK);
    clean.from = clean.until = 0;
    assert_int_equal(chain_after(names, clean), CHAIN_REVOKED);
    clean.number = 901;
    assert_int_equal(chain_after(names, clean), CHAIN_OK);
    remove_crls();
}

/* They have numbers of their own. */
static void
a_list_of_attribute_certificates_revokes_no_other(void **state)
{
    const struct crl_spec clean = {.number = 3};
    struct crl_spec names = {.revoked = &alice,
                             .when = -5 * DAY,
                             .number = 4,
                             .scope = "critical,onlyAA:TRUE"};

    (void)state;
    assert_int_equal(chain_after(clean, names), CHAIN_OK);
    /* Of another scope, but of the same numbers. */
    names.scope = "critical,onlyCA:TRUE";
    assert_int_equal(chain_after(clean, names), CHAIN_REVOKED);
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

/* With a new key under its old name, neither of which its certificates say. */
static void
revoked_is_told_whichever_root_of_a_name_is_tried_first(void **state)
{
    const struct made roots[2] = {
        root, make_cert(&(struct cert_spec){.name = "Root",
                                            .key = "p256c",
                                            .ca = true,
                                            .from = -3000 * DAY,
                                            .until = 3000 * DAY})};
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/other.pem", folders[0]);
    make_pem(path, &roots[1], 1);
    for (size_t i = 0; i < 2; i++) {
        struct made m =
            person((struct cert_spec){.email = ALICE, .issuer = &roots[i]});
        struct made sub = make_cert(&(struct cert_spec){
            .name = "Sub", .key = "p256d", .ca = true, .issuer = &roots[i]});
        struct made below =
            person((struct cert_spec){.email = ALICE, .issuer = &sub});

        store_crls((struct crl_spec){.issuer = &roots[i]});
        judge((struct message_spec){.signer = &m});
        is_good();
        store_crls((struct crl_spec){
            .issuer = &roots[i], .revoked = &m, .when = -5 * DAY});
        judge((struct message_spec){.signer = &m});
        assert_int_equal(r.chain, CHAIN_REVOKED);
        assert_true(says("revoked"));
        store_crls((struct crl_spec){
            .issuer = &roots[i], .revoked = &sub, .when = -5 * DAY});
        judge((struct message_spec){.signer = &below, .others = {&sub}});
        assert_int_equal(r.chain, CHAIN_REVOKED);
    }
    (void)unlink(path);
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
        cmocka_unit_test(a_delta_takes_off_what_is_on_hold),
        cmocka_unit_test(a_delta_takes_nobody_off_who_is_revoked_for_good),
        cmocka_unit_test(a_removal_of_after_the_expiry_takes_nobody_off),
        cmocka_unit_test(
            a_list_out_of_date_clears_nobody_whom_a_current_delta_names),
        cmocka_unit_test(
            of_two_lists_out_of_date_the_later_counts_and_clears_nobody),
        cmocka_unit_test(a_later_list_that_is_out_of_date_clears_nobody),
        cmocka_unit_test(a_later_list_counts_whatever_its_number),
        cmocka_unit_test(a_list_of_attribute_certificates_revokes_no_other),
        cmocka_unit_test(a_list_with_a_weak_digest_revokes_and_clears_nobody),
        cmocka_unit_test(a_list_of_after_the_expiry_clears_nobody),
        cmocka_unit_test(
            revoked_is_told_whichever_root_of_a_name_is_tried_first),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
