/* What was seen of an issuer counts for that certificate of it, and for no
 * other. */
#include "validator_case.h"

#define SWAP(a, b)                                                             \
    do {                                                                       \
        __auto_type kept_ = (a);                                               \
        (a) = (b);                                                             \
        (b) = kept_;                                                           \
    } while (0)

static void
judge_person(const struct made *signer, const struct made *issuer)
{
    judge((struct message_spec){.signer = signer, .others = {issuer}});
}

/* Afterwards the issuer's own signature is known to hold. */
static void
warm(void)
{
    for (int i = 0; i < 3; i++) {
        struct made m = person((struct cert_spec){.email = ALICE});

        judge_person(&m, &ca);
        is_good();
    }
}

/* The issuer once more: its name, its key. */
static struct made
issuer_again(void)
{
    return make_cert(&(struct cert_spec){
        .name = "CA", .key = "p256b", .ca = true, .issuer = &root});
}

static void
another_certificate_of_an_issuer_is_verified(void **state)
{
    struct made again = issuer_again();
    struct made forged = issuer_again();
    struct made m = person((struct cert_spec){.email = ALICE});
    struct made n = person((struct cert_spec){.email = ALICE});

    (void)state;
    make_again(&forged, stranger.key);
    warm();
    judge_person(&m, &again);
    is_good();
    judge_person(&n, &forged);
    assert_int_not_equal(r.chain, CHAIN_OK);
    assert_int_equal(r.good, 0);
}

static void
each_leaf_is_verified(void **state)
{
    struct made m = person((struct cert_spec){.email = ALICE});

    (void)state;
    warm();
    make_again(&m, stranger.key);
    judge_person(&m, &ca);
    assert_int_not_equal(r.chain, CHAIN_OK);
    assert_int_equal(r.good, 0);
}

static void
an_issuer_that_may_not_sign_is_none(void **state)
{
    struct made silent =
        make_cert(&(struct cert_spec){.name = "CA",
                                      .key = "p256b",
                                      .issuer = &root,
                                      .usage = "critical,cRLSign",
                                      .extra_nid = NID_basic_constraints,
                                      .extra = "critical,CA:TRUE"});
    struct made m = person((struct cert_spec){.email = ALICE});

    (void)state;
    warm();
    judge_person(&m, &silent);
    assert_int_not_equal(r.chain, CHAIN_OK);
}

/* A root of the same name and another key has not signed it. */
static void
another_issuer_of_that_name_has_to_have_signed(void **state)
{
    struct made other = make_cert(&(struct cert_spec){.name = "Root",
                                                      .key = "p256c",
                                                      .ca = true,
                                                      .from = -3000 * DAY,
                                                      .until = 3000 * DAY});
    const char *others[2] = {make_folder(), NULL};
    struct made m = person((struct cert_spec){.email = ALICE});
    struct validator w;
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/root.pem", others[0]);
    make_pem(path, &other, 1);
    validator_init(&w, others, crl_folders);
    warm();
    judge_person(&m, &ca);
    is_good();
    /* The same objects, so that only the root is another one. */
    SWAP(v.certs, w.certs);
    validator_judge(&w, &q, &r);
    assert_int_not_equal(r.chain, CHAIN_OK);
    assert_int_equal(r.good, 0);
    SWAP(v.certs, w.certs);
    validator_drop(&w);
}

/* Of a path that was seen to hold, at another time. */
static void
times_are_looked_at_each_time(void **state)
{
    struct made m = person((struct cert_spec){
        .email = ALICE, .from = -4000 * DAY, .until = 4000 * DAY});

    (void)state;
    warm();
    judge_person(&m, &ca);
    is_good();
    q.at = (uint64_t)(time(NULL) + 2500 * DAY);
    validator_judge(&v, &q, &r);
    assert_int_equal(r.chain, CHAIN_EXPIRED);
    q.at = (uint64_t)(time(NULL) - 2500 * DAY);
    validator_judge(&v, &q, &r);
    assert_int_not_equal(r.chain, CHAIN_OK);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(another_certificate_of_an_issuer_is_verified),
        T(another_issuer_of_that_name_has_to_have_signed),
        T(each_leaf_is_verified),
        T(an_issuer_that_may_not_sign_is_none),
        T(times_are_looked_at_each_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
