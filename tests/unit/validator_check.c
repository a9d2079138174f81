/* One chain judged by itself; other paths. */
#include "tests/unit/validator_check.h"

#include "tests/unit/cpu_time.h"

/* ---- one chain ----------------------------------------------------------- */

static void
a_chain_to_an_anchor_is_good(void **state)
{
    (void)state;
    check(&alice, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_OK);
    assert_int_equal(cr.good, 1);
    assert_int_equal(cr.path.n, 3);
    assert_true(cr.anchor.n > 0);
    check(&alice, NULL);
    assert_int_equal(cr.chain, CHAIN_UNTRUSTED);
    assert_int_equal(cr.good, 0);
}

static void
strength_is_told_apart(void **state)
{
    struct made weak = person((struct cert_spec){.key = "rsa1024"});
    struct made sha1 = person((struct cert_spec){.md = EVP_sha1()});

    (void)state;
    check(&weak, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_OK);
    assert_int_equal(cr.strength, STRENGTH_WEAK_KEY);
    assert_int_equal(cr.good, 0);
    check(&sha1, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_OK);
    assert_int_equal(cr.strength, STRENGTH_WEAK_DIGEST);
}

static void
the_address_has_to_be_named(void **state)
{
    (void)state;
    cq.address = slice_text("Alice@EXAMPLE.org");
    check(&alice, CHAIN(&ca));
    assert_int_equal(cr.good, 1);
    cq.address = slice_text("bob@example.org");
    check(&alice, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_OK);
    assert_int_equal(cr.sender, SENDER_DIFFERS);
    assert_int_equal(cr.good, 0);
}

static void
a_web_certificate_is_valid_for_anything_but_mail(void **state)
{
    struct made web = person((struct cert_spec){.extended = "serverAuth"});

    (void)state;
    check(&web, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_PURPOSE);
    cq.purpose = PURPOSE_ANY;
    check(&web, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_OK);
}

static void
a_time_can_be_given(void **state)
{
    (void)state;
    cq.at = (uint64_t)time(NULL) + 400 * DAY;
    check(&alice, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_EXPIRED);
    cq.at = (uint64_t)time(NULL) - 40 * DAY;
    check(&alice, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_NOT_YET);
}

static void
asked_for_revocation_must_be_known(void **state)
{
    struct lent_trust crl = {.name = 9, .kind = TRUST_CRLS};
    struct problem p = {0};

    (void)state;
    lend(TRUST_FORGET, NULL);
    lend(TRUST_CERTIFICATE, &alice);
    lend(TRUST_CHAIN, &ca);
    crl.bytes = make_crl(&(struct crl_spec){.issuer = &ca});
    assert_true(trust_add(&v.trust, &crl));
    cq.trust = 9;
    assert_int_equal(validator_check(&v, &cq, &cr, &p), ERR_OK);
    assert_int_equal(cr.chain, CHAIN_INVALID);
    assert_true(check_says("revocation-unknown"));
    crl.bytes = make_crl(&(struct crl_spec){.issuer = &root});
    assert_true(trust_add(&v.trust, &crl));
    assert_int_equal(validator_check(&v, &cq, &cr, &p), ERR_OK);
    assert_int_equal(cr.chain, CHAIN_OK);
    assert_int_equal(cr.revocation, REVOCATION_CLEAR);
    cq = (struct check_request){0};
}

static void
a_policy_that_is_no_number_is_refused(void **state)
{
    struct problem p = {0};

    (void)state;
    cq = (struct check_request){.trust = 9};
    cq.policies.item[cq.policies.n++] = slice_text("anyPolicy");
    lend(TRUST_FORGET, NULL);
    lend(TRUST_CERTIFICATE, &alice);
    assert_int_equal(validator_check(&v, &cq, &cr, &p), ERR_USAGE);
    cq.policies.item[0] = slice_text("1.2.3");
    assert_int_equal(validator_check(&v, &cq, &cr, &p), ERR_OK);
    lend(TRUST_FORGET, NULL);
    assert_int_equal(validator_check(&v, &cq, &cr, &p), ERR_BAD_CERTIFICATE);
    cq = (struct check_request){0};
}

