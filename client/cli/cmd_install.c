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

static void
installed_say(json_t *one)
{
    char addresses[1024], date[TIME_TEXT_BYTES];
    int64_t end = number_of(one, "not_after");

    texts_join(json_object_get(one, "addresses"), addresses, sizeof(addresses));
    fputs(flag_of(one, "already") ? "Already there: " : "Installed: ", stdout);
    show_text(stdout, addresses[0] ? addresses : "no address");
    fputs(", on token ", stdout);
    show_text(stdout, text_of(one, "token"));
    if (end != 0)
        printf(", until %s", date_text(end, date));
    fputs(", id ", stdout);
    show_text(stdout, text_of(one, "id"));
    putchar('\n');
}

static int
run(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    json_t *list, *one;
    long long chain;
    size_t i;
    int e = call_unlocking(a, "io.smimeagent.Keys.Install", make, &reply);

    if (e != EXIT_DONE)
        return e;
    warnings_say(reply);
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    list = json_object_get(reply, "installed");
    json_array_foreach(list, i, one) installed_say(one);
    chain = (long long)number_of(reply, "chain");
    if (chain > 0)
        printf("With %lld certificate%s of issuers.\n", chain,
               chain == 1 ? "" : "s");
    return output_finish(EXIT_DONE);
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
