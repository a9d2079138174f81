#include "agent/validator/chain.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "agent/cms/algorithm.h"

struct remembered {
    uint8_t key[32];
    bool used;
    struct chain_verdict verdict;
};

struct chains {
    struct remembered slot[LIMIT_CHAIN_VERDICTS];
};

struct chains *
chains_new(void)
{
    return mem_new(sizeof(struct chains));
}

void
chains_drop(struct chains **c)
{
    free(*c);
    *c = NULL;
}

/* What a verdict rests on: the anchors, the leaf, and every intermediate in
 * its place (verdicts name them by place). */
static void
key_of(const struct anchors *a, const struct cert *leaf,
       struct cert *const *others, size_t n, uint8_t *out)
{
    static const uint8_t nothing[32];
    uint8_t bytes[8 + 32 * (LIMIT_INTERMEDIATES + 1)];
    uint64_t generation = anchors_generation(a);
    size_t len = 8 + 32;

    memcpy(bytes, &generation, 8);
    memcpy(bytes + 8, leaf->fingerprint, 32);
    for (size_t i = 0; i < n; i++, len += 32)
        memcpy(bytes + len, others[i] ? others[i]->fingerprint : nothing, 32);
    if (EVP_Digest(bytes, len, out, NULL, hash_md(HASH_SHA256), NULL) != 1)
        bug("SHA-256 failed");
}

/* ---- libcrypto's errors in our words ------------------------------------ */

static struct chain_verdict
verdict_of_error(int error, int depth)
{
    struct chain_verdict v = {.chain = CHAIN_INVALID,
                              .reason = "chain-invalid"};

    switch (error) {
    case X509_V_OK:
        v.chain = CHAIN_OK;
        v.reason = NULL;
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED:
        v.chain = CHAIN_UNTRUSTED;
        v.reason = "untrusted-issuer";
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        v.chain = CHAIN_EXPIRED;
        v.reason = depth == 0 ? "expired" : "issuer-expired";
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        v.chain = CHAIN_NOT_YET;
        v.reason = "not-yet-valid";
        break;
    case X509_V_ERR_INVALID_PURPOSE:
        v.chain = CHAIN_PURPOSE;
        v.reason = "wrong-purpose";
        break;
    case X509_V_ERR_CERT_REVOKED:
        v.chain = CHAIN_REVOKED;
        v.reason = "revoked";
        break;
    }
    return v;
}

/* ---- what libcrypto does not look at ------------------------------------ */

static bool
signature_is_weak(X509 *x)
{
    int digest = NID_undef, key = NID_undef, bits = 0;
    uint32_t flags = 0;

    if (X509_get_signature_info(x, &digest, &key, &bits, &flags) != 1)
        return true;
    /* An algorithm without a digest of its own is EdDSA. */
    return digest == NID_sha1 || digest == NID_md5 || digest == NID_md4 ||
           digest == NID_md2 || digest == NID_ripemd160;
}

/* An intermediate must say that it is a CA, and for mail when it says for
 * what at all (RFC 5280 4.2.1.9, RFC 8550 4.4.4). libcrypto would take a
 * keyUsage or a Netscape extension for the first. */
static void
judge_links(STACK_OF(X509) * path, struct chain_verdict *v)
{
    int n = sk_X509_num(path);

    for (int i = 1; i < n - 1; i++) {
        X509 *x = sk_X509_value(path, i);

        if (X509_check_ca(x) != 1) {
            v->chain = CHAIN_INVALID;
            v->reason = "chain-invalid";
            return;
        }
        if (!x509_is_for_mail(x)) {
            v->chain = CHAIN_PURPOSE;
            v->reason = "wrong-purpose";
            return;
        }
    }
}

static void
measure_links(STACK_OF(X509) * path, bool anchored, struct chain_verdict *v)
{
    int n = sk_X509_num(path);

    v->from = INT64_MIN;
    v->until = INT64_MAX;
    for (int i = 0; i < n; i++) {
        X509 *x = sk_X509_value(path, i);
        int64_t from = x509_not_before(x), until = x509_not_after(x);

        v->weak_key |= key_is_weak(X509_get0_pubkey(x));
        /* Nobody relies on the anchor's signature over itself. */
        if (!anchored || i < n - 1)
            v->weak_digest |= signature_is_weak(x);
        if (from > v->from)
            v->from = from;
        if (until < v->until)
            v->until = until;
    }
}

static void
name_links(STACK_OF(X509) * path, struct cert *const *others, size_t n,
           struct chain_verdict *v)
{
    for (int i = 1; i < sk_X509_num(path) - 1; i++)
        for (size_t k = 0; k < n; k++)
            if (others[k] && others[k]->x509 == sk_X509_value(path, i) &&
                v->issuer_count < LIMIT_CHAIN_DEPTH) {
                v->issuer[v->issuer_count++] = (uint8_t)k;
                break;
            }
}

/* ---- judging ------------------------------------------------------------ */

static STACK_OF(X509) *
    stack_of(struct cert *const *others, size_t n, const struct cert *leaf)
{
    STACK_OF(X509) *s = sk_X509_new_reserve(NULL, (int)n + 1);

    if (!s)
        abort();
    for (size_t i = 0; i < n; i++)
        if (others[i] && others[i] != leaf)
            sk_X509_push(s, others[i]->x509);
    return s;
}

static struct chain_verdict
build(const struct anchors *a, struct cert *leaf, struct cert *const *others,
      size_t n, int64_t at)
{
    STACK_OF(X509) *untrusted = stack_of(others, n, leaf);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    struct chain_verdict v;
    STACK_OF(X509) * path;

    if (!ctx ||
        X509_STORE_CTX_init(ctx, anchors_store(a), leaf->x509, untrusted) != 1)
        abort();
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_depth(param, LIMIT_CHAIN_DEPTH);
    X509_VERIFY_PARAM_set_time(param, (time_t)at);
    if (X509_verify_cert(ctx) == 1)
        v = verdict_of_error(X509_V_OK, 0);
    else
        v = verdict_of_error(X509_STORE_CTX_get_error(ctx),
                             X509_STORE_CTX_get_error_depth(ctx));
    if (v.chain == CHAIN_OK && X509_STORE_CTX_get_error(ctx) != X509_V_OK)
        bug("a chain without a verdict");
    path = X509_STORE_CTX_get0_chain(ctx);
    measure_links(path, v.chain == CHAIN_OK, &v);
    if (v.chain == CHAIN_OK) {
        judge_links(path, &v);
        name_links(path, others, n, &v);
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_free(untrusted);
    ERR_clear_error();
    return v;
}

struct chain_verdict
chain_judge(struct chains *c, const struct anchors *a, struct cert *leaf,
            struct cert *const *others, size_t n, int64_t at)
{
    struct remembered *r;
    struct chain_verdict v;
    uint8_t key[32];

    if (n > LIMIT_INTERMEDIATES)
        bug("more intermediates than a request may have");
    key_of(a, leaf, others, n, key);
    r = &c->slot[key[0] % LIMIT_CHAIN_VERDICTS];
    if (r->used && memcmp(r->key, key, 32) == 0 && at >= r->verdict.from &&
        at <= r->verdict.until)
        return r->verdict;
    v = build(a, leaf, others, n, at);
    if (v.chain == CHAIN_OK) {
        r->used = true;
        memcpy(r->key, key, 32);
        r->verdict = v;
    }
    return v;
}
