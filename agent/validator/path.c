#include "agent/validator/path.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/validator/certs.h"
#include "agent/validator/crls.h"
#include "agent/validator/links.h"
#include "agent/validator/named.h"
#include "agent/validator/permitted.h"

/* What the callback needs while libcrypto walks along one path. */
struct walk {
    const struct path_question *q;
    struct path_verdict *v;
    X509_CRL *crl;          /* the one in hand: libcrypto forgets it after a
                               fault of its times */
    const X509_CRL *faulty; /* nothing it says counts */
    bool unchecked;         /* a certificate that no CRL speaks of */
    bool any_time;          /* certificates may have expired */
    X509 *of;               /* no other's revocation is asked for, or NULL */
    bool of_unasked;        /* no CRL speaks of that one */
};

void
path_verdict_drop(struct path_verdict *v)
{
    sk_X509_pop_free(v->path, X509_free);
    *v = (struct path_verdict){0};
}

/* ---- revocation ---------------------------------------------------------- */

static void
revocation_note(struct path_verdict *v, int64_t date)
{
    if (v->revoked_at == 0 || date < v->revoked_at)
        v->revoked_at = date > 0 ? date : 1;
}

static X509 *
issuer_of_current(X509_STORE_CTX *ctx)
{
    return sk_X509_value(X509_STORE_CTX_get0_chain(ctx),
                         X509_STORE_CTX_get_error_depth(ctx) + 1);
}

/* The CRL names the certificate. */
static int
revoked_found(struct walk *w, X509_STORE_CTX *ctx)
{
    X509_CRL *crl = w->crl;
    X509 *x = X509_STORE_CTX_get_current_cert(ctx);
    X509_REVOKED *r = NULL;
    int64_t date;

    if ((crl && crl == w->faulty && !w->q->crls_required) ||
        (w->of && X509_cmp(w->of, x) != 0)) {
        w->unchecked = true;
        return 1;
    }
    if (crl && crl_is_overtaken(w->q, crl, x, issuer_of_current(ctx)))
        return 1;
    date = crl && X509_CRL_get0_by_cert(crl, &r, x) != 0 && r
               ? revocation_date(r)
               : 1;
    revocation_note(w->v, date);
    return date > w->q->at;
}

/* The anchor's own status is nobody's to say but whoever chose it. */
static bool
is_anchor(X509_STORE_CTX *ctx)
{
    int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

    return last > 0 && X509_STORE_CTX_get_error_depth(ctx) == last;
}

static int
crl_is_missing(struct walk *w, X509_STORE_CTX *ctx)
{
    if (is_anchor(ctx))
        return 1;
    w->unchecked = true;
    w->of_unasked |=
        w->of && X509_STORE_CTX_get_error(ctx) != X509_V_ERR_CRL_HAS_EXPIRED &&
        X509_cmp(w->of, X509_STORE_CTX_get_current_cert(ctx)) == 0;
    return !w->q->crls_required;
}

/* Where a CRL is asked whom it revokes, nobody has to say that its own issuer
 * is not revoked too: that is for those that clear. */
static bool
is_status_of_issuer(X509_STORE_CTX *ctx)
{
    const struct walk *w =
        X509_STORE_CTX_get_app_data(X509_STORE_CTX_get0_parent_ctx(ctx));

    if (!w || !w->of)
        return false;
    switch (X509_STORE_CTX_get_error(ctx)) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return true;
    default:
        return false;
    }
}

/* On the path of a CRL's own issuer everything has to hold. One thing
 * libcrypto cannot do there: when that issuer's certificate is itself on the
 * CRL's account (RFC 5280 6.3.3 (f) would go round), the path looked at is
 * the very one it asks for. */
