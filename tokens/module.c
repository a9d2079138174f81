/* A module's thread: C_Initialize, then a look at its slots each time one is
 * asked for, and now and then. Whatever hangs in there hangs alone. */
#include "tokens/internal.h"
#include "tokens/loading.h"

#include <errno.h>
#include <time.h>

#define RETRY_MS   2000 /* between two tries of C_Initialize */
#define RENEW_MS   5000 /* between two starts as the last resort */
#define LEAVE_MS   1000 /* turns get to leave a module that starts anew */
#define GLANCE_MS  20
#define SPARE_ROOM 8 /* slots that come between the two questions */
#define LIST_TRIES 3 /* or more of them */
#define MOST_IDS   65536

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

/* ---- calls of this thread -------------------------------------------------
 */

void
module_busy(struct module *m, const char *call)
{
    pthread_mutex_lock(&m->store->mutex);
    m->busy_since_ms = monotonic_ms();
    __atomic_store_n(&m->call, call, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&m->store->mutex);
}

void
module_back(struct module *m, CK_RV rv)
{
    pthread_mutex_lock(&m->store->mutex);
    m->busy_since_ms = 0;
    m->rv = rv;
    pthread_mutex_unlock(&m->store->mutex);
}

static bool
is_blank(const CK_UTF8CHAR *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] != ' ' && text[i] != '\0')
            return false;
    return true;
}

/* Not that there is no token, but nothing about the one that is there. SoftHSM,
 * when another process is just writing the token's file, takes it for an empty
 * one and keeps to that; sessions that are open go on. Without a login it is
 * started anew. */
static bool
tells_nothing(CK_RV rv, const CK_TOKEN_INFO *info)
{
    if (rv != CKR_OK)
        return rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED;
    return (info->flags & CKF_TOKEN_INITIALIZED) &&
           is_blank(info->label, sizeof(info->label)) &&
           is_blank(info->serialNumber, sizeof(info->serialNumber));
}

/* What there is to say when tokens are missing. */
static void
look_end(struct module *m, const char *call, CK_RV rv)
{
    pthread_mutex_lock(&m->store->mutex);
    m->look_call = call;
    m->look_rv = rv;
    pthread_mutex_unlock(&m->store->mutex);
}

/* Not the answer about a token that was just taken out. */
static bool
is_failure(CK_RV told)
{
    return told != CKR_OK && told != CKR_TOKEN_NOT_PRESENT &&
           told != CKR_SLOT_ID_INVALID && told != CKR_DEVICE_REMOVED;
}

/* The size query comes first: some modules look at their readers only then.
 * *OUT has been allocated; a module that has more slots than are looked at
 * still wants room for all of them. */
static CK_RV
list_slots(struct module *m, CK_SLOT_ID **out, CK_ULONG *out_count)
{
    CK_RV rv = CKR_BUFFER_TOO_SMALL;

    for (int i = 0; i < LIST_TRIES && rv == CKR_BUFFER_TOO_SMALL; i++) {
        CK_ULONG count = 0, room;

        free(*out);
        *out = NULL;
        rv = m->f->C_GetSlotList(CK_TRUE, NULL, &count);
        if (rv != CKR_OK)
            return rv;
        count = room = (count < MOST_IDS ? count : MOST_IDS) + SPARE_ROOM;
        *out = calloc(room, sizeof(**out));
        if (!*out)
            return CKR_HOST_MEMORY;
        rv = m->f->C_GetSlotList(CK_TRUE, *out, &count);
        /* Whatever the module claims to have written. */
        *out_count = count < room ? count : room;
    }
    return rv;
}

