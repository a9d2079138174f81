/*
 * The modules that p11-kit is configured with. p11-kit loads all of them in
 * one call, wanted or not, and nobody knows in which of them that call is.
 * So its .module files are read here as well: each wanted module is loaded
 * under its own name first, which makes p11-kit's own loading of it a matter
 * of counting, and p11-kit is shown a folder with the wanted ones only.
 */
#define P11_KIT_FUTURE_UNSTABLE_API /* p11_kit_override_system_files */

#include "tokens/internal.h"
#include "tokens/loading.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_NAME "(p11-kit)"
#define SUFFIX      ".module"
#define FOLDERS     2
#define DELIMITERS  ", \t"

/* One .module file, or two of one name. */
struct configured {
    char name[64];
    char path[512];
    char enable_in[256], disable_in[256]; /* "": for every program */
    char init[512];                       /* C_Initialize's pReserved, or "" */
    bool remote;
    bool logs;     /* calls, and PINs with them */
    bool trust;    /* it holds certificates to trust */
    bool left_out; /* of what p11-kit is shown */
};

struct system {
    struct token_store *store;
    const struct token_config *config;
    const char *folders[FOLDERS];
    char seen[FOLDERS][200]; /* what p11-kit is shown */
    struct configured *all;
    size_t count;
    bool forbidden; /* one of them must not be loaded now */
};

/* p11-kit keeps these names. */
static char shown[FOLDERS][200];

/* ---- which ----------------------------------------------------------------
 */

