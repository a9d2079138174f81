/*
 * Errands: what is read from a token for a list, in a thread of its own, so
 * that whoever lists waits only so long. A token that answers late fills its
 * cache for the next list.
 */
#include "tokens/internal.h"
#include "tokens/write.h"

#include <errno.h>

#define STALE_WAIT_MS 1000 /* when there is something older to show */

struct errand {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    unsigned refs; /* these: mutex */
    bool done;
    enum tokens_err result;
    CK_RV rv;
    const char *call;
    struct snapshot *snapshot;
    struct token_remains remains;
    struct token *token;
    errand_fn *fn;
};

static struct errand *
errand_new(struct token *t, errand_fn *fn)
{
    struct errand *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    pthread_mutex_init(&e->mutex, NULL);
    cond_init_monotonic(&e->ended);
    e->refs = 1;
    e->token = t;
    e->fn = fn;
    return e;
}

static void
errand_unref(struct errand *e)
{
    pthread_mutex_lock(&e->mutex);
    bool last = --e->refs == 0;
    pthread_mutex_unlock(&e->mutex);
    if (!last)
        return;
    snapshot_drop(&e->snapshot);
    pthread_cond_destroy(&e->ended);
    pthread_mutex_destroy(&e->mutex);
    free(e);
}

static void
errand_ref(struct errand *e)
{
    pthread_mutex_lock(&e->mutex);
    e->refs++;
    pthread_mutex_unlock(&e->mutex);
}

/* The token's mutex is held. */
static void
token_leave_errand(struct token *t, struct errand *e)
{
    t->errands--;
    if (t->reading == e)
        t->reading = NULL;
}

static void *
errand_main(void *arg)
{
    struct errand *e = arg;
    struct token *t = e->token;
    struct token_store *store = t->store;
    struct snapshot *snapshot = NULL;
    struct token_remains remains = {0};

    turn_set_pace(store->list_ms);
    enum tokens_err result = e->fn(t, &snapshot, &remains);
    pthread_mutex_lock(&t->mutex);
    token_leave_errand(t, e);
    pthread_mutex_unlock(&t->mutex);
    pthread_mutex_lock(&e->mutex);
    e->result = result;
    e->rv = tokens_last_rv();
    e->call = tokens_last_call();
    e->snapshot = snapshot;
    e->remains = remains;
    e->done = true;
    pthread_cond_broadcast(&e->ended);
    pthread_mutex_unlock(&e->mutex);
    errand_unref(e);
    store_unref(store);
    return NULL;
}

/* Joins an errand that reads the identities already, or sets out. NULL: too
 * many are on their way, or there is no memory. */
static struct errand *
errand_begin(struct token *t, errand_fn *fn, bool reads)
{
    struct errand *e = NULL;
    pthread_t thread;

    pthread_mutex_lock(&t->mutex);
    if (reads && t->reading) {
        e = t->reading;
        errand_ref(e);
    } else if (t->errands < LIMIT_ERRANDS && (e = errand_new(t, fn))) {
        errand_ref(e);
        store_ref(t->store);
        if (pthread_create(&thread, NULL, errand_main, e) == 0) {
            pthread_detach(thread);
            t->errands++;
            if (reads)
                t->reading = e;
        } else {
            errand_unref(e);
            errand_unref(e);
            store_unref(t->store);
            e = NULL;
        }
    }
    pthread_mutex_unlock(&t->mutex);
    return e;
}

static bool
errand_wait(struct errand *e, unsigned ms)
{
    struct timespec until;
    int gone = 0;

    deadline_after(ms, &until);
    pthread_mutex_lock(&e->mutex);
    while (!e->done && gone != ETIMEDOUT)
        gone = pthread_cond_timedwait(&e->ended, &e->mutex, &until);
    bool done = e->done;
    pthread_mutex_unlock(&e->mutex);
    return done;
}

/* What a list is told of a token that does not answer it. */
static enum tokens_err
late_err(struct token *t)
{
    struct token_hang hang;

    return token_get_hang(t, &hang) ? TOKENS_HUNG : TOKENS_BUSY;
}

/* Gives what E found in the end; after MS without that, TOKENS_HUNG or
 * TOKENS_BUSY. */
