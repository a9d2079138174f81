#include "client/mail/policy.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "agent/base/conf.h"
#include "agent/base/log.h"
#include "agent/base/secret.h"

#define CONFIG_BELOW "/smime-agent/agent.conf"
#define CONFIG_ETC   "/etc" CONFIG_BELOW

/* inih cuts the name of a section here, without a word. */
#define SECTION_BYTES 49

struct word {
    const char *name;
    int value;
};

static const struct word sign_words[] = {{"always", WISH_ALWAYS},
                                         {"when-possible", WISH_POSSIBLE},
                                         {"never", WISH_NEVER},
                                         {NULL, 0}};
static const struct word encrypt_words[] = {{"always", WISH_ALWAYS},
                                            {"when-possible", WISH_POSSIBLE},
                                            {"reply", WISH_REPLY},
                                            {"never", WISH_NEVER},
                                            {NULL, 0}};
static const struct word field_words[] = {{"tighten", FIELD_TIGHTEN},
                                          {"any", FIELD_ANY},
                                          {"ignore", FIELD_IGNORE},
                                          {NULL, 0}};

/* ---- reading ------------------------------------------------------------ */

/* The first one is enough to stop the mail. */
static void
complain(void *user, const char *text)
{
    struct policy *p = user;

    if (p->wrong.len == 0)
        buf_add_text(&p->wrong, text);
}

/* 0 when VALUE is none of WORDS. */
static int
word_find(const struct word *words, const char *value)
{
    for (; words->name; words++)
        if (strcmp(words->name, value) == 0)
            return words->value;
    return 0;
}

static void
text_set(char **out, const char *value)
{
    free(*out);
    *out = mem_text(slice_text(value));
}

static bool
rule_set(struct rule *r, const char *name, const char *value)
{
    int found = 0;

    if (strcmp(name, "sign") == 0) {
        found = word_find(sign_words, value);
        r->sign = (enum wish)found;
    } else if (strcmp(name, "encrypt") == 0) {
        found = word_find(encrypt_words, value);
        r->encrypt = (enum wish)found;
    } else if (strcmp(name, "field") == 0 && r->kind != RULE_TO) {
        found = word_find(field_words, value);
        r->field = (enum field_right)found;
    } else if (strcmp(name, "command") == 0 && r->kind != RULE_TO) {
        text_set(&r->command, value);
        found = value[0] != '\0';
    } else if (strcmp(name, "key") == 0 && r->kind == RULE_FROM) {
        text_set(&r->key, value);
        found = value[0] != '\0';
    } else if (strcmp(name, "match") == 0 && r->kind != RULE_ALL) {
        text_set(&r->match, value);
        found = value[0] != '\0';
    }
    return found != 0;
}

/* The kind and the name of a section "sendmail from NAME"; false when it is
 * none of ours. */
static bool
section_read(const char *section, enum rule_kind *out_kind,
             const char **out_name)
{
    static const char from[] = "sendmail from ";
    static const char to[] = "sendmail to ";

    *out_name = "";
    *out_kind = RULE_ALL;
    if (strcmp(section, "sendmail") == 0)
        return true;
    *out_kind = RULE_FROM;
    *out_name = section + sizeof(from) - 1;
    if (strncmp(section, from, sizeof(from) - 1) == 0)
        return true;
    *out_kind = RULE_TO;
    *out_name = section + sizeof(to) - 1;
    return strncmp(section, to, sizeof(to) - 1) == 0;
}

static struct rule *
rule_named(struct policy *p, enum rule_kind kind, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->rule[i].kind == kind && strcmp(p->rule[i].name, name) == 0)
            return &p->rule[i];
    p->rule = mem_resize(p->rule, (p->count + 1) * sizeof(p->rule[0]));
    p->rule[p->count] =
        (struct rule){.kind = kind, .name = mem_text(slice_text(name))};
    return &p->rule[p->count++];
}

static enum conf_answer
take_line(void *user, const struct conf_line *l)
{
    enum rule_kind kind;
    const char *of;

    /* [sendmail form x], [sendmail-to x]: it was meant to be a rule. */
    if (!section_read(l->section, &kind, &of))
        return strncasecmp(l->section, "sendmail", 8) == 0 ? CONF_WRONG
                                                           : CONF_OTHER;
    return rule_set(rule_named(user, kind, of), l->name, l->value) ? CONF_TAKEN
                                                                   : CONF_WRONG;
}

static void
file_load(struct policy *p, const char *file)
{
    const struct conf_reader reader = {
        .take = take_line, .complain = complain, .user = p, .broken = true};

    conf_read(file, &reader);
}

