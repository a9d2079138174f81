#include "agent/session/policy.h"

#include <ini.h>
#include <strings.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "agent/session/try.h"

static struct policy configured;

static const char digest_words[] = "sha256, sha384 or sha512";
static const char padding_words[] = "pkcs1 or pss";
static const char cipher_words[] = "aes128-cbc, aes192-cbc, aes256-cbc, "
                                   "aes128-gcm, aes192-gcm or aes256-gcm";
static const char key_padding_words[] = "pkcs1 or oaep";
static const char header_words[] = "off, clear, cipher or shy";
static const char flag_words[] = "yes or no";

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
    const char *words;
} settings[] = {
    {"sign", "digest", "digest", set_digest, digest_words},
    {"sign", "padding", "padding", set_padding, padding_words},
    {"encrypt", "cipher", "cipher", set_cipher, cipher_words},
    {"encrypt", "key-padding", "key_padding", set_key_padding,
     key_padding_words},
    {"encrypt", "oaep-digest", "oaep_digest", set_oaep_digest, digest_words},
    {"mail", "header-protection", "header_protection", set_header,
     header_words},
    {"mail", "legacy-display", "legacy_display", set_legacy_display,
     flag_words},
};

/* ---- agent.conf -----------------------------------------------------------
 */

static bool
is_ours(const char *section)
{
    return strcmp(section, "sign") == 0 || strcmp(section, "encrypt") == 0 ||
           strcmp(section, "mail") == 0;
}

static int
handle_line(void *user, const char *section, const char *name,
            const char *value)
{
    char shown[2][96];

    (void)user;
    if (!is_ours(section))
        return 1;
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++)
        if (strcmp(settings[i].section, section) == 0 &&
            strcmp(settings[i].name, name) == 0) {
            if (settings[i].set(&configured, value))
                return 1;
            text_escape(slice_text(value), shown[1], sizeof(shown[1]));
            log_error("agent.conf: [%s] %s = %s: %s is wanted", section, name,
                      shown[1], settings[i].words);
            return 1;
        }
    text_escape(slice_text(name), shown[0], sizeof(shown[0]));
    log_error("agent.conf: [%s] has no %s", section, shown[0]);
    return 1;
}

void
policy_load(const char *file)
{
    if (access(file, F_OK) != 0)
        return;
    if (ini_parse(file, handle_line, NULL) < 0)
        log_error("%s cannot be read", file);
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
        fail(&r->problem, ERR_ALGORITHM, "%s is wanted", s->words);
        problem_set_subject(&r->problem, s->name);
        return ERR_ALGORITHM;
    }
    p.digest_asked = request_text(r, "digest") != NULL;
    p.padding_asked = request_text(r, "padding") != NULL;
    *out = p;
    return ERR_OK;
}
