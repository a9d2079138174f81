/* The store: modules and tokens, from token_store_new to drop. */
#include "tokens/internal.h"

#include <errno.h>

static unsigned
or_default(unsigned value, unsigned otherwise)
{
    return value ? value : otherwise;
}

static bool
list_has(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static void
add_module(struct token_store *store, const char *name, CK_FUNCTION_LIST *f)
{
    struct module *m = &store->modules[store->module_count++];

    strncpy(m->name, name, sizeof(m->name) - 1);
    m->store = store;
    m->f = f;
    m->state = TOKEN_MODULE_STARTING;
}

/* The trust module holds no keys; and what logs calls would log PINs. */
static bool
system_module_wanted(const struct token_config *c, CK_FUNCTION_LIST *f,
                     const char *name)
{
    char *logs = p11_kit_config_option(f, "log-calls");
    bool logging = logs && strcmp(logs, "yes") == 0;

    free(logs);
    if (logging || !name || strcmp(name, "p11-kit-trust") == 0)
        return false;
    if (p11_kit_module_get_flags(f) & P11_KIT_MODULE_TRUSTED)
        return false;
    return (!c->allow || list_has(c->allow, name)) && !list_has(c->deny, name);
}

static void
load_system(struct token_store *store, const struct token_config *c)
{
    store->system = p11_kit_modules_load(NULL, 0);
    for (CK_FUNCTION_LIST **f = store->system;
         f && *f && store->module_count < LIMIT_MODULES; f++) {
        char *name = p11_kit_module_get_name(*f);

        if (system_module_wanted(c, *f, name))
            add_module(store, name, *f);
        free(name);
    }
}

/* A file that cannot be loaded is a module that failed. */
static void
load_modules(struct token_store *store, const struct token_config *c)
{
    for (size_t i = 0; i < c->module_count; i++) {
        const struct token_module *m = &c->modules[i];
        CK_FUNCTION_LIST *f = p11_kit_module_load(m->path, 0);

        add_module(store, m->name, f);
        struct module *added = &store->modules[store->module_count - 1];
        if (m->init)
            added->init = strdup(m->init);
        if (!f || (m->init && !added->init))
            added->state = TOKEN_MODULE_FAILED;
    }
    if (c->use_system)
        load_system(store, c);
}

static void
start_modules(struct token_store *store)
{
    for (size_t i = 0; i < store->module_count; i++) {
        struct module *m = &store->modules[i];

        if (m->state == TOKEN_MODULE_FAILED)
            continue;
        pthread_mutex_lock(&store->mutex);
        m->running = true;
        store->refs++;
        pthread_mutex_unlock(&store->mutex);
        if (pthread_create(&m->thread, NULL, module_main, m) == 0) {
            pthread_detach(m->thread);
            continue;
        }
        pthread_mutex_lock(&store->mutex);
        m->running = false;
        m->state = TOKEN_MODULE_FAILED;
        store->refs--;
        pthread_mutex_unlock(&store->mutex);
    }
}

/* True while a module is in a state that ANY of the callers waits out. */
static bool
any_starting(const struct token_store *store)
{
    for (size_t i = 0; i < store->module_count; i++)
        if (store->modules[i].state == TOKEN_MODULE_STARTING)
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
static void
wait_while(struct token_store *store, bool (*test)(const struct token_store *),
           unsigned timeout_ms)
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
    store->start_timeout_ms = or_default(config->start_timeout_ms, 3000);
    store->lock_timeout_ms = or_default(config->lock_timeout_ms, 30000);
    store->cache_ms = or_default(config->cache_ms, 2000);
    store->concurrency = or_default(config->concurrency, 1);
    if (store->concurrency > LIMIT_IDLE)
        store->concurrency = LIMIT_IDLE;
    if (!store->modules || (config->vtoken_path && !store->vtoken_path)) {
        store_unref(store);
        return TOKENS_MEMORY;
    }
    load_modules(store, config);
    start_modules(store);
    pthread_mutex_lock(&store->mutex);
    wait_while(store, any_starting, store->start_timeout_ms);
    pthread_mutex_unlock(&store->mutex);
    *out = store;
    return TOKENS_OK;
}

/* The last user frees: the owner, or a module's thread that woke up late. */
void
store_unref(struct token_store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool last = --store->refs == 0;
    pthread_mutex_unlock(&store->mutex);
    if (!last)
        return;
    for (size_t i = 0; i < store->token_count; i++)
        token_drop(&store->tokens[i]);
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->mutex);
    for (size_t i = 0; i < store->module_count; i++)
        free(store->modules[i].init);
    free(store->modules);
    free(store->vtoken_path);
    free(store);
}

static void
close_sessions(struct token *t)
{
    if (!t->module)
        return;
    for (unsigned i = 0; i < t->idle_count; i++)
        t->module->f->C_CloseSession(t->idle[i]);
    if (t->auth && t->info.logged_in)
        t->module->f->C_Logout(t->auth);
    if (t->auth)
        t->module->f->C_CloseSession(t->auth);
    token_forget_sessions(t);
}

/* p11-kit counts references: what a module's thread still uses is not
 * finalised, so nothing is released under it. */
