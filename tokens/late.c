/*
 * Modules whose trial is not back when the others are loaded: their own thread
 * waits for it, for as long as it takes, and loads them then.
 */
#include "tokens/internal.h"
#include "tokens/loading.h"

struct late {
    struct trial trial; /* store->mutex */
    char path[];
};

void
late_begin(struct module *m, const char *path, const struct trial *t)
{
    struct late *late = malloc(sizeof(*late) + strlen(path) + 1);

    if (!late) {
        struct trial lost = *t;

        trial_drop(&lost);
        m->state = TOKEN_MODULE_FAILED;
        return;
    }
    strcpy(late->path, path);
    late->trial = *t;
    late->trial.path = late->path;
    m->late = late;
    module_busy(m, "dlopen");
    m->busy_since_ms = t->begun_ms;
}

/* False: it crashed, or the store ends. */
static bool
wait_for_trial(struct module *m)
{
    struct token_store *store = m->store;

    (void)trial_wait(&m->late->trial, UINT64_MAX);
    pthread_mutex_lock(&store->mutex);
    trial_drop(&m->late->trial);
    if (note_forbids(m->note))
        m->state = TOKEN_MODULE_SKIPPED;
    bool go_on = !store->stopping && m->state == TOKEN_MODULE_STARTING;
    pthread_mutex_unlock(&store->mutex);
    return go_on;
}

/* What came back in a child may still hang here. */
static CK_FUNCTION_LIST *
load_watched(struct module *m)
{
    struct token_store *store = m->store;
    const struct token_config c = {.load_ms = store->load_ms,
                                   .stuck = store->stuck,
                                   .stuck_arg = store->stuck_arg};
    struct loading l;

    loading_init(&l, &c);
    loading_begin(&l);
    loading_enter(&l, m->note, m->name);
    CK_FUNCTION_LIST *f = p11_kit_module_load(m->late->path, 0);
    loading_leave(&l);
    loading_end(&l);
    return f;
}

bool
late_load(struct module *m)
{
    struct token_store *store = m->store;

    CK_FUNCTION_LIST *f = wait_for_trial(m) ? load_watched(m) : NULL;
    module_back(m, CKR_OK);
    pthread_mutex_lock(&store->mutex);
    module_loaded(m, f, m->late->path);
    if (!f && m->state == TOKEN_MODULE_STARTING)
        m->state = TOKEN_MODULE_FAILED;
    pthread_mutex_unlock(&store->mutex);
    return f != NULL;
}

void
late_end(struct module *m)
{
    if (m->late)
        trial_kill(&m->late->trial);
}

void
late_drop(struct module *m)
{
    free(m->late);
    m->late = NULL;
}
