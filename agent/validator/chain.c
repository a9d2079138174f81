#include "agent/validator/chain.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "agent/cms/algorithm.h"
#include "agent/validator/comparable.h"
#include "agent/validator/excluded.h"
#include "agent/validator/named.h"

struct remembered {
    uint8_t key[32];
    bool used;
    int64_t fresh_from, fresh_until; /* of the question */
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

/* What a verdict rests on: the anchors, the CRLs, the leaf, and every
 * intermediate in its place (verdicts name them by place). */
static void
key_of(const struct anchors *a, const struct chain_question *q, uint8_t *out)
{
    static const uint8_t nothing[32];
    uint8_t bytes[16 + 32 * (LIMIT_INTERMEDIATES + 1)];
    uint64_t generation[2] = {anchors_generation(a),
                              q->stored ? crls_generation(q->stored) : 0};
    size_t len = 16 + 32;

    memcpy(bytes, generation, 16);
    memcpy(bytes + 16, q->leaf->fingerprint, 32);
    for (size_t i = 0; i < q->n; i++, len += 32)
        memcpy(bytes + len, q->others[i] ? q->others[i]->fingerprint : nothing,
               32);
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
        v.reason = depth == 0 ? "not-yet-valid" : "issuer-not-yet-valid";
        break;
    case X509_V_ERR_NO_EXPLICIT_POLICY:
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
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
        v.reason = "chain-signature";
        break;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        v.reason = "path-length";
        break;
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_INVALID_NON_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        v.reason = "not-an-authority";
        break;
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX: /* ... nor be compared */
        v.reason = "name-not-permitted";
        break;
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
        v.reason = "unknown-critical";
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

/* Only version 3 has extensions (RFC 5280 4.1.2.1): in another one some
 * readers see none of them, neither a limit nor an address. */
static bool
has_right_version(const X509 *x)
{
    long version = X509_get_version(x);

    return version == X509_VERSION_3 ||
           (version <= X509_VERSION_2 && X509_get_ext_count(x) == 0);
}

static void
judge_versions(STACK_OF(X509) * path, struct chain_verdict *v)
{
    for (int i = 0; i < sk_X509_num(path) - 1; i++)
        if (!has_right_version(sk_X509_value(path, i))) {
            v->chain = CHAIN_INVALID;
            v->reason = "chain-invalid";
        }
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
            v->reason = "not-an-authority";
            return;
        }
        if (!any_purpose && !x509_is_for_mail(x)) {
            v->chain = CHAIN_PURPOSE;
            v->reason = "issuer-purpose";
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

/* Whom one would have to know to get further. */
static void
name_wanted(STACK_OF(X509) * path, struct chain_verdict *v)
{
    for (int i = 0; i < sk_X509_num(path) && i < LIMIT_CHAIN_DEPTH; i++)
        if (X509_NAME_digest(X509_get_issuer_name(sk_X509_value(path, i)),
                             hash_md(HASH_SHA256), v->wanted[v->wanted_count],
                             NULL) == 1)
            v->wanted_count++;
}

/* libcrypto finds no issuer for what it cannot read: that nobody is trusted
 * would then be said of the wrong one. */
static bool
leads_to_malformed(STACK_OF(X509) * path, STACK_OF(X509) * untrusted)
{
    int n = sk_X509_num(path);
    X509 *last = n > 0 ? sk_X509_value(path, n - 1) : NULL;

    if (!last)
        return false;
    if (X509_get_extension_flags(last) & EXFLAG_INVALID)
        return true;
    for (int i = 0; i < sk_X509_num(untrusted); i++) {
        X509 *x = sk_X509_value(untrusted, i);

        if (X509_NAME_cmp(X509_get_subject_name(x),
                          X509_get_issuer_name(last)) == 0 &&
            (X509_get_extension_flags(x) & EXFLAG_INVALID))
            return true;
    }
    return false;
}

/* ---- judging ------------------------------------------------------------ */

/* A message may bring CRLs (RFC 8550 2.1). Its sender chose which, so they
 * clear nobody; whom they name is revoked. */
static void
judge_brought(const struct chain_question *q, STACK_OF(X509) * path,
              struct chain_verdict *v)
{
    STACK_OF(X509_CRL) *all =
        crls_select(q->stored, q->crls, q->leaf->x509, path);
    int64_t date;

    for (int i = 0; i + 1 < sk_X509_num(path); i++)
        if (crls_brought_revoke(q->brought, all, q->fresh_at, path, i, &date) &&
            (v->revoked_at == 0 || date < v->revoked_at))
            v->revoked_at = date;
    sk_X509_CRL_free(all);
    if (v->revoked_at == 0)
        return;
    v->revocation = REVOCATION_REVOKED;
    if (v->revoked_at <= q->at) {
        v->chain = CHAIN_REVOKED;
        v->reason = "revoked";
    }
}

/* What costs too much is as good as not there. */
static STACK_OF(X509) * stack_of(const struct chain_question *q)
{
    STACK_OF(X509) *s = sk_X509_new_reserve(NULL, (int)q->n + 1);

    if (!s)
        abort();
    for (size_t i = 0; i < q->n; i++)
        if (q->others[i] && q->others[i] != q->leaf && q->others[i]->bounded)
            sk_X509_push(s, q->others[i]->x509);
    return s;
}

/* Of whoever issued a CRL in the place of another; trusted no more than what a
 * message brings. */
static void
crl_issuers_add(const struct chain_question *q, STACK_OF(X509) * untrusted)
{
    for (int i = 0; i < sk_X509_num(q->crl_issuers); i++)
        if (sk_X509_push(untrusted, sk_X509_value(q->crl_issuers, i)) == 0)
            abort();
    if (q->stored)
        crls_issuers(q->stored, untrusted);
}

/* What is found on the path that libcrypto does not object to. */
static void
judge_found(const struct anchors *a, const struct chain_question *q,
            STACK_OF(X509) * path, struct chain_verdict *v)
{
    measure_links(path, v->chain == CHAIN_OK, v);
    if (v->chain == CHAIN_OK)
        judge_versions(path, v);
    if (v->chain == CHAIN_OK)
        judge_links(path, q->any_purpose, v);
    if (v->chain == CHAIN_OK)
        judge_anchor(a, path, v);
    if (v->chain == CHAIN_OK &&
        (path_excludes_address(path, q->leaf) || path_has_incomparable(path))) {
        v->chain = CHAIN_INVALID;
        v->reason = "name-not-permitted";
    }
    if (v->chain == CHAIN_OK)
        name_links(path, q->others, q->n, v);
    else if (v->chain == CHAIN_UNTRUSTED)
        name_wanted(path, v);
}

static struct chain_verdict
build(const struct anchors *a, const struct chain_question *q,
      STACK_OF(X509) * untrusted, STACK_OF(X509_CRL) * crls,
      STACK_OF(X509) * *out_path)
{
    struct path_question pq = {.leaf = q->leaf->x509,
                               .untrusted = untrusted,
                               .anchors = a,
                               .at = q->at,
                               .fresh_at = q->fresh_at,
                               .crls = crls,
                               .crls_required = q->crls_required,
                               .policy = q->policy};
    struct path_verdict found;
    struct chain_verdict v;

    path_judge(&pq, &found);
    v = verdict_of_error(found.error, found.depth);
    if (found.error == X509_V_ERR_UNSPECIFIED && !q->leaf->key)
        v.reason = "weak-key"; /* libcrypto has no word for it */
    v.revocation = found.revocation;
    v.revoked_at = found.revoked_at;
    v.crl_outdated = found.outdated;
    v.crl_weak = found.weak;
    v.weak_digest = found.weak && q->crls_required;
    if (v.chain == CHAIN_UNTRUSTED && leads_to_malformed(found.path, untrusted))
        v = (struct chain_verdict){.chain = CHAIN_INVALID,
                                   .reason = "chain-invalid"};
    judge_found(a, q, found.path, &v);
    if (q->brought && v.chain == CHAIN_OK)
        judge_brought(q, found.path, &v);
    if (out_path)
        *out_path = TAKE(found.path);
    path_verdict_drop(&found);
    ERR_clear_error();
    return v;
}

/* The verdict is the same for all times between two at which a CRL begins or
 * ends. */
static void
narrow(STACK_OF(X509_CRL) * crls, int64_t at, int64_t *from, int64_t *until)
{
    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        const X509_CRL *crl = sk_X509_CRL_value(crls, i);
        int64_t begins = crl_this_update(crl), ends = crl_next_update(crl);

        if (begins <= at && begins > *from)
            *from = begins;
        if (begins > at && begins - 1 < *until)
            *until = begins - 1;
        if (ends >= at && ends < *until)
            *until = ends;
        if (ends < at && ends + 1 > *from)
            *from = ends + 1;
    }
}

static bool
holds(const struct remembered *r, const uint8_t *key,
      const struct chain_question *q)
{
    return r->used && memcmp(r->key, key, 32) == 0 &&
           q->at >= r->verdict.from && q->at <= r->verdict.until &&
           q->fresh_at >= r->fresh_from && q->fresh_at <= r->fresh_until;
}

static void
remember(struct remembered *r, const uint8_t *key,
         const struct chain_question *q, STACK_OF(X509_CRL) * crls,
         const struct chain_verdict *v)
{
    /* After a revocation each moment is different. */
    if (v->chain != CHAIN_OK || v->revoked_at != 0)
        return;
    *r = (struct remembered){.used = true,
                             .fresh_from = INT64_MIN,
                             .fresh_until = INT64_MAX,
                             .verdict = *v};
    memcpy(r->key, key, 32);
    narrow(crls, q->at, &r->verdict.from, &r->verdict.until);
    narrow(crls, q->fresh_at, &r->fresh_from, &r->fresh_until);
}

static struct chain_verdict
judge_bounded(struct chains *c, const struct anchors *a,
              const struct chain_question *q, STACK_OF(X509) * *path)
{
    bool memorable =
        !q->crls && !q->brought && !q->policy && !q->any_purpose && !path;
    STACK_OF(X509_CRL) * crls;
    STACK_OF(X509) * untrusted;
    struct remembered *r = NULL;
    struct chain_verdict v;
    uint8_t key[32];

    if (memorable) {
        key_of(a, q, key);
        r = &c->slot[key[0] % LIMIT_CHAIN_VERDICTS];
        if (holds(r, key, q))
            return r->verdict;
    }
    untrusted = stack_of(q);
    crls = crls_select(q->stored, q->crls, q->leaf->x509, untrusted);
    if (crls)
        crl_issuers_add(q, untrusted);
    v = build(a, q, untrusted, crls, path);
    if (memorable)
        remember(r, key, q, crls, &v);
    sk_X509_CRL_free(crls);
    sk_X509_free(untrusted);
    return v;
}

struct chain_verdict
chain_judge(struct chains *c, const struct anchors *a,
            const struct chain_question *from, STACK_OF(X509) * *path)
{
    struct chain_question q = *from;

    if (q.n > LIMIT_INTERMEDIATES)
        bug("more intermediates than a request may have");
    if (q.fresh_at == 0)
        q.fresh_at = q.at;
    if (q.leaf->bounded)
        return judge_bounded(c, a, &q, path);
    if (path)
        *path = sk_X509_new_null();
    return (struct chain_verdict){.chain = CHAIN_INVALID,
                                  .reason = "costly-certificate"};
}
