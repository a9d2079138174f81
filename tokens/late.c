/*
 * Modules whose trial is not back when the others are loaded: their own thread
 * waits for it. What it takes to load one here stops whoever loads anything
 * else, and may end the process: so it is loaded only where that did not take
 * long, and while nobody has anything to lose.
 */
#include "tokens/internal.h"
#include "tokens/loading.h"

#include <stdio.h>

struct late {
    struct trial trial; /* store->mutex */
};

void
late_begin(struct module *m, const char *path, const struct trial *t)
{
    m->path = strdup(path);
    m->late = malloc(sizeof(*m->late));
    if (!m->path || !m->late) {
        struct trial lost = *t;

        trial_drop(&lost);
        free(m->late);
        m->late = NULL;
        m->state = TOKEN_MODULE_FAILED;
        return;
    }
    m->late->trial = *t;
    m->late->trial.path = m->path;
    module_busy(m, "dlopen");
    m->busy_since_ms = t->begun_ms;
}

/* The store's mutex is held. */
static bool
is_anything_in_use(const struct token_store *store)
{
    bool used = false;

    for (size_t i = 0; i < store->module_count; i++)
        used = used ||
               __atomic_load_n(&store->modules[i].inside, __ATOMIC_SEQ_CST) > 0;
    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        used = used || t->info.logged_in;
        pthread_mutex_unlock(&t->mutex);
    }
    return used;
}

/* These: the store's mutex is held. */
static bool
late_fail(struct module *m, const char *why)
{
    m->state = TOKEN_MODULE_FAILED;
    snprintf(m->why, sizeof(m->why), "%s", why);
    return false;
}

static bool
late_judge(struct module *m, enum trial_end end, uint64_t took_ms)
{
    const unsigned seconds = (unsigned)((took_ms + 999) / 1000);
    char why[sizeof(m->why)];

    if (end == TRIAL_DIED || note_forbids(m->note)) {
        m->state = TOKEN_MODULE_SKIPPED;
        return false;
    }
    if (end != TRIAL_PASSED)
        return late_fail(m, "nobody saw how loading it ended");
    if (took_ms > m->store->load_ms) {
        snprintf(why, sizeof(why),
                 "it took %u s to load: start smime-agent again, or give it "
                 "a process of its own (remote = yes)",
                 seconds);
        return late_fail(m, why);
    }
    if (is_anything_in_use(m->store)) {
        snprintf(why, sizeof(why),
                 "it took %u s to load, and tokens were in use by then: start "
                 "smime-agent again, or give it a process of its own (remote "
                 "= yes)",
                 seconds);
        return late_fail(m, why);
    }
    return true;
}

/* False: it is not to be loaded. */
static bool
wait_for_trial(struct module *m)
{
    struct token_store *store = m->store;
    uint64_t begun_ms = m->late->trial.begun_ms;

    (void)trial_wait(&m->late->trial, UINT64_MAX);
    pthread_mutex_lock(&store->mutex);
    enum trial_end end =
        trial_ask(&m->late->trial, store->stopping ? NULL : m->note);
    bool go_on = !store->stopping && m->state == TOKEN_MODULE_STARTING &&
                 late_judge(m, end, monotonic_ms() - begun_ms);
    if (!go_on)
        m->busy_since_ms = 0;
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
    CK_FUNCTION_LIST *f = p11_kit_module_load(m->path, 0);
    loading_leave(&l);
    loading_end(&l);
    return f;
}

bool
late_load(struct module *m)
{
    struct token_store *store = m->store;

    if (!wait_for_trial(m))
        return false;
    CK_FUNCTION_LIST *f = load_watched(m);
    module_back(m, CKR_OK);
    pthread_mutex_lock(&store->mutex);
    module_loaded(m, f, m->path);
    if (!f)
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
    if (m->late)
        trial_drop(&m->late->trial);
    free(m->late);
    m->late = NULL;
}