/* A slot that gives an error is skipped; *OUT_TOLD is the first one. */
static CK_RV
scan_slots(struct module *m, CK_RV *out_told)
{
    CK_SLOT_ID *ids = NULL;
    CK_ULONG count = 0;
    CK_RV rv = list_slots(m, &ids, &count);
    struct slot_seen *seen = calloc(LIMIT_SLOTS, sizeof(*seen));
    size_t n = 0;
    bool broken = false;

    if (!seen)
        rv = CKR_HOST_MEMORY;
    for (CK_ULONG i = 0; rv == CKR_OK && i < count && i < LIMIT_SLOTS; i++) {
        seen[n].slot = ids[i];
        CK_RV told = m->f->C_GetTokenInfo(ids[i], &seen[n].info);
        seen[n].failed =
            tells_nothing(told, &seen[n].info) && store_had_token(m, ids[i]);
        broken = broken || seen[n].failed;
        n += told == CKR_OK || seen[n].failed;
        if (*out_told == CKR_OK && is_failure(told))
            *out_told = told;
    }
    __atomic_store_n(&m->broken, broken, __ATOMIC_RELAXED);
    if (rv == CKR_OK)
        store_apply_scan(m, seen, n);
    free(ids);
    free(seen);
    return rv;
}

/* p11-kit's managed list hands arguments that it is given to the module, and
 * counts this as its own p11_kit_module_initialize. */
static CK_RV
initialize(struct module *m)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK,
                                 .pReserved = m->init};

    if (m->remote)
        return remote_initialize(m);
    return m->init ? m->f->C_Initialize(&args)
                   : p11_kit_module_initialize(m->f);
}

void
module_finalize(struct module *m)
{
    if (m->remote)
        (void)m->f->C_Finalize(NULL);
    else
        (void)p11_kit_module_finalize(m->f);
}

static bool
module_start(struct module *m)
{
    uint64_t now = monotonic_ms();

    if (m->up)
        return true;
    if (m->started_ms && now - m->started_ms < RETRY_MS)
        return false;
    m->started_ms = now;
    module_busy(m, "C_Initialize");
    CK_RV rv = initialize(m);
    module_back(m, rv);
    m->up = rv == CKR_OK;
    if (m->up)
        events_start(m);
    return m->up;
}

/* ---- starting anew ---------------------------------------------------------
 */

/* Keeps turns out of the module; false when one does not leave. */
static bool
module_close(struct module *m)
{
    const struct timespec glance = {.tv_nsec = GLANCE_MS * 1000000L};

    __atomic_store_n(&m->closed, true, __ATOMIC_SEQ_CST);
    for (int waited = 0; waited < LEAVE_MS; waited += GLANCE_MS) {
        if (__atomic_load_n(&m->inside, __ATOMIC_SEQ_CST) == 0)
            return true;
        nanosleep(&glance, NULL);
    }
    __atomic_store_n(&m->closed, false, __ATOMIC_SEQ_CST);
    return false;
}

/* C_Finalize and C_Initialize: every session and login of its tokens ends.
 * Not below a thread that waits for events in it. */
static void
module_renew(struct module *m)
{
    bool waits = events_wait(m);
    bool closed = !waits && module_close(m);

    pthread_mutex_lock(&m->store->mutex);
    m->kept = !waits && !closed;
    pthread_mutex_unlock(&m->store->mutex);
    if (!closed)
        return;
    module_busy(m, "C_Finalize");
    module_finalize(m);
    module_back(m, CKR_OK);
    m->up = false;
    m->started_ms = 0;
    __atomic_store_n(&m->broken, false, __ATOMIC_RELAXED);
    store_forget_sessions(m);
    (void)module_start(m);
    __atomic_store_n(&m->closed, false, __ATOMIC_SEQ_CST);
}

/* After these the module has nothing left to lose: its process ended, or it
 * was finalised behind our back. */
static bool
rv_is_of_module(CK_RV rv)
{
    return rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_REMOVED ||
           rv == CKR_CRYPTOKI_NOT_INITIALIZED;
}

static CK_RV
scan_once(struct module *m)
{
    module_busy(m, "C_GetSlotList");
    CK_RV told = CKR_OK;
    CK_RV rv = scan_slots(m, &told);
    module_back(m, rv);
    look_end(m, rv != CKR_OK ? "C_GetSlotList" : "C_GetTokenInfo",
             rv != CKR_OK ? rv : told);
    return rv;
}

