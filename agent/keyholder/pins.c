/*
 * MSG_TOKEN_INIT, MSG_PIN_CHANGE, MSG_PIN_UNBLOCK: the person's PINs and
 * PUKs, from descriptors or prompts, each given to the token once.
 */
#include <openssl/crypto.h>

#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/keyholder/choice.h"
#include "agent/keyholder/keeper.h"
#include "agent/keyholder/list.h"
#include "agent/keyholder/token_problem.h"
#include "agent/keyholder/unlock.h"
#include "tokens/write.h"

/* Texts follow "... wants to". */
struct pin_words {
    const char *first, *second, *again;
    bool first_is_new; /* typed twice, too */
    const char *first_again;
    bool first_is_puk;
};

static const struct pin_words words_init = {
    .first = "initialise a token: choose its PUK (SO PIN)",
    .first_again = "initialise a token: the same PUK once more",
    .second = "initialise a token: choose its PIN",
    .again = "initialise a token: the same PIN once more",
    .first_is_new = true};
static const struct pin_words words_change = {
    .first = "change the PIN: give the one it has now",
    .second = "change the PIN: choose the new one",
    .again = "change the PIN: the new one once more"};
static const struct pin_words words_unblock = {
    .first = "unblock the PIN: give the PUK (SO PIN)",
    .second = "unblock the PIN: choose a new PIN",
    .again = "unblock the PIN: the new PIN once more",
    .first_is_puk = true};

struct pins {
    struct secret *first, *second;
};

static void
pins_drop(struct pins *s)
{
    secret_drop(&s->first);
    secret_drop(&s->second);
}

/* ---- where they come from ---------------------------------------------- */

static enum err
read_given(struct client *c, const struct pin_request *r, struct pins *out,
           struct problem *p)
{
    int want = (r->has_first ? 1 : 0) + (r->has_second ? 1 : 0);
    int at = 0;
    enum err e = ERR_OK;

    if (c->frame.fd_count != want)
        return fail(p, ERR_USAGE, "descriptors that do not fit the request");
    if (r->has_first)
        e = secret_read(c->frame.fds[at++], LIMIT_SECRET_MS, &out->first, p);
    if (e == ERR_OK && r->has_second)
        e = secret_read(c->frame.fds[at], LIMIT_SECRET_MS, &out->second, p);
    return e;
}

static bool
same_secret(const struct secret *a, const struct secret *b)
{
    struct slice x = secret_slice(a), y = secret_slice(b);

    return x.n == y.n && CRYPTO_memcmp(x.p, y.p, x.n) == 0;
}

/* What nobody has typed before is typed twice. */
static enum err
ask_new(struct prompt *prompt, const struct purpose *why, const char *again,
        const struct token_info *info, struct secret **out, struct problem *p)
{
    struct purpose once = *why, once_more = *why;
    const char *error = NULL;

    once.chooses = once_more.chooses = true;
    once_more.operation = again;

    for (int i = 0; i < LIMIT_ROUNDS; i++) {
        AUTO(secret) struct secret *one = NULL;
        AUTO(secret) struct secret *two = NULL;
        enum err e = prompt_pin(prompt, &once, info, error, &one, p);

        if (e == ERR_OK)
            e = prompt_pin(prompt, &once_more, info, NULL, &two, p);
        if (e != ERR_OK)
            return e;
        if (same_secret(one, two)) {
            *out = TAKE(one);
            return ERR_OK;
        }
        error = "The two were not the same";
    }
    return fail(p, ERR_CANCELLED, "the two were not the same");
}