static void
a_policy_that_is_asked_for_must_be_there(void **state)
{
    struct made with = person((struct cert_spec){
        .extra_nid = NID_certificate_policies, .extra = "1.2.3.4"});
    struct made ca_with =
        make_cert(&(struct cert_spec){.name = "CA",
                                      .key = "p256b",
                                      .ca = true,
                                      .issuer = &root,
                                      .extra_nid = NID_certificate_policies,
                                      .extra = "1.2.3.4"});

    (void)state;
    cq.policy_flags = POLICY_EXPLICIT;
    cq.policies.item[cq.policies.n++] = slice_text("1.2.3.4");
    check(&with, CHAIN(&ca_with));
    assert_int_equal(cr.chain, CHAIN_OK);
    cq.policy_flags = POLICY_EXPLICIT;
    cq.policies.item[cq.policies.n++] = slice_text("1.2.3.5");
    check(&with, CHAIN(&ca_with));
    assert_int_equal(cr.chain, CHAIN_INVALID);
    assert_true(check_says("policy"));
    cq.policy_flags = POLICY_EXPLICIT;
    check(&alice, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_INVALID);
}

static void
a_policy_that_is_named_twice_is_malformed(void **state)
{
    struct made twice = person((struct cert_spec){
        .extra_nid = NID_certificate_policies, .extra = "1.2.3.4,1.2.3.4"});

    (void)state;
    check(&twice, CHAIN(&ca));
    assert_int_equal(cr.chain, CHAIN_INVALID);
    assert_true(check_says("chain-invalid"));
}

static void
an_issuer_keeps_to_the_addresses_it_may_name(void **state)
{
    struct made bound = make_cert(
        &(struct cert_spec){.name = "Bound",
                            .key = "p256d",
                            .ca = true,
                            .issuer = &root,
                            .extra_nid = NID_name_constraints,
                            .extra = "critical,permitted;email:example.org"});
    struct made inside =
        person((struct cert_spec){.email = ALICE, .issuer = &bound});
    struct made outside = person(
        (struct cert_spec){.email = "alice@example.com", .issuer = &bound});
    struct made below = person(
        (struct cert_spec){.email = "alice@sub.example.org", .issuer = &bound});
    struct made subject = person(
        (struct cert_spec){.dn_email = "alice@example.com", .issuer = &bound});

    (void)state;
    check(&inside, CHAIN(&bound));
    assert_int_equal(cr.chain, CHAIN_OK);
    check(&outside, CHAIN(&bound));
    assert_int_equal(cr.chain, CHAIN_INVALID);
    check(&below, CHAIN(&bound));
    assert_int_equal(cr.chain, CHAIN_INVALID);
    check(&subject, CHAIN(&bound));
    assert_int_equal(cr.chain, CHAIN_INVALID);
}

static void
internationalised_addresses_are_bound_too(void **state)
{
    struct made bound = make_cert(
        &(struct cert_spec){.name = "Bound",
                            .key = "p256d",
                            .ca = true,
                            .issuer = &root,
                            .extra_nid = NID_name_constraints,
                            .extra = "critical,permitted;email:example.org"});
    struct made inside = person((struct cert_spec){
        .utf8 = "\xc3\xa4lice@example.org", .issuer = &bound});
    struct made outside = person((struct cert_spec){
        .utf8 = "\xc3\xa4lice@example.com", .issuer = &bound});

    (void)state;
    check(&inside, CHAIN(&bound));
    assert_int_equal(cr.chain, CHAIN_OK);
    check(&outside, CHAIN(&bound));
    assert_int_not_equal(cr.chain, CHAIN_OK);
}

