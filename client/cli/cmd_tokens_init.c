/* smime tokens init: makes an empty token ready. */
#include "client/cli/cli.h"

static const struct wanted_secret secrets[] = {
    {"so-pin-fd", "so_pin", "New SO PIN (PUK) of the token", true},
    {"pin-fd", "pin", "New PIN of the token", true},
    {NULL, NULL, NULL, false}};

static int
make(struct call *c, const struct arguments *a)
{
    call_set_text(c, "label", a->operand[1]);
    call_set_text(c, "token", arguments_value(a, "token"));
    return EXIT_DONE;
}

int
tokens_init_run(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    int e = call_with_secrets(a, "io.smimeagent.Keys.InitToken", make, secrets,
                              &reply);

    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    fputs("Initialised: ", stdout);
    show_text(stdout, text_of(reply, "token"));
    fputs("\n  next: smime import FILE.p12, or: smime generate --address A\n",
          stdout);
    return output_finish(EXIT_DONE);
}
