/*
 * Calls that may need a secret which the agent could not ask for: where there
 * is no pinentry it is typed at the terminal.
 */
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static bool
is_locked(const struct smime_error *error)
{
    return strcmp(error->name, "TokenLocked") == 0;
}

static bool
wants_pins(const struct smime_error *error)
{
    return strcmp(error->name, "PinWanted") == 0;
}

/* ---- one PIN, then again ------------------------------------------------ */

static bool
unlock(const struct smime_error *error)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *facts = NULL;
    AUTO(json) json_t *reply = NULL;
    AUTO(secret) struct secret *pin = ask_secret("PIN of the token");

    if (!pin)
        return false;
    facts = json_loads(error->facts ? error->facts : "{}", 0, NULL);
    call_init(&c);
    call_set_text(&c, "token", text_of(facts, "token"));
    (void)call_add_fd(&c, "pin", secret_pipe(pin));
    return call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Keys.Unlock",
                    &reply) == EXIT_DONE;
}

int
call_unlocking(const struct arguments *a, const char *method, call_maker *make,
               json_t **out)
{
    for (int tries = 0;; tries++) {
        AUTO(call) struct call c = {.parameters = NULL};
        AUTO(smime_error) struct smime_error error = {.exit_code = 0};
        int e;

        call_init(&c);
        call_set_caller(&c);
        e = make(&c, a);
        if (e != EXIT_DONE)
            return e;
        e = call_try(&c, SMIME_SOCKET_MANAGE, method, out, &error);
        if (e == EXIT_DONE)
            return e;
        if (tries > 0 || !is_locked(&error) || !can_ask() || !unlock(&error))
            return error_say(&error);
    }
}

/* ---- new PINs ----------------------------------------------------------- */

static struct secret *
ask_twice(const char *prompt)
{
    AUTO(secret) struct secret *one = ask_secret(prompt);
    AUTO(secret) struct secret *two = one ? ask_secret("The same again") : NULL;

    if (!two)
        return NULL;
    if (slice_equal(secret_slice(one), secret_slice(two)))
        return TAKE(one);
    (void)failure_say(EXIT_USAGE, NULL, "the two were not the same");
    return NULL;
}

static bool
type_all(struct call *c, const struct wanted_secret *w)
{
    for (; w->parameter; w++) {
        AUTO(secret)
        struct secret *s =
            w->is_new ? ask_twice(w->prompt) : ask_secret(w->prompt);

        if (!s)
            return false;
        (void)call_add_fd(c, w->parameter, secret_pipe(s));
    }
    return true;
}

static int
begin(struct call *c, const struct arguments *a, call_maker *make)
{
    call_init(c);
    call_set_caller(c);
    return make(c, a);
}

/* Descriptors that were given have been read by now: then nothing more is
 * asked for. */
static int
repeat_typed(const struct arguments *a, const char *method, call_maker *make,
             const struct wanted_secret *secrets,
             const struct smime_error *error, json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};
    bool given = false;
    int e;

    for (const struct wanted_secret *w = secrets; w->parameter; w++)
        given = given || arguments_flag(a, w->option);
    if (given || !wants_pins(error) || !can_ask())
        return error_say(error);
    e = begin(&c, a, make);
    if (e != EXIT_DONE)
        return e;
    if (!type_all(&c, secrets))
        return error_say(error);
    return call_run(&c, SMIME_SOCKET_MANAGE, method, out);
}

int
call_with_secrets(const struct arguments *a, const char *method,
                  call_maker *make, const struct wanted_secret *secrets,
                  json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    int e = begin(&c, a, make);

    for (const struct wanted_secret *w = secrets;
         e == EXIT_DONE && w->parameter; w++)
        e = call_set_fd_option(&c, a, w->option, w->parameter);
    if (e != EXIT_DONE)
        return e;
    e = call_try(&c, SMIME_SOCKET_MANAGE, method, out, &error);
    if (e == EXIT_DONE)
        return e;
    return repeat_typed(a, method, make, secrets, &error, out);
}
