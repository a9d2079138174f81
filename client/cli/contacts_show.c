#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/log.h"
#include "client/cli/contacts.h"
#include "client/cli/width.h"

#define SHOWN_EVENTS 10
#define DAY_SECONDS  86400
#define TITLE_WIDTH  13

static const struct option_row options[] = {{"directory", OPTION_FLAG},
                                            {"json", OPTION_FLAG},
                                            {"why", OPTION_FLAG},
                                            {"pem", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

/* How much of TEXT goes on a line of WIDTH: to its last blank, if there is
 * one that is not too far back. */
static size_t
line_fit(const char *text, size_t width)
{
    size_t used, n = text_fit(text, width, &used), cut = n;

    if (text[n] == '\0')
        return n;
    while (cut > n / 2 && text[cut] != ' ')
        cut--;
    return cut > n / 2 ? cut : n > 0 ? n : strlen(text);
}

void
contacts_field_say(size_t indent, const char *title, const char *value)
{
    const size_t before = indent + TITLE_WIDTH;
    size_t width = terminal_width(), n;
    char shown[4096];
    const char *at = shown;

    if (value[0] == '\0')
        return;
    text_escape(slice_text(value), shown, sizeof(shown));
    printf("%*s%-*s", (int)indent, "", TITLE_WIDTH, title);
    width = width > before + 10 ? width - before : SIZE_MAX;
    for (; at[n = line_fit(at, width)] != '\0'; at += n) {
        printf("%.*s\n%*s", (int)n, at, (int)before, "");
        n += at[n] == ' ';
    }
    puts(at);
}

static void
field_say(const char *title, const char *value)
{
    contacts_field_say(2, title, value);
}

/* ---- one certificate ------------------------------------------------------
 */

static void
validity_say(json_t *contact)
{
    int64_t now = (int64_t)time(NULL), end = number_of(contact, "not_after");
    char from[TIME_TEXT_BYTES], to[TIME_TEXT_BYTES], text[160], how[48] = "";
    long long days = (long long)(end - now) / DAY_SECONDS;

    if (end != 0 && end < now)
        snprintf(how, sizeof(how), ", expired");
    else if (end != 0 && days < 60)
        snprintf(how, sizeof(how), ", %lld day%s left", days,
                 days == 1 ? "" : "s");
    snprintf(text, sizeof(text), "%s to %s%s",
             date_text(number_of(contact, "not_before"), from),
             date_text(end, to), how);
    field_say("valid", text);
}

/* "box:17, a mail of 2026-03-02" */
static void
provenance_say(json_t *contact)
{
    const char *source = text_of(contact, "source");
    const char *origin = text_of(contact, "origin");
    char date[TIME_TEXT_BYTES], text[1400];
    const char *what = "a mail";

    if (strcmp(source, "import") == 0)
        what = "a file";
    else if (strcmp(source, "directory") == 0)
        what = "a directory";
    else if (strcmp(source, "person") == 0)
        what = "a file that you vouch for";
    date_text(number_of(contact, "date"), date);
    snprintf(text, sizeof(text), "%s%s%s%s%s", origin, origin[0] ? ", " : "",
             what, date[0] ? " of " : "", date);
    field_say("learned from", text);
    field_say("message", text_of(contact, "message_id"));
    field_say("rests on", text_of(contact, "verdict"));
}

static void
seen_say(json_t *contact)
{
    char first[TIME_TEXT_BYTES], last[TIME_TEXT_BYTES], text[160];

    snprintf(text, sizeof(text), "%s, last %s",
             time_text(number_of(contact, "first_seen"), first),
             time_text(number_of(contact, "last_seen"), last));
    field_say("seen", text);
}

static void
certificate_say(json_t *contact)
{
    char groups[128];

    fingerprint_groups(text_of(contact, "fingerprint"), groups, sizeof(groups));
    field_say("state", text_of(contact, "state"));
    field_say("looks like", text_of(contact, "resembles"));
    if (flag_of(contact, "mixed_scripts"))
        field_say("beware", "its address mixes letters of several scripts");
    field_say("encryption", flag_of(contact, "can_encrypt") ? "yes" : "no");
    field_say("key", text_of(contact, "algorithm"));
    validity_say(contact);
    field_say("subject", text_of(contact, "subject"));
    field_say("issuer", text_of(contact, "issuer"));
    field_say("serial", text_of(contact, "serial"));
    field_say("SHA-256", groups);
    provenance_say(contact);
    seen_say(contact);
}

/* ---- the page -------------------------------------------------------------
 */

static void
heading_say(json_t *contacts)
{
    json_t *first = json_array_get(contacts, 0);
    const char *name = text_of(first, "name");

    show_text(stdout, text_of(first, "address"));
    if (name[0]) {
        fputs("  ", stdout);
        show_text(stdout, name);
    }
    putchar('\n');
}

static void
certificates_say(json_t *contacts, bool with_pem)
{
    size_t count = json_array_size(contacts), i;
    json_t *contact;

    json_array_foreach(contacts, i, contact)
    {
        if (count > 1)
            printf("\n  certificate %zu of %zu\n", i + 1, count);
        certificate_say(contact);
        if (with_pem)
            (void)pem_say(text_of(contact, "certificate"));
    }
}

/* A page without its history is one still. */
static void
history_say(const char *address)
{
    AUTO(smime_error) struct smime_error error = {.exit_code = 0};
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *events;

    call_init(&c);
    call_set_text(&c, "address", address);
    call_set_number(&c, "limit", SHOWN_EVENTS);
    if (call_try(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Contacts.History",
                 &reply, &error) != EXIT_DONE)
        return;
    events = json_object_get(reply, "events");
    if (json_array_size(events) == 0)
        return;
    puts("\n  history");
    contacts_events_say(events, false);
    if (json_is_integer(json_object_get(reply, "next")))
        puts("  ... and more: smime contacts history --all");
}

/* What the directory had is among the contacts; what was wrong with it is
 * no reason to show none. */
void
contacts_directory_say(json_t *directory)
{
    if (!directory || text_of(directory, "detail")[0] == '\0')
        return;
    if (strcmp(text_of(directory, "state"), "ok") == 0) {
        fputs("smime: the directory ", stderr);
        show_text(stderr, text_of(directory, "server"));
        fputs(" was asked: ", stderr);
    } else {
        fputs("smime: the directory gave no answer: ", stderr);
    }
    show_text(stderr, text_of(directory, "detail"));
    fputc('\n', stderr);
}

static int
show(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *contacts;
    int e;

    if (arguments_flag(a, "why"))
        return contacts_why(a);
    call_init(&c);
    call_set_text(&c, "address", a->operand[0]);
    call_set_flag(&c, "directory", arguments_flag(a, "directory"));
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Contacts.Show", &reply);
    if (e != EXIT_DONE)
        return e;
    contacts_directory_say(json_object_get(reply, "directory"));
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    contacts = json_object_get(reply, "contacts");
    heading_say(contacts);
    /* Whoever reads a page has no use for base64; a program may. */
    certificates_say(contacts,
                     arguments_flag(a, "pem") || !isatty(STDOUT_FILENO));
    history_say(a->operand[0]);
    return output_finish(EXIT_DONE);
}

const struct command contacts_show = {
    .name = "contacts show",
    .summary = "everything about one contact",
    .usage = "contacts show [--why | --directory] ADDRESS [--pem] [--json]",
    .help = "Its certificates, what they rest on, and what happened to them.\n"
            "\n"
            "  --directory   ask the organisation's directory first; it is "
            "told\n"
            "                whose certificate you look for\n"
            "  --why         which certificate is encrypted to, and why no "
            "other\n"
            "  --pem         also the certificates as PEM, as without a "
            "terminal\n"
            "  --json        the agent's answer as it is\n",
    .options = options,
    .least_operands = 1,
    .most_operands = 1,
    .run = show,
};
