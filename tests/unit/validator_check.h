/* One question to the validator, and its answer. */
#ifndef TESTS_UNIT_VALIDATOR_CHECK_H
#define TESTS_UNIT_VALIDATOR_CHECK_H

#include "validator_case.h"

#include <openssl/x509v3.h>
#include <sys/mman.h>

#include "agent/anchors/list.h"

static struct check_request cq;
static struct check_reply cr;

static inline void
lend(enum trust_kind kind, const struct made *one)
{
    const struct lent_trust lent = {
        .name = 9, .kind = kind, .bytes = one ? one->der : slice_of(NULL, 0)};

    assert_true(trust_add(&v.trust, &lent));
}

static inline void
check(const struct made *leaf, const struct made *const *chain)
{
    struct problem p = {0};

    lend(TRUST_FORGET, NULL);
    lend(TRUST_CERTIFICATE, leaf);
    for (; chain && *chain; chain++)
        lend(TRUST_CHAIN, *chain);
    cq.trust = 9;
    assert_int_equal(validator_check(&v, &cq, &cr, &p), ERR_OK);
    cq = (struct check_request){0};
}

#define CHAIN(...) ((const struct made *const[]){__VA_ARGS__, NULL})

static inline bool
check_says(const char *word)
{
    for (size_t i = 0; i < cr.reasons.n; i++)
        if (slice_is(cr.reasons.item[i], word))
            return true;
    return false;
}

#endif
