#include "agent/keyholder/unlock.h"
#include "agent/keyholder/choice.h"

#include <stdio.h>

#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/keyholder/keeper.h"
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

void
unlock_forget(struct keyholder *k, struct token *t)
{
    kept_forget(&k->kept, t);
    consent_forget(&k->consents, t);
}

bool
unlock_end(struct keyholder *k, struct token *t)
{
    unlock_forget(k, t);
    return token_is_logged_in(t) && token_logout(t) == TOKENS_OK;
}

/* One PIN, tried once. An empty one is no PIN: a token would take its absence
 * for "use your own pad". *OUT_TRIED: the token has looked at it. */
static enum tokens_err
login_with(struct keyholder *k, struct token *t, const struct secret *pin,
           int64_t typed_ms, bool *out_tried)
{
    struct slice s = secret_slice(pin);
    enum tokens_err e = TOKENS_PIN_INVALID;

    *out_tried = false;
    if (s.n > 0)
        e = token_login_told(t, s.p, s.n, out_tried);
    if (e != TOKENS_OK) {
        unlock_forget(k, t);
    } else if (*out_tried) {
        kept_save(&k->kept, t, s, typed_ms);
        keeper_wake(k);
    }
    return e;
}

/* ---- the PIN that is kept ----------------------------------------------- */

/* Never for the last try, and never twice: what does not work is gone. */
static bool
login_by_kept(struct keyholder *k, struct token *t,
              const struct token_info *info)
{
    AUTO(secret) struct secret *pin = NULL;
    int64_t typed_ms = 0;
    bool tried;

    return !info->pin_final_try && !info->pin_locked &&
           kept_take(&k->kept, t, &pin, &typed_ms) &&
           login_with(k, t, pin, typed_ms, &tried) == TOKENS_OK;
}

/* ---- the answer that all who waited get ---------------------------------- */

static uint64_t
logins_count(struct keyholder *k)
{
    uint64_t n;

    pthread_mutex_lock(&k->mutex);
    n = k->logins;
    pthread_mutex_unlock(&k->mutex);
    return n;
}

/* What the last prompt for this token came to, when it was no success and
 * ended after BEFORE. */
static bool
was_refused(struct keyholder *k, const struct token *t, uint64_t before,
            struct problem *p)
{
    bool refused = false;

    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < LIMIT_KEPT; i++)
        if (k->no_login[i].token == t && k->no_login[i].number > before) {
            *p = k->no_login[i].problem;
            refused = true;
        }
    pthread_mutex_unlock(&k->mutex);
    return refused;
}

/* What was this client's own (it left, or has no terminal) is nobody else's
 * answer. */
static void
note_refusal(struct keyholder *k, struct token *t, const struct problem *p)
{
    struct no_login *free_one = NULL, *mine = NULL;

    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < LIMIT_KEPT; i++) {
        struct no_login *one = &k->no_login[i];

        if (one->token == t)
            mine = one;
        if (!one->token && !free_one)
            free_one = one;
    }
    mine = mine ? mine : free_one;
    if (mine)
        *mine =
            (struct no_login){.token = t, .number = ++k->logins, .problem = *p};
    pthread_mutex_unlock(&k->mutex);
}

/* ---- asking --------------------------------------------------------------
 */

static const char *
wrong_text(enum tokens_err t, const struct token_info *info, char *room,
           size_t size)
{
    if (t == TOKENS_PIN_WRONG)
        return "Wrong PIN";
    if (!token_has_pin_limits(info))
        return "That cannot be a PIN";
    snprintf(room, size, "That cannot be a PIN: it has %lu to %lu characters",
             info->pin_min, info->pin_max);
    return room;
}

static enum err
try_prompts(struct prompt *prompt, const struct purpose *why, struct problem *p)
{
    struct keyholder *k = prompt->client->keyholder;
    const char *error = NULL;
    char room[80];

    for (unsigned i = 0;; i++) {
        AUTO(secret) struct secret *pin = NULL;
        struct token_info info;
        enum tokens_err t = token_load_info(why->token, &info);
        bool tried;
        enum err e;

        if (t == TOKENS_OK && info.pin_locked)
            t = TOKENS_PIN_BLOCKED;
        if (t != TOKENS_OK)
            return token_problem(t, why->token, p);
        if ((e = prompt_pin(prompt, why, &info, error, &pin, p)) != ERR_OK)
            return e;
        t = login_with(k, why->token, pin, 0, &tried);
        if (t == TOKENS_OK)
            return ERR_OK;
        (void)token_problem(t, why->token, p);
        if ((t != TOKENS_PIN_WRONG && t != TOKENS_PIN_INVALID) ||
            i + 1 >= k->config.pin_prompts)
            return p->code;
        error = wrong_text(t, &info, room, sizeof(room));
    }
}

static enum err
login_at_pad(struct prompt *prompt, const struct purpose *why,
             const struct token_info *info, struct problem *p)
{
    enum err e = prompt_last_try(prompt, why, info, p);
    enum tokens_err t;

    if (e != ERR_OK)
        return e;
    notice_now(prompt->client, NOTICE_PINPAD, why->token);
    t = token_login(why->token, NULL, 0);
    return t == TOKENS_OK ? ERR_OK : token_problem(t, why->token, p);
}

