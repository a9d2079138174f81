#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"from", OPTION_VALUE},    {"key", OPTION_VALUE},
    {"opaque", OPTION_FLAG},   {"digest", OPTION_VALUE},
    {"padding", OPTION_VALUE}, {"header-protection", OPTION_VALUE},
    {NULL, OPTION_FLAG}};

static const char *const given[] = {
    "from", "key", "digest", "padding", "header-protection", NULL};

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_set_output(&c);
    if (e != EXIT_DONE)
        return e;
    call_set_options(&c, a, given);
    call_set_flag(&c, "opaque", arguments_flag(a, "opaque"));
    call_set_caller(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Sign", &reply);
    if (e == EXIT_DONE)
        warnings_say(reply);
    return e;
}

const struct command command_sign = {
    .name = "sign",
    .summary = "sign a message; it goes to stdout",
    .usage = "sign [--from A] [--key ID] [--opaque] [--digest D]\n"
             "                  [--padding P] [--header-protection H] [FILE]",
    .help = "The message's From header says who signs, unless an option does.\n"
            "\n"
            "  --from A    the address to sign as\n"
            "  --key ID    the key: the beginning of its id (smime keys) or "
            "its URI\n"
            "  --opaque    the signature around the text, not beside it\n"
            "  --digest D  sha256, sha384 or sha512, else what fits the key\n"
            "  --padding P of an RSA key: pkcs1 (usual) or pss\n"
            "  --header-protection H   off, or clear: the header fields are "
            "signed too\n",
    .options = options,
    .most_operands = 1,
    .run = run,
};
