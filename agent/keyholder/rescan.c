/*
 * MSG_LOOK and MSG_RESCAN: tokens that another program made or put in.
 */
#include "agent/keyholder/keyholder.h"
#include "agent/keyholder/token_problem.h"

enum err
tokens_look(struct client *c, struct problem *p)
{
    (void)p;
    (void)token_store_look(c->keyholder->store);
    return ERR_OK;
}

static bool
any_hangs(struct token_store *store)
{
    struct token_module_info m;

    for (size_t i = 0; token_store_module_info(store, i, &m); i++)
        if (m.hangs)
            return true;
    return false;
}

/* Whoever was logged in and is no longer has been locked by this client. A
 * module that hangs hides its own tokens, which MSG_MODULES tells, not those
 * of the others. */
enum err
tokens_rescan(struct client *c, struct count_reply *out, struct problem *p)
{
    struct token_store *store = c->keyholder->store;
    struct token *all[LIMIT_TOKENS];
    bool was_unlocked[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);
    enum tokens_err done;

    n = n < LIMIT_TOKENS ? n : LIMIT_TOKENS;
    for (size_t i = 0; i < n; i++)
        was_unlocked[i] = token_is_logged_in(all[i]);
    done = token_store_rescan(store);
    for (size_t i = 0; i < n; i++) {
        if (!was_unlocked[i] || token_is_logged_in(all[i]))
            continue;
        client_audit(c, "lock", all[i], slice_of(NULL, 0), ERR_OK);
        out->count++;
    }
    if (done == TOKENS_OK || (done == TOKENS_BUSY && any_hangs(store)))
        return ERR_OK;
    return token_problem(done, NULL, p);
}
