/*
 * validator_check: the first byte says what the rest is lent as, besides the
 * certificate itself. Nothing is ok without an anchor, nothing is good that
 * is not ok, whatever is not good has its reason, and each path that is ok
 * holds for OpenSSL alone.
 */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "agent/cms/algorithm.h"
#include "agent/validator/validator.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/verdict_anchor.h"

#define ANCHORS_TOO 1 /* the same bytes are the anchors */
#define CRLS_TOO    2
#define FOR_MAIL    4
#define OUR_ANCHOR  8 /* VERDICT_ANCHOR is the only one */

MUTATES_DER(1)

static struct validator v;

static void
begin(void)
{
    static const char *const none[] = {NULL};

    algorithm_warm_up();
    validator_init(&v, none, none);
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

/* Each signature on the way, checked without the agent's code: no anchor is
 * reached by its name alone. */
static void
check_again(const struct check_request *q)
{
    const struct anchors *a = validator_anchors(&v, 1);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    struct slice leaf = trust_cert(&v.trust, 0);
    const uint8_t *p = leaf.p;
    X509 *x = d2i_X509(NULL, &p, (long)leaf.n);

    REQUIRE(store && ctx && others && x);
    for (size_t i = 0; i < anchors_count(a); i++)
        REQUIRE(X509_STORE_add_cert(store, anchors_at(a, i)->x509) == 1);
    for (size_t i = 1; i < trust_cert_count(&v.trust); i++) {
        struct slice der = trust_cert(&v.trust, i);
        X509 *other;

        p = der.p;
        if ((other = d2i_X509(NULL, &p, (long)der.n)))
            sk_X509_push(others, other);
    }
    REQUIRE(X509_STORE_CTX_init(ctx, store, x, others) == 1);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)q->at);
    REQUIRE(X509_verify_cert(ctx) == 1);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_pop_free(others, X509_free);
    X509_free(x);
    ERR_clear_error();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct check_request q = {
        .trust = 1, .purpose = PURPOSE_ANY, .at = 1900000000};
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
    if (data[0] & ANCHORS_TOO)
        (void)lend(TRUST_ANCHORS, rest);
    if (data[0] & OUR_ANCHOR)
        (void)lend(TRUST_ANCHORS, slice_text(VERDICT_ANCHOR));
    if (data[0] & CRLS_TOO)
        (void)lend(TRUST_CRLS, rest);
    if (data[0] & FOR_MAIL)
        q.purpose = PURPOSE_EMAIL;
    if (validator_check(&v, &q, &r, &p) != ERR_OK) {
        REQUIRE(p.code != ERR_OK);
        return 0;
    }
    answer_check(&r, data[0] & (ANCHORS_TOO | OUR_ANCHOR));
    if (r.chain == CHAIN_OK)
        check_again(&q);
    return 0;
}
