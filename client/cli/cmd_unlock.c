#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"token", OPTION_VALUE},
                                            {"pin-fd", OPTION_VALUE},
                                            {"last-try", OPTION_FLAG},
                                            {"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

#define UNLOCK "io.smimeagent.Keys.Unlock"

/* The agent could not ask for the PIN (no pinentry): we ask here. */
static int
ask_here(const struct arguments *a, const struct smime_error *error,
         json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(secret) struct secret *pin = NULL;

    if (strcmp(error->name, "TokenLocked") != 0 ||
        arguments_flag(a, "pin-fd") || !can_ask())
        return error_say(error);
    pin = ask_secret("PIN of the token");
    if (!pin)
        return error_say(error);
    call_init(&c);
    call_set_text(&c, "token", arguments_value(a, "token"));
    call_set_flag(&c, "last_try", arguments_flag(a, "last-try"));
    (void)call_add_fd(&c, "pin", secret_pipe(pin));
    return call_run(&c, SMIME_SOCKET_MANAGE, UNLOCK, out);
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    call_set_text(&c, "token", arguments_value(a, "token"));
    call_set_flag(&c, "last_try", arguments_flag(a, "last-try"));
    call_set_caller(&c);
    e = call_set_fd_option(&c, a, "pin-fd", "pin");
    if (e != EXIT_DONE)
        return e;
    e = call_try(&c, SMIME_SOCKET_MANAGE, UNLOCK, &reply, &error);
    if (e != EXIT_DONE)
        e = ask_here(a, &error, &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    fputs(flag_of(reply, "already") ? "Already unlocked: " : "Unlocked: ",
          stdout);
    show_text(stdout, text_of(reply, "token"));
    putchar('\n');
    if (flag_of(reply, "already") && arguments_value(a, "pin-fd"))
        puts("  The PIN that was given was not tried. To try it: smime lock, "
             "then this again.");
    if (flag_of(reply, "pin_must_change"))
        puts("  Its PIN must be changed before it is used.\n"
             "  next: smime pin change");
    return output_finish(EXIT_DONE);
}

const struct command command_unlock = {
    .name = "unlock",
    .summary = "log in to a token",
    .usage = "unlock [--token T] [--pin-fd N] [--last-try] [--json]",
    .help = "  --token T    which one: its label, serial or pkcs11: URI\n"
            "  --pin-fd N   read the PIN from descriptor N (its first line);\n"
            "               else the agent asks for it\n"
            "  --last-try   give that PIN also when a wrong one would block "
            "it\n"
            "  --json       the agent's answer as it is\n",
    .options = options,
    .run = run,
};