static int
on_error_of_issuer(X509_STORE_CTX *ctx)
{
    X509_CRL *crl = X509_STORE_CTX_get0_current_crl(ctx);
    X509 *x = X509_STORE_CTX_get_current_cert(ctx);

    if (!is_status_of_issuer(ctx) &&
        (X509_STORE_CTX_get_error(ctx) !=
             X509_V_ERR_CRL_PATH_VALIDATION_ERROR ||
         X509_STORE_CTX_get_error_depth(ctx) != 0 || !crl || !x ||
         X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(x)) !=
             0 ||
         X509_CRL_verify(crl, X509_get0_pubkey(x)) != 1))
        return 0;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static int
on_error(int fine, X509_STORE_CTX *ctx)
{
    struct walk *w = X509_STORE_CTX_get_app_data(ctx);
    int goes_on = 0;

    if (fine)
        return fine;
    if (!w)
        return on_error_of_issuer(ctx);
    if (X509_STORE_CTX_get0_current_crl(ctx))
        w->crl = X509_STORE_CTX_get0_current_crl(ctx);
    switch (X509_STORE_CTX_get_error(ctx)) {
    case X509_V_ERR_CERT_REVOKED:
        goes_on = revoked_found(w, ctx);
        break;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        goes_on = crl_is_missing(w, ctx);
        break;
    case X509_V_ERR_CRL_NOT_YET_VALID:
        /* Judged at a time before it: it knows more, not less. */
        goes_on = !w->q->crls_required;
        break;
    case X509_V_ERR_CRL_HAS_EXPIRED:
        /* Whom it names stays revoked; of others it says nothing now. */
        goes_on = crl_is_missing(w, ctx);
        break;
    case X509_V_ERR_INVALID_EXTENSION:
        /* Of a CRL, or of a certificate. */
        if (!X509_STORE_CTX_get0_current_crl(ctx))
            break;
        w->faulty = w->crl;
        goes_on = crl_is_missing(w, ctx);
        break;
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
        if (!w->crl)
            break;
        w->faulty = w->crl;
        goes_on = crl_is_missing(w, ctx);
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        goes_on = w->any_time;
        break;
    case X509_V_ERR_PERMITTED_VIOLATION:
        goes_on = X509_STORE_CTX_get_error_depth(ctx) == 0 &&
                  path_permits_names(X509_STORE_CTX_get0_chain(ctx),
                                     X509_STORE_CTX_get_current_cert(ctx));
        break;
    default:
        break;
    }
    if (goes_on)
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return goes_on;
}

/* Of certificates of others an indirect CRL alone does. */
static bool
may_speak_of(const X509_CRL *crl, X509 *x)
{
    return X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) >=
               0 ||
           X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(x)) ==
               0;
}

/* Issuers drop a certificate from their CRLs once it has expired: a CRL from
 * after that which does not name it says nothing. */
