#include "agent/keyholder/config.h"

#include <ini.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/keyholder/program_rules.h"

static const char module_prefix[] = "module ";
static const char key_prefix[] = "key ";
static const char program_prefix[] = "program ";

/* inih cuts the name of a section here, without a word. */
#define SECTION_BYTES 49

#define DEFAULT_PIN_IDLE_S  600
#define DEFAULT_PIN_LIMIT_S 3600
#define DEFAULT_PROMPT_S    180
#define DEFAULT_FAILURES    100
#define DEFAULT_FAILURES_S  600

void
config_init(struct config *c)
{
    memset(c, 0, sizeof(*c));
    c->use_system = true;
    c->pin_prompts = CONFIG_PIN_PROMPTS;
    c->prompt_s = DEFAULT_PROMPT_S;
    c->decrypt.failures = DEFAULT_FAILURES;
    c->decrypt.window_s = DEFAULT_FAILURES_S;
    c->pin.idle_s = DEFAULT_PIN_IDLE_S;
    c->pin.limit_s = DEFAULT_PIN_LIMIT_S;
}

static void
names_clear(char *names[])
{
    for (size_t i = 0; names[i]; i++) {
        free(names[i]);
        names[i] = NULL;
    }
}

void
config_drop(struct config *c)
{
    for (size_t i = 0; i < c->module_count; i++) {
        free(c->module[i].name);
        free(c->module[i].path);
        free(c->module[i].init);
    }
    names_clear(c->allow);
    names_clear(c->deny);
    for (size_t i = 0; i < c->key_count; i++) {
        free(c->key[i].name);
        free(c->key[i].match);
    }
    program_rules_drop(c);
    c->module_count = c->key_count = 0;
}

/* Names are parted by blanks or commas. */
static bool
set_names(char *names[], const char *value)
{
    size_t count = 0;

    names_clear(names);
    while (*value) {
        size_t n = strcspn(value, " ,\t");

        if (n > 0 && count == LIMIT_CONFIG_NAMES)
            return false;
        if (n > 0)
            names[count++] = mem_text(slice_of(value, n));
        value += n;
        value += strspn(value, " ,\t");
    }
    return true;
}

static bool
set_number(unsigned *out, const char *value, unsigned least, unsigned most)
{
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if (end == value || *end != '\0' || *value == '-' || n < least || n > most)
        return false;
    *out = (unsigned)n;
    return true;
}

static bool
set_bool(bool *out, const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return false;
    *out = value[0] == 'y';
    return true;
}

static struct config_module *
module_named(struct config *c, const char *name)
{
    for (size_t i = 0; i < c->module_count; i++)
        if (strcmp(c->module[i].name, name) == 0)
            return &c->module[i];
    if (c->module_count == LIMIT_CONFIG_MODULES || name[0] == '\0')
        return NULL;
    c->module[c->module_count].name = mem_text(slice_text(name));
    return &c->module[c->module_count++];
}

static bool
set_module(struct config *c, const char *module, const char *name,
           const char *value)
{
    struct config_module *m = module_named(c, module);

    if (!m)
        return false;
    if (strcmp(name, "path") == 0) {
        if (value[0] != '/')
            return false;
        free(m->path);
        m->path = mem_text(slice_text(value));
        return true;
    }
    if (strcmp(name, "init") == 0) {
        free(m->init);
        m->init = mem_text(slice_text(value));
        return true;
    }
    if (strcmp(name, "operations") == 0)
        return set_number(&m->operations, value, 1, 16);
    if (strcmp(name, "remote") == 0) {
        /* Never here when it should run elsewhere. */
        m->refused = !set_bool(&m->remote, value);
        return !m->refused;
    }
    return false;
}

static struct config_key *
key_named(struct config *c, const char *name)
{
    for (size_t i = 0; i < c->key_count; i++)
        if (strcmp(c->key[i].name, name) == 0)
            return &c->key[i];
    if (c->key_count == LIMIT_CONFIG_KEYS)
        return NULL;
    c->key[c->key_count].name = mem_text(slice_text(name));
    return &c->key[c->key_count++];
}

