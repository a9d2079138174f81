/*
 * validator_check: the first byte says what the rest is lent as, besides the
 * certificate itself. Nothing is ok without an anchor, nothing is good that
 * is not ok, and whatever is not good has its reason.
 */
#include <openssl/crypto.h>

#include "agent/cms/algorithm.h"
#include "agent/validator/validator.h"
#include "tests/fuzz/fuzz.h"

static struct validator v;

static void
begin(void)
{
    static const char *const none[] = {NULL};

    algorithm_warm_up();
    validator_init(&v, none);
}

static bool
lend(enum trust_kind kind, struct slice bytes)
{
    const struct lent_trust lent = {.name = 1, .kind = kind, .bytes = bytes};

    return trust_add(&v.trust, &lent);
}

static void
answer_check(const struct check_reply *r, bool anchored)
{
    REQUIRE(anchored || r->chain != CHAIN_OK);
    REQUIRE(!r->good || (r->chain == CHAIN_OK && r->strength == STRENGTH_OK));
    REQUIRE(r->good || r->reasons.n > 0);
    REQUIRE(r->chain != CHAIN_OK || r->path.n > 0);
    REQUIRE(r->chain != CHAIN_OK || r->revoked_at == 0 ||
            r->revoked_at > r->judged_at);
    REQUIRE(r->revocation != REVOCATION_CLEAR || r->revoked_at == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct check_request q = {
        .trust = 1, .purpose = PURPOSE_ANY, .at = 1800000000};
    struct check_reply r;
    struct problem p = {0};
    struct slice rest;

    if (!v.certs)
        begin();
    if (size < 1)
        return 0;
    rest = slice_of(data + 1, size - 1);
    REQUIRE(lend(TRUST_FORGET, slice_of(NULL, 0)));
    if (!lend(TRUST_CERTIFICATE, rest))
        return 0;
    if (data[0] & 1)
        (void)lend(TRUST_ANCHORS, rest);
    if (data[0] & 2)
        (void)lend(TRUST_CRLS, rest);
    if (data[0] & 4)
        q.purpose = PURPOSE_EMAIL;
    if (validator_check(&v, &q, &r, &p) == ERR_OK)
        answer_check(&r, data[0] & 1);
    else
        REQUIRE(p.code != ERR_OK);
    return 0;
}