static bool
is_spoken_of(const struct path_question *q, X509 *x)
{
    int64_t until = x509_not_after(x);

    for (int i = 0; i < sk_X509_CRL_num(q->crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(q->crls, i);
        int64_t from = crl_this_update(crl);

        if (from != 0 && from <= until && may_speak_of(crl, x))
            return true;
    }
    return false;
}

static bool
has_outdated(const struct path_question *q, const struct path_verdict *v)
{
    for (int i = 0; i < sk_X509_CRL_num(q->crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(q->crls, i);

        if (crl_next_update(crl) >= q->fresh_at)
            continue;
        for (int k = 0; k + 1 < sk_X509_num(v->path); k++)
            if (X509_NAME_cmp(
                    X509_CRL_get_issuer(crl),
                    X509_get_issuer_name(sk_X509_value(v->path, k))) == 0)
                return true;
    }
    return false;
}

/* libcrypto takes one CRL of those that were valid at the time judged at;
 * another may name a certificate of the path, or a newer one know of a
 * revocation since. False when it was revoked by then. */
static bool
all_crls_pass(const struct path_question *q, struct path_verdict *v)
{
    for (int i = 0; i + 1 < sk_X509_num(v->path); i++) {
        int64_t date;

        if (crls_revoke(q, v->path, i, &date))
            revocation_note(v, date);
        if (v->revoked_at != 0 && v->revoked_at <= q->at) {
            v->error = X509_V_ERR_CERT_REVOKED;
            v->depth = i;
            return false;
        }
    }
    return true;
}

static void walk_along(const struct path_question *q,
                       STACK_OF(X509) * untrusted, STACK_OF(X509) * only,
                       struct walk *w);

/* The CRLs that may clear a certificate, borrowed. */
static STACK_OF(X509_CRL) * strong_of(STACK_OF(X509_CRL) * crls)
{
    STACK_OF(X509_CRL) *strong = sk_X509_CRL_new_null();

    if (!strong)
        abort();
    for (int i = 0; i < sk_X509_CRL_num(crls); i++)
        if (!crl_is_weak(sk_X509_CRL_value(crls, i)) &&
            sk_X509_CRL_push(strong, sk_X509_CRL_value(crls, i)) == 0)
            abort();
    return strong;
}

/* PATH again, with other CRLs and at another time than it was found. A CRL's
 * issuer need not be on it. */
static void
walk_again(const struct path_question *q, STACK_OF(X509) * path, struct walk *w)
{
    STACK_OF(X509) *only = sk_X509_new_null(), *all = sk_X509_dup(path);

    if (!only || !all ||
        sk_X509_push(only, sk_X509_value(path, sk_X509_num(path) - 1)) == 0)
        abort();
    for (int i = 0; i < sk_X509_num(q->untrusted); i++)
        if (sk_X509_push(all, sk_X509_value(q->untrusted, i)) == 0)
            abort();
    walk_along(q, all, only, w);
    sk_X509_free(only);
    sk_X509_free(all);
}

enum spoken
path_spoken_of(const struct path_question *q, STACK_OF(X509) * path, X509 *x)
{
    struct path_question now = *q;
    struct path_verdict v = {0};
    struct walk w = {.q = &now, .v = &v, .any_time = true, .of = x};
    enum spoken spoken;

    now.at = q->fresh_at;
    now.crls_required = false;
    walk_again(&now, path, &w);
    spoken = v.revoked_at != 0                       ? SPOKEN_REVOKED
             : v.error == X509_V_OK && !w.of_unasked ? SPOKEN_NOT_REVOKED
                                                     : SPOKEN_NOT;
    path_verdict_drop(&v);
    return spoken;
}

/* The same path as the CRLs see it at q->fresh_at: does one that is current
 * then, and strong, clear all of it? */
static bool
is_clear_afresh(const struct path_question *q, struct path_verdict *v)
{
    struct path_question now = *q;
    struct path_verdict again = {.error = X509_V_ERR_UNSPECIFIED};
    struct walk w = {.q = &now, .v = &again, .any_time = true};
    bool clear = true;

    now.at = q->fresh_at;
    now.crls = strong_of(q->crls);
    walk_again(&now, v->path, &w);
    for (int i = 0; i + 1 < sk_X509_num(v->path) && clear; i++)
        clear = is_spoken_of(&now, sk_X509_value(v->path, i));
    clear &= again.error == X509_V_OK && !w.unchecked;
    if (again.revoked_at != 0) {
        revocation_note(v, again.revoked_at);
        clear = false;
    }
    sk_X509_CRL_free(now.crls);
    path_verdict_drop(&again);
    return clear;
}

static bool
has_weak(STACK_OF(X509_CRL) * crls)
{
    for (int i = 0; i < sk_X509_CRL_num(crls); i++)
        if (crl_is_weak(sk_X509_CRL_value(crls, i)))
            return true;
    return false;
}

/* Is it about a CRL alone? */
static bool
is_of_crls(int error)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        return true;
    default:
        return false;
    }
}

