/*
 * Turns on a token, and the watch over them: whoever is in a module longer
 * than it may is called overdue. The thread itself cannot be taken out of the
 * module; others no longer wait for it, and whoever asked is told.
 */
#include "tokens/internal.h"

#include <errno.h>
#include <time.h>

#define TICK_LEAST_MS 20
#define TICK_MOST_MS  250
#define IDLE_TICKS    8 /* without a turn, before the watch sleeps */

static __thread void *request;    /* what this thread works for, or NULL */
static __thread bool given_up;    /* and its client was told so */
static __thread unsigned pace_ms; /* a deadline of its own; 0: the store's */

uint64_t
monotonic_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
tokens_request_begin(void *which)
{
    request = which;
    given_up = false;
}

void
turn_set_pace(unsigned ms)
{
    pace_ms = ms;
}

/* ---- turns ----------------------------------------------------------------
 */

/* Whoever wants the token alone goes before those who share it. */
static bool
turn_is_free(const struct token *t, bool exclusive)
{
    if (t->exclusive)
        return false;
    if (exclusive)
        return t->users == 0;
    return t->waiting == 0 && t->users < t->module->concurrency;
}

/* Into the module, unless it is being started anew. Both sides say what they
 * are about to do before they look what the other does. */
static bool
module_enter(struct module *m)
{
    __atomic_add_fetch(&m->inside, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&m->closed, __ATOMIC_SEQ_CST))
        return true;
    __atomic_sub_fetch(&m->inside, 1, __ATOMIC_SEQ_CST);
    return false;
}

/* The token's mutex is held from here to turn_link. Waits for a free turn;
 * the list of turns says whether one of them is overdue. */
static enum tokens_err
turn_wait(struct token *t, bool exclusive, const struct timespec *until)
{
    int gone = 0;

    for (;;) {
        if (!t->info.present)
            return TOKENS_ABSENT;
        if (turn_is_free(t, exclusive)) {
            struct timespec soon;

            if (module_enter(t->module))
                return TOKENS_OK;
            if (gone == ETIMEDOUT)
                return TOKENS_BUSY;
            deadline_after(TICK_LEAST_MS, &soon);
            pthread_cond_timedwait(&t->turn, &t->mutex, &soon);
            if (monotonic_ms() >= (uint64_t)until->tv_sec * 1000 +
                                      (uint64_t)until->tv_nsec / 1000000)
                gone = ETIMEDOUT;
            continue;
        }
        if (t->overdue > 0)
            return TOKENS_HUNG;
        if (gone == ETIMEDOUT)
            return TOKENS_BUSY;
        gone = pthread_cond_timedwait(&t->turn, &t->mutex, until);
    }
}

static void
turn_link(struct token *t, bool exclusive, struct watch *w)
{
    unsigned ms = pace_ms ? pace_ms : t->store->operation_ms;

    *w = (struct watch){.next = t->watches,
                        .module = t->module,
                        .request = request,
                        .begun_ms = monotonic_ms(),
                        .call = ""};
    w->end_ms = w->begun_ms + ms;
    note_enter(t->module->note, &w->call);
    t->watches = w;
    if (exclusive)
        t->exclusive = true;
    else
        t->users++;
}

/* The watch sleeps while nobody is in a module. */
static void
watch_wake(struct token_store *store)
{
    if (!__atomic_load_n(&store->watch_asleep, __ATOMIC_SEQ_CST))
        return;
    pthread_mutex_lock(&store->mutex);
    __atomic_store_n(&store->watch_asleep, false, __ATOMIC_SEQ_CST);
    pthread_cond_signal(&store->watch_woken);
    pthread_mutex_unlock(&store->mutex);
}

enum tokens_err
turn_take(struct token *t, bool exclusive, struct watch *w)
{
    struct timespec until;

    if (given_up)
        return TOKENS_HUNG;
    deadline_after(t->store->lock_timeout_ms, &until);
    pthread_mutex_lock(&t->mutex);
    t->waiting += exclusive;
    enum tokens_err e = turn_wait(t, exclusive, &until);
    t->waiting -= exclusive;
    if (e == TOKENS_OK)
        turn_link(t, exclusive, w);
    else
        pthread_cond_broadcast(&t->turn);
    pthread_mutex_unlock(&t->mutex);
    if (e == TOKENS_OK)
        watch_wake(t->store);
    return e;
}