static enum err
ask_missing(struct client *c, struct token *t, const char *label,
            const struct pin_words *w, struct pins *pins, struct problem *p)
{
    const struct purpose first = {.token = t,
                                  .label = label,
                                  .operation = w->first,
                                  .is_puk = w->first_is_puk || w->first_is_new};
    const struct purpose second = {.token = t,
                                   .label = label,
                                   .operation = w->second,
                                   .prompt =
                                       w->first_is_new ? NULL : "New PIN:"};
    AUTO(prompt) struct prompt prompt = {0};
    struct token_info info;
    enum tokens_err loaded = token_load_info(t, &info);
    enum err e;

    if (loaded != TOKENS_OK)
        return token_problem(loaded, t, p);
    if (w->first_is_puk) {
        info.pin_final_try = info.puk_final_try;
        info.tries_left = info.puk_final_try ? 1 : -1;
        info.pin_count_low = false;
    }
    if ((pins->first && pins->second) ||
        (info.protected_path && (!info.pin_final_try || w->first_is_new)))
        return ERR_OK;
    e = prompt_begin(&prompt, c, t, p);
    if (info.protected_path)
        return e == ERR_OK ? prompt_last_try(&prompt, &first, &info, p) : e;
    if (e == ERR_OK && !pins->first)
        e = w->first_is_new
                ? ask_new(&prompt, &first, w->first_again, &info, &pins->first,
                          p)
                : prompt_pin(&prompt, &first, &info, NULL, &pins->first, p);
    if (e == ERR_OK && !pins->second)
        e = ask_new(&prompt, &second, w->again, &info, &pins->second, p);
    return e;
}

static enum err
get_pins(struct client *c, struct token *t, const char *label,
         const struct pin_request *r, const struct pin_words *w,
         struct pins *out, struct problem *p)
{
    enum err e = read_given(c, r, out, p);

    if (e == ERR_OK)
        e = ask_missing(c, t, label, w, out, p);
    if (e == ERR_TOKEN_LOCKED) /* it is not, or that is no matter */
        p->code = e = ERR_PIN_WANTED;
    /* An empty one would be taken for "use your own pad". */
    if (e == ERR_OK && ((out->first && secret_slice(out->first).n == 0) ||
                        (out->second && secret_slice(out->second).n == 0)))
        return token_problem(TOKENS_PIN_INVALID, t, p);
    return e;
}

/* NULL with 0 for the token's own pad. */
static struct slice
bytes_of(const struct secret *s)
{
    return s ? secret_slice(s) : slice_of(NULL, 0);
}

/* ---- change, unblock --------------------------------------------------- */

typedef enum tokens_err set_pin_fn(struct token *t, const uint8_t *first,
                                   size_t first_len, const uint8_t *second,
                                   size_t second_len);

static enum err
set_pin(struct client *c, struct token *t, const struct pin_request *r,
        const struct pin_words *w, set_pin_fn *set, struct problem *p)
{
    AUTO(pins) struct pins pins = {0};
    bool given = r->has_first && !w->first_is_puk && !w->first_is_new;
    enum err e = given ? unlock_check_tries(t, p) : ERR_OK;
    struct slice a, b;
    enum tokens_err done;

    if (e == ERR_OK)
        e = get_pins(c, t, NULL, r, w, &pins, p);
    if (e != ERR_OK)
        return e;
    a = bytes_of(pins.first);
    b = bytes_of(pins.second);
    /* What was kept is the old one, or soon a wrong one. */
    unlock_forget(c->keyholder, t);
    if (!a.p || !b.p)
        notice_now(c, NOTICE_PINPAD, t);
    done = set(t, a.p, a.n, b.p, b.n);
    return done == TOKENS_OK ? ERR_OK : token_problem(done, t, p);
}

static enum err
serve(struct client *c, const struct pin_request *r, const char *audited,
      const struct pin_words *w, set_pin_fn *set, struct token_record *out,
      struct reply_room *room, struct problem *p)
{
    struct token *t = NULL;
    enum err e = token_choose(c->keyholder->store, r->token, &t, p);

    if (e != ERR_OK)
        return e;
    e = set_pin(c, t, r, w, set, p);
    client_audit(c, audited, t, slice_of(NULL, 0), e);
    if (e == ERR_OK)
        token_record_fill(t, out, &room->bytes);
    return e;
}

enum err
pin_change(struct client *c, const struct pin_request *request,
           struct token_record *out, struct reply_room *room, struct problem *p)
{
    return serve(c, request, "change-pin", &words_change, token_change_pin, out,
                 room, p);
}

enum err
pin_unblock(struct client *c, const struct pin_request *request,
            struct token_record *out, struct reply_room *room,
            struct problem *p)
{
    return serve(c, request, "unblock-pin", &words_unblock, token_unblock_pin,
                 out, room, p);
}