static bool
set_key(struct config *c, const char *key, const char *name, const char *value)
{
    struct config_key *k = key_named(c, key);

    /* More rules than there is room for: the last one is for all. */
    if (!k) {
        c->key[LIMIT_CONFIG_KEYS - 1].every = true;
        c->key[LIMIT_CONFIG_KEYS - 1].confirm = true;
        return false;
    }
    if (strcmp(name, "confirm") == 0) {
        if (set_bool(&k->confirm, value))
            return true;
        k->confirm = true;
        return false;
    }
    if (strcmp(name, "match") != 0)
        return false;
    free(k->match);
    k->match = mem_text(slice_text(value));
    return true;
}

static bool
set_modules(struct config *c, const char *name, const char *value)
{
    if (strcmp(name, "system") == 0)
        return set_bool(&c->use_system, value);
    if (strcmp(name, "deny") == 0)
        return set_names(c->deny, value);
    c->has_allow |= strcmp(name, "allow") == 0;
    return strcmp(name, "allow") == 0 && set_names(c->allow, value);
}

static bool
set_tokens(struct config *c, const char *name, const char *value)
{
    if (strcmp(name, "concurrency") == 0)
        return set_number(&c->concurrency, value, 1, 64);
    if (strcmp(name, "deadline-ms") == 0)
        return set_number(&c->deadline_ms, value, 100, 600000);
    if (strcmp(name, "list-deadline-ms") == 0)
        return set_number(&c->list_deadline_ms, value, 100, 600000);
    return strcmp(name, "pin-tries") == 0 &&
           set_number(&c->pin_prompts, value, 1, CONFIG_PIN_PROMPTS);
}

static bool
set_pin(struct config_pin *pin, const char *name, const char *value)
{
    if (strcmp(name, "cache") == 0)
        return set_bool(&pin->cache, value);
    if (strcmp(name, "over-removal") == 0)
        return set_bool(&pin->over_removal, value);
    if (strcmp(name, "idle") == 0)
        return set_number(&pin->idle_s, value, 1, LIMIT_CONFIG_SECONDS);
    return strcmp(name, "limit") == 0 &&
           set_number(&pin->limit_s, value, 1, LIMIT_CONFIG_SECONDS);
}

/* The events of [lock] on. */
static bool
set_events(struct config_lock *lock, const char *value)
{
    lock->on_screen = lock->on_suspend = false;
    while (*value) {
        size_t n = strcspn(value, " ,\t");
        struct slice word = slice_of(value, n);

        if (slice_is(word, "screen"))
            lock->on_screen = true;
        else if (slice_is(word, "suspend"))
            lock->on_suspend = true;
        else if (n > 0 && !slice_is(word, "none") && !slice_is(word, "idle"))
            return false;
        value += n;
        value += strspn(value, " ,\t");
    }
    return true;
}

static bool
set_lock(struct config_lock *lock, const char *name, const char *value)
{
    if (strcmp(name, "on") == 0)
        return set_events(lock, value);
    return strcmp(name, "idle") == 0 &&
           set_number(&lock->idle_s, value, 0, LIMIT_CONFIG_SECONDS);
}

static bool
set_consent(struct config_consent *consent, const char *name, const char *value)
{
    if (strcmp(name, "window") == 0)
        return set_number(&consent->window_s, value, 0, LIMIT_CONFIG_SECONDS);
    return strcmp(name, "count") == 0 &&
           set_number(&consent->count, value, 0, 100000);
}

static bool
set_decrypt(struct config_decrypt *decrypt, const char *name, const char *value)
{
    if (strcmp(name, "failures") == 0)
        return set_number(&decrypt->failures, value, 0, LIMIT_DECRYPT_FAILURES);
    return strcmp(name, "window") == 0 &&
           set_number(&decrypt->window_s, value, 1, LIMIT_CONFIG_SECONDS);
}

