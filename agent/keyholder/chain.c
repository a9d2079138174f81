/*
 * MSG_CHAIN: the issuers of a key's certificate that its token stores.
 *
 * By names alone: each certificate's issuer looked up as a subject, raw DER
 * compared. What is really signed by whom is for others to judge.
 */
#include <openssl/x509.h>

#include "agent/base/limits.h"
#include "agent/keyholder/keyholder.h"
#include "agent/keyholder/reference.h"
#include "agent/keyholder/token_problem.h"

/* The names of a certificate of the token, as DER. A token stores them as
 * attributes too, but those can disagree with the certificate. */
static bool
names_of(struct slice der, struct buf *issuer, struct buf *subject)
{
    const unsigned char *at = der.p;
    X509 *x = d2i_X509(NULL, &at, (long)der.n);
    unsigned char *p;
    int n[2];

    if (!x)
        return false;
    n[0] = i2d_X509_NAME(X509_get_issuer_name(x), NULL);
    n[1] = i2d_X509_NAME(X509_get_subject_name(x), NULL);
    buf_clear(issuer);
    buf_clear(subject);
    if (n[0] > 0 && n[1] > 0) {
        buf_reserve(issuer, (size_t)n[0]);
        buf_reserve(subject, (size_t)n[1]);
        p = issuer->data;
        issuer->len = (size_t)i2d_X509_NAME(X509_get_issuer_name(x), &p);
        p = subject->data;
        subject->len = (size_t)i2d_X509_NAME(X509_get_subject_name(x), &p);
    }
    X509_free(x);
    return n[0] > 0 && n[1] > 0;
}

/* Where the certificates lie in the room; it moves as it grows. */
struct places {
    size_t start[LIMIT_CHAIN], n[LIMIT_CHAIN];
    size_t count;
};

static bool
is_there(const struct buf *room, const struct places *places, struct slice der)
{
    for (size_t i = 0; i < places->count; i++)
        if (slice_equal(slice_of(room->data + places->start[i], places->n[i]),
                        der))
            return true;
    return false;
}

/* False: the chain ends here (a root, a loop, a limit). */
static bool
add_issuer(struct buf *room, struct places *places, struct slice der,
           struct buf *issuer, struct buf *subject)
{
    if (places->count == LIMIT_CHAIN || der.n > LIMIT_CERT_BYTES ||
        room->len + der.n > LIMIT_CHAIN_BYTES || is_there(room, places, der) ||
        !names_of(der, issuer, subject) ||
        slice_equal(buf_slice(issuer), buf_slice(subject)))
        return false;
    places->start[places->count] = room->len;
    places->n[places->count++] = der.n;
    buf_add_slice(room, der);
    return true;
}

static enum tokens_err
walk_up(struct token *t, struct buf *issuer, struct buf *room,
        struct places *places)
{
    AUTO(buf) struct buf subject = {0};
    bool more = true;

    while (more) {
        uint8_t *der = NULL;
        size_t n = 0;
        enum tokens_err e = token_find_certificate_by_subject(
            t, issuer->data, issuer->len, 0, &der, &n);

        if (e != TOKENS_OK)
            return e == TOKENS_NO_KEY ? TOKENS_OK : e;
        more = add_issuer(room, places, slice_of(der, n), issuer, &subject);
        free(der);
    }
    return TOKENS_OK;
}

/* Begins later, or in the same second and ends later. */
static bool
begins_later(const X509 *x, const X509 *y)
{
    int order =
        ASN1_TIME_compare(X509_get0_notBefore(x), X509_get0_notBefore(y));

    if (order == 0)
        order = ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(y));
    return order > 0;
}

/* A renewed key has several certificates; the newest is the one that signs. */
static bool
is_newer(const struct token_identity *k, const struct token_identity *than)
{
    const unsigned char *a = k->certificate, *b = than->certificate;
    X509 *x = a ? d2i_X509(NULL, &a, (long)k->certificate_len) : NULL;
    X509 *y = b ? d2i_X509(NULL, &b, (long)than->certificate_len) : NULL;
    bool newer = x && (!y || begins_later(x, y));

    X509_free(x);
    X509_free(y);
    return newer;
}

/* The issuer's name in the certificate of key ID; empty: it has none, or is
 * its own issuer. */
static enum tokens_err
read_issuer(struct token *t, struct slice id, struct buf *issuer)
{
    const struct token_identities *list = NULL;
    const struct token_identity *found = NULL;
    enum tokens_err e = token_identities_read(t, &list);
    AUTO(buf) struct buf subject = {0};

    if (e != TOKENS_OK)
        return e;
    for (size_t i = 0; i < list->count; i++) {
        const struct token_identity *k = &list->all[i];

        if (slice_equal(slice_of(k->id, k->id_len), id) &&
            (!found || is_newer(k, found)))
            found = k;
    }
    if (found &&
        (!found->certificate ||
         !names_of(slice_of(found->certificate, found->certificate_len), issuer,
                   &subject) ||
         slice_equal(buf_slice(issuer), buf_slice(&subject))))
        buf_clear(issuer);
    token_identities_drop(&list);
    return found ? TOKENS_OK : TOKENS_NO_KEY;
}

enum err
chain_read(struct client *c, const struct key_choice *request,
           struct chain_reply *out, struct reply_room *room, struct problem *p)
{
    AUTO(buf) struct buf issuer = {0};
    struct places places = {0};
    struct token *t = NULL;
    struct slice id = {0};
    enum tokens_err e;
    enum err found =
        reference_find(c->keyholder->store, request->key, &t, &id, p);

    if (found != ERR_OK)
        return found;
    e = read_issuer(t, id, &issuer);
    if (e == TOKENS_OK && issuer.len > 0)
        e = walk_up(t, &issuer, &room->bytes, &places);
    if (e != TOKENS_OK)
        return token_problem(e, t, p);
    for (size_t i = 0; i < places.count; i++)
        if (!slice_list_add(
                &out->certificates,
                slice_of(room->bytes.data + places.start[i], places.n[i])))
            bug("a chain of more certificates than a list takes");
    return ERR_OK;
}
