#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"json", OPTION_FLAG},    {"learn", OPTION_FLAG}, {"at", OPTION_VALUE},
    {"anchors", OPTION_EACH}, {"crl", OPTION_EACH},   {NULL, OPTION_FLAG}};

static bool
is_kept(json_t *report)
{
    json_t *layer, *signer;
    size_t i, k;

    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        json_array_foreach(json_object_get(layer, "signers"), k, signer)
        {
            if (strcmp(text_of(signer, "learned"), "nothing") != 0)
                return true;
        }
    }
    return false;
}

/* Good, but by what the person brought along: that is no reason to keep it. */
static void
say_why_not_kept(const struct arguments *a, json_t *report)
{
    if (arguments_flag(a, "learn") && flag_of(report, "good") &&
        (arguments_value(a, "at") || arguments_each(a, "anchors", 0)) &&
        !is_kept(report))
        puts("  not kept as a contact: for that the agent's own anchors have "
             "to vouch, as of now");
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *report;
    int64_t at = -1;
    int e;

    call_init(&c);
    if (!arguments_moment(a, "at", &at))
        return EXIT_USAGE;
    if (at >= 0)
        call_set_number(&c, "at", at);
    call_set_flag(&c, "learn", arguments_flag(a, "learn"));
    call_set_text(&c, "origin", a->operand[0]);
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_wrap_object(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_set_files(&c, a, "anchors", "anchors");
    if (e == EXIT_DONE)
        e = call_set_files(&c, a, "crl", "crls");
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Verify",
                     &reply);
    if (e != EXIT_DONE)
        return e;
    report = json_object_get(reply, "report");
    if (arguments_flag(a, "json"))
        e = show_json(stdout, reply);
    else
        report_say(stdout, report);
    if (!arguments_flag(a, "json"))
        say_why_not_kept(a, report);
    if (e != EXIT_DONE)
        return e;
    return output_finish(flag_of(report, "good") ? EXIT_DONE : EXIT_NO);
}

const struct command command_verify = {
    .name = "verify",
    .summary = "judge the signature of a message",
    .usage = "verify [--json] [--learn] [--at TIME] [--anchors PEM]...\n"
             "                    [--crl FILE]... [FILE]",
    .help =
        "Ends with 0 when the message is signed by its sender and all is "
        "well, else\nwith 1.\n"
        "\n"
        "  --json      the whole report\n"
        "  --learn     keep the sender's certificate as a contact\n"
        "  --at TIME   judge as of then, e.g. 2026-01-02T10:00:00Z\n"
        "  --anchors PEM   trust the roots in this file and no others; a\n"
        "              contact is learned only if the agent's own vouch "
        "too\n"
        "  --crl FILE  ask this list of revoked certificates (PEM or DER);\n"
        "              a certificate that none speaks of is not checked\n",
    .options = options,
    .most_operands = 1,
    .run = run,
};
