/* The store: modules and tokens, from token_store_new to drop. */
#include "tokens/internal.h"
#include "tokens/loading.h"
#include "tokens/vtoken.h"

#include <errno.h>

#define END_MS 1000 /* for threads that are in a module */

static unsigned
or_default(unsigned value, unsigned otherwise)
{
    return value ? value : otherwise;
}

struct module *
store_add_module(struct token_store *store, const char *name)
{
    struct module *m = &store->modules[store->module_count++];

    strncpy(m->name, name, sizeof(m->name) - 1);
    m->store = store;
    m->concurrency = store->concurrency;
    m->call = "";
    m->note = note_find(store->notes, m->name);
    m->state =
        note_forbids(m->note) ? TOKEN_MODULE_SKIPPED : TOKEN_MODULE_STARTING;
    return m;
}

static void
start_modules(struct token_store *store)
{
    for (size_t i = 0; i < store->module_count; i++) {
        struct module *m = &store->modules[i];

        if (m->state != TOKEN_MODULE_STARTING)
            continue;
        pthread_mutex_lock(&store->mutex);
        m->running = true;
        store_ref(store);
        pthread_mutex_unlock(&store->mutex);
        if (pthread_create(&m->thread, NULL, module_main, m) == 0) {
            pthread_detach(m->thread);
            continue;
        }
        pthread_mutex_lock(&store->mutex);
        m->running = false;
        m->state = TOKEN_MODULE_FAILED;
        m->busy_since_ms = 0;
        late_drop(m);
        pthread_mutex_unlock(&store->mutex);
        store_unref(store);
    }
}

/* Nobody waits for one that took too long to load. */
static bool
any_starting(const struct token_store *store)
{
    for (size_t i = 0; i < store->module_count; i++)
        if (store->modules[i].state == TOKEN_MODULE_STARTING &&
            !store->modules[i].late)
            return true;
    return false;
}

static bool
any_running(const struct token_store *store)
{
    for (size_t i = 0; i < store->module_count; i++)
        if (store->modules[i].running)
            return true;
    return false;
}

/* Takes and leaves the store's mutex locked. */
void
store_wait_while(struct token_store *store,
                 bool (*test)(const struct token_store *), unsigned timeout_ms)
{
    struct timespec until;
    int gone = 0;

    deadline_after(timeout_ms, &until);
    while (gone != ETIMEDOUT && test(store))
        gone = pthread_cond_timedwait(&store->changed, &store->mutex, &until);
}

static enum tokens_err
check_config(const struct token_config *c)
{
    if (c->module_count > LIMIT_MODULES)
        return TOKENS_ARGUMENT;
    for (size_t i = 0; i < c->module_count; i++)
        if (!c->modules[i].name || !c->modules[i].path ||
            c->modules[i].path[0] != '/')
            return TOKENS_ARGUMENT;
    return TOKENS_OK;
}

static void
take_numbers(struct token_store *store, const struct token_config *c)
{
    store->start_timeout_ms = or_default(c->start_timeout_ms, 3000);
    store->operation_ms = or_default(c->operation_ms, 30000);
    store->lock_timeout_ms =
        or_default(c->lock_timeout_ms, store->operation_ms);
    store->list_ms = or_default(c->list_ms, 10000);
    store->long_ms = or_default(c->long_ms, 240000);
    store->person_ms = or_default(c->person_ms, 240000);
    store->poll_ms = or_default(c->poll_ms, 3000);
    store->cache_ms = or_default(c->cache_ms, 2000);
    store->concurrency = or_default(c->concurrency, 1);
    if (store->concurrency > LIMIT_IDLE)
        store->concurrency = LIMIT_IDLE;
    store->hung = c->hung;
    store->hung_arg = c->hung_arg;
    store->load_ms = or_default(c->load_ms, LOAD_MS);
    store->stuck = c->stuck;
    store->stuck_arg = c->stuck_arg;
}

