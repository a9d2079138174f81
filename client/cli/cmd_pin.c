#include <string.h>

#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"token", OPTION_VALUE},  {"old-pin-fd", OPTION_VALUE},
    {"puk-fd", OPTION_VALUE}, {"pin-fd", OPTION_VALUE},
    {"json", OPTION_FLAG},    {NULL, OPTION_FLAG}};

static const struct wanted_secret of_change[] = {
    {"old-pin-fd", "old_pin", "PIN that the token has now", false},
    {"pin-fd", "pin", "New PIN", true},
    {NULL, NULL, NULL, false}};

static const struct wanted_secret of_unblock[] = {
    {"puk-fd", "puk", "PUK (SO PIN) of the token", false},
    {"pin-fd", "pin", "New PIN", true},
    {NULL, NULL, NULL, false}};

static int
make(struct call *c, const struct arguments *a)
{
    call_set_text(c, "token", arguments_value(a, "token"));
    return EXIT_DONE;
}

static int
set_pin(const struct arguments *a, const char *method,
        const struct wanted_secret *secrets, const char *done)
{
    AUTO(json) json_t *reply = NULL;
    int e = call_with_secrets(a, method, make, secrets, &reply);

    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    fputs(done, stdout);
    show_text(stdout, text_of(reply, "token"));
    putchar('\n');
    return output_finish(EXIT_DONE);
}

static int
run(const struct arguments *a)
{
    bool change = strcmp(a->operand[0], "change") == 0;

    if (!change && strcmp(a->operand[0], "unblock") != 0)
        return usage_error(a->command, "pin can change or unblock, not %s",
                           a->operand[0]);
    if (arguments_flag(a, change ? "puk-fd" : "old-pin-fd"))
        return usage_error(a->command, "pin %s takes no --%s", a->operand[0],
                           change ? "puk-fd" : "old-pin-fd");
    if (change)
        return set_pin(a, "io.smimeagent.Keys.ChangePin", of_change,
                       "PIN changed: ");
    return set_pin(a, "io.smimeagent.Keys.UnblockPin", of_unblock,
                   "New PIN set: ");
}

const struct command command_pin = {
    .name = "pin",
    .summary = "change a token's PIN, or unblock it with the PUK",
    .usage = "pin change [--token T] [--old-pin-fd N] [--pin-fd N] [--json]\n"
             "       smime pin unblock [--token T] [--puk-fd N] [--pin-fd N] "
             "[--json]",
    .help = "  --token T        which one: its label, serial or pkcs11: URI\n"
            "  --old-pin-fd N   read the PIN it has from descriptor N\n"
            "  --puk-fd N       read the PUK (SO PIN) from descriptor N\n"
            "  --pin-fd N       read the new PIN from descriptor N (the first\n"
            "                   line of each); what is not given is asked for\n"
            "  --json           the agent's answer as it is\n",
    .options = options,
    .least_operands = 1,
    .most_operands = 1,
    .run = run,
};
