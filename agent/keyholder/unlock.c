#include "agent/keyholder/unlock.h"

#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/keyholder/list.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/writing.h"

bool
unlock_is_needed(struct token *t)
{
    struct token_info info;

    if (token_is_logged_in(t))
        return false;
    token_get_info(t, &info);
    return info.login_required;
}

/* One PIN, tried once. An empty one is no PIN: a token would take its absence
 * for "use your own pad". */
static enum tokens_err
login_with(struct token *t, const struct secret *pin)
{
    struct slice s = secret_slice(pin);

    return s.n == 0 ? TOKENS_PIN_INVALID : token_login(t, s.p, s.n);
}

static enum err
try_prompts(struct prompt *prompt, const struct purpose *why, struct problem *p)
{
    unsigned most = prompt->client->keyholder->config.pin_prompts;
    const char *error = NULL;

    for (unsigned i = 0;; i++) {
        AUTO(secret) struct secret *pin = NULL;
        struct token_info info;
        enum tokens_err t = token_load_info(why->token, &info);
        enum err e;

        if (t == TOKENS_OK && info.pin_locked)
            t = TOKENS_PIN_BLOCKED;
        if (t != TOKENS_OK)
            return token_problem(t, why->token, p);
        if ((e = prompt_pin(prompt, why, &info, error, &pin, p)) != ERR_OK)
            return e;
        t = login_with(why->token, pin);
        if (t == TOKENS_OK)
            return ERR_OK;
        (void)token_problem(t, why->token, p);
        if ((t != TOKENS_PIN_WRONG && t != TOKENS_PIN_INVALID) || i + 1 >= most)
            return p->code;
        error = t == TOKENS_PIN_WRONG ? "Wrong PIN" : "That cannot be a PIN";
    }
}

static enum err
login_by_prompt(struct client *c, const struct purpose *why, struct problem *p)
{
    AUTO(prompt) struct prompt prompt;
    struct token_info info;
    enum tokens_err t;
    enum err e = prompt_begin(&prompt, c, p);

    if (e != ERR_OK || token_is_logged_in(why->token))
        return e;
    t = token_load_info(why->token, &info);
    if (t == TOKENS_OK && !info.initialized)
        t = TOKENS_UNINITIALIZED;
    if (t == TOKENS_OK && info.protected_path)
        t = token_login(why->token, NULL, 0);
    else if (t == TOKENS_OK)
        return try_prompts(&prompt, why, p);
    return t == TOKENS_OK ? ERR_OK : token_problem(t, why->token, p);
}

/* The prompt is given back before the token is written to. */
enum err
unlock_by_prompt(struct client *c, const struct purpose *why, struct problem *p)
{
    bool was_in = token_is_logged_in(why->token);
    enum err e = login_by_prompt(c, why, p);

    if (e == ERR_OK && !was_in)
        writing_recover(c, why->token);
    return e;
}

/* The prompt's own problem is kept: a token's error cannot carry it. */
static enum tokens_err
ask_now(struct ask_each_time *ask, struct token *t, struct secret **out)
{
    AUTO(prompt) struct prompt prompt;
    struct token_info info;

    if (prompt_begin(&prompt, ask->client, &ask->problem) != ERR_OK)
        return TOKENS_CANCELLED;
    token_get_info(t, &info);
    if (prompt_pin(&prompt, ask->why, &info, NULL, out, &ask->problem) ==
        ERR_OK)
        return TOKENS_OK;
    return ask->problem.code == ERR_CANCELLED ? TOKENS_CANCELLED
                                              : TOKENS_LOCKED;
}

enum tokens_err
unlock_ask(void *arg, struct token *t, uint8_t *pin, size_t room,
           size_t *out_len)
{
    AUTO(secret) struct secret *secret = NULL;
    struct token_info info;
    enum tokens_err e;
    struct slice s;

    token_get_info(t, &info);
    if (info.protected_path) {
        *out_len = 0;
        return TOKENS_OK;
    }
    if ((e = ask_now(arg, t, &secret)) != TOKENS_OK)
        return e;
    s = secret_slice(secret);
    if (s.n == 0 || s.n > room)
        return TOKENS_PIN_INVALID;
    memcpy(pin, s.p, s.n);
    *out_len = s.n;
    return TOKENS_OK;
}

/* ---- MSG_UNLOCK, MSG_LOCK ---------------------------------------------- */

static enum err
unlock_by_descriptor(struct client *c, struct token *t, struct problem *p)
{
    AUTO(secret) struct secret *pin = NULL;
    enum tokens_err e;
    enum err read = secret_read(c->frame.fds[0], LIMIT_SECRET_MS, &pin, p);

    if (read != ERR_OK)
        return read;
    e = login_with(t, pin);
    return e == TOKENS_OK ? ERR_OK : token_problem(e, t, p);
}

static enum err
unlock_found(struct client *c, struct token *t, struct problem *p)
{
    const struct purpose why = {.token = t, .operation = "unlock a token"};

    if (c->frame.fd_count > 0)
        return unlock_by_descriptor(c, t, p);
    return unlock_is_needed(t) ? unlock_by_prompt(c, &why, p) : ERR_OK;
}

enum err
token_unlock(struct client *c, const struct token_choice *request,
             struct token_record *out, struct reply_room *room,
             struct problem *p)
{
    struct token *t = NULL;
    enum err e = token_choose(c->keyholder->store, request->token, &t, p);

    if (e != ERR_OK)
        return e;
    e = unlock_found(c, t, p);
    client_audit(c, "unlock", t, slice_of(NULL, 0), e);
    if (e != ERR_OK)
        return e;
    writing_recover(c, t);
    token_record_fill(t, out, &room->bytes);
    return ERR_OK;
}

static uint32_t
lock_one(struct client *c, struct token *t)
{
    if (!token_is_logged_in(t) || token_logout(t) != TOKENS_OK)
        return 0;
    client_audit(c, "lock", t, slice_of(NULL, 0), ERR_OK);
    return 1;
}

enum err
token_lock(struct client *c, const struct token_choice *request,
           struct count_reply *out, struct problem *p)
{
    struct token *all[LIMIT_TOKENS];
    struct token *t = NULL;
    size_t n;
    enum err e;

    if (request->token.n > 0) {
        e = token_choose(c->keyholder->store, request->token, &t, p);
        if (e == ERR_OK)
            out->count = lock_one(c, t);
        return e;
    }
    n = token_store_list(c->keyholder->store, all, LIMIT_TOKENS);
    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++)
        out->count += lock_one(c, all[i]);
    return ERR_OK;
}