static bool
set_value(struct config *c, const char *section, const char *name,
          const char *value)
{
    if (strncmp(section, module_prefix, sizeof(module_prefix) - 1) == 0)
        return set_module(c, section + sizeof(module_prefix) - 1, name, value);
    if (strncmp(section, key_prefix, sizeof(key_prefix) - 1) == 0)
        return set_key(c, section + sizeof(key_prefix) - 1, name, value);
    if (strncmp(section, program_prefix, sizeof(program_prefix) - 1) == 0)
        return program_rule_set(c, section + sizeof(program_prefix) - 1, name,
                                value);
    if (strcmp(section, "modules") == 0)
        return set_modules(c, name, value);
    if (strcmp(section, "tokens") == 0)
        return set_tokens(c, name, value);
    if (strcmp(section, "pin") == 0)
        return set_pin(&c->pin, name, value);
    if (strcmp(section, "lock") == 0)
        return set_lock(&c->lock, name, value);
    if (strcmp(section, "consent") == 0)
        return set_consent(&c->consent, name, value);
    if (strcmp(section, "raw") == 0 && strcmp(name, "shared-secret") == 0)
        return set_bool(&c->shared_secrets, value);
    if (strcmp(section, "decrypt") == 0)
        return set_decrypt(&c->decrypt, name, value);
    if (strcmp(section, "pinentry") == 0 && strcmp(name, "timeout") == 0)
        return set_number(&c->prompt_s, value, 5, LIMIT_PINENTRY_SECONDS);
    return true;
}

static bool
is_key_name(const char *text)
{
    size_t hex = strspn(text, "0123456789abcdefABCDEF");

    return strchr(text, '@') || strncmp(text, "pkcs11:", 7) == 0 ||
           (hex > 0 && text[hex] == '\0');
}

void
config_check_keys(struct config *c)
{
    for (size_t i = 0; i < c->key_count; i++) {
        struct config_key *k = &c->key[i];
        bool whole = strlen(k->name) < SECTION_BYTES - sizeof(key_prefix) + 1;
        char shown[96];

        if (is_key_name(k->match ? k->match : k->name) && (k->match || whole))
            continue;
        k->every = true;
        text_escape(slice_text(k->name), shown, sizeof(shown));
        log_error("[key %s] names no key and counts for every key: give an id "
                  "in hex, an address or a pkcs11: URI as its name, or, when "
                  "it is long, as: match = ...",
                  shown);
    }
}

struct loading {
    struct config *config;
    const char *file;
};

static int
handle_line(void *user, const char *section, const char *name,
            const char *value)
{
    struct loading *l = user;
    char shown[3][96];

    if (set_value(l->config, section, name, value))
        return 1;
    text_escape(slice_text(section), shown[0], sizeof(shown[0]));
    text_escape(slice_text(name), shown[1], sizeof(shown[1]));
    text_escape(slice_text(value), shown[2], sizeof(shown[2]));
    log_error("%s: [%s] %s = %s is not understood", l->file, shown[0], shown[1],
              shown[2]);
    return 1;
}

void
config_load(struct config *c, const char *file)
{
    struct loading l = {c, file};
    int line;

    if (access(file, F_OK) != 0)
        return;
    line = ini_parse(file, handle_line, &l);
    if (line < 0)
        log_error("%s cannot be read", file);
    else if (line > 0)
        log_error("%s: line %d is not understood", file, line);
    program_rules_settle(c);
}

static bool
is_own(const char *path)
{
    const char *slash = strrchr(path, '/');

    return strcmp(slash ? slash + 1 : path, CONFIG_OWN_MODULE) == 0;
}

struct token_config
config_for_tokens(const struct config *c, struct token_module *modules,
                  const char *vtoken_path)
{
    struct token_config t = {
        .modules = modules,
        .use_system = c->use_system,
        .allow = c->has_allow ? (const char *const *)c->allow : NULL,
        .deny = c->deny[0] ? (const char *const *)c->deny : NULL,
        .never_file = CONFIG_OWN_MODULE,
        .vtoken_path = vtoken_path,
        .operation_ms = c->deadline_ms,
        .list_ms = c->list_deadline_ms,
        .person_ms = c->prompt_s * 1000,
        .concurrency = c->concurrency,
    };

    for (size_t i = 0; i < c->module_count; i++) {
        const struct config_module *m = &c->module[i];

        if (!m->path || m->refused || is_own(m->path)) {
            log_error("the module %s is left out: %s", m->name,
                      !m->path     ? "it has no path"
                      : m->refused ? "remote is yes or no"
                                   : "it is the agent's own");
            continue;
        }
        modules[t.module_count++] =
            (struct token_module){.name = m->name,
                                  .path = m->path,
                                  .init = m->init,
                                  .remote = m->remote,
                                  .concurrency = m->operations};
    }
    return t;
}