/* A lock that came while the PIN was on its way found no login to end. */
static enum err
end_if_locked(const struct prompt *prompt, struct token *t, struct problem *p)
{
    struct client *c = prompt->client;

    if (!prompt_was_locked(prompt, p))
        return ERR_OK;
    if (unlock_end(c->keyholder, t))
        client_audit(c, "lock", t, slice_of(NULL, 0), ERR_OK);
    return p->code;
}

/* In this request's turn to ask. */
static enum err
login_now(struct prompt *prompt, const struct purpose *why, bool *out_asked,
          struct problem *p)
{
    struct client *c = prompt->client;
    struct token_info info;
    enum tokens_err t = token_load_info(why->token, &info);
    enum err e;

    if (t == TOKENS_OK && !info.initialized)
        t = TOKENS_UNINITIALIZED;
    if (t != TOKENS_OK)
        return token_problem(t, why->token, p);
    if (login_by_kept(c->keyholder, why->token, &info))
        return end_if_locked(prompt, why->token, p);
    *out_asked = true;
    if (info.protected_path) {
        e = login_at_pad(prompt, why, &info, p);
    } else {
        e = try_prompts(prompt, why, p);
    }
    if (e == ERR_OK)
        e = end_if_locked(prompt, why->token, p);
    if (e != ERR_OK && e != ERR_TOKEN_LOCKED && e != ERR_LAST_TRY &&
        !prompt_is_left(prompt))
        note_refusal(c->keyholder, why->token, p);
    return e;
}

static enum err
login_in_turn(struct client *c, const struct purpose *why, bool *out_asked,
              struct problem *p)
{
    uint64_t before = logins_count(c->keyholder);
    AUTO(prompt) struct prompt prompt;
    enum err e = prompt_begin(&prompt, c, why->token, p);

    if (e == ERR_OK && !token_is_logged_in(why->token)) {
        if (was_refused(c->keyholder, why->token, before, p))
            return p->code;
        e = login_now(&prompt, why, out_asked, p);
    }
    if (e == ERR_OK)
        kept_touch(&c->keyholder->kept, why->token);
    return e;
}

/* The prompt is given back before the token is written to. */
enum err
unlock_by_prompt(struct client *c, const struct purpose *why, bool *out_asked,
                 struct problem *p)
{
    bool was_in = token_is_logged_in(why->token);
    bool asked = false;
    enum err e = login_in_turn(c, why, &asked, p);

    if (e == ERR_OK && !was_in)
        writing_recover(c, why->token);
    if (out_asked)
        *out_asked = asked;
    return e;
}

/* ---- a PIN for each operation ------------------------------------------- */

/* The prompt's own problem is kept: a token's error cannot carry it. */
static enum tokens_err
ask_now(struct ask_each_time *ask, struct token *t)
{
    enum err e;

    AUTO(prompt) struct prompt prompt;
    struct purpose why = *ask->why;
    struct token_info info;

    why.lasts = why.each_time = true;
    if (ask->facts && ask->facts->id[0] == '\0')
        (void)key_facts_load(t, ask->id, ask->facts);
    ask->since = consent_count(&ask->client->keyholder->consents);
    if (prompt_begin(&prompt, ask->client, t, &ask->problem) != ERR_OK)
        return TOKENS_CANCELLED;
    if (token_load_info(t, &info) != TOKENS_OK)
        token_get_info(t, &info);
    e = ask->at_pad ? prompt_last_try(&prompt, &why, &info, &ask->problem)
                    : prompt_pin(&prompt, &why, &info,
                                 ask->mistyped ? "Wrong PIN" : NULL, &ask->pin,
                                 &ask->problem);
    if (e == ERR_OK)
        return TOKENS_OK;
    /* To unlock it would not help. */
    if (e == ERR_LAST_TRY)
        snprintf(ask->problem.detail, sizeof(ask->problem.detail),
                 "one try is left before it is blocked");
    if (e == ERR_TOKEN_LOCKED || e == ERR_LAST_TRY)
        ask->problem.code = ERR_PIN_EACH_TIME;
    return ask->problem.code == ERR_CANCELLED ? TOKENS_CANCELLED
                                              : TOKENS_LOCKED;
}

static struct consent_about
about(const struct ask_each_time *ask)
{
    return (struct consent_about){.token = ask->why->token,
                                  .id = ask->id,
                                  .since = ask->since,
                                  .program = client_program(ask->client),
                                  .operation = ask->why->operation};
}

/* Between C_SignInit and C_Sign nothing may reach the token: this runs before
 * both. */
