#include "agent/keyholder/config.h"

#include "agent/base/conf.h"
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
set_module(struct config *c, const struct conf_line *l)
{
    struct config_module *m =
        module_named(c, l->section + sizeof(module_prefix) - 1);
    const char *name = l->name;
    const char *value = l->value;

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
        return conf_number(l, &m->operations);
    if (strcmp(name, "remote") == 0) {
        /* Never here when it should run elsewhere. */
        m->refused = !conf_flag(value, &m->remote);
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
        if (conf_flag(value, &k->confirm))
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
set_modules(struct config *c, const struct conf_line *l)
{
    const char *name = l->name;
    const char *value = l->value;

    if (strcmp(name, "system") == 0)
        return conf_flag(value, &c->use_system);
    if (strcmp(name, "deny") == 0)
        return set_names(c->deny, value);
    c->has_allow |= strcmp(name, "allow") == 0;
    return strcmp(name, "allow") == 0 && set_names(c->allow, value);
}

static bool
set_tokens(struct config *c, const struct conf_line *l)
{
    if (strcmp(l->name, "concurrency") == 0)
        return conf_number(l, &c->concurrency);
    if (strcmp(l->name, "deadline-ms") == 0)
        return conf_number(l, &c->deadline_ms);
    if (strcmp(l->name, "list-deadline-ms") == 0)
        return conf_number(l, &c->list_deadline_ms);
    if (strcmp(l->name, "write-deadline-ms") == 0)
        return conf_number(l, &c->write_deadline_ms);
    return strcmp(l->name, "pin-tries") == 0 && conf_number(l, &c->pin_prompts);
}

static bool
set_pin(struct config_pin *pin, const struct conf_line *l)
{
    if (strcmp(l->name, "cache") == 0)
        return conf_flag(l->value, &pin->cache);
    if (strcmp(l->name, "over-removal") == 0)
        return conf_flag(l->value, &pin->over_removal);
    if (strcmp(l->name, "idle") == 0)
        return conf_number(l, &pin->idle_s);
    return strcmp(l->name, "limit") == 0 && conf_number(l, &pin->limit_s);
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
        else if (n > 0 && !slice_is(word, "none"))
            return false;
        value += n;
        value += strspn(value, " ,\t");
    }
    return true;
}

static bool
set_lock(struct config_lock *lock, const struct conf_line *l)
{
    if (strcmp(l->name, "on") == 0)
        return set_events(lock, l->value);
    return strcmp(l->name, "idle") == 0 && conf_number(l, &lock->idle_s);
}

static bool
set_consent(struct config_consent *consent, const struct conf_line *l)
{
    if (strcmp(l->name, "window") == 0)
        return conf_number(l, &consent->window_s);
    return strcmp(l->name, "count") == 0 && conf_number(l, &consent->count);
}

static bool
set_decrypt(struct config_decrypt *decrypt, const struct conf_line *l)
{
    if (strcmp(l->name, "failures") == 0)
        return conf_number(l, &decrypt->failures);
    return strcmp(l->name, "window") == 0 && conf_number(l, &decrypt->window_s);
}

/* Who sets what a section says; the rest of [pinentry] and [raw] is read by
 * the broker. */
static enum conf_answer
set_value(struct config *c, const struct conf_line *l)
{
    const char *section = l->section;
    const char *name = l->name;
    bool ok;

    if (strncmp(section, module_prefix, sizeof(module_prefix) - 1) == 0)
        ok = set_module(c, l);
    else if (strncmp(section, key_prefix, sizeof(key_prefix) - 1) == 0)
        ok = set_key(c, section + sizeof(key_prefix) - 1, name, l->value);
    else if (strncmp(section, program_prefix, sizeof(program_prefix) - 1) == 0)
        ok = program_rule_set(c, section + sizeof(program_prefix) - 1, name,
                              l->value);
    else if (strcmp(section, "modules") == 0)
        ok = set_modules(c, l);
    else if (strcmp(section, "tokens") == 0)
        ok = set_tokens(c, l);
    else if (strcmp(section, "pin") == 0)
        ok = set_pin(&c->pin, l);
    else if (strcmp(section, "lock") == 0)
        ok = set_lock(&c->lock, l);
    else if (strcmp(section, "consent") == 0)
        ok = set_consent(&c->consent, l);
    else if (strcmp(section, "decrypt") == 0)
        ok = set_decrypt(&c->decrypt, l);
    else if (strcmp(section, "raw") == 0 && strcmp(name, "shared-secret") == 0)
        ok = conf_flag(l->value, &c->shared_secrets);
    else if (strcmp(section, "pinentry") == 0 && strcmp(name, "timeout") == 0)
        ok = conf_number(l, &c->prompt_s);
    else if (strcmp(section, "raw") == 0 || strcmp(section, "pinentry") == 0)
        return conf_words(section, name) ? CONF_OTHER : CONF_WRONG;
    else
        return CONF_OTHER;
    return ok ? CONF_TAKEN : CONF_WRONG;
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

static enum conf_answer
take_line(void *user, const struct conf_line *l)
{
    return set_value(user, l);
}

void
config_load(struct config *c, const char *file)
{
    /* The rest of agent.conf is complained of here, once. */
    const struct conf_reader reader = {
        .take = take_line, .user = c, .strays = true, .broken = true};

    conf_read(file, &reader);
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
        .long_ms = c->write_deadline_ms,
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
