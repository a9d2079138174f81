#include "client/cli/contacts.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static int
remove_one(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    long long removed;
    int e;

    call_init(&c);
    call_set_text(&c, "address", a->operand[0]);
    e = call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Contacts.Remove",
                 &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    fputs("Removed: ", stdout);
    show_text(stdout, a->operand[0]);
    removed = (long long)number_of(reply, "removed");
    printf(" (%lld certificate%s)\n", removed, removed == 1 ? "" : "s");
    return output_finish(EXIT_DONE);
}

const struct command contacts_remove = {
    .name = "contacts remove",
    .summary = "forget a contact",
    .usage = "contacts remove ADDRESS [--json]",
    .help = "  --json   the agent's answer as it is\n",
    .options = options,
    .least_operands = 1,
    .most_operands = 1,
    .run = remove_one,
};