static bool
own_file(char *out, size_t size)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    const struct passwd *entry;
    int n;

    if (config && config[0] == '/') {
        n = snprintf(out, size, "%s" CONFIG_BELOW, config);
        return n > 0 && (size_t)n < size;
    }
    if (!home || home[0] != '/') {
        entry = getpwuid(geteuid());
        home = entry ? entry->pw_dir : NULL;
    }
    if (!home)
        return false;
    n = snprintf(out, size, "%s/.config" CONFIG_BELOW, home);
    return n > 0 && (size_t)n < size;
}

/* A name that inih has cut would match somebody else, or nobody; and so would
 * one that is more than an address. */
static void
names_check(struct policy *p)
{
    for (size_t i = 0; i < p->count && p->wrong.len == 0; i++) {
        const struct rule *r = &p->rule[i];
        const char *which = r->match ? r->match : r->name;
        char shown[96];

        text_escape(slice_text(which), shown, sizeof(shown));
        if (r->kind == RULE_ALL)
            continue;
        if (!r->match &&
            strlen(r->name) >= SECTION_BYTES - sizeof("sendmail from "))
            buf_addf(&p->wrong,
                     "the section for %s has a name that is too long: give "
                     "it a short one, and the address as: match = ...",
                     shown);
        else if (which[0] == '\0' || strpbrk(which, " \t,<>"))
            buf_addf(&p->wrong,
                     "[sendmail %s %s] names no address: it is ADDRESS, "
                     "@DOMAIN, @*.DOMAIN or *",
                     r->kind == RULE_FROM ? "from" : "to", shown);
    }
}

bool
policy_load(struct policy *p)
{
    char own[PATH_MAX];

    *p = (struct policy){.count = 0};
    file_load(p, CONFIG_ETC);
    if (own_file(own, sizeof(own)))
        file_load(p, own);
    names_check(p);
    return p->wrong.len == 0;
}

void
policy_drop(struct policy *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->rule[i].name);
        free(p->rule[i].match);
        free(p->rule[i].command);
        free(p->rule[i].key);
    }
    free(p->rule);
    buf_drop(&p->wrong);
    *p = (struct policy){.count = 0};
}

/* ---- what holds ---------------------------------------------------------- */

/* How exactly WHICH names ADDRESS; 0: not at all. */
static size_t
match_exactness(const char *which, const char *address)
{
    const char *domain = address ? strrchr(address, '@') : NULL;
    size_t n = strlen(which);

    if (strcmp(which, "*") == 0)
        return 1;
    if (!address)
        return 0;
    if (strncmp(which, "@*.", 3) == 0)
        return domain && strlen(domain) > n - 2 &&
                       strcasecmp(domain + strlen(domain) - (n - 2),
                                  which + 2) == 0
                   ? 1 + n
                   : 0;
    if (which[0] == '@')
        return domain && strcasecmp(domain, which) == 0 ? 1000 + n : 0;
    return strcasecmp(address, which) == 0 ? 100000 : 0;
}

static void
rule_apply(const struct rule *r, struct wishes *w)
{
    if (r->sign != WISH_UNSET)
        w->sign = r->sign;
    if (r->encrypt != WISH_UNSET)
        w->encrypt = r->encrypt;
    if (r->field != FIELD_UNSET)
        w->field = r->field;
    if (r->command)
        w->command = r->command;
    if (r->key)
        w->key = r->key;
}

/* From the least exact rule to the most exact one, each over those before;
 * of equals the later counts. */
static void
rules_apply(const struct policy *p, enum rule_kind kind, const char *address,
            struct wishes *w)
{
    size_t done = 0;

    for (;;) {
        size_t next = SIZE_MAX;

        for (size_t i = 0; i < p->count; i++) {
            const struct rule *r = &p->rule[i];
            const char *which = r->match ? r->match : r->name;
            size_t n = r->kind == kind ? match_exactness(which, address) : 0;

            if (n > done && n < next)
                next = n;
        }
        if (next == SIZE_MAX)
            return;
        done = next;
        for (size_t i = 0; i < p->count; i++) {
            const struct rule *r = &p->rule[i];
            const char *which = r->match ? r->match : r->name;

            if (r->kind == kind && match_exactness(which, address) == done)
                rule_apply(r, w);
        }
    }
}

struct wishes
policy_find(const struct policy *p, const char *sender)
{
    struct wishes w = {
        .sign = WISH_POSSIBLE, .encrypt = WISH_NEVER, .field = FIELD_TIGHTEN};

    for (size_t i = 0; i < p->count; i++)
        if (p->rule[i].kind == RULE_ALL)
            rule_apply(&p->rule[i], &w);
    rules_apply(p, RULE_FROM, sender, &w);
    return w;
}

void
policy_recipient(const struct policy *p, const struct wishes *it,
                 const char *recipient, enum wish *out_sign,
                 enum wish *out_encrypt)
{
    struct wishes w = *it;

    rules_apply(p, RULE_TO, recipient, &w);
    *out_sign = w.sign;
    *out_encrypt = w.encrypt;
}
