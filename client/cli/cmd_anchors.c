#include <time.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static void
anchor_add(struct table *t, json_t *anchor)
{
    json_t *certificate = json_object_get(anchor, "certificate");
    char name[512], until[TIME_TEXT_BYTES], day[TIME_TEXT_BYTES], word[80],
        print[17];

    name_text(text_of(certificate, "subject"), name, sizeof(name));
    word[0] = '\0';
    if (number_of(anchor, "distrust_after") != 0)
        snprintf(word, sizeof(word), "not for certificates after %s",
                 date_text(number_of(anchor, "distrust_after"), day));
    snprintf(print, sizeof(print), "%.16s",
             text_of(certificate, "fingerprint"));
    table_add(t,
              (const char *const[TABLE_COLUMNS]){
                  name, date_text(number_of(certificate, "not_after"), until),
                  print, text_of(anchor, "source"), word});
}

static void
anchors_say(json_t *list)
{
    AUTO(table) struct table t = {.count = 0};
    json_t *anchor;
    size_t i;

    if (json_array_size(list) == 0)
        puts("No anchors: nobody's certificate is trusted. Put the root of "
             "your\norganisation into the anchors folder; see smime doctor.");
    json_array_foreach(list, i, anchor) anchor_add(&t, anchor);
    table_print(&t);
}

static void
crl_add(struct table *t, json_t *crl, int64_t now)
{
    char name[512], until[TIME_TEXT_BYTES], word[80], count[48];
    int64_t next = number_of(crl, "next_update");

    name_text(text_of(crl, "issuer"), name, sizeof(name));
    snprintf(count, sizeof(count), "%lld revoked",
             (long long)number_of(crl, "revoked"));
    snprintf(word, sizeof(word), "%s",
             next == 0    ? "never out of date"
             : next < now ? "out of date: get a newer one"
                          : "");
    table_add(t, (const char *const[TABLE_COLUMNS]){
                     name, next ? date_text(next, until) : "-",
                     text_of(crl, "source"), count, word});
}

static void
crls_say(json_t *list)
{
    AUTO(table) struct table t = {.count = 0};
    int64_t now = (int64_t)time(NULL);
    json_t *crl;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    puts("\nLists of revoked certificates, each until its next is due:");
    json_array_foreach(list, i, crl) crl_add(&t, crl, now);
    table_print(&t);
}

static void
unreadable_say(json_t *list)
{
    json_t *file;
    size_t i;

    if (json_array_size(list) > 0)
        puts("\nFiles that do not count:");
    json_array_foreach(list, i, file)
    {
        fputs("  ", stdout);
        show_text(stdout, text_of(file, "source"));
        printf(": %s\n", text_of(file, "why"));
    }
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Agent.Anchors", &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    anchors_say(json_object_get(reply, "anchors"));
    crls_say(json_object_get(reply, "crls"));
    unreadable_say(json_object_get(reply, "unreadable"));
    return output_finish(EXIT_DONE);
}

const struct command command_anchors = {
    .name = "anchors",
    .summary = "the roots that are trusted for mail, and the CRLs kept",
    .usage = "anchors [--json]",
    .help =
        "One line for each: name, end of validity, the beginning of its\n"
        "fingerprint (SHA-256), where it is from, and the day after which it\n"
        "is distrusted. Then the lists of revoked certificates that are\n"
        "kept, and the files there that do not count.\n"
        "\n"
        "  --json   with all that the certificates say\n",
    .options = options,
    .run = run,
};
