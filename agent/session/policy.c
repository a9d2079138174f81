#include "agent/session/policy.h"

#include <strings.h>

#include "agent/base/conf.h"
#include "agent/session/try.h"

static struct policy configured;

/* ---- words ----------------------------------------------------------------
 */

static bool
set_hash(enum hash *out, const char *word)
{
    enum hash h = hash_from_micalg(word);

    if (h != HASH_SHA256 && h != HASH_SHA384 && h != HASH_SHA512)
        return false;
    *out = h;
    return true;
}

static bool
set_scheme(unsigned *out, const char *word, const char *other,
           enum scheme scheme)
{
    if (strcasecmp(word, "pkcs1") == 0)
        *out = SCHEME_RSA_PKCS1;
    else if (strcasecmp(word, other) == 0)
        *out = scheme;
    else
        return false;
    return true;
}

static bool
set_digest(struct policy *p, const char *word)
{
    return set_hash(&p->digest, word);
}

static bool
set_padding(struct policy *p, const char *word)
{
    return set_scheme(&p->padding, word, "pss", SCHEME_RSA_PSS);
}

static bool
set_cipher(struct policy *p, const char *word)
{
    enum cipher c = cipher_from_name(word);

    if (c == CIPHER_NONE)
        return false;
    p->cipher = c;
    return true;
}

static bool
set_key_padding(struct policy *p, const char *word)
{
    return set_scheme(&p->key_padding, word, "oaep", SCHEME_RSA_OAEP);
}

static bool
set_oaep_digest(struct policy *p, const char *word)
{
    return set_hash(&p->oaep_digest, word);
}

static bool
set_header(struct policy *p, const char *word)
{
    static const char *const words[] = {"off", "clear", "cipher", "shy"};

    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (strcasecmp(word, words[i]) == 0) {
            p->header = (enum header_protection)i;
            return true;
        }
    return false;
}

static bool
set_legacy_display(struct policy *p, const char *word)
{
    p->legacy_display = strcasecmp(word, "yes") == 0;
    return p->legacy_display || strcasecmp(word, "no") == 0;
}

static const struct setting {
    const char *section;
    const char *name;      /* in agent.conf */
    const char *parameter; /* of a request */
    bool (*set)(struct policy *p, const char *word);
} settings[] = {
    {"sign", "digest", "digest", set_digest},
    {"sign", "padding", "padding", set_padding},
    {"encrypt", "cipher", "cipher", set_cipher},
    {"encrypt", "key-padding", "key_padding", set_key_padding},
    {"encrypt", "oaep-digest", "oaep_digest", set_oaep_digest},
    {"mail", "header-protection", "header_protection", set_header},
    {"mail", "legacy-display", "legacy_display", set_legacy_display},
};

/* ---- agent.conf -----------------------------------------------------------
 */

static bool
is_ours(const char *section)
{
    return strcmp(section, "sign") == 0 || strcmp(section, "encrypt") == 0 ||
           strcmp(section, "mail") == 0;
}

static enum conf_answer
take_line(void *user, const struct conf_line *l)
{
    if (!is_ours(l->section))
        return CONF_OTHER;
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++)
        if (strcmp(settings[i].section, l->section) == 0 &&
            strcmp(settings[i].name, l->name) == 0)
            return settings[i].set(user, l->value) ? CONF_TAKEN : CONF_WRONG;
    return CONF_WRONG;
}

void
policy_load(const char *file)
{
    const struct conf_reader reader = {.take = take_line, .user = &configured};

    conf_read(file, &reader);
}

/* ---- requests -------------------------------------------------------------
 */

enum err
policy_of(struct request *r, struct policy *out)
{
    struct policy p = configured;

    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        const struct setting *s = &settings[i];
        const char *word = request_text(r, s->parameter);

        if (!word || s->set(&p, word))
            continue;
        fail(&r->problem, ERR_ALGORITHM, "%s is wanted",
             conf_words(s->section, s->name));
        problem_set_subject(&r->problem, s->name);
        return ERR_ALGORITHM;
    }
    p.digest_asked = request_text(r, "digest") != NULL;
    p.padding_asked = request_text(r, "padding") != NULL;
    *out = p;
    return ERR_OK;
}
