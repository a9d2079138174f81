#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"token", OPTION_VALUE}, {"json", OPTION_FLAG}, {NULL, OPTION_FLAG}};

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    long long locked;
    int e;

    call_init(&c);
    call_set_text(&c, "token", arguments_value(a, "token"));
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Keys.Lock", &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    locked = (long long)number_of(reply, "locked");
    if (locked == 0)
        puts("Nothing was unlocked.");
    else
        printf("%lld token%s locked.\n", locked, locked == 1 ? "" : "s");
    return output_finish(EXIT_DONE);
}

const struct command command_lock = {
    .name = "lock",
    .summary = "log out of the tokens: the PIN is asked again",
    .usage = "lock [--token T] [--json]",
    .help = "  --token T   only this one: its label, serial or pkcs11: URI\n"
            "  --json      the agent's answer as it is\n",
    .options = options,
    .run = run,
};
