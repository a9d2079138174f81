#include "agent/keyholder/prompt.h"

#include <poll.h>
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

/* The turn is a name, not a mutex: when a token hangs in a login, the thread
 * that asked for the PIN cannot give it back itself. */
enum err
prompt_begin(struct prompt *prompt, struct client *c, struct problem *p)
{
    struct keyholder *k = c->keyholder;
    struct timespec end;
    bool mine = false;

    memset(prompt, 0, sizeof(*prompt));
    prompt->client = c;
    if (c->is_abandoned)
        return fail(p, ERR_CANCELLED, "the client was told already");
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
    return ERR_OK;
}

void
prompt_drop(struct prompt *prompt)
{
    struct keyholder *k;

    pinentry_drop(&prompt->pinentry);
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

/* Foreign text each: escaped, cut, one line. */
static void
describe(struct prompt *prompt, const struct purpose *why,
         const struct token_info *info, char *out, size_t size)
{
    char token[TOKEN_LABEL_BYTES], shown[100], key[128];
    size_t n;

    token_name(why->token, token);
    text_escape(slice_text(token), shown, sizeof(shown));
    text_escape(slice_text(why->key), key, sizeof(key));
    n = (size_t)snprintf(out, size, "%s wants to %s",
                         client_program(prompt->client), why->operation);
    if (key[0] && n < size)
        n += (size_t)snprintf(out + n, size - n, "\n%s", key);
    if (n < size)
        n += (size_t)snprintf(out + n, size - n, "\nToken: %s", shown);
    if (info->tries_left > 0 && n < size)
        snprintf(out + n, size - n, "\n%d %s left", info->tries_left,
                 info->tries_left == 1 ? "try" : "tries");
}

/* Errors: of the broker, of pinentry_open. */
static enum err
start_pinentry(struct prompt *prompt, struct problem *p)
{
    struct client *c = prompt->client;
    const struct pinentry_place place = {c->tty, c->term, c->display,
                                         c->locale};
    int fd = -1;
    enum err e;

    if (prompt->pinentry)
        return ERR_OK;
    e = broker_spawn(&c->keyholder->broker, HELPER_PINENTRY, &fd, p);
    if (e == ERR_OK)
        e = pinentry_open(fd, c->served.fd, &place, &prompt->pinentry, p);
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
    token_name(token, name);
    problem_set_token(p, name);
    return p->code;
}

enum err
prompt_pin(struct prompt *prompt, const struct purpose *why,
           const struct token_info *info, const char *error,
           struct secret **out, struct problem *p)
{
    char text[640];
    char last[768];
    char name[TOKEN_LABEL_BYTES];
    const struct pinentry_question question = {
        .prompt = why->prompt ? why->prompt : "PIN:",
        .description = text,
        .error = error};
    enum err e = start_for_token(prompt, why->token, p);

    if (e != ERR_OK)
        return e;
    describe(prompt, why, info, text, sizeof(text));
    if (info->pin_final_try) {
        snprintf(last, sizeof(last),
                 "%s\nThis is the last try: a wrong PIN blocks the token. "
                 "Go on?",
                 text);
        e = pinentry_confirm(prompt->pinentry, last, p);
    }
    if (e == ERR_OK)
        e = pinentry_ask(prompt->pinentry, &question, out, p);
    if (e == ERR_TOKEN_LOCKED) {
        token_name(why->token, name);
        problem_set_token(p, name);
    }
    return e;
}

enum err
prompt_password(struct client *c, struct slice file, const char *error,
                struct secret **out, struct problem *p)
{
    AUTO(prompt) struct prompt prompt;
    char name[128];
    char text[CALLER_BYTES + sizeof(name) + 32];
    const struct pinentry_question question = {
        .prompt = "Password:", .description = text, .error = error};
    struct problem why = {0};
    enum err e = prompt_begin(&prompt, c, &why);

    text_escape(file.n > 0 ? file : slice_text("a key file"), name,
                sizeof(name));
    snprintf(text, sizeof(text), "%s wants to import %s", client_program(c),
             name);
    if (e == ERR_OK)
        e = start_pinentry(&prompt, &why);
    if (e == ERR_OK)
        e = pinentry_ask(prompt.pinentry, &question, out, &why);
    if (e == ERR_OK)
        return ERR_OK;
    *p = why;
    if (e == ERR_CANCELLED)
        return e;
    return fail(p, ERR_P12_PASSWORD,
                "none was given, and none could be asked for (%s)",
                reason(&why));
}
