#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *report;
    int e;

    call_init(&c);
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_wrap_object(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_set_output(&c);
    if (e != EXIT_DONE)
        return e;
    call_set_flag(&c, "learn", true);
    call_set_text(&c, "origin", a->operand[0]);
    call_set_caller(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Open", &reply);
    if (e != EXIT_DONE)
        return e;
    report = json_object_get(reply, "report");
    encrypted_mail_note(report);
    if (arguments_flag(a, "json"))
        (void)show_json(stderr, reply);
    else
        report_say(stderr, report);
    return strcmp(text_of(report, "verdict"), "bad") == 0 ? EXIT_NO : EXIT_DONE;
}

const struct command command_open = {
    .name = "open",
    .summary = "decrypt, verify, learn the sender, print the message",
    .usage = "open [--json] [FILE]",
    .help = "The message goes to stdout, the verdict to stderr. Ends with 1 "
            "when a\nsignature is bad.\n"
            "\n"
            "  --json   the whole report on stderr\n",
    .options = options,
    .most_operands = 1,
    .run = run,
};
