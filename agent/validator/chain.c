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
    case X509_V_ERR_NO_EXPLICIT_POLICY:
    case X509_V_ERR_INVALID_POLICY_EXTENSION:
        v.reason = "policy";
        break;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        v.reason = "revocation-unknown";
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
judge_links(STACK_OF(X509) * path, bool any_purpose, struct chain_verdict *v)
{
    int n = sk_X509_num(path);

    for (int i = 1; i < n - 1; i++) {
        X509 *x = sk_X509_value(path, i);

        if (X509_check_ca(x) != 1) {
            v->chain = CHAIN_INVALID;
            v->reason = "chain-invalid";
            return;
        }
        if (!any_purpose && !x509_is_for_mail(x)) {
            v->chain = CHAIN_PURPOSE;
            v->reason = "wrong-purpose";
            return;
        }
    }
}

/* A root that is distrusted after a day still vouches for what it issued
 * before, as NSS has it. */
static void
judge_anchor(const struct anchors *a, STACK_OF(X509) * path,
             struct chain_verdict *v)
{
    int n = sk_X509_num(path);
    const struct anchor *anchor =
        n > 0 ? anchors_find(a, sk_X509_value(path, n - 1)) : NULL;

    if (anchor && anchor->distrust_after != 0 &&
        x509_not_before(sk_X509_value(path, 0)) > anchor->distrust_after) {
        v->chain = CHAIN_UNTRUSTED;
        v->reason = "issuer-distrusted";
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
            if (others[k] &&
                X509_cmp(others[k]->x509, sk_X509_value(path, i)) == 0 &&
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
build(const struct anchors *a, const struct chain_question *q,
      STACK_OF(X509) * *out_path)
{
    STACK_OF(X509) *untrusted = stack_of(q->others, q->n, q->leaf);
    struct path_question pq = {.leaf = q->leaf->x509,
                               .untrusted = untrusted,
                               .anchors = a,
                               .at = q->at,
                               .crls = q->crls,
                               .crls_required = q->crls_required,
                               .policy = q->policy};
    struct path_verdict found;
    struct chain_verdict v;

    path_judge(&pq, &found);
    v = verdict_of_error(found.error, found.depth);
    v.revocation = found.revocation;
    v.revoked_at = found.revoked_at;
    measure_links(found.path, v.chain == CHAIN_OK, &v);
    if (v.chain == CHAIN_OK)
        judge_links(found.path, q->any_purpose, &v);
    if (v.chain == CHAIN_OK)
        judge_anchor(a, found.path, &v);
    if (v.chain == CHAIN_OK)
        name_links(found.path, q->others, q->n, &v);
    if (out_path)
        *out_path = TAKE(found.path);
    path_verdict_drop(&found);
    sk_X509_free(untrusted);
    ERR_clear_error();
    return v;
}

struct chain_verdict
chain_judge(struct chains *c, const struct anchors *a,
            const struct chain_question *q, STACK_OF(X509) * *path)
{
    struct remembered *r;
    struct chain_verdict v;
    uint8_t key[32];

    if (q->n > LIMIT_INTERMEDIATES)
        bug("more intermediates than a request may have");
    if (q->crls || q->policy || q->any_purpose || path)
        return build(a, q, path);
    key_of(a, q->leaf, q->others, q->n, key);
    r = &c->slot[key[0] % LIMIT_CHAIN_VERDICTS];
    if (r->used && memcmp(r->key, key, 32) == 0 && q->at >= r->verdict.from &&
        q->at <= r->verdict.until)
        return r->verdict;
    v = build(a, q, NULL);
    if (v.chain == CHAIN_OK) {
        r->used = true;
        memcpy(r->key, key, 32);
        r->verdict = v;
    }
    return v;
}
