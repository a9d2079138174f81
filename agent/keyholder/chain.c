/*
 * MSG_CHAIN: the issuers of a key's certificate that its token stores.
 *
 * By names alone: each certificate's issuer looked up as a subject among those
 * of the last reading, raw DER compared. What is really signed by whom is for
 * others to judge.
 */
#include <openssl/x509.h>

#include "agent/base/limits.h"
#include "agent/keyholder/keyholder.h"
#include "agent/keyholder/reference.h"
#include "agent/keyholder/token_problem.h"

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

static const struct token_identity *
newest_of(const struct token_identities *list, struct slice id)
{
    const struct token_identity *found = NULL;

    for (size_t i = 0; i < list->count; i++) {
        const struct token_identity *k = &list->all[i];

        if (slice_equal(slice_of(k->id, k->id_len), id) &&
            (!found || is_newer(k, found)))
            found = k;
    }
    return found;
}

static struct slice
issuer_of(const struct token_identity *k)
{
    return slice_of(k->issuer, k->issuer ? k->issuer_len : 0);
}

static struct slice
subject_of(const struct token_identity *k)
{
    return slice_of(k->subject, k->subject ? k->subject_len : 0);
}

/* The certificate on the token that has this subject, the first of several;
 * NULL: there is none. */
static const struct token_identity *
by_subject(const struct token_identities *list, struct slice subject)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].certificate &&
            slice_equal(subject_of(&list->all[i]), subject))
            return &list->all[i];
    return NULL;
}

/* What goes into an answer, lowest first. */
struct path {
    const struct token_identity *at[LIMIT_CHAIN];
    size_t count, bytes;
};

/* False: the chain ends here (a root, a loop, a limit). */
static bool
path_add(struct path *p, const struct token_identity *issuer)
{
    if (p->count == LIMIT_CHAIN || issuer->certificate_len > LIMIT_CERT_BYTES ||
        p->bytes + issuer->certificate_len > LIMIT_CHAIN_BYTES ||
        slice_equal(issuer_of(issuer), subject_of(issuer)))
        return false;
    for (size_t i = 0; i < p->count; i++)
        if (p->at[i] == issuer)
            return false;
    p->at[p->count++] = issuer;
    p->bytes += issuer->certificate_len;
    return true;
}

static void
path_tell(const struct path *p, struct buf *room, struct slice_list *out)
{
    /* It does not move: the slices point into it. */
    buf_reserve(room, p->bytes);
    for (size_t i = 0; i < p->count; i++) {
        const struct token_identity *k = p->at[i];
        size_t start = room->len;

        buf_add_slice(room, slice_of(k->certificate, k->certificate_len));
        if (!slice_list_add(out,
                            slice_of(room->data + start, k->certificate_len)))
            bug("a chain of more certificates than a list takes");
    }
}

enum err
chain_read(struct client *c, const struct key_choice *request,
           struct chain_reply *out, struct reply_room *room, struct problem *p)
{
    const struct token_identities *list = NULL;
    const struct token_identity *k;
    struct path path = {.count = 0};
    struct token *t = NULL;
    struct slice id = {0};
    enum tokens_err e;
    enum err found =
        reference_find(c->keyholder->store, request->key, &t, &id, p);

    if (found != ERR_OK)
        return found;
    e = token_identities_read(t, &list);
    if (e != TOKENS_OK)
        return token_problem(e, t, p);
    k = newest_of(list, id);
    if (!k)
        e = TOKENS_NO_KEY;
    while (k && !slice_equal(issuer_of(k), subject_of(k))) {
        k = by_subject(list, issuer_of(k));
        if (k && !path_add(&path, k))
            break;
    }
    path_tell(&path, &room->bytes, &out->certificates);
    token_identities_drop(&list);
    return e == TOKENS_OK ? ERR_OK : token_problem(e, t, p);
}
