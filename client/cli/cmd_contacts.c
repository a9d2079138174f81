#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static int
contacts_get(const char *method, const char *parameter, const char *value,
             json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};

    call_init(&c);
    call_set_text(&c, parameter, value);
    return call_run(&c, SMIME_SOCKET_MAIL, method, out);
}

static int
list(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    AUTO(table) struct table t = {0};
    json_t *contacts, *contact;
    size_t i;
    int e = contacts_get("io.smimeagent.Contacts.List", "match",
                         a->operand_count > 1 ? a->operand[1] : NULL, &reply);

    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    contacts = json_object_get(reply, "contacts");
    if (json_array_size(contacts) == 0)
        puts(a->operand_count > 1
                 ? "No contact matches that."
                 : "No contact yet.\n  next: open a signed mail with: smime "
                   "open FILE");
    json_array_foreach(contacts, i, contact)
    {
        char end[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES + 8];

        snprintf(until, sizeof(until), "until %s",
                 date_text(number_of(contact, "not_after"), end));
        table_add(&t, (const char *const[TABLE_COLUMNS]){
                          text_of(contact, "address"), text_of(contact, "name"),
                          text_of(contact, "state"),
                          flag_of(contact, "can_encrypt") ? "can encrypt"
                                                          : "cannot encrypt",
                          end[0] ? until : ""});
    }
    table_print(&t);
    return output_finish(EXIT_DONE);
}

static void
field_say(const char *title, const char *value)
{
    if (value[0] == '\0')
        return;
    printf("  %-13s", title);
    show_text(stdout, value);
    putchar('\n');
}

static void
contact_say(json_t *contact)
{
    const char *pem = text_of(contact, "certificate");
    char one[TIME_TEXT_BYTES], two[TIME_TEXT_BYTES], text[512];

    show_text(stdout, text_of(contact, "address"));
    putchar('\n');
    field_say("name", text_of(contact, "name"));
    field_say("state", text_of(contact, "state"));
    field_say("encryption", flag_of(contact, "can_encrypt") ? "yes" : "no");
    field_say("key", text_of(contact, "algorithm"));
    field_say("subject", text_of(contact, "subject"));
    field_say("issuer", text_of(contact, "issuer"));
    field_say("serial", text_of(contact, "serial"));
    field_say("fingerprint", text_of(contact, "fingerprint"));
    snprintf(text, sizeof(text), "%s to %s",
             date_text(number_of(contact, "not_before"), one),
             date_text(number_of(contact, "not_after"), two));
    field_say("valid", text);
    snprintf(text, sizeof(text), "%s, last %s",
             time_text(number_of(contact, "first_seen"), one),
             time_text(number_of(contact, "last_seen"), two));
    field_say("seen", text);
    field_say("from", text_of(contact, "origin"));
    field_say("message", text_of(contact, "message_id"));
    /* The agent made this PEM itself: base64 in lines. */
    if (strspn(pem, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                    "0123456789+/=- \n") == strlen(pem))
        fputs(pem, stdout);
}

static int
show(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    json_t *contact;
    size_t i;
    int e;

    if (a->operand_count < 2)
        return usage_error(a->command, "contacts show wants an address");
    e = contacts_get("io.smimeagent.Contacts.Show", "address", a->operand[1],
                     &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    json_array_foreach(json_object_get(reply, "contacts"), i, contact)
        contact_say(contact);
    return output_finish(EXIT_DONE);
}

static int
remove_one(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    if (a->operand_count < 2)
        return usage_error(a->command, "contacts remove wants an address");
    call_init(&c);
    call_set_text(&c, "address", a->operand[1]);
    e = call_run(&c, SMIME_SOCKET_MANAGE, "io.smimeagent.Contacts.Remove",
                 &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    fputs("Removed: ", stdout);
    show_text(stdout, a->operand[1]);
    printf(" (%lld certificates)\n", (long long)number_of(reply, "removed"));
    return output_finish(EXIT_DONE);
}

static int
run(const struct arguments *a)
{
    const char *what = a->operand_count > 0 ? a->operand[0] : "list";

    if (strcmp(what, "list") == 0)
        return list(a);
    if (strcmp(what, "show") == 0)
        return show(a);
    if (strcmp(what, "remove") == 0)
        return remove_one(a);
    return usage_error(a->command, "contacts can list, show or remove, not %s",
                       what);
}

const struct command command_contacts = {
    .name = "contacts",
    .summary = "the people you can write to, and their certificates",
    .usage = "contacts [list [TEXT] | show ADDRESS | remove ADDRESS] [--json]",
    .help = "  list [TEXT]      all, or those whose address or name holds "
            "TEXT\n"
            "  show ADDRESS     everything about one, with the certificate\n"
            "  remove ADDRESS   forget it\n"
            "  --json           the agent's answer as it is\n",
    .options = options,
    .most_operands = 2,
    .run = run,
};
