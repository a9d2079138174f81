#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static void
anchor_add(struct table *t, json_t *anchor)
{
    json_t *certificate = json_object_get(anchor, "certificate");
    char name[512], until[TIME_TEXT_BYTES], day[TIME_TEXT_BYTES], word[80];

    name_text(text_of(certificate, "subject"), name, sizeof(name));
    word[0] = '\0';
    if (number_of(anchor, "distrust_after") != 0)
        snprintf(word, sizeof(word), "not for certificates after %s",
                 date_text(number_of(anchor, "distrust_after"), day));
    table_add(t,
              (const char *const[TABLE_COLUMNS]){
                  name, date_text(number_of(certificate, "not_after"), until),
                  text_of(anchor, "source"), word});
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(table) struct table t = {.count = 0};
    AUTO(json) json_t *reply = NULL;
    json_t *anchor, *list;
    size_t i;
    int e;

    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Agent.Anchors", &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    list = json_object_get(reply, "anchors");
    if (json_array_size(list) == 0)
        puts("No anchors: nobody's certificate is trusted. Put the root of "
             "your\norganisation into the anchors folder; see smime doctor.");
    json_array_foreach(list, i, anchor) anchor_add(&t, anchor);
    table_print(&t);
    return output_finish(EXIT_DONE);
}

const struct command command_anchors = {
    .name = "anchors",
    .summary = "the roots that are trusted for mail",
    .usage = "anchors [--json]",
    .help = "One line for each: name, end of validity, where it is from.\n"
            "\n"
            "  --json   with all that the certificates say\n",
    .options = options,
    .run = run,
};
