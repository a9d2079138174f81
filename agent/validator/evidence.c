#include "agent/validator/evidence.h"

#include <openssl/err.h>

#include "agent/validator/address.h"
#include "agent/validator/attributes.h"
#include "agent/validator/signature.h"

static STACK_OF(X509_CRL) * crls_of(const struct slice_list *list)
{
    STACK_OF(X509_CRL) *out = NULL;

    for (size_t i = 0; i < list->n; i++) {
        const unsigned char *p = list->item[i].p;
        X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)list->item[i].n);

        if (!crl)
            continue;
        if (!out)
            out = sk_X509_CRL_new_null();
        if (!out || sk_X509_CRL_push(out, crl) == 0)
            abort();
    }
    return out;
}

void
evidence_init(struct evidence *e, struct validator *v,
              const struct verify_request *q, int64_t now)
{
    *e = (struct evidence){
        .v = v, .q = q, .count = q->certificates.n, .now = now};
    for (size_t i = 0; i < e->count; i++)
        e->certs[i] = certs_find(v->certs, q->certificates.item[i]);
    e->crls = crls_of(&q->crls);
    ERR_clear_error();
}

void
evidence_drop(struct evidence *e)
{
    sk_X509_CRL_pop_free(e->crls, X509_CRL_free);
    e->crls = NULL;
}

struct chain_verdict
evidence_chain(const struct evidence *e, struct cert *leaf, int64_t at)
{
    const struct trust *lent = e->q->trust ? &e->v->trust : NULL;
    const struct chain_question q = {.leaf = leaf,
                                     .others = e->certs,
                                     .n = e->count,
                                     .at = at,
                                     .fresh_at = e->q->at ? at : e->now,
                                     .crls = lent ? lent->crls : NULL,
                                     .crl_issuers =
                                         lent ? lent->crl_issuers : NULL,
                                     .stored = e->v->crls,
                                     .brought = e->crls};

    return chain_judge(e->v->chains, validator_anchors(e->v, e->q->trust), &q,
                       NULL);
}

static bool
is_named(const struct verify_request *q, X509 *x)
{
    if (q->sid_key_id.n > 0)
        return x509_has_key_id(x, q->sid_key_id);
    return q->sid_serial.n > 0 &&
           x509_is_named(x, q->sid_issuer, q->sid_serial);
}

static bool
fits(const struct evidence *e, size_t i)
{
    return attributes_fit_certificate(e->q->signed_attrs, e->now,
                                      e->certs[i]->x509,
                                      e->q->certificates.item[i]);
}

static bool
has_signed(const struct evidence *e, size_t i,
           const struct signature_algorithm *algorithm)
{
    const struct cert *c = e->certs[i];

    return algorithm && c->key && c->bounded &&
           signature_check(c->key, algorithm, e->q->signed_attrs,
                           e->q->content_digest,
                           e->q->signature) == INTEGRITY_OK;
}

/* Somebody vouches for it, or did. */
static bool
is_trusted(const struct evidence *e, size_t i)
{
    int64_t at = e->q->at && e->q->at <= INT64_MAX ? (int64_t)e->q->at : e->now;
    enum chain chain = evidence_chain(e, e->certs[i], at).chain;

    return chain == CHAIN_OK || chain == CHAIN_EXPIRED;
}

static bool
names_author(const struct evidence *e, size_t i)
{
    return e->q->from.n > 0 &&
           cert_names_address(e->certs[i], e->q->from.item[0]);
}

/* The more, the better; each counts more than all behind it. */
static unsigned
suits(const struct evidence *e, size_t i,
      const struct signature_algorithm *algorithm)
{
    if (!has_signed(e, i, algorithm))
        return fits(e, i);
    return 8U + 4U * fits(e, i) + 2U * is_trusted(e, i) + names_author(e, i);
}

bool
evidence_signer(const struct evidence *e,
                const struct signature_algorithm *algorithm, size_t *out)
{
    size_t named[LIMIT_LIST_ITEMS], n = 0, chosen = 0;
    unsigned best = 0;

    for (size_t i = 0; i < e->count; i++)
        if (e->certs[i] && is_named(e->q, e->certs[i]->x509) &&
            (n == 0 || e->certs[i] != e->certs[named[0]]))
            named[n++] = i;
    for (size_t k = 0; k < n && n > 1; k++) {
        unsigned suit = suits(e, named[k], algorithm);

        if (suit > best) {
            best = suit;
            chosen = k;
        }
    }
    if (n > 0)
        *out = named[chosen];
    ERR_clear_error();
    return n > 0;
}