enum tokens_err
token_store_new(const struct token_config *config, struct token_store **out)
{
    enum tokens_err e = check_config(config);
    if (e)
        return e;
    struct token_store *store = calloc(1, sizeof(*store));
    if (!store)
        return TOKENS_MEMORY;
    store->modules = calloc(LIMIT_MODULES, sizeof(*store->modules));
    if (config->vtoken_path)
        store->vtoken_path = strdup(config->vtoken_path);
    store->refs = 1;
    pthread_mutex_init(&store->mutex, NULL);
    cond_init_monotonic(&store->changed);
    cond_init_monotonic(&store->watch_woken);
    take_numbers(store, config);
    store->notes = notes_open(config->notes);
    store->serve = config->serve;
    store->serve_arg = config->serve_arg;
    if (!store->modules || (config->vtoken_path && !store->vtoken_path)) {
        store_unref(store);
        return TOKENS_MEMORY;
    }
    store_load_modules(store, config);
    if (!watch_start(store)) {
        token_store_drop(&store);
        return TOKENS_MEMORY;
    }
    start_modules(store);
    pthread_mutex_lock(&store->mutex);
    store_wait_while(store, any_starting, store->start_timeout_ms);
    pthread_mutex_unlock(&store->mutex);
    *out = store;
    return TOKENS_OK;
}

void
store_ref(struct token_store *store)
{
    __atomic_add_fetch(&store->refs, 1, __ATOMIC_RELAXED);
}

/* The last user frees: the owner, or a thread that woke up late. */
void
store_unref(struct token_store *store)
{
    if (__atomic_sub_fetch(&store->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < store->token_count; i++)
        token_drop(&store->tokens[i]);
    pthread_cond_destroy(&store->changed);
    pthread_cond_destroy(&store->watch_woken);
    pthread_mutex_destroy(&store->mutex);
    for (size_t i = 0; i < store->module_count; i++) {
        free(store->modules[i].init);
        free(store->modules[i].path);
        late_drop(&store->modules[i]);
    }
    free(store->modules);
    free(store->vtoken_path);
    free(store);
}

/* A token of M that hangs in it. */
static bool
token_hangs(struct token_store *store, const struct module *m,
            struct token_hang *out)
{
    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        bool here = t->module == m;
        pthread_mutex_unlock(&t->mutex);
        if (here && token_get_hang(t, out))
            return true;
    }
    return false;
}

/* A token of M whose keys could not be read. */
static void
find_unread(struct token_store *store, const struct module *m,
            struct token_module_info *out)
{
    for (size_t i = 0; i < store->token_count && out->rv == 0; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        if (t->module == m && t->info.present && t->unread != TOKENS_OK) {
            out->rv = t->unread_rv;
            out->call = t->unread_call;
            strcpy(out->token,
                   t->info.label[0] ? t->info.label : t->info.serial);
        }
        pthread_mutex_unlock(&t->mutex);
    }
}

/* It took too long already. The store's mutex is held. */
static bool
is_loading(const struct module *m)
{
    return m->late && !m->f && m->state == TOKEN_MODULE_STARTING;
}

bool
token_store_module_info(struct token_store *store, size_t index,
                        struct token_module_info *out)
{
    if (index >= store->module_count)
        return false;
    const struct module *m = &store->modules[index];

    memset(out, 0, sizeof(*out));
    pthread_mutex_lock(&store->mutex);
    memcpy(out->name, m->name, sizeof(out->name));
    out->state = m->state;
    out->remote = m->remote;
    memcpy(out->why, m->why, sizeof(out->why));
    if (m->state == TOKEN_MODULE_FAILED)
        out->rv = m->rv;
    else if (m->state == TOKEN_MODULE_READY || m->state == TOKEN_MODULE_BUSY)
        out->rv = m->look_rv;
    out->call = out->rv == 0                      ? ""
                : m->state == TOKEN_MODULE_FAILED ? "C_Initialize"
                                                  : m->look_call;
    if (m->state == TOKEN_MODULE_READY || m->state == TOKEN_MODULE_BUSY)
        find_unread(store, m, out);
    out->hangs = is_loading(m) || module_is_late(m, store->start_timeout_ms);
    if (out->hangs) {
        out->hang.call = m->call;
        out->hang.ms = (unsigned)(monotonic_ms() - m->busy_since_ms);
    } else if (m->state == TOKEN_MODULE_SKIPPED) {
        out->hang.ms = note_hung_ms(m->note);
        out->hang.call = note_call(m->note);
    } else {
        out->hangs = token_hangs(store, m, &out->hang);
    }
    pthread_mutex_unlock(&store->mutex);
    return true;
}

/* The store's mutex is held. */
static bool
is_looking(const struct token_store *store, unsigned ms, bool *out_late)
{
    bool looking = false;

    *out_late = false;
    for (size_t i = 0; i < store->module_count; i++) {
        const struct module *m = &store->modules[i];

        if (!m->running || m->scans_done >= m->scans_wanted)
            continue;
        if (module_is_late(m, ms) || is_loading(m))
            *out_late = true;
        else
            looking = true;
    }
    return looking;
}