static bool
list_has(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

/* The trust module holds no keys. */
static bool
is_wanted(const struct token_config *c, const char *name)
{
    return strcmp(name, "p11-kit-trust") != 0 &&
           (!c->allow || list_has(c->allow, name)) && !list_has(c->deny, name);
}

static bool
is_never_wanted(const struct token_config *c, const char *file)
{
    const char *slash = strrchr(file, '/');

    return c->never_file &&
           strcmp(slash ? slash + 1 : file, c->never_file) == 0;
}

/* What logs calls would log PINs. */
static bool
is_usable(const struct token_config *c, CK_FUNCTION_LIST *f, const char *name)
{
    char *logs = p11_kit_config_option(f, "log-calls");
    char *file = p11_kit_module_get_filename(f);
    bool usable = name && is_wanted(c, name) &&
                  !(logs && strcmp(logs, "yes") == 0) &&
                  !(file && is_never_wanted(c, file)) &&
                  !(p11_kit_module_get_flags(f) & P11_KIT_MODULE_TRUSTED);

    free(logs);
    free(file);
    return usable;
}

/* As p11-kit decides it, for the name of this program. */
static bool
is_enabled(const struct configured *one)
{
    const char *list = one->enable_in[0] ? one->enable_in : one->disable_in;
    char words[sizeof(one->enable_in)];
    bool named = false;
    char *rest = words;

    if (!list[0])
        return true;
    strcpy(words, list);
    for (char *w; (w = strtok_r(rest, DELIMITERS, &rest));)
        named = named || strcmp(w, program_invocation_short_name) == 0;
    return named == (list == one->enable_in);
}

/* ---- reading ---------------------------------------------------------------
 */

static int
read_field(void *user, const char *section, const char *name, const char *value)
{
    struct configured *one = user;

    (void)section;
    if (strcmp(name, "module") == 0)
        snprintf(one->path, sizeof(one->path), "%s%s",
                 value[0] == '/' ? "" : P11_KIT_MODULES "/", value);
    else if (strcmp(name, "remote") == 0)
        one->remote = true;
    else if (strcmp(name, "x-init-reserved") == 0)
        snprintf(one->init, sizeof(one->init), "%s", value);
    else if (strcmp(name, "log-calls") == 0)
        one->logs = strcmp(value, "yes") == 0;
    else if (strcmp(name, "trust-policy") == 0)
        one->trust = strcmp(value, "yes") == 0;
    else if (strcmp(name, "enable-in") == 0)
        snprintf(one->enable_in, sizeof(one->enable_in), "%s", value);
    else if (strcmp(name, "disable-in") == 0)
        snprintf(one->disable_in, sizeof(one->disable_in), "%s", value);
    return 1;
}

/* NULL: there are too many, or it is no name of a module. */
static struct configured *
find_or_add(struct system *s, const char *file)
{
    size_t n = strlen(file);
    struct configured *one;

    if (n <= strlen(SUFFIX) || strcmp(file + n - strlen(SUFFIX), SUFFIX) != 0)
        return NULL;
    n -= strlen(SUFFIX);
    for (size_t i = 0; i < s->count; i++)
        if (strlen(s->all[i].name) == n &&
            strncmp(s->all[i].name, file, n) == 0)
            return &s->all[i];
    if (n >= sizeof(one->name) || s->count == LIMIT_MODULES)
        return NULL;
    one = &s->all[s->count++];
    memcpy(one->name, file, n);
    return one;
}

/* Calls FN for each file in the folder AT. */
static void
each_file(struct system *s, int at,
          void (*fn)(struct system *s, int at, const char *file))
{
    DIR *d = opendir(s->folders[at]);
    const struct dirent *e;

    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.')
            fn(s, at, e->d_name);
    if (d)
        closedir(d);
}

static void
read_file(struct system *s, int at, const char *file)
{
    struct configured *one = find_or_add(s, file);
    char path[PATH_MAX];

    if (one && snprintf(path, sizeof(path), "%s/%s", s->folders[at], file) <
                   (int)sizeof(path))
        (void)ini_parse(path, read_field, one);
}

/* ---- loading ---------------------------------------------------------------
 */

/* p11-kit loads it into this process. */
static bool
is_loaded_here(const struct system *s, const struct configured *one)
{
    return is_wanted(s->config, one->name) && is_enabled(one) && !one->remote &&
           one->path[0] && !is_never_wanted(s->config, one->path);
}

void
system_try(const struct system *s, struct loading *l)
{
    for (size_t i = 0; i < s->count; i++)
        if (is_loaded_here(s, &s->all[i]))
            loading_try(l, s->all[i].path,
                        note_find(s->store->notes, s->all[i].name));
}

/* p11-kit reads its configuration once, so it is not shown one that is late:
 * that is loaded as if agent.conf named it. */
static void
leave_for_later(struct system *s, struct configured *one, struct trial *trial)
{
    struct module *m;

    if (one->logs || one->trust || s->store->module_count == LIMIT_MODULES ||
        store_find_file(s->store, one->path, false)) {
        trial_drop(trial);
        return;
    }
    m = store_add_module(s->store, one->name);
    if (one->init[0] && !(m->init = strdup(one->init))) {
        m->state = TOKEN_MODULE_FAILED;
        trial_drop(trial);
        return;
    }
    late_begin(m, one->path, trial);
}

static void
leave_out(struct system *s, struct configured *one)
{
    one->left_out = s->forbidden = true;
    if (s->store->module_count < LIMIT_MODULES)
        store_add_module(s->store, one->name)->state = TOKEN_MODULE_SKIPPED;
}

/* Gives what keeps it loaded; NULL: nothing, and p11-kit says why. */
static void *
load_one(struct system *s, struct configured *one, struct loading *l)
{
    struct note *note = note_find(s->store->notes, one->name);
    struct trial trial;
    enum trial_end end;
    void *loaded;

    if (!is_wanted(s->config, one->name) || !is_enabled(one))
        return NULL;
    if (note_forbids(note)) {
        leave_out(s, one);
        return NULL;
    }
    if (!is_loaded_here(s, one))
        return NULL;
    end = loading_ask(l, one->path, note, &trial);
    if (end == TRIAL_DIED) {
        leave_out(s, one);
        return NULL;
    }
    if (end == TRIAL_LATE) {
        one->left_out = s->forbidden = true;
        leave_for_later(s, one, &trial);
        return NULL;
    }
    loading_enter(l, note, one->name);
    loaded = dlopen(one->path, RTLD_NOW | RTLD_LOCAL);
    loading_leave(l);
    return loaded;
}

/* ---- what p11-kit is shown --------------------------------------------------
 */

static void
remove_file(struct system *s, int at, const char *file)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", s->seen[at], file) <
        (int)sizeof(path))
        (void)unlink(path);
}

