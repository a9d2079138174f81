#include "agent/keyholder/choice.h"

#include <stdio.h>

#include "agent/base/log.h"
#include "agent/keyholder/reference.h"
#include "agent/keyholder/token_problem.h"

enum err
token_choice_problem(struct token *const *all, size_t n, struct problem *p)
{
    AUTO(buf) struct buf text = {0};

    for (size_t i = 0; i < n; i++) {
        char name[TOKEN_LABEL_BYTES];
        struct token_info info;

        token_name(all[i], name);
        token_get_info(all[i], &info);
        if (!name[0]) {
            buf_addf(&text, "%s%s (its empty one)", i > 0 ? ", " : "",
                     info.module);
            continue;
        }
        buf_addf(&text, "%s%s", i > 0 ? ", " : "", name);
        if (info.label[0] && token_label_is_shared(all[i]))
            buf_addf(&text, " (serial %s)", info.serial);
    }
    return fail(p, ERR_TOKEN_CHOICE, "%s", buf_text(&text));
}

/* Of those that are there, the ones a label may mean; without one, or when
 * none has it, all that are ready for use. */
static size_t
keep_named(struct token **all, size_t n, const char *label)
{
    size_t kept = 0;

    for (size_t i = 0; label[0] && i < n; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (strcmp(info.label, label) == 0)
            all[kept++] = all[i];
    }
    if (kept > 0)
        return kept;
    for (size_t i = 0; i < n; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (info.initialized)
            all[kept++] = all[i];
    }
    return kept;
}

bool
module_silence(struct token_store *store, char out[SILENCE_BYTES])
{
    struct token_module_info m;

    for (size_t i = 0; token_store_module_info(store, i, &m); i++) {
        char name[sizeof(m.name) * 2];
        const char *call =
            m.hang.call && m.hang.call[0] ? m.hang.call : "a call";

        if (!m.hangs && m.state != TOKEN_MODULE_SKIPPED)
            continue;
        text_escape(slice_text(m.name), name, sizeof(name));
        if (m.hangs)
            snprintf(out, SILENCE_BYTES,
                     "the module %s does not answer (in %s for %u s)", name,
                     call, m.hang.ms / 1000);
        else
            snprintf(out, SILENCE_BYTES,
                     "the module %s is left out, for it ended the process of "
                     "the tokens (in %s)",
                     name, call);
        return true;
    }
    return false;
}

enum err
token_absent_problem(struct token_store *store, const char *detail,
                     struct problem *p)
{
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);
    char silence[SILENCE_BYTES];

    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        char name[TOKEN_LABEL_BYTES];
        struct token_info info;

        token_get_info(all[i], &info);
        if (info.initialized)
            continue;
        token_name(all[i], name);
        (void)fail(p, ERR_TOKEN_EMPTY, NULL);
        /* As smime tokens lists it. */
        problem_set_token(p, name[0] ? name : "(no label)");
        return p->code;
    }
    if (!detail && module_silence(store, silence))
        detail = silence;
    return detail ? fail(p, ERR_TOKEN_ABSENT, "%s", detail)
                  : fail(p, ERR_TOKEN_ABSENT, NULL);
}

/* Then its keys are known, among those that are away. */
static bool
was_read(struct token *t)
{
    const struct token_identities *list = token_identities_known(t);
    bool was = list != NULL;

    token_identities_drop(&list);
    return was;
}

enum err
tokens_check_read(struct client *c, struct slice key, struct silence *out,
                  struct reply_room *room, struct problem *p)
{
    struct token_store *store = c->keyholder->store;
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);
    char silence[SILENCE_BYTES];
    bool any = key.n > 0;

    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        enum tokens_err e = token_unread(all[i]);
        struct token_info info;

        if (e != TOKENS_OK &&
            (key.n > 0 ? reference_is_on(key, all[i]) : !was_read(all[i])))
            return token_problem(e, all[i], p);
        token_get_info(all[i], &info);
        any = any || info.initialized;
    }
    if (!module_silence(store, silence))
        return ERR_OK;
    if (!any)
        return fail(p, ERR_TOKEN_ABSENT, "%s", silence);
    buf_add_text(&room->bytes, silence);
    out->why = buf_slice(&room->bytes);
    return ERR_OK;
}

enum err
tokens_check_any(struct client *c, struct problem *p)
{
    struct token_store *store = c->keyholder->store;
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);

    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (info.initialized)
            return ERR_OK;
    }
    return token_store_list_gone(store, NULL, 0) > 0
               ? fail(p, ERR_TOKEN_ABSENT, NULL)
               : ERR_OK;
}

/* Nobody knows which tokens a module has that does not answer. */
static enum err
module_problem(struct token_store *store, struct problem *p)
{
    char silence[SILENCE_BYTES];

    return module_silence(store, silence)
               ? fail(p, ERR_TOKEN_ABSENT, "%s", silence)
               : fail(p, ERR_TOKEN_ABSENT, NULL);
}

enum err
token_choose(struct token_store *store, struct slice which, struct token **out,
             struct problem *p)
{
    char *text = mem_text(which);
    enum tokens_err e = token_store_find(store, text, out);
    struct token *all[LIMIT_TOKENS];
    size_t n;

    if (e == TOKENS_AMBIGUOUS) {
        n = token_store_list(store, all, LIMIT_TOKENS);
        n = keep_named(all, n < LIMIT_TOKENS ? n : LIMIT_TOKENS, text);
        (void)token_choice_problem(all, n, p);
    } else if (e == TOKENS_ABSENT && !text[0]) {
        (void)token_absent_problem(store, NULL, p);
    } else if (e == TOKENS_ABSENT) {
        (void)module_problem(store, p);
        problem_set_token(p, text);
    } else if (e != TOKENS_OK) {
        (void)token_problem(e, NULL, p);
        problem_set_token(p, text);
    }
    free(text);
    return e == TOKENS_OK ? ERR_OK : p->code;
}