void
turn_give(struct token *t, bool exclusive, struct watch *w)
{
    note_leave();
    pthread_mutex_lock(&t->mutex);
    /* Any of those who wait can take one free turn: to wake all of them would
     * cost more than some signatures. */
    bool one = !exclusive && t->waiting == 0 && !w->overdue;
    struct watch **at = &t->watches;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (w->overdue) {
        t->overdue--;
        given_up = given_up || (w->request && w->request == request);
    }
    if (exclusive)
        t->exclusive = false;
    else
        t->users--;
    __atomic_sub_fetch(&w->module->inside, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&t->mutex);
    /* Whoever is woken wants the mutex first. */
    if (one)
        pthread_cond_signal(&t->turn);
    else
        pthread_cond_broadcast(&t->turn);
}

void
turn_pause(struct hold *h)
{
    __atomic_sub_fetch(&h->watch.module->inside, 1, __ATOMIC_SEQ_CST);
}

/* The token may be behind another module by now. */
void
turn_resume(struct hold *h)
{
    const struct timespec glance = {.tv_nsec = TICK_LEAST_MS * 1000000L};
    struct token *t = h->token;
    bool in = false;

    for (unsigned waited = 0; !in; waited += TICK_LEAST_MS) {
        pthread_mutex_lock(&t->mutex);
        h->watch.module = t->module;
        in = module_enter(t->module);
        if (!in && waited >= t->store->lock_timeout_ms) {
            __atomic_add_fetch(&t->module->inside, 1, __ATOMIC_SEQ_CST);
            in = true;
        }
        pthread_mutex_unlock(&t->mutex);
        if (!in)
            nanosleep(&glance, NULL);
    }
}

void
hold_limit(struct hold *h, unsigned ms)
{
    pthread_mutex_lock(&h->token->mutex);
    h->watch.end_ms = h->watch.begun_ms + ms;
    pthread_mutex_unlock(&h->token->mutex);
}

/* A person's time is no sign of a token that hangs. */
static void
hold_now(struct hold *h, bool at_pad, unsigned ms)
{
    pthread_mutex_lock(&h->token->mutex);
    h->watch.at_pad = at_pad;
    h->watch.end_ms = monotonic_ms() + ms;
    pthread_mutex_unlock(&h->token->mutex);
}

void
hold_pad_begin(struct hold *h)
{
    hold_now(h, true, h->token->store->person_ms);
}

void
hold_pad_end(struct hold *h)
{
    hold_now(h, false, h->token->store->operation_ms);
}

bool
hold_is_overdue(struct hold *h)
{
    pthread_mutex_lock(&h->token->mutex);
    bool overdue = h->watch.overdue;
    pthread_mutex_unlock(&h->token->mutex);
    return overdue;
}

uint64_t
hold_rest(struct hold *h)
{
    uint64_t now = monotonic_ms();

    pthread_mutex_lock(&h->token->mutex);
    uint64_t left = h->watch.end_ms > now ? h->watch.end_ms - now : 0;
    if (!h->watch.overdue)
        h->watch.end_ms = UINT64_MAX;
    pthread_mutex_unlock(&h->token->mutex);
    return left;
}

void
hold_work(struct hold *h, uint64_t left_ms)
{
    pthread_mutex_lock(&h->token->mutex);
    if (!h->watch.overdue)
        h->watch.end_ms = monotonic_ms() + left_ms;
    pthread_mutex_unlock(&h->token->mutex);
}

bool
hold_seal(struct hold *h)
{
    pthread_mutex_lock(&h->token->mutex);
    bool overdue = h->watch.overdue;
    if (!overdue) {
        h->watch.request = NULL;
        h->watch.end_ms = monotonic_ms() + h->token->store->operation_ms;
    }
    pthread_mutex_unlock(&h->token->mutex);
    return !overdue;
}

void
hold_unseal(struct hold *h, unsigned ms)
{
    struct token *t = h->token;

    pthread_mutex_lock(&t->mutex);
    h->watch.request = request;
    if (h->watch.overdue)
        t->overdue--;
    h->watch.overdue = false;
    h->watch.end_ms = monotonic_ms() + ms;
    pthread_mutex_unlock(&t->mutex);
}