/* ---- initialising ------------------------------------------------------ */

/* A token that has this name already is told by it. */
static enum err
check_name(struct token *const *all, size_t n, const struct pin_request *r,
           struct problem *p)
{
    for (size_t i = 0; i < n; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (info.initialized &&
            (slice_is(r->label, info.label) ||
             (r->token.n > 0 && (slice_is(r->token, info.label) ||
                                 slice_is(r->token, info.serial) ||
                                 slice_is(r->token, info.uri)))))
            return token_problem(TOKENS_INITIALIZED, all[i], p);
    }
    return ERR_OK;
}

static enum err
choose_empty(struct client *c, const struct pin_request *r, struct token **out,
             struct problem *p)
{
    struct token *all[LIMIT_TOKENS], *fit[LIMIT_TOKENS], *of_module = NULL;
    size_t n, count = 0;
    enum err e;

    (void)token_store_refresh(c->keyholder->store, 0);
    n = token_store_list(c->keyholder->store, all, LIMIT_TOKENS);
    n = n < LIMIT_TOKENS ? n : LIMIT_TOKENS;
    if ((e = check_name(all, n, r, p)) != ERR_OK)
        return e;
    for (size_t i = 0; i < n; i++) {
        struct token_info info;

        token_get_info(all[i], &info);
        if (!info.initialized &&
            (r->token.n == 0 || slice_is(r->token, info.serial) ||
             slice_is(r->token, info.uri)))
            fit[count++] = all[i];
        else if (!info.initialized && slice_is(r->token, info.module))
            of_module = of_module ? of_module : all[i];
    }
    /* Empty ones of one module are all the same. */
    if (count == 0 && of_module)
        fit[count++] = of_module;
    if (count == 0)
        return fail(p, ERR_TOKEN_ABSENT, "none that is empty");
    if (count > 1)
        return token_choice_problem(fit, count, p);
    *out = fit[0];
    return ERR_OK;
}

static enum err
initialize(struct client *c, struct token *t, const struct pin_request *r,
           struct token **out, struct problem *p)
{
    AUTO(pins) struct pins pins = {0};
    char label[TOKEN_LABEL_BYTES] = "";
    struct slice so_pin, pin;
    enum tokens_err done;
    enum err e;

    memcpy(label, r->label.p, r->label.n);
    e = get_pins(c, t, label, r, &words_init, &pins, p);
    if (e != ERR_OK) {
        problem_set_token(p, label);
        return e;
    }
    so_pin = bytes_of(pins.first);
    pin = bytes_of(pins.second);
    done = token_initialize(t, label, so_pin.p, so_pin.n, pin.p, pin.n, out);
    if (done == TOKENS_OK)
        return ERR_OK;
    (void)token_problem(done, t, p);
    /* There is no PUK yet: what was wrong is the vendor's first SO PIN. */
    if (done == TOKENS_PUK_WRONG)
        (void)fail(p, ERR_SO_PIN_WRONG, NULL);
    problem_set_token(p, label);
    return p->code;
}

/* A person has to see it, and to type it. */
static bool
label_is_fit(struct slice label)
{
    char shown[4 * TOKEN_LABEL_BYTES];
    bool seen = false;

    if (label.n == 0 || label.n >= TOKEN_LABEL_BYTES)
        return false;
    text_escape(label, shown, sizeof(shown));
    for (size_t i = 0; i < label.n; i++)
        seen = seen || label.p[i] != ' ';
    return seen && slice_equal(label, slice_text(shown));
}

enum err
token_init(struct client *c, const struct pin_request *request,
           struct token_record *out, struct reply_room *room, struct problem *p)
{
    struct token *t = NULL, *made = NULL;
    enum err e;

    if (!label_is_fit(request->label))
        return fail(p, ERR_USAGE,
                    "a label has 1 to 32 bytes of text that can be seen, in "
                    "UTF-8");
    e = choose_empty(c, request, &t, p);
    if (e == ERR_OK)
        e = initialize(c, t, request, &made, p);
    client_audit(c, "initialize", made ? made : t, slice_of(NULL, 0), e);
    if (e == ERR_OK)
        token_record_fill(made, out, &room->bytes);
    return e;
}
