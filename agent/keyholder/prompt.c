#include "agent/keyholder/prompt.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "agent/base/log.h"
#include "agent/keyholder/token_problem.h"

#define TURN_CHECK_MS 300

static bool
client_left(const struct client *c)
{
    struct pollfd fd = {.fd = c->served.fd, .events = POLLRDHUP};

    return poll(&fd, 1, 0) > 0 &&
           (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void
set_token(struct client *c, struct token *token)
{
    pthread_mutex_lock(&c->keyholder->mutex);
    c->prompt_token = token;
    __atomic_store_n(&c->prompt_locked, false, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&c->keyholder->mutex);
}

void
prompt_lock(struct keyholder *k, struct token *token)
{
    pthread_mutex_lock(&k->mutex);
    for (size_t i = 0; i < LIMIT_CLIENTS; i++) {
        struct client *c = k->client[i];

        if (c && c->prompt_token && (!token || c->prompt_token == token))
            __atomic_store_n(&c->prompt_locked, true, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&k->mutex);
}

bool
prompt_was_locked(const struct prompt *prompt, struct problem *p)
{
    if (!__atomic_load_n(&prompt->client->prompt_locked, __ATOMIC_ACQUIRE))
        return false;
    (void)fail(p, ERR_CANCELLED, "the token was locked meanwhile");
    return true;
}

void
prompt_watch(struct prompt *prompt, struct client *c, struct token *token)
{
    memset(prompt, 0, sizeof(*prompt));
    prompt->client = c;
    set_token(c, token);
}

/* The turn is a name, not a mutex: when a token hangs in a login, the thread
 * that asked for the PIN cannot give it back itself. */
enum err
prompt_begin(struct prompt *prompt, struct client *c, struct token *token,
             struct problem *p)
{
    struct keyholder *k = c->keyholder;
    struct timespec end;
    bool mine = false;

    memset(prompt, 0, sizeof(*prompt));
    prompt->client = c;
    if (c->is_abandoned)
        return fail(p, ERR_CANCELLED, "the client was told already");
    set_token(c, token);
    while (!mine) {
        clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_nsec += TURN_CHECK_MS * 1000000L;
        end.tv_sec += end.tv_nsec / 1000000000L;
        end.tv_nsec %= 1000000000L;
        pthread_mutex_lock(&k->mutex);
        if (k->prompting)
            (void)pthread_cond_timedwait(&k->prompted, &k->mutex, &end);
        mine = !k->prompting;
        if (mine)
            k->prompting = c;
        pthread_mutex_unlock(&k->mutex);
        if (!mine && client_left(c))
            return fail(p, ERR_CANCELLED, "the client went away");
    }
    prompt->held = true;
    return prompt_was_locked(prompt, p) ? p->code : ERR_OK;
}

void
prompt_drop(struct prompt *prompt)
{
    struct keyholder *k;

    pinentry_drop(&prompt->pinentry);
    if (!prompt->client)
        return;
    set_token(prompt->client, NULL);
    if (!prompt->held)
        return;
    k = prompt->client->keyholder;
    pthread_mutex_lock(&k->mutex);
    if (k->prompting == prompt->client)
        k->prompting = NULL;
    pthread_cond_signal(&k->prompted);
    pthread_mutex_unlock(&k->mutex);
    prompt->held = false;
}

/* What is asked, in lines: foreign text escaped, cut, on one line each. What
 * must not be missed comes first, so that no long name can push it out. */
struct text {
    char bytes[700];
    size_t n;
};

static void add_line(struct text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
add_line(struct text *t, const char *format, ...)
{
    size_t room = sizeof(t->bytes) - t->n;
    va_list args;
    int n;

    if (t->n > 0 && room > 1) {
        t->bytes[t->n++] = '\n';
        room--;
    }
    va_start(args, format);
    n = vsnprintf(t->bytes + t->n, room, format, args);
    va_end(args);
    if (n > 0)
        t->n += (size_t)n < room ? (size_t)n : room - 1;
}

static void
add_foreign(struct text *t, const char *name, const char *foreign, size_t most)
{
    char shown[100];

    text_escape(slice_text(foreign), shown, most);
    add_line(t, "%s%s", name, shown);
}

/* A certificate can name several addresses: the first one, and how many. */
static void
add_key(struct text *t, const struct key_facts *f)
{
    char shown[80], id[13] = "";

    memcpy(id, f->id, strnlen(f->id, sizeof(id) - 1));
    text_escape(slice_text(f->label), shown, sizeof(shown));
    if (f->label[0])
        add_line(t, "Key: %s (%s)", shown, id);
    else
        add_line(t, "Key: %s", id);
    if (f->addresses == 0)
        return;
    text_escape(slice_text(f->address[0]), shown, sizeof(shown));
    if (f->addresses == 1)
        add_line(t, "Address: %s", shown);
    else
        add_line(t, "Address: %s and %zu more", shown, f->addresses - 1);
}

static void
add_window(struct text *t, const struct config_consent *c)
{
    if (c->window_s == 0 || c->count == 1)
        return;
    if (c->count > 0)
        add_line(t, "This holds for the next %u seconds, at most %u times.",
                 c->window_s, c->count);
    else
        add_line(t, "This holds for the next %u seconds.", c->window_s);
}

static void
add_length(struct text *t, const struct token_info *info)
{
    if (token_has_pin_limits(info))
        add_line(t, "It has %lu to %lu characters", info->pin_min,
                 info->pin_max);
}

static void
add_tries(struct text *t, const struct token_info *info)
{
    if (info->tries_left > 0)
        add_line(t, "%d %s left", info->tries_left,
                 info->tries_left == 1 ? "try" : "tries");
    else if (info->pin_count_low)
        add_line(t, "A wrong PIN was given before: not all tries are left");
}

/* Whoever types a PIN must know which of two of that label gets it. */
static void
add_token(struct text *t, struct token *token)
{
    char text[TOKEN_LABEL_BYTES + TOKEN_SERIAL_BYTES + 16];
    struct token_info info;

    token_name(token, text);
    token_get_info(token, &info);
    if (info.label[0] && token_label_is_shared(token))
        snprintf(text, sizeof(text), "%s (serial %s)", info.label, info.serial);
    add_foreign(t, "Token: ", text, 100);
}

static void
describe(struct prompt *prompt, const struct purpose *why,
         const struct token_info *info, struct text *out)
{
    add_line(out, "%s wants to %s", client_program(prompt->client),
             why->operation);
    if (why->each_time)
        add_line(out, "The key wants the PIN for each use");
    if (why->lasts)
        add_window(out, &prompt->client->keyholder->config.consent);
    if (info && why->chooses)
        add_length(out, info);
    else if (info)
        add_tries(out, info);
    if (why->facts && why->facts->id[0])
        add_key(out, why->facts);
    else if (why->key[0])
        add_foreign(out, "", why->key, 100);
    if (why->label)
        add_foreign(out, "Token: ", why->label, 100);
    else
        add_token(out, why->token);
}

/* Errors: of the broker, of pinentry_open. */
static enum err
start_pinentry(struct prompt *prompt, struct problem *p)
{
    struct client *c = prompt->client;
    const struct pinentry_watch watch = {c->served.fd, &c->prompt_locked};
    const struct pinentry_place place = {c->tty, c->term, c->display, c->locale,
                                         c->keyholder->config.prompt_s};
    int fd = -1;
    enum err e;

    if (prompt->pinentry)
        return ERR_OK;
    e = broker_spawn(&c->keyholder->broker, HELPER_PINENTRY, &fd, p);
    if (e == ERR_OK)
        e = pinentry_open(fd, &watch, &place, &prompt->pinentry, p);
    return e;
}

static const char *
reason(const struct problem *p)
{
    return p->detail[0] ? p->detail : "pinentry does not start";
}

static enum err
start_for_token(struct prompt *prompt, struct token *token, struct problem *p)
{
    struct problem why = {0};
    char name[TOKEN_LABEL_BYTES];
    enum err e = start_pinentry(prompt, &why);

    if (e == ERR_OK)
        return ERR_OK;
    *p = why;
    if (e != ERR_CANCELLED)
        (void)fail(p, ERR_TOKEN_LOCKED, "%s", reason(&why));
    token_handle(token, name);
    problem_set_token(p, name);
    return p->code;
}

static const char last_try[] =
    "This is the last try: a wrong PIN blocks the token. Go on?\n";
static const char last_try_of_puk[] =
    "This is the last try: a wrong PUK blocks the token for good. Go on?\n";

enum err
prompt_last_try(struct prompt *prompt, const struct purpose *why,
                const struct token_info *info, struct problem *p)
{
    struct text text = {.n = 0};
    char last[sizeof(text.bytes) + sizeof(last_try_of_puk)];
    char name[TOKEN_LABEL_BYTES];
    enum err e;

    if (!info->pin_final_try || why->chooses || why->is_sure)
        return ERR_OK;
    e = start_for_token(prompt, why->token, p);
    if (e == ERR_OK) {
        describe(prompt, why, info, &text);
        snprintf(last, sizeof(last), "%s%s",
                 why->is_puk ? last_try_of_puk : last_try, text.bytes);
        e = pinentry_confirm(prompt->pinentry, last, p);
    }
    /* Nobody can say yes here; the PIN could be typed at the token's pad. */
    if (e == ERR_TOKEN_LOCKED && info->protected_path && !why->is_puk)
        e = fail(p, ERR_LAST_TRY, NULL);
    if (e == ERR_TOKEN_LOCKED || e == ERR_LAST_TRY) {
        token_handle(why->token, name);
        problem_set_token(p, name);
    }
    return e;
}

enum err
prompt_pin(struct prompt *prompt, const struct purpose *why,
           const struct token_info *info, const char *error,
           struct secret **out, struct problem *p)
{
    struct text text = {.n = 0};
    char name[TOKEN_LABEL_BYTES];
    const struct pinentry_question question = {.prompt = why->prompt
                                                             ? why->prompt
                                                         : why->is_puk ? "PUK:"
                                                                       : "PIN:",
                                               .description = text.bytes,
                                               .error = error};
    enum err e = start_for_token(prompt, why->token, p);

    if (e != ERR_OK)
        return e;
    describe(prompt, why, info, &text);
    e = prompt_last_try(prompt, why, info, p);
    if (e == ERR_OK)
        e = pinentry_ask(prompt->pinentry, &question, out, p);
    if (e == ERR_TOKEN_LOCKED) {
        token_handle(why->token, name);
        problem_set_token(p, name);
    }
    return e;
}

enum err
prompt_confirm(struct prompt *prompt, const struct purpose *why,
               struct problem *p)
{
    struct text text = {.n = 0};
    char question[sizeof(text.bytes) + 16];
    struct problem why_not = {0};
    struct purpose asked = *why;
    enum err e = start_pinentry(prompt, &why_not);

    asked.lasts = true;
    describe(prompt, &asked, NULL, &text);
    snprintf(question, sizeof(question), "Allow this?\n%s", text.bytes);
    if (e == ERR_OK)
        e = pinentry_confirm(prompt->pinentry, question, &why_not);
    if (e == ERR_OK)
        return ERR_OK;
    *p = why_not;
    if (e == ERR_CANCELLED)
        return why_not.detail[0] ? e : fail(p, e, "the answer was no");
    return fail(p, ERR_NO_PROMPT, "%s", reason(&why_not));
}

bool
prompt_is_left(const struct prompt *prompt)
{
    return prompt->pinentry && pinentry_is_left(prompt->pinentry);
}

static enum err
ask_secret(struct client *c, const struct pinentry_question *question,
           struct secret **out, struct problem *p)
{
    AUTO(prompt) struct prompt prompt;
    enum err e = prompt_begin(&prompt, c, NULL, p);

    if (e == ERR_OK)
        e = start_pinentry(&prompt, p);
    return e == ERR_OK ? pinentry_ask(prompt.pinentry, question, out, p) : e;
}

enum err
prompt_password(struct client *c, struct slice file, const char *error,
                struct secret **out, struct problem *p)
{
    char name[128];
    char text[CALLER_BYTES + sizeof(name) + 32];
    const struct pinentry_question question = {
        .prompt = "Password:", .description = text, .error = error};
    struct problem why = {0};
    enum err e;

    text_escape(file.n > 0 ? file : slice_text("a key file"), name,
                sizeof(name));
    snprintf(text, sizeof(text), "%s wants to import %s", client_program(c),
             name);
    e = ask_secret(c, &question, out, &why);
    if (e == ERR_OK)
        return ERR_OK;
    *p = why;
    if (e == ERR_CANCELLED)
        return e;
    return fail(p, ERR_P12_PASSWORD,
                "none was given, and none could be asked for (%s)",
                reason(&why));
}

enum err
prompt_secret(struct client *c, const char *description, const char *error,
              struct secret **out, struct problem *p)
{
    const struct pinentry_question question = {
        .prompt = "Password:", .description = description, .error = error};
    struct problem why = {0};
    enum err e = ask_secret(c, &question, out, &why);

    if (e == ERR_OK)
        return ERR_OK;
    *p = why;
    return e == ERR_CANCELLED
               ? e
               : fail(p, ERR_PASSWORD_WANTED, "%s", reason(&why));
}
