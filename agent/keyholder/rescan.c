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

/* Whoever was logged in and is no longer has been locked by this client. */
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
    return done == TOKENS_OK ? ERR_OK : token_problem(done, NULL, p);
}
