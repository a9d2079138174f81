#include "agent/keyholder/program_rules.h"

#define BETWEEN ", from " /* as caller_describe writes it */

static struct config_program *
rule_named(struct config *c, const char *name)
{
    struct config_program *r;

    for (size_t i = 0; i < c->program_count; i++)
        if (strcmp(c->program[i].name, name) == 0)
            return &c->program[i];
    if (name[0] == '\0')
        return NULL;
    if (c->program_count >= LIMIT_CONFIG_PROGRAMS && strcmp(name, "*") != 0) {
        c->programs_left_out = true;
        return NULL;
    }
    r = &c->program[c->program_count++];
    *r = (struct config_program){.name = mem_text(slice_text(name))};
    return r;
}

static void
keys_clear(struct config_program *r)
{
    for (size_t i = 0; i < r->key_count; i++)
        free(r->key[i]);
    r->key_count = 0;
}

/* Names that there is no room for are keys the program does not get. */
static bool
keys_set(struct config_program *r, const char *value)
{
    keys_clear(r);
    r->has_keys = true;
    while (*value) {
        size_t n = strcspn(value, " ,\t");

        if (n > 0 && r->key_count == LIMIT_CONFIG_NAMES)
            return false;
        if (n > 0)
            r->key[r->key_count++] = mem_text(slice_of(value, n));
        value += n;
        value += strspn(value, " ,\t");
    }
    return true;
}

bool
program_rule_set(struct config *c, const char *program, const char *name,
                 const char *value)
{
    static const char *const words[] = {[PROGRAM_ALLOW] = "allow",
                                        [PROGRAM_ASK] = "ask",
                                        [PROGRAM_REFUSE] = "refuse"};
    struct config_program *r = rule_named(c, program);

    if (!r)
        return false;
    if (strcmp(name, "keys") == 0)
        return keys_set(r, value);
    for (size_t i = 0; strcmp(name, "use") == 0 && i < ARRAY_COUNT(words); i++)
        if (strcmp(value, words[i]) == 0) {
            r->use = (enum program_use)i;
            return true;
        }
    r->use = PROGRAM_ASK;
    return false;
}

void
program_rules_settle(struct config *c)
{
    struct config_program *r;

    if (!c->programs_left_out)
        return;
    r = rule_named(c, "*");
    if (r->use == PROGRAM_ALLOW)
        r->use = PROGRAM_ASK;
}

void
program_rules_drop(struct config *c)
{
    for (size_t i = 0; i < c->program_count; i++) {
        free(c->program[i].name);
        keys_clear(&c->program[i]);
    }
    c->program_count = 0;
}

static const struct config_program *
rule_for(const struct config *c, struct slice program)
{
    for (size_t i = 0; i < c->program_count; i++)
        if (slice_is(program, c->program[i].name))
            return &c->program[i];
    return NULL;
}

const struct config_program *
program_rule_find(const struct config *c, const char *caller)
{
    while (c->program_count > 0 && caller) {
        const char *end = strstr(caller, BETWEEN);
        const struct config_program *r = rule_for(
            c, slice_of(caller, end ? (size_t)(end - caller) : strlen(caller)));

        if (r)
            return r;
        caller = end ? end + strlen(BETWEEN) : NULL;
    }
    return rule_for(c, slice_text("*"));
}

bool
program_rule_has_key(const struct config_program *rule,
                     const struct key_facts *facts)
{
    for (size_t i = 0; i < rule->key_count; i++)
        if (key_facts_match(facts, rule->key[i]))
            return true;
    return !rule->has_keys;
}
