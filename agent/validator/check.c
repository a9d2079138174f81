/*
 * One chain, judged without a message: MSG_JUDGE_PATH.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "agent/base/limits.h"
#include "agent/validator/validator.h"

struct checking {
    struct validator *v;
    const struct check_request *q;
    struct check_reply *out;
    struct cert *certs[LIMIT_INTERMEDIATES];
    struct slice der[LIMIT_INTERMEDIATES]; /* of each */
    size_t count;
    int64_t now;
};

static void
policy_drop(struct path_policy *p)
{
    sk_ASN1_OBJECT_pop_free(p->initial, ASN1_OBJECT_free);
    p->initial = NULL;
}

static enum err
policy_read(const struct check_request *q, struct path_policy *out,
            struct problem *p)
{
    out->explicit_policy = (q->policy_flags & POLICY_EXPLICIT) != 0;
    out->inhibit_mapping = (q->policy_flags & POLICY_INHIBIT_MAPPING) != 0;
    out->inhibit_any = (q->policy_flags & POLICY_INHIBIT_ANY) != 0;
    out->initial = sk_ASN1_OBJECT_new_null();
    for (size_t i = 0; i < q->policies.n; i++) {
        char text[LIMIT_POLICY_BYTES + 1] = "";
        ASN1_OBJECT *o;

        memcpy(text, q->policies.item[i].p, q->policies.item[i].n);
        o = text[0] >= '0' && text[0] <= '9' ? OBJ_txt2obj(text, 1) : NULL;
        ERR_clear_error();
        if (!o || sk_ASN1_OBJECT_push(out->initial, o) == 0) {
            ASN1_OBJECT_free(o);
            return fail(p, ERR_USAGE, "policies: an OID in dotted numbers");
        }
    }
    return ERR_OK;
}

/* For mail: extendedKeyUsage, and a keyUsage that leaves anything one does
 * with mail (RFC 8550 4.4.2, 4.4.4). */
static bool
is_for_mail(X509 *x)
{
    return x509_is_for_mail(x) &&
           (X509_get_key_usage(x) &
            (X509v3_KU_DIGITAL_SIGNATURE | X509v3_KU_NON_REPUDIATION |
             X509v3_KU_KEY_ENCIPHERMENT | X509v3_KU_KEY_AGREEMENT)) != 0;
}

static enum sender
address_judge(struct checking *c)
{
    struct cert *leaf = c->certs[0];

    if (c->q->address.n == 0)
        return SENDER_NOT_SEEN;
    if (cert_facts(leaf)->address_count == 0) {
        reason_say(&c->out->reasons, "no-address");
        return SENDER_NO_ADDRESS;
    }
    if (cert_names_address(leaf, c->q->address))
        return SENDER_MATCHES;
    reason_say(&c->out->reasons, "from-mismatch");
    return SENDER_DIFFERS;
}

static void
strength_judge(struct checking *c, const struct chain_verdict *v)
{
    if (v->weak_digest) {
        c->out->strength = STRENGTH_WEAK_DIGEST;
        reason_say(&c->out->reasons, "weak-digest");
    }
    if (v->weak_key || cert_facts(c->certs[0])->weak_key) {
        c->out->strength = STRENGTH_WEAK_KEY;
        reason_say(&c->out->reasons, "weak-key");
    }
}

/* The path as descriptions; what would not fit is left out from its end. The
 * keyring gets the issuers themselves in place of theirs. */
static void
path_describe(struct checking *c, STACK_OF(X509) * path)
{
    struct buf *store = &c->v->described;
    size_t end[12], n = 0, start = 0;
    size_t most = c->q->certificate.n > 0 ? 1 : ARRAY_COUNT(end);

    for (int i = 0; i < sk_X509_num(path) && n < most; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(path, i), &der);
        struct cert *cert =
            certs_find(c->v->certs, slice_of(der, len > 0 ? (size_t)len : 0));

        OPENSSL_free(der);
        if (!cert || store->len > LIMIT_PATH_BYTES)
            break;
        cert_describe(cert, CHAIN_NOT_ASKED, false, store);
        end[n++] = store->len;
    }
    for (size_t i = 0; i < n; start = end[i], i++)
        c->out->path.item[i] = slice_of(store->data + start, end[i] - start);
    c->out->path.n = n;
}

static void
anchor_tell(struct checking *c, const struct anchors *a, STACK_OF(X509) * path)
{
    const struct anchor *found =
        anchors_find(a, sk_X509_value(path, sk_X509_num(path) - 1));

    if (found && strlen(found->source) <= LIMIT_TEXT_BYTES)
        c->out->anchor = slice_text(found->source);
}

