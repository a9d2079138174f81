#include <string.h>

#include "client/cli/contacts.h"

static const struct option_row options[] = {
    {"json", OPTION_FLAG}, {"why", OPTION_FLAG}, {NULL, OPTION_FLAG}};

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
    field_say("dated", time_text(number_of(contact, "date"), one));
    field_say("source", text_of(contact, "source"));
    field_say("rests on", text_of(contact, "verdict"));
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

    if (arguments_flag(a, "why"))
        return contacts_why(a);
    e = contacts_get("io.smimeagent.Contacts.Show", "address", a->operand[0],
                     &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    json_array_foreach(json_object_get(reply, "contacts"), i, contact)
        contact_say(contact);
    return output_finish(EXIT_DONE);
}

const struct command contacts_show = {
    .name = "contacts show",
    .summary = "everything about one contact, with the certificate",
    .usage = "contacts show [--why] ADDRESS [--json]",
    .help = "  --why    which certificate is encrypted to, and why no other\n"
            "  --json   the agent's answer as it is\n",
    .options = options,
    .least_operands = 1,
    .most_operands = 1,
    .run = show,
};
