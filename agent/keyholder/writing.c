#include "agent/keyholder/writing.h"

#include "agent/base/log.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/unlock.h"
#include "tokens/write.h"

enum err
writing_check(struct token *t, struct problem *p)
{
    struct token_info info;

    token_get_info(t, &info);
    if (!info.initialized)
        return token_problem(TOKENS_UNINITIALIZED, t, p);
    if (info.write_protected)
        return token_problem(TOKENS_READ_ONLY, t, p);
    return ERR_OK;
}

static enum err
recover(struct client *c, struct token *t, struct problem *p)
{
    char name[TOKEN_LABEL_BYTES], shown[4 * TOKEN_LABEL_BYTES];
    size_t count = 0;
    enum err e = journals_undo(&c->keyholder->journals, t, &count, p);

    token_name(t, name);
    text_escape(slice_text(name), shown, sizeof(shown));
    if (e != ERR_OK)
        log_error("what an import that was cut off left on the token %s "
                  "cannot be taken back yet",
                  shown);
    else if (count > 0)
        log_note("took back what an import that was cut off left on the "
                 "token %s: %zu objects",
                 shown, count);
    if (e != ERR_OK || count > 0)
        client_audit(c, "recover", t, slice_of(NULL, 0), e);
    return e;
}

void
writing_recover(struct client *c, struct token *t)
{
    struct problem p = {0};

    if (recover(c, t, &p) != ERR_OK)
        log_problem("recovery", &p);
}

/* A login recovers by itself; a token that is logged in, or needs no login,
 * may have come back meanwhile. An import on top of remains that are taken
 * back later would lose what both wrote. */
enum err
writing_unlock(struct client *c, const struct purpose *why, struct problem *p)
{
    enum err e = ERR_OK;

    if (unlock_is_needed(why->token))
        e = unlock_by_prompt(c, why, NULL, p);
    return e == ERR_OK ? recover(c, why->token, p) : e;
}

enum err
writing_undo(struct token_import **imports, size_t count, struct journal *j,
             const struct problem *first, struct problem *p)
{
    static const char later[] =
        "what was written is taken back when the token is next unlocked";
    struct problem q = {0};
    bool clean = true;

    for (size_t i = 0; i < count; i++) {
        if (imports[i] && token_import_rollback(imports[i]) != TOKENS_OK)
            clean = false;
        token_import_drop(&imports[i]);
    }
    clean = clean && journal_close(j, &q) == ERR_OK;
    *p = *first;
    if (clean)
        return p->code;
    if (first->code == ERR_TOKEN_REMOVED)
        (void)fail(p, ERR_TOKEN_REMOVED, "%s", later);
    else
        (void)fail(p, ERR_TOKEN_FAILED, "after %s; %s", err_name(first->code),
                   later);
    problem_set_token(p, first->token);
    return p->code;
}