/* A folder that is left of a process that ended here is this one's. */
static void
folder_remove(struct system *s, int at)
{
    const char *folder = s->folders[at];

    s->folders[at] = s->seen[at];
    each_file(s, at, remove_file);
    s->folders[at] = folder;
    (void)rmdir(s->seen[at]);
}

static void
show_file(struct system *s, int at, const char *file)
{
    const struct configured *one = find_or_add(s, file);
    char from[PATH_MAX], to[PATH_MAX];

    if (!one || !is_wanted(s->config, one->name) || one->left_out ||
        note_forbids(note_find(s->store->notes, one->name)))
        return;
    if (snprintf(from, sizeof(from), "%s/%s", s->folders[at], file) >=
            (int)sizeof(from) ||
        snprintf(to, sizeof(to), "%s/%s", s->seen[at], file) >=
            (int)sizeof(to) ||
        symlink(from, to) != 0)
        return; /* it is missing then, as a file that cannot be read */
}

/* False: there is no place for it. */
static bool
folders_make(struct system *s)
{
    const char *place = s->config->folder;

    if (!place)
        return false;
    (void)mkdir(place, 0700);
    for (int i = 0; i < FOLDERS; i++) {
        int n =
            snprintf(s->seen[i], sizeof(s->seen[i]), "%s/p11-kit-%d", place, i);

        if (n <= 0 || (size_t)n >= sizeof(s->seen[i]))
            return false;
        folder_remove(s, i);
        if (mkdir(s->seen[i], 0700) != 0)
            return false;
        each_file(s, i, show_file);
    }
    return true;
}

static CK_FUNCTION_LIST **
load_all(struct system *s, struct loading *l)
{
    struct note *note = note_find(s->store->notes, SYSTEM_NAME);
    CK_FUNCTION_LIST **all = NULL;
    bool made = folders_make(s);

    if (note_forbids(note)) {
        if (s->store->module_count < LIMIT_MODULES)
            (void)store_add_module(s->store, SYSTEM_NAME);
    } else if (made || !s->forbidden) {
        for (int i = 0; i < FOLDERS; i++)
            snprintf(shown[i], sizeof(shown[i]), "%s",
                     made ? s->seen[i] : s->folders[i]);
        p11_kit_override_system_files(NULL, NULL, shown[0], shown[1], NULL);
        loading_enter(l, note, SYSTEM_NAME);
        all = p11_kit_modules_load(NULL, 0);
        loading_leave(l);
    }
    for (int i = 0; made && i < FOLDERS; i++)
        folder_remove(s, i);
    return all;
}

/* ---- together --------------------------------------------------------------
 */

static void
take_usable(struct system *s, CK_FUNCTION_LIST **all)
{
    for (CK_FUNCTION_LIST **f = all;
         f && *f && s->store->module_count < LIMIT_MODULES; f++) {
        char *name = p11_kit_module_get_name(*f);
        char *file = p11_kit_module_get_filename(*f);

        if (is_usable(s->config, *f, name) &&
            !(file && store_find_file(s->store, file, true)))
            module_loaded(store_add_module(s->store, name), *f,
                          file ? file : "");
        free(name);
        free(file);
    }
}

struct system *
system_read(struct token_store *store, const struct token_config *c)
{
    struct system *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    *s = (struct system){.store = store,
                         .config = c,
                         .folders = {P11_KIT_CONFIGS, P11_KIT_OWN_CONFIGS},
                         .all = calloc(LIMIT_MODULES, sizeof(*s->all))};
    if (!s->all)
        system_drop(&s);
    for (int i = 0; s && i < FOLDERS; i++) {
        if (c->system_folders)
            s->folders[i] = c->system_folders[i];
        each_file(s, i, read_file);
    }
    return s;
}

CK_FUNCTION_LIST **
system_load(struct system *s, struct loading *l)
{
    void *loaded[LIMIT_MODULES] = {NULL};
    CK_FUNCTION_LIST **all;

    for (size_t i = 0; i < s->count; i++)
        loaded[i] = load_one(s, &s->all[i], l);
    all = load_all(s, l);
    take_usable(s, all);
    for (size_t i = 0; i < s->count; i++)
        if (loaded[i])
            dlclose(loaded[i]);
    return all;
}

void
system_drop(struct system **s)
{
    if (*s)
        free((*s)->all);
    free(*s);
    *s = NULL;
}