/* RENEW: whoever asked did not find a token. Some modules notice one only
 * when they start, or find their way back to one only then. */
static void
module_look(struct module *m, enum renewal renew)
{
    bool was_up = m->up;

    if (!module_start(m))
        return;
    CK_RV rv = scan_once(m);
    bool due = (renew == RENEW_FREELY || m->broken) &&
               monotonic_ms() - m->started_ms >= RENEW_MS &&
               !store_has_login(m);
    bool lost = rv != CKR_OK && rv_is_of_module(rv);

    if (!lost && !due && !(renew == RENEW_AT_ONCE && was_up))
        return;
    module_renew(m);
    if (!m->up || scan_once(m) != CKR_OK)
        store_apply_scan(m, NULL, 0);
}

/* ---- the thread ------------------------------------------------------------
 */

/* The last thing a module's thread does. */
static void
end_thread(struct module *m)
{
    struct token_store *store = m->store;

    pthread_mutex_lock(&store->mutex);
    m->running = false;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->mutex);
    store_unref(store);
}

/* Waits until a look is wanted or, where the module reports no events, until
 * it is time for one. False: the store ends. */
static bool
wait_for_work(struct module *m, unsigned long *out_wanted,
              enum renewal *out_renew)
{
    struct token_store *store = m->store;
    struct timespec until;
    int gone = 0;

    deadline_after(store->poll_ms, &until);
    pthread_mutex_lock(&store->mutex);
    m->state = m->up ? TOKEN_MODULE_READY : TOKEN_MODULE_FAILED;
    pthread_cond_broadcast(&store->changed);
    while (!store->stopping && m->scans_wanted == m->scans_done &&
           gone != ETIMEDOUT)
        gone =
            m->up && !m->waits
                ? pthread_cond_timedwait(&store->changed, &store->mutex, &until)
                : pthread_cond_wait(&store->changed, &store->mutex);
    bool go_on = !store->stopping;
    if (go_on && m->up)
        m->state = TOKEN_MODULE_BUSY;
    *out_wanted = m->scans_wanted;
    *out_renew = m->renew;
    m->renew = RENEW_NEVER;
    pthread_mutex_unlock(&store->mutex);
    return go_on;
}

void *
module_main(void *arg)
{
    struct module *m = arg;
    struct token_store *store = m->store;
    unsigned long wanted = 0;
    enum renewal renew = RENEW_NEVER;

    if (m->late && !late_load(m)) {
        end_thread(m);
        return NULL;
    }
    note_enter(m->note, &m->call);
    module_look(m, RENEW_NEVER);
    while (wait_for_work(m, &wanted, &renew)) {
        /* A card that works needs no look between requests. */
        if (wanted != m->scans_done ||
            __atomic_load_n(&m->inside, __ATOMIC_SEQ_CST) == 0)
            module_look(m, renew);
        pthread_mutex_lock(&store->mutex);
        m->scans_done = wanted;
        pthread_cond_broadcast(&store->changed);
        pthread_mutex_unlock(&store->mutex);
    }
    end_thread(m);
    return NULL;
}

bool
module_is_late(const struct module *m, unsigned ms)
{
    return m->busy_since_ms && monotonic_ms() - m->busy_since_ms > ms;
}

enum tokens_err
module_scan(struct module *m, enum renewal renew, unsigned timeout_ms)
{
    struct token_store *store = m->store;
    struct timespec until;
    int gone = 0;

    deadline_after(timeout_ms, &until);
    pthread_mutex_lock(&store->mutex);
    unsigned long mine = ++m->scans_wanted;
    if (renew > m->renew)
        m->renew = renew;
    pthread_cond_broadcast(&store->changed);
    while (gone != ETIMEDOUT && m->running && m->scans_done < mine &&
           !module_is_late(m, timeout_ms))
        gone = pthread_cond_timedwait(&store->changed, &store->mutex, &until);
    bool done = m->scans_done >= mine;
    pthread_mutex_unlock(&store->mutex);
    return done ? TOKENS_OK : TOKENS_BUSY;
}