static void
revocation_conclude(const struct path_question *q, struct walk *w)
{
    struct path_verdict *v = w->v;
    bool weak = has_weak(q->crls);

    if (!q->crls || (v->error != X509_V_OK && !is_of_crls(v->error)))
        return;
    /* Whom a list names that is out of date, or whose scope is another, is
     * revoked, also where none clears it. */
    if (!all_crls_pass(q, v) || v->error != X509_V_OK)
        return;
    if (!q->crls_required)
        for (int i = 0; i + 1 < sk_X509_num(v->path); i++)
            w->unchecked |= !is_spoken_of(q, sk_X509_value(v->path, i));
    if (v->revoked_at != 0)
        return;
    if (!w->unchecked &&
        ((q->fresh_at == q->at && !weak) || is_clear_afresh(q, v))) {
        v->revocation = REVOCATION_CLEAR;
    } else if (v->revoked_at == 0) {
        v->outdated = has_outdated(q, v);
        v->weak = weak && !w->unchecked;
    }
}

/* ---- one path ------------------------------------------------------------ */

static void
parameters_set(const struct path_question *q, X509_STORE_CTX *ctx)
{
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);
    const struct path_policy *policy = q->policy;
    /* Every certificate that was chosen as an anchor is one, also when
     * somebody else has issued it (RFC 5280 6.1.1 (d)). */
    unsigned long flags = X509_V_FLAG_POLICY_CHECK | X509_V_FLAG_PARTIAL_CHAIN;

    X509_VERIFY_PARAM_set_depth(p, LIMIT_CHAIN_DEPTH);
    X509_VERIFY_PARAM_set_time(p, (time_t)q->at);
    if (policy && sk_ASN1_OBJECT_num(policy->initial) > 0)
        (void)X509_VERIFY_PARAM_set1_policies(p, policy->initial);
    else /* an empty set would be no policy at all where one is required */
        (void)X509_VERIFY_PARAM_add0_policy(
            p, OBJ_dup(OBJ_nid2obj(NID_any_policy)));
    if (policy) {
        flags |= policy->explicit_policy ? X509_V_FLAG_EXPLICIT_POLICY : 0;
        flags |= policy->inhibit_mapping ? X509_V_FLAG_INHIBIT_MAP : 0;
        flags |= policy->inhibit_any ? X509_V_FLAG_INHIBIT_ANY : 0;
    }
    if (q->crls)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                 X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS;
    X509_VERIFY_PARAM_set_flags(p, flags);
}

/* libcrypto's part of it. */
static void
walk_along(const struct path_question *q, STACK_OF(X509) * untrusted,
           STACK_OF(X509) * only, struct walk *w)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    struct path_verdict *v = w->v;

    *v = (struct path_verdict){.revocation = REVOCATION_NOT_CHECKED};
    if (!ctx || X509_STORE_CTX_init(ctx, anchors_store(q->anchors), q->leaf,
                                    untrusted) != 1)
        abort();
    if (only)
        X509_STORE_CTX_set0_trusted_stack(ctx, only);
    X509_STORE_CTX_set0_crls(ctx, q->crls);
    X509_STORE_CTX_set_app_data(ctx, w);
    X509_STORE_CTX_set_verify_cb(ctx, on_error);
    parameters_set(q, ctx);
    links_watch(ctx);
    if (X509_verify_cert(ctx) != 1) {
        v->error = X509_STORE_CTX_get_error(ctx);
        v->depth = X509_STORE_CTX_get_error_depth(ctx);
        if (v->error == X509_V_OK)
            v->error = X509_V_ERR_UNSPECIFIED;
    }
    v->path = X509_STORE_CTX_get1_chain(ctx);
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
}

void
path_walk(const struct path_question *from, STACK_OF(X509) * untrusted,
          STACK_OF(X509) * only, struct path_verdict *v)
{
    struct path_question q = *from;
    struct walk w = {.q = &q, .v = v};

    if (q.fresh_at == 0)
        q.fresh_at = q.at;
    walk_along(&q, untrusted, only, &w);
    revocation_conclude(&q, &w);
    if (v->revoked_at != 0)
        v->revocation = REVOCATION_REVOKED;
}
