#include "agent/validator/trust.h"

#include <openssl/err.h>

#include "agent/cms/algorithm.h"
#include "agent/validator/armour.h"
#include "agent/validator/crls.h"
#include "agent/validator/drop.h"

static void
results_drop(struct trust *t)
{
    anchors_drop(&t->anchors);
    sk_X509_CRL_pop_free(t->crls, X509_CRL_free);
    t->crls = NULL;
    sk_X509_pop_free(t->crl_issuers, X509_free);
    t->crl_issuers = NULL;
    buf_drop(&t->certs);
    t->cert_count = 0;
    t->read = false;
}

void
trust_drop(struct trust *t)
{
    results_drop(t);
    for (size_t i = 0; i < TRUST_KINDS; i++)
        buf_drop(&t->bytes[i]);
    *t = (struct trust){0};
}

bool
trust_add(struct trust *t, const struct lent_trust *lent)
{
    size_t total = lent->bytes.n;

    if (lent->kind >= TRUST_KINDS || lent->name == 0)
        return false;
    if (lent->name != t->name || lent->kind == TRUST_FORGET)
        trust_drop(t);
    t->name = lent->name;
    if (lent->kind == TRUST_FORGET)
        return true;
    for (size_t i = 0; i < TRUST_KINDS; i++)
        total += t->bytes[i].len;
    if (total > LIMIT_TRUST_BYTES)
        return false;
    results_drop(t);
    t->given[lent->kind] = true;
    buf_add_slice(&t->bytes[lent->kind], lent->bytes);
    return true;
}

/* ---- reading ------------------------------------------------------------- */

/* NULL when DER is not exactly one. */
static X509 *
x509_read(struct slice der)
{
    const unsigned char *p = der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.n);

    if (x && p != der.p + der.n)
        x509_drop(&x);
    ERR_clear_error();
    return x;
}

static enum err
anchor_push(struct slice der, struct anchor **list, size_t *count,
            struct problem *p)
{
    struct anchor one = {.x509 = x509_read(der)};

    if (!one.x509)
        return fail(p, ERR_BAD_CERTIFICATE, "among the anchors");
    if (*count == LIMIT_TRUST_ANCHORS ||
        X509_digest(one.x509, hash_md(HASH_SHA256), one.fingerprint, NULL) !=
            1) {
        x509_drop(&one.x509);
        return fail(p, ERR_LIMIT, "more than %d anchors", LIMIT_TRUST_ANCHORS);
    }
    one.source = mem_text(slice_text("given"));
    one.label = mem_text(slice_of(NULL, 0));
    *list = mem_resize(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = one;
    return ERR_OK;
}

static enum err
anchors_read(struct trust *t, struct problem *p)
{
    AUTO(armour) struct armour_reader r = {0};
    struct anchor *list = NULL;
    struct slice der;
    size_t count = 0;
    enum err e = ERR_OK;

    armour_init(&r, ARMOURED_CERTIFICATE, buf_slice(&t->bytes[TRUST_ANCHORS]));
    while (e == ERR_OK && armour_next(&r, &der))
        e = anchor_push(der, &list, &count, p);
    if (e == ERR_OK && (r.broken || count == 0))
        e = fail(p, ERR_BAD_CERTIFICATE, "among the anchors");
    t->anchors = anchors_of(list, count);
    return e;
}

static enum err
crls_read(struct trust *t, struct problem *p)
{
    AUTO(armour) struct armour_reader r = {0};
    struct slice der;

    t->crls = sk_X509_CRL_new_null();
    t->crl_issuers = sk_X509_new_null();
    armour_init(&r, ARMOURED_CRL, buf_slice(&t->bytes[TRUST_CRLS]));
    while (armour_next(&r, &der)) {
        AUTO(x509) X509 *issuer = NULL;
        X509_CRL *crl = NULL;

        if (!crl_or_issuer_read(der, &crl, &issuer))
            return fail(p, ERR_INPUT, "no CRL can be read in it");
        if (crl && (sk_X509_CRL_num(t->crls) >= LIMIT_TRUST_CRLS ||
                    sk_X509_CRL_push(t->crls, crl) == 0)) {
            X509_CRL_free(crl);
            return fail(p, ERR_LIMIT, "more than %d CRLs", LIMIT_TRUST_CRLS);
        }
        if (!issuer)
            continue;
        if (sk_X509_num(t->crl_issuers) >= LIMIT_CRL_ISSUERS ||
            sk_X509_push(t->crl_issuers, issuer) == 0)
            return fail(p, ERR_LIMIT, "more than %d certificates beside CRLs",
                        LIMIT_CRL_ISSUERS);
        issuer = NULL;
    }
    if (r.broken || sk_X509_CRL_num(t->crls) == 0)
        return fail(p, ERR_INPUT, "no CRL can be read in it");
    return ERR_OK;
}

static enum err
certs_read(struct trust *t, enum trust_kind kind, struct problem *p)
{
    AUTO(armour) struct armour_reader r = {0};
    struct slice der;
    size_t before = t->cert_count;
    const char *which =
        kind == TRUST_CHAIN ? "in the chain" : "the one asked about";

    armour_init(&r, ARMOURED_CERTIFICATE, buf_slice(&t->bytes[kind]));
    while (armour_next(&r, &der)) {
        AUTO(x509) X509 *x = x509_read(der);

        if (!x || der.n > LIMIT_CERT_BYTES)
            return fail(p, ERR_BAD_CERTIFICATE, "%s", which);
        if (t->cert_count == ARRAY_COUNT(t->cert_end))
            return fail(p, ERR_LIMIT, "more than %d certificates",
                        LIMIT_TRUST_CERTS + 1);
        buf_add_slice(&t->certs, der);
        t->cert_end[t->cert_count++] = t->certs.len;
    }
    if (r.broken || t->cert_count == before)
        return fail(p, ERR_BAD_CERTIFICATE, "%s", which);
    return ERR_OK;
}

static enum err
all_read(struct trust *t, struct problem *p)
{
    enum err e = ERR_OK;

    if (t->given[TRUST_ANCHORS])
        e = anchors_read(t, p);
    if (e == ERR_OK && t->given[TRUST_CRLS])
        e = crls_read(t, p);
    if (e == ERR_OK && t->given[TRUST_CERTIFICATE])
        e = certs_read(t, TRUST_CERTIFICATE, p);
    if (e == ERR_OK && t->given[TRUST_CHAIN])
        e = certs_read(t, TRUST_CHAIN, p);
    return e;
}

enum err
trust_read(struct trust *t, uint32_t name, struct problem *p)
{
    enum err e;

    if (name == 0)
        return ERR_OK;
    if (name != t->name)
        return fail(p, ERR_INTERNAL, "nothing was lent under this name");
    if (t->read)
        return ERR_OK;
    results_drop(t);
    e = all_read(t, p);
    if (e != ERR_OK)
        results_drop(t);
    t->read = e == ERR_OK;
    return e;
}

size_t
trust_cert_count(const struct trust *t)
{
    return t->cert_count;
}

struct slice
trust_cert(const struct trust *t, size_t i)
{
    size_t start = i == 0 ? 0 : t->cert_end[i - 1];

    return slice_of(t->certs.data + start, t->cert_end[i] - start);
}
