/* The cached enumeration of a token, shared by reference. */
#include "tokens/signature.h"

void
snapshot_drop(struct snapshot **s)
{
    struct snapshot *p = *s;

    *s = NULL;
    if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    while (p->arena) {
        struct arena *next = p->arena->next;

        free(p->arena);
        p->arena = next;
    }
    for (size_t i = 0; p->verifiers && i < p->view.count; i++)
        verifier_drop(&p->verifiers[i]);
    free(p->verifiers);
    free(p->all);
    free(p->handles);
    free(p->objects);
    free(p);
}

struct snapshot *
snapshot_cached(struct token *t, uint64_t max_ms)
{
    struct snapshot *s = NULL;

    pthread_mutex_lock(&t->mutex);
    if (t->snapshot && t->snapshot->generation == t->generation &&
        (max_ms == UINT64_MAX ||
         monotonic_ms() - t->snapshot->read_ms <= max_ms))
        s = t->snapshot;
    if (s)
        __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&t->mutex);
    return s;
}

enum tokens_err
snapshot_take(struct hold *h, uint64_t max_ms, struct snapshot **out)
{
    struct token *t = h->token;
    struct snapshot *s = snapshot_cached(t, max_ms);

    if (s && s->generation == h->generation) {
        *out = s;
        return TOKENS_OK;
    }
    snapshot_drop(&s);
    enum tokens_err e = snapshot_read(h, &s);
    if (e)
        return e;
    s->generation = h->generation;
    s->read_ms = monotonic_ms();
    pthread_mutex_lock(&t->mutex);
    if (t->generation == h->generation) {
        snapshot_drop(&t->snapshot);
        snapshot_drop(&t->known);
        t->snapshot = t->known = s;
        t->unread = TOKENS_OK;
        __atomic_add_fetch(&s->refs, 2, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&t->mutex);
    *out = s;
    return TOKENS_OK;
}

static bool
find_in(const struct snapshot *s, const uint8_t *id, size_t id_len,
        size_t *out_index)
{
    for (size_t i = 0; i < s->view.count; i++) {
        const struct token_identity *k = &s->all[i];

        if (k->has_private && k->id_len == id_len &&
            memcmp(k->id, id, id_len) == 0) {
            *out_index = i;
            return true;
        }
    }
    for (size_t i = 0; i < s->view.count; i++)
        if (s->all[i].has_private &&
            identity_was_named(&s->all[i], id, id_len)) {
            *out_index = i;
            return true;
        }
    return false;
}

static bool
login_might_help(struct token *t)
{
    pthread_mutex_lock(&t->mutex);
    bool might = t->info.login_required && !t->info.logged_in;
    pthread_mutex_unlock(&t->mutex);
    return might;
}

/* A handle stays good for as long as its generation; age only matters when
 * the key is not there. */
enum tokens_err
snapshot_find_key(struct hold *h, const uint8_t *id, size_t id_len,
                  struct snapshot **out, size_t *out_index)
{
    struct snapshot *s = NULL;
    uint64_t ages[] = {UINT64_MAX, h->token->store->cache_ms};

    if (!id || id_len == 0 || id_len > TOKEN_ID_BYTES)
        return TOKENS_ARGUMENT;
    for (size_t i = 0; i < ARRAY_COUNT(ages); i++) {
        enum tokens_err e = snapshot_take(h, ages[i], &s);

        if (e)
            return e;
        if (find_in(s, id, id_len, out_index)) {
            *out = s;
            return TOKENS_OK;
        }
        snapshot_drop(&s);
    }
    return login_might_help(h->token) ? TOKENS_LOCKED : TOKENS_NO_KEY;
}

struct describe {
    const uint8_t *id;
    size_t id_len;
    struct snapshot *s;
    size_t index;
};

static enum tokens_err
describe_held(struct hold *h, void *arg)
{
    struct describe *d = arg;

    return snapshot_find_key(h, d->id, d->id_len, &d->s, &d->index);
}

enum tokens_err
key_describe(struct token *t, const uint8_t *id, size_t id_len,
             struct snapshot **out, size_t *out_index)
{
    struct describe d = {.id = id, .id_len = id_len};

    /* What a key is does not change: no turn for what was read before. */
    d.s = snapshot_cached(t, UINT64_MAX);
    if (d.s && id && find_in(d.s, id, id_len, &d.index)) {
        *out = d.s;
        *out_index = d.index;
        return TOKENS_OK;
    }
    snapshot_drop(&d.s);
    enum tokens_err e = hold_run(t, describe_held, &d);

    if (e)
        return e;
    *out = d.s;
    *out_index = d.index;
    return TOKENS_OK;
}