static void
end_modules(struct token_store *store)
{
    bool all = true;

    for (size_t i = 0; i < store->module_count; i++) {
        struct module *m = &store->modules[i];
        bool system = false;

        for (CK_FUNCTION_LIST **f = store->system; f && *f; f++)
            system = system || *f == m->f;
        all = all && !m->running;
        if (m->running || !m->f)
            continue;
        if (m->state != TOKEN_MODULE_FAILED)
            p11_kit_module_finalize(m->f);
        if (!system)
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
    wait_while(s, any_running, 1000);
    for (size_t i = 0; i < s->token_count; i++)
        if (s->tokens[i]->module && !s->tokens[i]->module->running)
            close_sessions(s->tokens[i]);
    end_modules(s);
    pthread_mutex_unlock(&s->mutex);
    store_unref(s);
}

bool
token_store_module_status(struct token_store *store, size_t index,
                          const char **out_name,
                          enum token_module_state *out_state)
{
    if (index >= store->module_count)
        return false;
    pthread_mutex_lock(&store->mutex);
    *out_name = store->modules[index].name;
    *out_state = store->modules[index].state;
    pthread_mutex_unlock(&store->mutex);
    return true;
}

enum tokens_err
token_store_refresh(struct token_store *store, unsigned timeout_ms)
{
    enum tokens_err result = TOKENS_OK;
    struct timespec until;
    bool waiting = true;
    int gone = 0;

    deadline_after(or_default(timeout_ms, store->start_timeout_ms), &until);
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->module_count; i++)
        store->modules[i].scans_wanted++;
    pthread_cond_broadcast(&store->changed);
    while (waiting && gone != ETIMEDOUT) {
        waiting = false;
        for (size_t i = 0; i < store->module_count; i++) {
            const struct module *m = &store->modules[i];

            if (m->running && m->scans_done < m->scans_wanted)
                waiting = true;
        }
        if (waiting)
            gone =
                pthread_cond_timedwait(&store->changed, &store->mutex, &until);
    }
    if (waiting)
        result = TOKENS_BUSY;
    pthread_mutex_unlock(&store->mutex);
    return result;
}

static bool
same_text(const unsigned char *a, const unsigned char *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

/* Identity is what a token says of itself, not its slot; one that was never
 * initialised says nothing, so it is its slot. */
static bool
same_token(struct token *t, const struct module *m, const struct slot_seen *s)
{
    struct token fresh = {0};
    bool blank = !(s->info.flags & CKF_TOKEN_INITIALIZED);

    token_apply_info(&fresh, &s->info);
    if (blank || !t->info.initialized)
        return blank && !t->info.initialized && t->module == m &&
               t->slot == s->slot;
    return same_text((void *)fresh.info.label, (void *)t->info.label,
                     sizeof(t->info.label)) &&
           memcmp(fresh.info.serial, t->info.serial, sizeof(t->info.serial)) ==
               0 &&
           strcmp(fresh.info.model, t->info.model) == 0 &&
           strcmp(fresh.info.manufacturer, t->info.manufacturer) == 0;
}

static struct token *
find_or_add(struct token_store *store, struct module *m,
            const struct slot_seen *s)
{
    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        bool same = same_token(t, m, s);
        pthread_mutex_unlock(&t->mutex);
        if (same)
            return t;
    }
    if (store->token_count == LIMIT_TOKENS)
        return NULL;
    struct token *t = token_new(store);
    if (t)
        store->tokens[store->token_count++] = t;
    return t;
}

static void
apply_seen(struct token *t, struct module *m, const struct slot_seen *s)
{
    pthread_mutex_lock(&t->mutex);
    bool elsewhere = t->info.present && t->module != m;
    if (!elsewhere) {
        if (t->module != m || t->slot != s->slot)
            token_forget_sessions(t);
        t->module = m;
        t->slot = s->slot;
        t->info.present = true;
        strcpy(t->info.module, m->name);
        token_apply_info(t, &s->info);
    }
    pthread_mutex_unlock(&t->mutex);
}

static void
apply_gone(struct token *t, const struct module *m,
           const struct slot_seen *seen, size_t count)
{
    bool found = false;

    pthread_mutex_lock(&t->mutex);
    for (size_t i = 0; i < count; i++)
        found = found || same_token(t, m, &seen[i]);
    if (t->module == m && t->info.present && !found) {
        t->info.present = false;
        token_forget_sessions(t);
    }
    pthread_mutex_unlock(&t->mutex);
}

void
store_apply_scan(struct module *m, const struct slot_seen *seen, size_t count)
{
    struct token_store *store = m->store;

    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->token_count; i++)
        apply_gone(store->tokens[i], m, seen, count);
    for (size_t i = 0; i < count; i++) {
        struct token *t = find_or_add(store, m, &seen[i]);

        if (t)
            apply_seen(t, m, &seen[i]);
    }
    pthread_mutex_unlock(&store->mutex);
}

size_t
token_store_list(struct token_store *store, struct token **out, size_t room)
{
    size_t n = 0;

    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->token_count; i++) {
        struct token *t = store->tokens[i];

        pthread_mutex_lock(&t->mutex);
        bool present = t->info.present;
        pthread_mutex_unlock(&t->mutex);
        if (present && n++ < room)
            out[n - 1] = t;
    }
    pthread_mutex_unlock(&store->mutex);
    return n;
}
