/*
 * What tests of verdicts share: anchors, an issuer, Alice, and one question
 * with its answer. Included once by each test program.
 */
#ifndef TESTS_UNIT_VALIDATOR_CASE_H
#define TESTS_UNIT_VALIDATOR_CASE_H

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/validator/validator.h"
#include "validator_make.h"

#define ALICE "alice@example.org"
#define SIGNS "critical,digitalSignature"

static struct validator v;
static const char *folders[2], *crl_folders[2];
static struct made root, ca, stranger, alice;
static struct verify_request q;
static struct verify_reply r;

static struct made
person(struct cert_spec spec)
{
    if (!spec.name)
        spec.name = "Alice";
    if (!spec.key)
        spec.key = "rsa2048";
    if (!spec.issuer)
        spec.issuer = &ca;
    if (!spec.usage)
        spec.usage = SIGNS;
    return make_cert(&spec);
}

static int
begin(void **state)
{
    char path[128];

    (void)state;
    algorithm_warm_up();
    folders[0] = make_folder();
    crl_folders[0] = make_folder();
    root = make_cert(&(struct cert_spec){.name = "Root",
                                         .key = "p256",
                                         .ca = true,
                                         .from = -3000 * DAY,
                                         .until = 3000 * DAY});
    ca = make_cert(&(struct cert_spec){.name = "CA",
                                       .key = "p256b",
                                       .ca = true,
                                       .issuer = &root,
                                       .from = -2000 * DAY,
                                       .until = 2000 * DAY});
    stranger = make_cert(
        &(struct cert_spec){.name = "Stranger", .key = "p256c", .ca = true});
    alice = person((struct cert_spec){.email = ALICE});
    snprintf(path, sizeof(path), "%s/root.pem", folders[0]);
    make_pem(path, &root, 1);
    validator_init(&v, folders, crl_folders);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    validator_drop(&v);
    make_end();
    return 0;
}

/* Not every program that includes this needs all of it. */
#define MAYBE_UNUSED __attribute__((unused))

MAYBE_UNUSED static bool
says(const char *word)
{
    for (size_t i = 0; i < r.reasons.n; i++)
        if (slice_is(r.reasons.item[i], word))
            return true;
    return false;
}

MAYBE_UNUSED static void
judge(struct message_spec m)
{
    if (!m.signer)
        m.signer = &alice;
    if (!m.others[0])
        m.others[0] = &ca;
    if (!m.from)
        m.from = ALICE;
    make_request(&m, &q);
    validator_judge(&v, &q, &r);
}

MAYBE_UNUSED static void
is_good(void)
{
    assert_int_equal(r.integrity, INTEGRITY_OK);
    assert_int_equal(r.chain, CHAIN_OK);
    assert_int_equal(r.sender, SENDER_MATCHES);
    assert_int_equal(r.strength, STRENGTH_OK);
    assert_int_equal(r.good, 1);
}

#endif