bool
token_get_hang(struct token *t, struct token_hang *out)
{
    uint64_t now = monotonic_ms();
    bool found = false;

    pthread_mutex_lock(&t->mutex);
    for (const struct watch *w = t->watches; w && !found; w = w->next) {
        if (!w->overdue)
            continue;
        found = true;
        out->call = __atomic_load_n(&w->call, __ATOMIC_RELAXED);
        out->ms = (unsigned)(now - w->begun_ms);
        out->at_pad = w->at_pad;
    }
    pthread_mutex_unlock(&t->mutex);
    return found;
}

/* ---- the watch ------------------------------------------------------------
 */

static void
say_overdue(struct token *t, const struct watch *w, uint64_t now)
{
    struct token_store *store = t->store;
    struct token_hang hang = {.call =
                                  __atomic_load_n(&w->call, __ATOMIC_RELAXED),
                              .ms = (unsigned)(now - w->begun_ms),
                              .at_pad = w->at_pad};

    if (w->request && store->hung)
        store->hung(store->hung_arg, w->request, &t->info, &hang);
}

/* True when somebody is in the module. The token's mutex keeps the request
 * of a turn from ending while its client is told. */
static bool
watch_look(struct token *t)
{
    uint64_t now = monotonic_ms();

    pthread_mutex_lock(&t->mutex);
    bool any = t->watches != NULL;
    for (struct watch *w = t->watches; w; w = w->next)
        if (!w->overdue && now >= w->end_ms) {
            w->overdue = true;
            t->overdue++;
            say_overdue(t, w, now);
            pthread_cond_broadcast(&t->turn);
        }
    pthread_mutex_unlock(&t->mutex);
    return any;
}

static bool
watch_round(struct token_store *store)
{
    struct token *all[LIMIT_TOKENS];
    bool any = false;

    pthread_mutex_lock(&store->mutex);
    size_t n = store->token_count;
    memcpy(all, store->tokens, n * sizeof(all[0]));
    pthread_mutex_unlock(&store->mutex);
    for (size_t i = 0; i < n; i++)
        any |= watch_look(all[i]);
    return any;
}

unsigned
watch_tick_ms(const struct token_store *store)
{
    unsigned least = store->operation_ms < store->list_ms ? store->operation_ms
                                                          : store->list_ms;

    least /= 4;
    return least < TICK_LEAST_MS  ? TICK_LEAST_MS
           : least > TICK_MOST_MS ? TICK_MOST_MS
                                  : least;
}

/* Until the next round; false: the store ends. A turn that is taken while the
 * watch lies down is seen by one more round. */
static bool
watch_rest(struct token_store *store, unsigned *idle)
{
    struct timespec until;

    deadline_after(watch_tick_ms(store), &until);
    pthread_mutex_lock(&store->mutex);
    if (*idle > IDLE_TICKS) {
        while (__atomic_load_n(&store->watch_asleep, __ATOMIC_SEQ_CST) &&
               !store->stopping)
            pthread_cond_wait(&store->watch_woken, &store->mutex);
        *idle = 0;
    } else if (!store->stopping) {
        (void)pthread_cond_timedwait(&store->watch_woken, &store->mutex,
                                     &until);
    }
    bool go_on = !store->stopping;
    pthread_mutex_unlock(&store->mutex);
    return go_on;
}

static void *
watch_main(void *arg)
{
    struct token_store *store = arg;
    unsigned idle = 0;

    do {
        bool any = watch_round(store);

        idle = any ? 0 : idle + 1;
        if (any || idle == IDLE_TICKS)
            __atomic_store_n(&store->watch_asleep, !any, __ATOMIC_SEQ_CST);
    } while (watch_rest(store, &idle));
    store_unref(store);
    return NULL;
}

bool
watch_start(struct token_store *store)
{
    pthread_t thread;

    store_ref(store);
    if (pthread_create(&thread, NULL, watch_main, store) != 0) {
        store_unref(store);
        return false;
    }
    pthread_detach(thread);
    return true;
}