static enum tokens_err
errand_result(struct token *t, struct errand *e, unsigned ms,
              struct snapshot **out, struct token_remains *out_remains)
{
    /* The watch may need two rounds more to say what hangs. */
    if (!errand_wait(e, ms + 2 * watch_tick_ms(t->store)))
        return late_err(t);
    if (e->result == TOKENS_OK && e->snapshot && out) {
        *out = e->snapshot;
        __atomic_add_fetch(&(*out)->refs, 1, __ATOMIC_RELAXED);
    }
    if (e->result == TOKENS_OK && out_remains)
        *out_remains = e->remains;
    rv_forget();
    if (e->rv != CKR_OK)
        (void)rv_note(e->call, e->rv);
    return e->result;
}

/* ---- the errands ----------------------------------------------------------
 */

static enum tokens_err
identities_held(struct hold *h, void *arg)
{
    return snapshot_take(h, h->token->store->cache_ms, arg);
}

static enum tokens_err
read_identities(struct token *t, struct snapshot **out,
                struct token_remains *out_remains)
{
    (void)out_remains;
    return hold_run(t, identities_held, out);
}

/* One that never was holds nothing, and would be asked for each list anew:
 * SoftHSM has an empty slot at all times. */
static bool
is_initialized(struct token *t)
{
    struct token_info info;

    token_get_info(t, &info);
    return info.initialized;
}

static void
note_unread(struct token *t, enum tokens_err e)
{
    pthread_mutex_lock(&t->mutex);
    t->unread = e;
    t->unread_rv = tokens_last_rv();
    t->unread_call = tokens_last_call();
    pthread_mutex_unlock(&t->mutex);
}

enum tokens_err
token_identities_read(struct token *t, const struct token_identities **out)
{
    struct snapshot *s = snapshot_cached(t, t->store->cache_ms);
    enum tokens_err result = TOKENS_OK;

    if (s) {
        *out = &s->view;
        return TOKENS_OK;
    }
    if (!is_initialized(t))
        return TOKENS_UNINITIALIZED;
    AUTO(snapshot) struct snapshot *old = snapshot_cached(t, UINT64_MAX);
    struct errand *e = errand_begin(t, read_identities, true);
    if (!e)
        return TOKENS_MEMORY;
    unsigned ms = t->store->list_ms;
    if (old && ms > STALE_WAIT_MS)
        ms = STALE_WAIT_MS;
    result = errand_result(t, e, ms, &s, NULL);
    errand_unref(e);
    if (old && (result == TOKENS_HUNG || result == TOKENS_BUSY)) {
        s = old;
        old = NULL;
        result = TOKENS_OK;
    }
    if (result == TOKENS_OK)
        *out = &s->view;
    note_unread(t, result);
    return result;
}

enum tokens_err
token_unread(struct token *t)
{
    rv_forget();
    pthread_mutex_lock(&t->mutex);
    enum tokens_err e = t->unread;
    if (e != TOKENS_OK && t->unread_rv != CKR_OK)
        (void)rv_note(t->unread_call, t->unread_rv);
    pthread_mutex_unlock(&t->mutex);
    return e;
}

const struct token_identities *
token_identities_known(struct token *t)
{
    struct snapshot *s;

    pthread_mutex_lock(&t->mutex);
    s = t->known;
    if (s)
        __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&t->mutex);
    return s ? &s->view : NULL;
}

void
token_identities_drop(const struct token_identities **list)
{
    /* The view is the snapshot's first member. */
    struct snapshot *s = (struct snapshot *)*list;

    *list = NULL;
    snapshot_drop(&s);
}

void
token_store_read_ahead(struct token_store *store)
{
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);

    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        AUTO(snapshot)
        struct snapshot *s = snapshot_cached(all[i], store->cache_ms);
        struct errand *e = s || !is_initialized(all[i])
                               ? NULL
                               : errand_begin(all[i], read_identities, true);

        if (e)
            errand_unref(e);
    }
}

static enum tokens_err
count_broken(struct token *t, struct snapshot **out,
             struct token_remains *out_remains)
{
    (void)out;
    return broken_count_on(t, false, out_remains);
}

enum tokens_err
token_count_broken(struct token *t, bool remove, struct token_remains *out)
{
    if (remove)
        return broken_count_on(t, true, out);
    struct errand *e = errand_begin(t, count_broken, false);
    if (!e)
        return TOKENS_BUSY;
    enum tokens_err result = errand_result(t, e, t->store->list_ms, NULL, out);
    errand_unref(e);
    return result;
}
