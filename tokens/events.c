/* C_WaitForSlotEvent, in a thread of its own for each module that can wait:
 * whatever comes or goes asks for a look at the slots. */
#include "tokens/internal.h"

#include <errno.h>

#define REST_MS 200 /* a module that reports without end is not believed */

static bool
look_is_asked(struct module *m)
{
    struct token_store *store = m->store;
    struct timespec until;
    int gone = 0;

    deadline_after(REST_MS, &until);
    pthread_mutex_lock(&store->mutex);
    m->scans_wanted++;
    pthread_cond_broadcast(&store->changed);
    while (!store->stopping && gone != ETIMEDOUT)
        gone = pthread_cond_timedwait(&store->changed, &store->mutex, &until);
    bool go_on = !store->stopping;
    pthread_mutex_unlock(&store->mutex);
    return go_on;
}

/* C_Finalize ends the wait. */
static void *
events_main(void *arg)
{
    struct module *m = arg;
    struct token_store *store = m->store;
    static const char *const call = "C_WaitForSlotEvent";
    CK_SLOT_ID slot = 0;

    note_enter(m->note, &call);
    while (m->f->C_WaitForSlotEvent(0, &slot, NULL) == CKR_OK &&
           look_is_asked(m))
        continue;
    pthread_mutex_lock(&store->mutex);
    m->waits = false;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->mutex);
    store_unref(store);
    return NULL;
}

static void
set_waits(struct module *m, bool waits)
{
    pthread_mutex_lock(&m->store->mutex);
    m->waits = waits;
    pthread_mutex_unlock(&m->store->mutex);
}

/* What runs out of process is asked only what it answers at once: its calls
 * stand in one line. */
void
events_start(struct module *m)
{
    pthread_t thread;

    if (m->remote)
        return;
    set_waits(m, true);
    store_ref(m->store);
    if (pthread_create(&thread, NULL, events_main, m) == 0) {
        pthread_detach(thread);
        return;
    }
    set_waits(m, false);
    store_unref(m->store);
}

bool
events_wait(struct module *m)
{
    pthread_mutex_lock(&m->store->mutex);
    bool waits = m->waits;
    pthread_mutex_unlock(&m->store->mutex);
    return waits;
}
