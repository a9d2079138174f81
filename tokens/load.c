/* The modules of a store: tried, loaded, each file once. */
#include "tokens/internal.h"
#include "tokens/loading.h"

#include <stdio.h>
#include <sys/stat.h>

static bool
is_one_file(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

const struct module *
store_find_file(const struct token_store *store, const char *path, bool answers)
{
    for (size_t i = 0; i < store->module_count; i++) {
        const struct module *m = &store->modules[i];

        if (m->path && (m->f || m->late) &&
            (strcmp(m->path, path) == 0 ||
             (answers && m->f && is_one_file(m->path, path))))
            return m;
    }
    return NULL;
}

void
module_loaded(struct module *m, CK_FUNCTION_LIST *f, const char *path)
{
    const char *why = f ? NULL : p11_kit_message();
    const char *cause = why ? strstr(why, path) : NULL;

    m->f = f;
    if (!m->path)
        m->path = strdup(path);
    /* It names the file twice: "couldn't load module: FILE: FILE: ...". */
    if (cause)
        snprintf(m->why, sizeof(m->why), "%s",
                 cause + strspn(cause + strlen(path), ": ") + strlen(path));
    else if (why)
        snprintf(m->why, sizeof(m->why), "%s", why);
}

static CK_FUNCTION_LIST *
load_watched(const struct module *m, const char *path, struct loading *l)
{
    loading_enter(l, m->note, m->name);
    CK_FUNCTION_LIST *f = p11_kit_module_load(path, 0);
    loading_leave(l);
    return f;
}

/* False: it is not used. */
static bool
load_here(struct module *m, const struct token_module *c, struct loading *l)
{
    const struct module *same;
    struct trial trial;
    enum trial_end end = loading_ask(l, c->path, m->note, &trial);

    if (end == TRIAL_DIED) {
        m->state = TOKEN_MODULE_SKIPPED;
        return false;
    }
    same = store_find_file(m->store, c->path, end != TRIAL_LATE);
    if (same && end == TRIAL_LATE)
        trial_drop(&trial);
    if (same)
        snprintf(m->why, sizeof(m->why), "the module %s has the same file",
                 same->name);
    else if (end == TRIAL_LATE)
        late_begin(m, c->path, &trial);
    else
        module_loaded(m, load_watched(m, c->path, l), c->path);
    return m->f || m->late;
}

/* A file that cannot be loaded is a module that failed. */
static void
load_module(struct token_store *store, const struct token_config *all,
            const struct token_module *c, struct loading *l)
{
    struct module *m = store_add_module(store, c->name);

    if (m->state == TOKEN_MODULE_SKIPPED)
        return;
    if (c->concurrency)
        m->concurrency =
            c->concurrency < LIMIT_IDLE ? c->concurrency : LIMIT_IDLE;
    if (c->init && !(m->init = strdup(c->init)))
        m->state = TOKEN_MODULE_FAILED;
    else if (!(c->remote ? remote_load(m, all) : load_here(m, c, l)) &&
             m->state == TOKEN_MODULE_STARTING)
        m->state = TOKEN_MODULE_FAILED;
}

/* All trials begin before there is a thread. */
void
store_load_modules(struct token_store *store, const struct token_config *c)
{
    struct system *system = c->use_system ? system_read(store, c) : NULL;
    struct loading l;

    loading_init(&l, c);
    for (size_t i = 0; i < c->module_count; i++)
        if (!c->modules[i].remote)
            loading_try(&l, c->modules[i].path,
                        note_find(store->notes, c->modules[i].name));
    if (system)
        system_try(system, &l);
    loading_begin(&l);
    for (size_t i = 0; i < c->module_count; i++)
        load_module(store, c, &c->modules[i], &l);
    if (system && store->module_count < LIMIT_MODULES)
        store->system = system_load(system, &l);
    loading_end(&l);
    system_drop(&system);
}
