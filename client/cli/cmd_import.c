#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"token", OPTION_VALUE}, {"also-to", OPTION_VALUE},
    {"no-mac", OPTION_FLAG}, {"password-fd", OPTION_VALUE},
    {"json", OPTION_FLAG},   {NULL, OPTION_FLAG}};

#define LIMIT_TRIES 5 /* the file's password, two PINs, and two slips */

/* One attempt; the file is opened anew each time, for its position is shared
 * with the agent. PASSWORD may be NULL. */
static int
import_try(const struct arguments *a, const struct secret *password,
           json_t **out, struct smime_error *error)
{
    AUTO(call) struct call c = {.parameters = NULL};
    const char *file = a->operand[0];
    const char *slash = strrchr(file, '/');
    int e;

    call_init(&c);
    if (password)
        (void)call_add_fd(&c, "password", secret_pipe(password));
    call_set_text(&c, "token", arguments_value(a, "token"));
    call_set_text(&c, "also_to", arguments_value(a, "also-to"));
    call_set_flag(&c, "no_mac", arguments_flag(a, "no-mac"));
    if (strcmp(file, "-") != 0)
        call_set_text(&c, "file", slash && slash[1] ? slash + 1 : file);
    call_set_caller(&c);
    e = call_set_fd_option(&c, a, "password-fd", "password");
    if (e == EXIT_DONE)
        e = call_set_input(&c, file);
    if (e != EXIT_DONE)
        return e;
    return call_try(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Keys.Import", out,
                    error);
}

/* The token that is locked: as it was named here, unless there are two. */
static const char *
locked_token(const struct arguments *a, json_t *facts)
{
    const char *named = arguments_value(a, "token");

    if (named && !arguments_value(a, "also-to"))
        return named;
    return text_of(facts, "token")[0] != '\0' ? text_of(facts, "token") : named;
}

/* Unlocks the token with a PIN that is typed here. */
static bool
unlock_here(const struct arguments *a, const struct smime_error *error)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *facts = NULL;
    AUTO(json) json_t *reply = NULL;
    AUTO(secret) struct secret *pin = NULL;
    AUTO(buf) struct buf prompt = {0};

    facts = json_loads(error->facts ? error->facts : "{}", 0, NULL);
    buf_addf(&prompt, "PIN of the token %s", text_of(facts, "token"));
    pin = ask_secret(buf_text(&prompt));
    if (!pin)
        return false;
    call_init(&c);
    call_set_text(&c, "token", locked_token(a, facts));
    (void)call_add_fd(&c, "pin", secret_pipe(pin));
    return call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Keys.Unlock",
                    &reply) == EXIT_DONE;
}

/* False: pinentry asked, and no answer opened the file. Else the agent says
 * in detail why it could not ask; or what was typed here was wrong. */
static bool
is_ours_to_ask(const struct smime_error *error, bool typed)
{
    AUTO(json) json_t *facts = NULL;

    if (strcmp(error->name, "WrongPassword") != 0)
        return false;
    facts = json_loads(error->facts ? error->facts : "{}", 0, NULL);
    return typed || text_of(facts, "detail")[0] != '\0';
}

/* What the agent could not ask for itself, without pinentry, we ask at the
 * terminal: the file's password and the token's PIN. Gives false when the
 * error stands. */
static bool
ask_what_is_missing(const struct arguments *a, const struct smime_error *error,
                    struct secret **password)
{
    const char *prompt = *password ? "That is not it. Password of the file"
                                   : "Password of the file";
    struct secret *answer;

    if (!can_ask() || arguments_flag(a, "password-fd") ||
        strcmp(a->operand[0], "-") == 0)
        return false;
    if (strcmp(error->name, "TokenLocked") == 0)
        return unlock_here(a, error);
    if (!is_ours_to_ask(error, *password != NULL))
        return false;
    answer = ask_secret(prompt);
    if (!answer)
        return false;
    secret_drop(password);
    *password = answer;
    return true;
}

static int
import_asking(const struct arguments *a, json_t **out)
{
    AUTO(secret) struct secret *password = NULL;

    for (int tries = 0;; tries++) {
        AUTO(smime_error) struct smime_error error = {.exit_code = 0};
        int e = import_try(a, password, out, &error);

        if (e == EXIT_DONE || error.name[0] == '\0')
            return e; /* an error without a name has been said */
        if (tries == LIMIT_TRIES || !ask_what_is_missing(a, &error, &password))
            return error_say(&error);
    }
}

static int
run(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    const char *token = arguments_value(a, "token");
    const char *also = arguments_value(a, "also-to");
    int e;

    /* Under two names, only the agent knows that they are one. */
    if (token && also && strcmp(token, also) == 0)
        return usage_error(
            &command_import,
            "--also-to wants another token: %s is the first one already", also);
    e = import_asking(a, &reply);
    return e == EXIT_DONE ? stored_say(a, reply, "imported", "Imported") : e;
}

const struct command command_import = {
    .name = "import",
    .summary = "put the keys of a .p12 or .pfx file on a token",
    .usage = "import FILE [--token T] [--also-to T2] [--no-mac]\n"
             "                    [--password-fd N] [--json]",
    .help =
        "All keys and certificates of the file go to the token, or none.\n"
        "\n"
        "  --token T         which token: its label, serial or pkcs11: URI;\n"
        "                    not needed where only one can be meant\n"
        "  --also-to T2      the same to a second token: on both, or on\n"
        "                    neither. Later no key leaves its token any more\n"
        "  --no-mac          take a file without an integrity check\n"
        "  --password-fd N   read the file's password from descriptor N (its\n"
        "                    first line); else it is asked for\n"
        "  --json            the agent's answer as it is\n",
    .options = options,
    .least_operands = 1,
    .most_operands = 1,
    .run = run,
};
