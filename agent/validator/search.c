/*
 * libcrypto tries one path. Where certificates were issued across, another
 * may hold: looked for, the shortest first, each then judged in full.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "agent/validator/inherit.h"
#include "agent/validator/path.h"

struct node {
    X509 *x;   /* borrowed */
    int below; /* the node whose issuer it may be; -1: it is the leaf */
    int links; /* from the leaf to here */
};

struct search {
    const struct path_question *q;
    struct path_verdict *best;
    struct node node[LIMIT_PATH_STEPS + 1];
    int count;
    unsigned tried;
    unsigned steps;
};

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

static bool
is_on_path(const struct search *s, int at, X509 *x)
{
    for (; at >= 0; at = s->node[at].below)
        if (X509_cmp(s->node[at].x, x) == 0)
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

/* The path from node AT down with whole keys, the leaf first. New references;
 * NULL when one of them cannot be had. */
static STACK_OF(X509) *
    path_with_keys(const struct search *s, int at, X509 *anchor)
{
    STACK_OF(X509) *out = sk_X509_new_null();
    X509 *above = anchor;

    for (; out && at >= 0; at = s->node[at].below) {
        X509 *x = with_key(s->node[at].x, above);

        if (!x || sk_X509_unshift(out, x) == 0) {
            X509_free(x);
            sk_X509_pop_free(out, X509_free);
            return NULL;
        }
        above = x;
    }
    return out;
}

/* libcrypto looks at revocation first, and at signatures after. */
static bool
signatures_hold(STACK_OF(X509) * path)
{
    int n = sk_X509_num(path);
    bool hold = n > 0;

    for (int i = 0; i + 1 < n && hold; i++)
        hold = X509_verify(sk_X509_value(path, i),
                           X509_get0_pubkey(sk_X509_value(path, i + 1))) == 1;
    ERR_clear_error();
    return hold;
}

/* Where two issuers have one name, the path that libcrypto tried may be none
 * at all, and the reason of the one that is a path is the one to tell. */
static bool
tells_more(const struct path_verdict *v, const struct path_verdict *best)
{
    return v->error == X509_V_ERR_CERT_REVOKED &&
           (v->depth == 0 ||
            best->error == X509_V_ERR_CERT_SIGNATURE_FAILURE) &&
           signatures_hold(v->path);
}

/* True when the search is over. */
static bool
anchor_try(struct search *s, int at, X509 *anchor)
{
    STACK_OF(X509) *only = sk_X509_new_null();
    STACK_OF(X509) *path = path_with_keys(s, at, anchor);
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
    if (v.error != X509_V_OK && !tells_more(&v, s->best)) {
        path_verdict_drop(&v);
        return false;
    }
    path_verdict_drop(s->best);
    *s->best = v;
    return !other_path_may_hold(&v);
}

/* Is there an anchor above node AT that makes a path, or settles it? */
static bool
anchors_try(struct search *s, int at)
{
    const struct anchors *anchors = s->q->anchors;

    for (size_t i = 0; i < anchors_count(anchors); i++) {
        X509 *anchor = anchors_at(anchors, i)->x509;

        if (s->tried < LIMIT_PATHS && is_issuer(anchor, s->node[at].x) &&
            anchor_try(s, at, anchor))
            return true;
    }
    return false;
}

/* Is there a path through X, which may have issued node BELOW? */
static bool
node_try(struct search *s, X509 *x, int below)
{
    s->node[s->count] =
        (struct node){.x = x,
                      .below = below,
                      .links = below < 0 ? 0 : s->node[below].links + 1};
    return anchors_try(s, s->count++);
}

/* Short paths first: in a mesh of authorities that certify each other there
 * are more long ones than can be tried. */
static void
search(struct search *s)
{
    STACK_OF(X509) *untrusted = s->q->untrusted;
    bool found = node_try(s, s->q->leaf, -1);

    for (int at = 0; !found && at < s->count; at++)
        for (int i = 0; !found && i < sk_X509_num(untrusted) &&
                        s->node[at].links < LIMIT_CHAIN_DEPTH;
             i++) {
            X509 *next = sk_X509_value(untrusted, i);

            if (s->tried >= LIMIT_PATHS || ++s->steps > LIMIT_PATH_STEPS)
                return;
            found = is_issuer(next, s->node[at].x) &&
                    !is_on_path(s, at, next) && node_try(s, next, at);
        }
}

void
path_judge(const struct path_question *q, struct path_verdict *out)
{
    struct search s;

    path_walk(q, q->untrusted, NULL, out);
    if (!other_path_may_hold(out))
        return;
    s.q = q;
    s.best = out;
    s.count = 0;
    s.tried = s.steps = 0;
    search(&s);
}