static struct made
bound_by(const char *rule)
{
    return make_cert(&(struct cert_spec){.name = "Bound",
                                         .key = "p256d",
                                         .ca = true,
                                         .issuer = &root,
                                         .extra_nid = NID_name_constraints,
                                         .extra = rule});
}

/* libcrypto compares octets; an address is one in several forms. */
static void
an_excluded_address_is_excluded_in_every_form(void **state)
{
    static const struct {
        const char *rule, *email, *utf8, *dn_email;
        bool out;
    } cases[] = {
        {"email:alice@example.org", "\"alice\"@example.org", NULL, NULL, true},
        {"email:alice@example.org", "Alice@example.org", NULL, NULL, true},
        {"email:alice@example.org", NULL, NULL, "Alice@example.org", true},
        {"email:alice@example.org", NULL, "Alice@example.org", NULL, true},
        {"email:alice@example.org", "bob@example.org", NULL, NULL, false},
        {"email:xn--x-bga.org", NULL, "a@x\u00e9.org", NULL, true},
        {"email:xn--x-bga.org", NULL, "a@x\u00c9.org", NULL, true},
        {"email:xn--x-bga.org", NULL, "a@xe\u0301.org", NULL, true},
        {"email:xn--x-bga.org", NULL, "a@xn--x-bga.org", NULL, true},
        {"email:xn--x-bga.org", NULL, "a@y.x\u00e9.org", NULL, false},
        {"email:.xn--x-bga.org", NULL, "a@y.x\u00c9.org", NULL, true},
        {"email:.xn--x-bga.org", NULL, "a@yx\u00c9.org", NULL, false},
        {"email:.xn--x-bga.org", NULL, "a@x\u00c9.org", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char rule[64];
        struct made bound, one;

        snprintf(rule, sizeof(rule), "critical,excluded;%s", cases[i].rule);
        bound = bound_by(rule);
        one = person((struct cert_spec){.email = cases[i].email,
                                        .utf8 = cases[i].utf8,
                                        .dn_email = cases[i].dn_email,
                                        .issuer = &bound});
        check(&one, CHAIN(&bound));
        assert_int_equal(cr.chain, cases[i].out ? CHAIN_INVALID : CHAIN_OK);
        assert_int_equal(check_says("name-not-permitted"), cases[i].out);
    }
}

/* libcrypto takes "x@example.org" for a host, or "example.org" for one of
 * "http://example.org:x@evil.example/". */
static void
a_name_that_cannot_be_compared_keeps_no_limit(void **state)
{
    static const struct {
        const char *rule, *names;
        bool out;
    } cases[] = {
        {"excluded;URI:example.org", "URI:http://other.org", false},
        {"excluded;URI:example.org", "URI:http://other.org:8080/a@b", false},
        {"excluded;URI:example.org", "URI:http://x@example.org/", true},
        {"excluded;URI:example.org", "URI:http://example.org/a:b", true},
        {"excluded;URI:example.org", "URI:http://other.org/a:b", false},
        {"permitted;URI:example.org", "URI:http://example.org?x", false},
        {"permitted;URI:example.org", "URI:http://example.org/?a=b@c#d", false},
        {"permitted;URI:example.org", "URI:http://example.org:x@evil.org/",
         true},
        {"permitted;URI:.example.org", "URI:http://a.b?.example.org", true},
        {"excluded;DNS:example.org", "DNS:www.example.org.", true},
        {"excluded;DNS:example.org", "URI:http://x@example.org/", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char rule[64];
        struct made bound, one;

        snprintf(rule, sizeof(rule), "critical,%s", cases[i].rule);
        bound = bound_by(rule);
        one = person((struct cert_spec){.issuer = &bound,
                                        .extra_nid = NID_subject_alt_name,
                                        .extra = cases[i].names});
        check(&one, CHAIN(&bound));
        if ((cr.chain != CHAIN_OK) != cases[i].out)
            fail_msg("%s under %s", cases[i].names, cases[i].rule);
    }
}

/* ---- what is shown of it --------------------------------------------------
 */

/* Addresses of BYTES together, and a subject as long as is shown. */
static struct made
large(const char *name, const struct made *by, bool authority, size_t bytes)
{
    const size_t n = bytes / 300 + 1;
    AUTO(buf) struct buf list = {0};
    X509_NAME *subject = NULL;
    struct made m;

    for (size_t i = 0; i < n; i++)
        buf_addf(&list, "%semail:%0*zu@b.org", i ? "," : "",
                 (int)(bytes / n + (i < bytes % n) - strlen("@b.org")), i);
    m = make_cert(&(struct cert_spec){.name = name,
                                      .key = "p256d",
                                      .ca = authority,
                                      .issuer = by,
                                      .extra_nid = NID_subject_alt_name,
                                      .extra = buf_text(&list)});
    subject = X509_NAME_dup(X509_get_subject_name(m.x));
    for (int i = 0; i < 16; i++)
        X509_NAME_add_entry_by_txt(
            subject, "OU", MBSTRING_ASC,
            (const unsigned char *)"123456789012345678901234567890123456789"
                                   "0123456789012345678901234",
            -1, -1, 0);
    assert_int_equal(X509_set_subject_name(m.x, subject), 1);
    X509_NAME_free(subject);
    make_again(&m, by->key);
    return m;
}

static size_t
shown_bytes(size_t items)
{
    size_t n = 0;

    for (size_t i = 0; i < items && i < cr.path.n; i++)
        n += cr.path.item[i].n;
    return n;
}

/* What comes behind as many bytes as may be is shown, behind one more not. */
static void
so_much_of_a_path_is_shown(void **state)
{
    static const char *const names[] = {"L1", "L2", "L3", "L4", "L5",
                                        "L6", "L7", "L8", "L9", "L10"};
    struct made link[ARRAY_COUNT(names)];
    const struct made *chain[ARRAY_COUNT(names) + 1] = {NULL};

    (void)state;
    for (size_t i = ARRAY_COUNT(names); i-- > 0;) {
        link[i] =
            large(names[i], i + 1 < ARRAY_COUNT(names) ? &link[i + 1] : &root,
                  true, LIMIT_CERT_ADDRESSES * 299);
        chain[i] = &link[i];
    }
    for (size_t over = 0; over < 2; over++) {
        const size_t wanted = LIMIT_PATH_BYTES + over;
        size_t bytes = 600, shown = 0;

        for (int tries = 0; tries < 9 && shown != wanted; tries++) {
            struct made leaf = large("Leaf", &link[0], false, bytes);

            check(&leaf, chain);
            assert_int_equal(cr.chain, CHAIN_OK);
            shown = shown_bytes(1 + ARRAY_COUNT(names));
            bytes += wanted - shown;
        }
        assert_int_equal(shown, wanted);
        assert_int_equal(cr.path.n, 1 + ARRAY_COUNT(names) + !over);
    }
}

/* ---- other paths --------------------------------------------------------- */

/* The same issuer, certified twice: once by a stranger, once by the root;
 * and once with a certificate that has expired. */
static void
a_path_is_found_among_cross_certificates(void **state)
{
    struct made dead = make_cert(&(struct cert_spec){.name = "CA",
                                                     .key = "p256b",
                                                     .ca = true,
                                                     .issuer = &root,
                                                     .from = -90 * DAY,
                                                     .until = -2 * DAY});
    struct made crossed = make_cert(&(struct cert_spec){
        .name = "CA", .key = "p256b", .ca = true, .issuer = &stranger});

    (void)state;
    check(&alice, CHAIN(&crossed, &dead, &stranger, &ca));
    assert_int_equal(cr.chain, CHAIN_OK);
    check(&alice, CHAIN(&ca, &stranger, &dead, &crossed));
    assert_int_equal(cr.chain, CHAIN_OK);
    check(&alice, CHAIN(&crossed, &dead, &stranger));
    assert_int_not_equal(cr.chain, CHAIN_OK);
}

static void
a_heap_of_cross_certificates_costs_little(void **state)
{
    struct made heap[48];
    const struct made *chain[49] = {NULL};
    char names[2][8] = {"One", "Two"};
    double began_ms;

    (void)state;
    /* Two names that certify one another again and again. */
    struct made one = make_cert(
        &(struct cert_spec){.name = names[0], .key = "p256f", .ca = true});
    struct made two = make_cert(
        &(struct cert_spec){.name = names[1], .key = "p256f", .ca = true});
    struct made leaf = person((struct cert_spec){.issuer = &one});

    for (size_t i = 0; i < 48; i++) {
        heap[i] = make_cert(&(struct cert_spec){.name = names[i % 2],
                                                .key = "p256f",
                                                .ca = true,
                                                .issuer = i % 2 ? &one : &two});
        chain[i] = &heap[i];
    }
    began_ms = cpu_time_ms();
    check(&leaf, chain);
    assert_true(cpu_time_ms() - began_ms < 2000);
    assert_int_not_equal(cr.chain, CHAIN_OK);
}

/* Six that have all certified each other, one of them certified by the root
 * for no long path: there are more of those than can be tried. */
static void
a_short_path_is_found_in_a_mesh(void **state)
{
    static const char *const names[] = {"M0", "M1", "M2", "M3", "M4", "M5"};
    const size_t n = ARRAY_COUNT(names);
    struct made self[ARRAY_COUNT(names)], across[30], leaf, out;
    const struct made *chain[32] = {NULL};
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < n; i++)
        self[i] = make_cert(
            &(struct cert_spec){.name = names[i], .key = "p256f", .ca = true});
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (i != k) {
                across[count] =
                    make_cert(&(struct cert_spec){.name = names[i],
                                                  .key = "p256f",
                                                  .ca = true,
                                                  .issuer = &self[k]});
                chain[count + 1] = &across[count];
                count++;
            }
    out = make_cert(&(struct cert_spec){.name = "M3",
                                        .key = "p256f",
                                        .issuer = &root,
                                        .usage = "critical,keyCertSign",
                                        .extra_nid = NID_basic_constraints,
                                        .extra = "critical,CA:TRUE,pathlen:1"});
    leaf = person((struct cert_spec){.email = ALICE, .issuer = &self[0]});
    chain[0] = &across[1];
    chain[count + 1] = NULL;
    chain[2] = &out; /* in the place of the one that is first now */
    check(&leaf, chain);
    assert_int_equal(cr.chain, CHAIN_OK);
    chain[2] = chain[count];
    chain[count] = &out;
    check(&leaf, chain);
    assert_int_equal(cr.chain, CHAIN_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_to_an_anchor_is_good),
        cmocka_unit_test(strength_is_told_apart),
        cmocka_unit_test(the_address_has_to_be_named),
        cmocka_unit_test(a_web_certificate_is_valid_for_anything_but_mail),
        cmocka_unit_test(a_time_can_be_given),
        cmocka_unit_test(asked_for_revocation_must_be_known),
        cmocka_unit_test(a_policy_that_is_no_number_is_refused),
        cmocka_unit_test(a_policy_that_is_asked_for_must_be_there),
        cmocka_unit_test(a_policy_that_is_named_twice_is_malformed),
        cmocka_unit_test(an_issuer_keeps_to_the_addresses_it_may_name),
        cmocka_unit_test(internationalised_addresses_are_bound_too),
        cmocka_unit_test(an_excluded_address_is_excluded_in_every_form),
        cmocka_unit_test(a_name_that_cannot_be_compared_keeps_no_limit),
        cmocka_unit_test(so_much_of_a_path_is_shown),
        cmocka_unit_test(a_path_is_found_among_cross_certificates),
        cmocka_unit_test(a_heap_of_cross_certificates_costs_little),
        cmocka_unit_test(a_short_path_is_found_in_a_mesh),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
