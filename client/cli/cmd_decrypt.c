#include "agent/base/mem.h"
#include "client/cli/cli.h"

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_wrap_object(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_set_output(&c);
    if (e != EXIT_DONE)
        return e;
    call_set_caller(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Decrypt", &reply);
    if (e != EXIT_DONE)
        return e;
    encrypted_mail_note(json_object_get(reply, "report"));
    report_say_encryption(stderr, json_object_get(reply, "report"));
    return EXIT_DONE;
}

const struct command command_decrypt = {
    .name = "decrypt",
    .summary = "take the encryption off; the message goes to stdout",
    .usage = "decrypt [FILE]",
    .help = "What is inside may be signed and stays so: verify it after, or "
            "use\nsmime open.\n",
    .most_operands = 1,
    .run = run,
};