static void
leaf_judge(struct checking *c, const struct path_policy *policy)
{
    const struct anchors *a = validator_anchors(c->v, c->q->trust);
    const struct trust *lent = c->q->trust ? &c->v->trust : NULL;
    STACK_OF(X509_CRL) *given = lent ? lent->crls : NULL;
    struct chain_question q = {.leaf = c->certs[0],
                               .others = c->certs,
                               .n = c->count,
                               .at = c->now,
                               .any_purpose = c->q->purpose == PURPOSE_ANY,
                               .crls = given,
                               .crl_issuers = lent ? lent->crl_issuers : NULL,
                               .stored = c->v->crls,
                               .crls_required = given != NULL,
                               .policy = policy};
    STACK_OF(X509) *path = NULL;
    struct chain_verdict v;

    v = chain_judge(c->v->chains, a, &q, &path);
    if (v.chain == CHAIN_OK && !q.any_purpose &&
        !is_for_mail(c->certs[0]->x509)) {
        v.chain = CHAIN_PURPOSE;
        v.reason = "wrong-purpose";
    }
    c->out->chain = v.chain;
    c->out->revocation = v.revocation;
    c->out->revoked_at = (uint64_t)v.revoked_at;
    wanted_tell(&v, &c->v->hashes, &c->out->wanted);
    if (v.reason)
        reason_say(&c->out->reasons, v.reason);
    if (v.crl_outdated && v.chain == CHAIN_OK)
        reason_say(&c->out->reasons, "crl-outdated");
    if (v.crl_weak)
        reason_say(&c->out->reasons, "crl-weak");
    if (v.revoked_at != 0 && v.chain == CHAIN_OK)
        reason_say(&c->out->reasons, "revoked-since");
    strength_judge(c, &v);
    c->out->sender = address_judge(c);
    path_describe(c, path);
    if (v.chain == CHAIN_OK) {
        anchor_tell(c, a, path);
        if (c->q->certificate.n > 0)
            issuers_tell(&v, c->der, c->certs, &c->v->hashes, &c->out->issuers,
                         &c->out->issuer_names);
    }
    sk_X509_pop_free(path, X509_free);
}

static void
cert_take(struct checking *c, struct slice der)
{
    if (c->count == LIMIT_INTERMEDIATES)
        return;
    c->der[c->count] = der;
    c->certs[c->count++] = certs_find(c->v->certs, der);
}

/* The one to judge first, then what may be its issuers. */
static enum err
certs_take(struct checking *c, struct problem *p)
{
    const struct check_request *q = c->q;
    const struct trust *t = &c->v->trust;

    if (q->certificate.n > 0) {
        cert_take(c, q->certificate);
    } else {
        if (q->trust == 0 || !t->given[TRUST_CERTIFICATE])
            return fail(p, ERR_BAD_CERTIFICATE, "there is none");
        for (size_t i = 0; i < trust_cert_count(t); i++)
            cert_take(c, trust_cert(t, i));
    }
    for (size_t i = 0; i < q->known.n; i++)
        cert_take(c, q->known.item[i]);
    return c->certs[0] ? ERR_OK : fail(p, ERR_BAD_CERTIFICATE, NULL);
}

enum err
validator_check(struct validator *v, const struct check_request *q,
                struct check_reply *out, struct problem *p)
{
    struct checking c = {.v = v, .q = q, .out = out};
    AUTO(policy) struct path_policy policy = {0};
    enum err e = trust_read(&v->trust, q->trust, p);

    *out = (struct check_reply){0};
    if (e == ERR_OK)
        e = policy_read(q, &policy, p);
    if (e != ERR_OK)
        return e;
    validator_refresh(v);
    buf_clear(&v->described);
    buf_clear(&v->hashes);
    e = certs_take(&c, p);
    if (e != ERR_OK)
        return e;
    c.now = q->at == 0          ? (int64_t)time(NULL)
            : q->at > INT64_MAX ? INT64_MAX
                                : (int64_t)q->at;
    out->time_source = q->at ? TIME_GIVEN : TIME_NOW;
    out->judged_at = (uint64_t)c.now;
    leaf_judge(&c, &policy);
    out->good = out->chain == CHAIN_OK && out->strength == STRENGTH_OK &&
                (q->address.n == 0 || out->sender == SENDER_MATCHES);
    return ERR_OK;
}
