/*
 * libcrypto tries one path. Where certificates were issued across, another
 * may hold: looked for depth first, each candidate then judged in full.
 */
#include <openssl/x509v3.h>

#include "agent/validator/inherit.h"
#include "agent/validator/path.h"

struct search {
    const struct path_question *q;
    struct path_verdict *best;
    STACK_OF(X509) * links; /* borrowed: from the leaf on, without it */
    unsigned tried;
    unsigned steps;
};

static bool
is_on_path(const struct search *s, X509 *x)
{
    if (X509_cmp(s->q->leaf, x) == 0)
        return true;
    for (int i = 0; i < sk_X509_num(s->links); i++)
        if (X509_cmp(sk_X509_value(s->links, i), x) == 0)
            return true;
    return false;
}

static bool
is_issuer(X509 *issuer, X509 *x)
{
    int fits;

    if (X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(x)))
        return false;
    fits = X509_check_issued(issuer, x);
    return fits == X509_V_OK || (fits == X509_V_ERR_NO_ISSUER_PUBLIC_KEY &&
                                 inherits_parameters(issuer));
}

/* X with a whole key (a new reference), or NULL. */
static X509 *
with_key(X509 *x, X509 *issuer)
{
    if (inherits_parameters(x))
        return inherit_parameters(x, issuer);
    return X509_up_ref(x) == 1 ? x : NULL;
}

/* The path below the anchor with whole keys, the leaf first. New references;
 * NULL when one of them cannot be had. */
static STACK_OF(X509) * path_with_keys(const struct search *s, X509 *anchor)
{
    STACK_OF(X509) *out = sk_X509_new_null();
    X509 *above = anchor;

    for (int i = sk_X509_num(s->links) - 1; out && i >= -1; i--) {
        X509 *x = i < 0 ? s->q->leaf : sk_X509_value(s->links, i);

        x = with_key(x, above);
        if (!x || sk_X509_unshift(out, x) == 0) {
            X509_free(x);
            sk_X509_pop_free(out, X509_free);
            return NULL;
        }
        above = x;
    }
    return out;
}

static bool
anchor_try(struct search *s, X509 *anchor)
{
    STACK_OF(X509) *only = sk_X509_new_null();
    STACK_OF(X509) *path = path_with_keys(s, anchor);
    struct path_question q = *s->q;
    struct path_verdict v = {.error = X509_V_ERR_UNSPECIFIED};

    if (!only || sk_X509_push(only, anchor) == 0)
        abort();
    s->tried++;
    if (path) {
        q.leaf = sk_X509_value(path, 0);
        path_walk(&q, path, only, &v);
    }
    sk_X509_free(only);
    sk_X509_pop_free(path, X509_free);
    if (v.error != X509_V_OK) {
        path_verdict_drop(&v);
        return false;
    }
    path_verdict_drop(s->best);
    *s->best = v;
    return true;
}

/* Goes on from X, the end of the links so far; true when a path was found. */
static bool
search_from(struct search *s, X509 *x)
{
    const struct path_question *q = s->q;

    for (size_t i = 0; i < anchors_count(q->anchors); i++) {
        X509 *anchor = anchors_at(q->anchors, i)->x509;

        if (s->tried < LIMIT_PATHS && is_issuer(anchor, x) &&
            anchor_try(s, anchor))
            return true;
    }
    if (sk_X509_num(s->links) >= LIMIT_CHAIN_DEPTH)
        return false;
    for (int i = 0; i < sk_X509_num(q->untrusted); i++) {
        X509 *next = sk_X509_value(q->untrusted, i);
        bool found;

        if (s->tried >= LIMIT_PATHS || ++s->steps > LIMIT_PATH_STEPS)
            return false;
        if (!is_issuer(next, x) || is_on_path(s, next))
            continue;
        if (sk_X509_push(s->links, next) == 0)
            abort();
        found = search_from(s, next);
        (void)sk_X509_pop(s->links);
        if (found)
            return true;
    }
    return false;
}

/* What is wrong with the leaf itself is wrong on every path. */
static bool
other_path_may_hold(const struct path_verdict *v)
{
    switch (v->error) {
    case X509_V_OK:
        return false;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_REVOKED:
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
        return v->depth > 0;
    default:
        return true;
    }
}

void
path_judge(const struct path_question *q, struct path_verdict *out)
{
    struct search s = {.q = q, .best = out};

    path_walk(q, q->untrusted, NULL, out);
    if (!other_path_may_hold(out))
        return;
    s.links = sk_X509_new_null();
    if (!s.links)
        abort();
    (void)search_from(&s, q->leaf);
    sk_X509_free(s.links);
}
