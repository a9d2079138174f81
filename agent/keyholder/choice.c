#include "agent/keyholder/choice.h"

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

enum err
token_absent_problem(struct token_store *store, const char *detail,
                     struct problem *p)
{
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);

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
    return detail ? fail(p, ERR_TOKEN_ABSENT, "%s", detail)
                  : fail(p, ERR_TOKEN_ABSENT, NULL);
}

/* Nobody knows which tokens a module has that does not come back. */
static enum err
check_modules(struct token_store *store, struct problem *p)
{
    struct token_module_info m;

    for (size_t i = 0; token_store_module_info(store, i, &m); i++) {
        char name[sizeof(m.name) * 2];

        if (!m.hangs)
            continue;
        text_escape(slice_text(m.name), name, sizeof(name));
        return fail(p, ERR_TOKEN_ABSENT,
                    "the module %s does not answer (in %s for %u s)", name,
                    m.hang.call[0] ? m.hang.call : "a call", m.hang.ms / 1000);
    }
    return ERR_OK;
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
tokens_check_read(struct client *c, struct slice key, struct problem *p)
{
    struct token_store *store = c->keyholder->store;
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);
    bool any = false;

    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++) {
        enum tokens_err e = token_unread(all[i]);
        struct token_info info;

        if (e != TOKENS_OK &&
            (key.n > 0 ? reference_is_on(key, all[i]) : !was_read(all[i])))
            return token_problem(e, all[i], p);
        token_get_info(all[i], &info);
        any = any || info.initialized;
    }
    return any || key.n > 0 ? ERR_OK : check_modules(store, p);
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
    } else if (e != TOKENS_OK) {
        (void)token_problem(e, NULL, p);
        problem_set_token(p, text);
    }
    free(text);
    return e == TOKENS_OK ? ERR_OK : p->code;
}
