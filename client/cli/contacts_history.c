/* smime contacts history and undo. */
#include <stdlib.h>
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/contacts.h"

#define SHOWN_EVENTS 100
#define MOST_UNDONE  64

static const struct option_row undo_options[] = {{"json", OPTION_FLAG},
                                                 {NULL, OPTION_FLAG}};
static const struct option_row options[] = {
    {"json", OPTION_FLAG}, {"all", OPTION_FLAG}, {NULL, OPTION_FLAG}};

static const char *
sentence_of(const char *what)
{
    static const struct {
        const char *word, *sentence;
    } list[] = {{"seen", "learned"},
                {"verified", "learned from their own mail"},
                {"changed", "learned, differs from before"},
                {"capabilities", "new capabilities"},
                {"preferred", "named to encrypt to"},
                {"vouched", "from now on by your word"},
                {"settled", "decided by a pin"},
                {"reopened", "changed again, that pin is gone"},
                {"undone", "taken back"}};

    for (size_t i = 0; i < ARRAY_COUNT(list); i++)
        if (strcmp(list[i].word, what) == 0)
            return list[i].sentence;
    return what;
}

/* Without addresses the lines are set in, below a contact's. */
void
contacts_events_say(json_t *events, bool with_address)
{
    AUTO(table)
    struct table t = {.gives_way = 1 << 2 | 1 << 4, .spare = {3, 4}};
    json_t *event;
    size_t i;

    json_array_foreach(events, i, event)
    {
        char when[TIME_TEXT_BYTES], shown[TIME_TEXT_BYTES + 4];
        char what[128], print[128] = "";

        snprintf(what, sizeof(what), "%s%s",
                 sentence_of(text_of(event, "what")),
                 flag_of(event, "undone") ? " (taken back)" : "");
        snprintf(print, sizeof(print), "%.16s", text_of(event, "fingerprint"));
        snprintf(shown, sizeof(shown), "%s%s", with_address ? "" : "    ",
                 time_text(number_of(event, "time"), when));
        table_add(&t, (const char *const[TABLE_COLUMNS]){
                          with_address ? text_of(event, "address") : "", shown,
                          what, print, text_of(event, "origin"), NULL});
    }
    table_print(&t);
}

static int
history(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    call_set_text(&c, "address", a->operand_count > 0 ? a->operand[0] : NULL);
    if (!arguments_flag(a, "all"))
        call_set_number(&c, "limit", SHOWN_EVENTS);
    else
        call_set_number(&c, "limit", INT32_MAX);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Contacts.History",
                 &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    if (json_array_size(json_object_get(reply, "events")) == 0)
        puts("Nothing happened yet.");
    contacts_events_say(json_object_get(reply, "events"), true);
    if (json_is_integer(json_object_get(reply, "next")))
        puts("... and more: smime contacts history --all");
    return output_finish(EXIT_DONE);
}

static int
undo(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    char *end = NULL;
    long n = a->operand_count > 0 ? strtol(a->operand[0], &end, 10) : 1;
    int e;

    if ((end && (*end || end == a->operand[0])) || n < 1 || n > MOST_UNDONE)
        return usage_error(a->command, "undo takes a number from 1 to %d",
                           MOST_UNDONE);
    call_init(&c);
    call_set_number(&c, "count", n);
    e = call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Contacts.Undo",
                 &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    puts(json_array_size(json_object_get(reply, "undone")) > 0
             ? "Taken back:"
             : "There is nothing to take back.");
    contacts_events_say(json_object_get(reply, "undone"), true);
    return output_finish(EXIT_DONE);
}

const struct command contacts_history = {
    .name = "contacts history",
    .summary = "what was learned and decided, the newest first",
    .usage = "contacts history [ADDRESS] [--all] [--json]",
    .help = "  --all    not only the last 100\n"
            "  --json   the agent's answer as it is\n",
    .options = options,
    .most_operands = 1,
    .run = history,
};

const struct command contacts_undo = {
    .name = "contacts undo",
    .summary = "take back what was learned or decided last",
    .usage = "contacts undo [N] [--json]",
    .help = "Takes back the last N changes (1): a certificate that was "
            "learned or imported, a\npin, a block, a removal (for 30 days). "
            "See them with: smime contacts history\n"
            "\n"
            "  --json   the agent's answer as it is\n",
    .options = undo_options,
    .most_operands = 1,
    .run = undo,
};
