#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {
    {"rescan", OPTION_FLAG},     {"token", OPTION_VALUE},
    {"so-pin-fd", OPTION_VALUE}, {"pin-fd", OPTION_VALUE},
    {"json", OPTION_FLAG},       {NULL, OPTION_FLAG}};

/* What a person wants to know of the PIN before typing it. */
static void
pin_text(json_t *token, struct buf *out)
{
    json_t *tries = json_object_get(token, "tries_left");
    char text[64];

    if (json_is_integer(tries) && json_integer_value(tries) == 0) {
        note_add(out, "no try left");
    } else if (json_is_integer(tries)) {
        snprintf(text, sizeof(text), "%lld %s left",
                 (long long)json_integer_value(tries),
                 json_integer_value(tries) == 1 ? "try" : "tries");
        note_add(out, text);
    } else if (flag_of(token, "pin_low")) {
        note_add(out, "a wrong PIN was given");
    }
    if (json_is_false(json_object_get(token, "pin_set")) &&
        strcmp(text_of(token, "state"), "empty") != 0)
        note_add(out, "no PIN set");
    if (flag_of(token, "pin_must_change"))
        note_add(out, "PIN must be changed");
    if (flag_of(token, "pinpad"))
        note_add(out, "PIN at its reader");
    login_add_times(token, out);
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
        AUTO(buf) struct buf pin = {0};

        pin_text(token, &pin);
        table_add(&t, (const char *const[TABLE_COLUMNS]){
                          label[0] ? label : "(no label)",
                          text_of(token, "state"), buf_text(&pin),
                          text_of(token, "model"), text_of(token, "serial"),
                          flag_of(token, "read_only") ? "read-only" : ""});
    }
    table_print(&t);
    return output_finish(EXIT_DONE);
}

/* Ends logins, so it is said what to type next. */
static int
rescan(void)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Keys.Rescan", &reply);
    if (e == EXIT_DONE && number_of(reply, "locked") > 0)
        fprintf(stderr,
                "smime: %lld of the tokens had to be locked\n"
                "  next: smime unlock\n",
                (long long)number_of(reply, "locked"));
    return e;
}

static int
list(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e = arguments_flag(a, "rescan") ? rescan() : EXIT_DONE;

    if (e != EXIT_DONE)
        return e;
    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Keys.Tokens", &reply);
    if (e != EXIT_DONE)
        return e;
    modules_warn();
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    return tokens_say(json_object_get(reply, "tokens"));
}

static int
run(const struct arguments *a)
{
    const char *what = a->operand_count > 0 ? a->operand[0] : "list";

    if (strcmp(what, "list") == 0 && a->operand_count < 2)
        return list(a);
    if (strcmp(what, "init") != 0)
        return usage_error(a->command, "tokens can list or init, not %s", what);
    if (a->operand_count < 2)
        return usage_error(a->command, "tokens init wants a label");
    if (a->operand[1][0] == '\0' || strlen(a->operand[1]) > 32)
        return usage_error(a->command, "a label has 1 to 32 bytes");
    return tokens_init_run(a);
}

const struct command command_tokens = {
    .name = "tokens",
    .summary = "the tokens that are there, and their state",
    .usage = "tokens [--rescan] [--json]\n"
             "       smime tokens init LABEL [--token T] [--so-pin-fd N]\n"
             "                         [--pin-fd N] [--json]",
    .help =
        "A line is: label, state, what to know of its PIN (tries left, when "
        "the\n"
        "agent locks it, for how long it keeps the PIN), model, serial "
        "number.\n"
        "State: unlocked, locked, blocked (too many wrong PINs), empty (not\n"
        "initialised), open (it wants no PIN).\n"
        "\n"
        "  --rescan         start the modules anew: SoftHSM2 sees a token "
        "that\n"
        "                   another program made only then. Where no token of "
        "a\n"
        "                   module is unlocked that happens by itself; with "
        "this\n"
        "                   option its tokens are locked first\n"
        "  init LABEL       make an empty token ready; one that is not empty\n"
        "                   is never touched\n"
        "  --token T        which empty one, when there are several: its\n"
        "                   serial, or the name of its module\n"
        "  --so-pin-fd N    read the new SO PIN (the PUK) from descriptor N\n"
        "  --pin-fd N       read the new PIN from descriptor N (the first "
        "line\n"
        "                   of each); what is not given is asked for\n"
        "  --json           the agent's answer as it is\n",
    .options = options,
    .most_operands = 2,
    .run = run,
};
