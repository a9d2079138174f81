/* A module's thread: C_Initialize, then a slot scan each time one is asked
 * for. Whatever hangs in there hangs alone. */
#include "tokens/internal.h"

#include <errno.h>
#include <time.h>

void
deadline_after(unsigned ms, struct timespec *out)
{
    clock_gettime(CLOCK_MONOTONIC, out);
    out->tv_sec += (time_t)(ms / 1000);
    out->tv_nsec += (long)(ms % 1000) * 1000000L;
    if (out->tv_nsec >= 1000000000L) {
        out->tv_sec++;
        out->tv_nsec -= 1000000000L;
    }
}

void
cond_init_monotonic(pthread_cond_t *c)
{
    pthread_condattr_t a;

    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

/* The size query comes first: some modules look at their readers only then.
 * A slot that gives an error is skipped. */
static void
scan_slots(struct module *m)
{
    CK_ULONG count = 0;

    if (rv_note("C_GetSlotList", m->f->C_GetSlotList(CK_TRUE, NULL, &count)))
        return;
    if (count > LIMIT_SLOTS)
        count = LIMIT_SLOTS;
    CK_SLOT_ID *ids = calloc(count + 8, sizeof(*ids));
    struct slot_seen *seen = calloc(count + 8, sizeof(*seen));
    size_t n = 0;
    CK_RV rv = CKR_HOST_MEMORY;

    count += 8;
    if (ids && seen)
        rv = m->f->C_GetSlotList(CK_TRUE, ids, &count);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
        seen[n].slot = ids[i];
        if (m->f->C_GetTokenInfo(ids[i], &seen[n].info) == CKR_OK)
            n++;
    }
    if (rv == CKR_OK)
        store_apply_scan(m, seen, n);
    free(ids);
    free(seen);
}

/* The last thing a module's thread does. */
static void
end_thread(struct module *m, bool failed)
{
    struct token_store *store = m->store;

    pthread_mutex_lock(&store->mutex);
    m->running = false;
    if (failed)
        m->state = TOKEN_MODULE_FAILED;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->mutex);
    store_unref(store);
}

/* Waits until a scan is wanted; false: the store ends. */
static bool
wait_for_work(struct module *m, unsigned long *out_wanted)
{
    pthread_mutex_lock(&m->store->mutex);
    m->state = TOKEN_MODULE_READY;
    pthread_cond_broadcast(&m->store->changed);
    while (!m->store->stopping && m->scans_wanted == m->scans_done)
        pthread_cond_wait(&m->store->changed, &m->store->mutex);
    bool go_on = !m->store->stopping;
    if (go_on)
        m->state = TOKEN_MODULE_BUSY;
    *out_wanted = m->scans_wanted;
    pthread_mutex_unlock(&m->store->mutex);
    return go_on;
}

/* p11-kit's managed list hands arguments that it is given to the module, and
 * counts this as its own p11_kit_module_initialize. */
static CK_RV
initialize(struct module *m)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK,
                                 .pReserved = m->init};

    return m->init ? m->f->C_Initialize(&args)
                   : p11_kit_module_initialize(m->f);
}

void *
module_main(void *arg)
{
    struct module *m = arg;
    struct token_store *store = m->store;
    CK_RV rv = initialize(m);
    unsigned long wanted = 0;

    if (rv != CKR_OK) {
        end_thread(m, true);
        return NULL;
    }
    scan_slots(m);
    while (wait_for_work(m, &wanted)) {
        scan_slots(m);
        pthread_mutex_lock(&store->mutex);
        m->scans_done = wanted;
        pthread_cond_broadcast(&store->changed);
        pthread_mutex_unlock(&store->mutex);
    }
    end_thread(m, false);
    return NULL;
}

enum tokens_err
module_scan(struct module *m, unsigned timeout_ms)
{
    struct token_store *store = m->store;
    struct timespec until;
    int gone = 0;

    deadline_after(timeout_ms, &until);
    pthread_mutex_lock(&store->mutex);
    unsigned long mine = ++m->scans_wanted;
    pthread_cond_broadcast(&store->changed);
    while (gone != ETIMEDOUT && m->scans_done < mine &&
           m->state != TOKEN_MODULE_FAILED)
        gone = pthread_cond_timedwait(&store->changed, &store->mutex, &until);
    bool done = m->scans_done >= mine || m->state == TOKEN_MODULE_FAILED;
    pthread_mutex_unlock(&store->mutex);
    return done ? TOKENS_OK : TOKENS_BUSY;
}