enum tokens_err
unlock_ask(void *arg, struct token *t, uint8_t *pin, size_t room,
           size_t *out_len)
{
    struct ask_each_time *ask = arg;
    struct consent_about a = about(ask);
    AUTO(secret) struct secret *held = NULL;
    struct token_info info;
    enum tokens_err e = TOKENS_OK;
    struct slice s;

    token_get_info(t, &info);
    ask->at_pad = info.protected_path;
    if (ask->at_pad && info.pin_final_try)
        e = ask_now(ask, t);
    if (ask->at_pad) {
        notice_now(ask->client, NOTICE_PINPAD, t);
        *out_len = 0;
        return e;
    }
    secret_drop(&ask->pin);
    notice_end(ask->client);
    if (info.pin_final_try ||
        !consent_use(&ask->client->keyholder->consents, &a, &held))
        e = ask_now(ask, t);
    notice_begin(ask->client, t);
    if (e != TOKENS_OK)
        return e;
    s = secret_slice(held ? held : ask->pin);
    if (s.n == 0 || s.n > room)
        return TOKENS_PIN_INVALID;
    memcpy(pin, s.p, s.n);
    *out_len = s.n;
    return TOKENS_OK;
}

void
unlock_asked(struct ask_each_time *ask, enum tokens_err result)
{
    struct keyholder *k = ask->client->keyholder;
    struct consent_about a = about(ask);

    if (result == TOKENS_OK && ask->pin) {
        consent_add(&k->consents, &a, secret_slice(ask->pin));
        keeper_wake(k);
    } else if (result == TOKENS_PIN_WRONG || result == TOKENS_PIN_BLOCKED ||
               result == TOKENS_PIN_INVALID || result == TOKENS_PIN_EXPIRED) {
        unlock_forget(k, ask->why->token);
        ask->wrong += result == TOKENS_PIN_WRONG;
        ask->mistyped = ask->pin != NULL;
    }
    secret_drop(&ask->pin);
}

bool
unlock_ask_again(const struct ask_each_time *ask, enum tokens_err result)
{
    return result == TOKENS_PIN_WRONG && !ask->at_pad &&
           ask->wrong < ask->client->keyholder->config.pin_prompts;
}

/* ---- MSG_UNLOCK, MSG_LOCK ---------------------------------------------- */

enum err
unlock_check_tries(struct token *t, struct problem *p)
{
    char name[TOKEN_LABEL_BYTES];
    struct token_info info;

    if (token_load_info(t, &info) != TOKENS_OK || info.logged_in ||
        !info.pin_final_try || info.pin_locked)
        return ERR_OK;
    (void)fail(p, ERR_LAST_TRY, NULL);
    token_handle(t, name);
    problem_set_token(p, name);
    return p->code;
}

static enum err
unlock_by_descriptor(struct client *c, struct token *t, bool last_try,
                     bool *out_already, struct problem *p)
{
    AUTO(secret) struct secret *pin = NULL;
    AUTO(prompt) struct prompt prompt;
    bool tried = false;
    enum tokens_err e;
    enum err read = last_try ? ERR_OK : unlock_check_tries(t, p);

    prompt_watch(&prompt, c, t);
    if (read == ERR_OK)
        read = secret_read(c->frame.fds[0], LIMIT_SECRET_MS, &pin, p);
    if (read == ERR_OK && prompt_was_locked(&prompt, p))
        read = p->code;
    if (read != ERR_OK)
        return read;
    e = login_with(c->keyholder, t, pin, 0, &tried);
    *out_already = !tried;
    return e == TOKENS_OK ? end_if_locked(&prompt, t, p)
                          : token_problem(e, t, p);
}

static enum err
unlock_found(struct client *c, struct token *t, bool last_try,
             bool *out_already, struct problem *p)
{
    const struct purpose why = {
        .token = t, .operation = "unlock a token", .is_sure = last_try};

    /* A program may have the person asked; it brings no PIN. */
    if ((c->served.rights & RIGHT_RAW) != 0 &&
        (c->frame.fd_count > 0 || last_try))
        return fail(p, ERR_NOT_ALLOWED, "no PIN is taken here");
    if (c->frame.fd_count > 0)
        return unlock_by_descriptor(c, t, last_try, out_already, p);
    *out_already = !unlock_is_needed(t);
    return *out_already ? ERR_OK : unlock_by_prompt(c, &why, NULL, p);
}

enum err
token_unlock(struct client *c, const struct token_choice *request,
             struct token_record *out, struct reply_room *room,
             struct problem *p)
{
    struct token *t = NULL;
    bool already = false;
    enum err e = token_choose(c->keyholder->store, request->token, &t, p);

    if (e != ERR_OK)
        return e;
    e = unlock_found(c, t, request->last_try != 0, &already, p);
    client_audit(c, "unlock", t, slice_of(NULL, 0), e);
    if (e != ERR_OK)
        return e;
    writing_recover(c, t);
    token_record_fill(t, out, &room->bytes);
    out->flags |= already ? TOKEN_WAS_UNLOCKED : 0U;
    return ERR_OK;
}

/* First what may be about to log in. */
static uint32_t
lock_one(struct client *c, struct token *t)
{
    prompt_lock(c->keyholder, t);
    if (!unlock_end(c->keyholder, t))
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
