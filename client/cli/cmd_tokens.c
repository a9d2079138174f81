#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static void
tries_text(json_t *token, char *out, size_t size)
{
    json_t *tries = json_object_get(token, "tries_left");

    out[0] = '\0';
    if (json_is_integer(tries))
        snprintf(out, size, "%lld tries left",
                 (long long)json_integer_value(tries));
}

static int
tokens_say(json_t *tokens)
{
    AUTO(table) struct table t = {0};
    json_t *token;
    size_t i;

    if (json_array_size(tokens) == 0)
        puts("No token is there.\n  next: insert one, or see: smime doctor");
    json_array_foreach(tokens, i, token)
    {
        const char *label = text_of(token, "label");
        char tries[64];

        tries_text(token, tries, sizeof(tries));
        table_add(&t,
                  (const char *const[TABLE_COLUMNS]){
                      label[0] ? label : "(no label)", text_of(token, "state"),
                      tries, text_of(token, "model"), text_of(token, "serial"),
                      flag_of(token, "read_only") ? "read-only" : ""});
    }
    table_print(&t);
    return output_finish(EXIT_DONE);
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Keys.Tokens", &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    return tokens_say(json_object_get(reply, "tokens"));
}

const struct command command_tokens = {
    .name = "tokens",
    .summary = "the tokens that are there, and their state",
    .usage = "tokens [--json]",
    .help = "A line is: label, state, tries left, model, serial number.\n"
            "\n"
            "  --json   the agent's answer as it is\n",
    .options = options,
    .run = run,
};
