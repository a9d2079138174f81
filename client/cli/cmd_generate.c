#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"address", OPTION_VALUE},   {"token", OPTION_VALUE},
    {"algorithm", OPTION_VALUE}, {"name", OPTION_VALUE},
    {"json", OPTION_FLAG},       {NULL, OPTION_FLAG}};

static int
make(struct call *c, const struct arguments *a)
{
    call_set_text(c, "address", arguments_value(a, "address"));
    call_set_text(c, "token", arguments_value(a, "token"));
    call_set_text(c, "algorithm", arguments_value(a, "algorithm"));
    call_set_text(c, "name", arguments_value(a, "name"));
    return EXIT_DONE;
}

/* The request alone is on stdout: it goes into a file. */
static int
run(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    int e;

    if (!arguments_flag(a, "address"))
        return usage_error(a->command, "generate wants an --address");
    e = call_unlocking(a, "io.smimeagent.Keys.Generate", make, &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    fputs("Generated on token ", stderr);
    show_text(stderr, text_of(reply, "token"));
    fputs(", id ", stderr);
    show_text(stderr, text_of(reply, "id"));
    fputs("\n  next: send the request to your CA, then: smime install CERT\n",
          stderr);
    return pem_say(text_of(reply, "request"));
}

const struct command command_generate = {
    .name = "generate",
    .summary = "a new key on the token, and the request for its certificate",
    .usage = "generate --address A [--token T] [--algorithm ALG]\n"
             "                      [--name CN] [--json]",
    .help =
        "The private key is made on the token and never leaves it. The\n"
        "PKCS#10 request for a certificate goes to stdout, as PEM.\n"
        "\n"
        "  --address A       the mail address the certificate is for\n"
        "  --token T         which token: its label, serial or pkcs11: URI\n"
        "  --algorithm ALG   rsa3072 (default), rsa2048, rsa4096, p256,\n"
        "                    p384, p521, ed25519 (signs only)\n"
        "  --name CN         the common name, else the address\n"
        "  --json            the agent's answer as it is\n",
    .options = options,
    .run = run,
};