/* A module that is late already is not waited for. */
static enum tokens_err
refresh(struct token_store *store, enum renewal renew, unsigned timeout_ms)
{
    struct timespec until;
    bool late = false, looking = true, kept = false;
    int gone = 0;

    deadline_after(timeout_ms, &until);
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->module_count; i++) {
        struct module *m = &store->modules[i];

        m->scans_wanted++;
        m->kept = false;
        if (renew > m->renew)
            m->renew = renew;
    }
    pthread_cond_broadcast(&store->changed);
    while ((looking = is_looking(store, timeout_ms, &late)) &&
           gone != ETIMEDOUT)
        gone = pthread_cond_timedwait(&store->changed, &store->mutex, &until);
    for (size_t i = 0; i < store->module_count; i++)
        kept = kept || store->modules[i].kept;
    pthread_mutex_unlock(&store->mutex);
    if (looking || late || (kept && renew == RENEW_AT_ONCE))
        return TOKENS_BUSY;
    return TOKENS_OK;
}

enum tokens_err
token_store_refresh(struct token_store *store, unsigned timeout_ms)
{
    return refresh(store, RENEW_NEVER,
                   or_default(timeout_ms, store->start_timeout_ms));
}

enum tokens_err
token_store_look(struct token_store *store)
{
    return refresh(store, RENEW_FREELY, store->start_timeout_ms);
}

enum tokens_err
token_store_rescan(struct token_store *store)
{
    return refresh(store, RENEW_AT_ONCE, store->start_timeout_ms);
}

/* ---- the end --------------------------------------------------------------
 */

static bool
is_inside(const struct module *m)
{
    return __atomic_load_n(&m->inside, __ATOMIC_SEQ_CST) != 0;
}

static void
close_sessions(struct token *t)
{
    if (!t->module || t->module->running || !t->module->up ||
        is_inside(t->module))
        return;
    for (unsigned i = 0; i < t->idle_count; i++)
        t->module->f->C_CloseSession(t->idle[i]);
    if (t->auth && t->info.logged_in)
        t->module->f->C_Logout(t->auth);
    if (t->auth)
        t->module->f->C_CloseSession(t->auth);
    token_forget_sessions(t);
}

static bool
is_of_system(const struct token_store *store, const struct module *m)
{
    for (CK_FUNCTION_LIST **f = store->system; f && *f; f++)
        if (*f == m->f)
            return true;
    return false;
}

/* Somebody is still in a module: neither released nor unloaded under him. */
static bool
is_in_use(const struct module *m)
{
    return m->running || m->waits || is_inside(m);
}

static bool
any_waits(const struct token_store *store)
{
    for (size_t i = 0; i < store->module_count; i++)
        if (!store->modules[i].running && store->modules[i].waits)
            return true;
    return false;
}

/* C_Finalize also ends the wait for events, so that comes first. */
static void
end_modules(struct token_store *store)
{
    bool all = true;

    for (size_t i = 0; i < store->module_count; i++) {
        struct module *m = &store->modules[i];

        if (m->up && !m->running && !is_inside(m))
            module_finalize(m);
    }
    store_wait_while(store, any_waits, END_MS);
    for (size_t i = 0; i < store->module_count; i++) {
        struct module *m = &store->modules[i];

        all = all && !is_in_use(m);
        if (m->remote)
            remote_drop(m);
        else if (m->f && !is_in_use(m) && !is_of_system(store, m))
            p11_kit_module_release(m->f);
    }
    if (all && store->system)
        p11_kit_modules_release(store->system);
}

void
token_store_drop(struct token_store **store)
{
    struct token_store *s = *store;

    *store = NULL;
    if (!s)
        return;
    evp_forget_store(s);
    pthread_mutex_lock(&s->mutex);
    s->stopping = true;
    pthread_cond_broadcast(&s->changed);
    pthread_cond_broadcast(&s->watch_woken);
    for (size_t i = 0; i < s->module_count; i++)
        late_end(&s->modules[i]);
    store_wait_while(s, any_running, END_MS);
    for (size_t i = 0; i < s->token_count; i++)
        close_sessions(s->tokens[i]);
    end_modules(s);
    pthread_mutex_unlock(&s->mutex);
    store_unref(s);
}
