#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"token", OPTION_VALUE}, {"json", OPTION_FLAG}, {NULL, OPTION_FLAG}};

static int
make(struct call *c, const struct arguments *a)
{
    const char *file = a->operand_count > 0 ? a->operand[0] : NULL;
    int e = call_set_input(c, file);
    json_t *index = json_object_get(c->parameters, "input");

    call_set_text(c, "token", arguments_value(a, "token"));
    return e == EXIT_DONE
               ? file_want_issued(file, c->fds[json_integer_value(index)])
               : e;
}

static int
run(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    int e = call_unlocking(a, "io.smimeagent.Keys.Install", make, &reply);

    return e == EXIT_DONE ? stored_say(a, reply, "installed", "Installed") : e;
}

const struct command command_install = {
    .name = "install",
    .summary = "put the certificate a CA issued beside its key",
    .usage = "install [CERT] [--token T] [--json]",
    .help = "CERT (or stdin) is what the CA returned: PEM, DER, or a .p7c or\n"
            ".p7b with the chain. Its key is found by itself; a certificate\n"
            "that the key had before stays.\n"
            "\n"
            "  --token T   only this token: its label, serial or pkcs11: URI\n"
            "  --json      the agent's answer as it is\n",
    .options = options,
    .most_operands = 1,
    .run = run,
};
