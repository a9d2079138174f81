/*
 * A second pass for detached signatures that used another digest than their
 * multipart announced (micalg, RFC 8551 3.5.3.2): computing all digests in
 * every first pass would make each large mail pay for a few wrong ones. What
 * is encrypted is not opened again: inside encryption, and where the input
 * can be read only once, more digests are computed at once.
 */
#include "agent/session/reading.h"
#include "agent/session/try.h"

unsigned
reading_lacks(const struct reading *g, size_t number)
{
    const struct layer *l = &g->layer[number];
    unsigned hashes = 0;

    /* An opaque one lists its digests inside (RFC 5652 5.1). */
    if (number >= g->layer_count || l->kind != LAYER_SIGNED || !l->digests ||
        l->opaque)
        return 0;
    for (size_t i = 0; i < l->data.signer_count; i++)
        if (l->data.signer[i].hash != HASH_NONE &&
            digests_get(l->digests, l->data.signer[i].hash).n == 0)
            hashes |= 1U << l->data.signer[i].hash;
    /* By the latter one sees that it is the same content again. */
    return hashes ? hashes | 1U << HASH_SHA256 : 0;
}

static bool
is_needed(const struct reading *g)
{
    for (size_t i = 0; i < g->layer_count; i++)
        if (reading_lacks(g, i))
            return true;
    return false;
}

/* Layers outside encryption come in the same order both times. */
static enum err
take_digests(struct reading *g, struct reading *again)
{
    for (size_t i = 0; i < g->layer_count; i++) {
        struct layer *l = &g->layer[i], *m = &again->layer[i];
        struct digests *d = l->digests;

        if (!reading_lacks(g, i))
            continue;
        if (i >= again->layer_count || m->kind != LAYER_SIGNED || !m->digests ||
            !slice_equal(digests_get(d, HASH_SHA256),
                         digests_get(m->digests, HASH_SHA256)))
            return fail(&g->r->problem, ERR_INPUT,
                        "it was changed while it was read");
        l->digests = m->digests;
        m->digests = d;
    }
    return ERR_OK;
}

static enum err
read_again(struct reading *g, struct reading *again)
{
    struct where w = {.signature = -1, .encryption = -1, .path = "1"};
    struct stream_fd *s = &again->input.stream;
    struct problem *p = &g->r->problem;

    stream_fd_init(s, g->input.fd, g->begins, g->input.stream.end);
    TRY(header_read(&s->s, &again->top.header, &again->top.rest, p));
    again->top.is_entity = true;
    stream_joined_init(&again->top.joined, buf_slice(&again->top.rest), &s->s);
    again->top.body = &again->top.joined.s;
    w.author = &again->author;
    TRY(reading_entity(again, &again->top, &w));
    return take_digests(g, again);
}

enum err
reading_again(struct reading *g)
{
    struct reading *again;
    enum err e;

    if (g->begins < 0 || !is_needed(g))
        return ERR_OK;
    again = mem_new(sizeof(*again));
    again->r = g->r;
    again->verb = VERB_VERIFY;
    again->input.fd = -1;
    again->begins = g->begins;
    again->first = g;
    e = read_again(g, again);
    reading_drop(again);
    free(again);
    return e;
}
