/* smime contacts show --why: which certificate is encrypted to, and why. */
#include <string.h>

#include "agent/base/mem.h"
#include "client/cli/contacts.h"

static void
line_say(const char *title, const char *value)
{
    contacts_field_say(4, title, value);
}

static void
choice_say(json_t *choice)
{
    char groups[128], one[TIME_TEXT_BYTES], two[TIME_TEXT_BYTES], text[128];
    char uses[64];

    fingerprint_groups(text_of(choice, "fingerprint"), groups, sizeof(groups));
    printf("  %s ", flag_of(choice, "chosen") ? "->" : "  ");
    show_text(stdout, text_of(choice, "reason"));
    putchar('\n');
    line_say("fingerprint", groups);
    line_say("state", text_of(choice, "state"));
    line_say("subject", text_of(choice, "subject"));
    line_say("issuer", text_of(choice, "issuer"));
    texts_join(json_object_get(choice, "uses"), uses, sizeof(uses));
    snprintf(text, sizeof(text), "%s, to %s", text_of(choice, "algorithm"),
             uses[0] ? uses : "do nothing with mail");
    line_say("key", text);
    snprintf(text, sizeof(text), "%s to %s",
             date_text(number_of(choice, "not_before"), one),
             date_text(number_of(choice, "not_after"), two));
    line_say("valid", text);
    line_say("preferred", date_text(number_of(choice, "preferred"), one));
    line_say("capabilities",
             date_text(number_of(choice, "capabilities_date"), one));
}

static bool
has_changed(json_t *choices)
{
    json_t *choice;
    size_t i;

    json_array_foreach(choices, i, choice)
    {
        if (strcmp(text_of(choice, "state"), "changed") == 0)
            return true;
    }
    return false;
}

static void
command_say(const char *before, const char *address, const char *behind)
{
    printf("  next: %s", before);
    show_text(stdout, address);
    puts(behind);
}

/* What the person can do about it, if there is something. While a pin decides,
 * no mail and no other certificate changes anything. */
static void
next_say(json_t *reply, const char *address)
{
    const char *reason = text_of(reply, "reason");

    if (strncmp(reason, "the pinned one", strlen("the pinned one")) == 0)
        command_say("let another count with: smime contacts unpin ", address,
                    "");
    else if (strcmp(reason, "blocked") == 0)
        command_say("take it back with: smime contacts unblock ", address, "");
    else if (has_changed(json_object_get(reply, "choices")))
        command_say("ask them for the fingerprint of theirs, then: smime "
                    "contacts pin ",
                    address, " FINGERPRINT");
    else if (!flag_of(reply, "can_encrypt"))
        puts("  next: ask them for a signed mail and open it with: smime open "
             "FILE");
}

int
contacts_why(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    json_t *choices, *choice;
    size_t i;
    int e = contacts_get("io.smimeagent.Contacts.Why", "address", a->operand[0],
                         &reply);

    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    choices = json_object_get(reply, "choices");
    show_text(stdout, a->operand[0]);
    if (flag_of(reply, "can_encrypt")) {
        puts(": mail is encrypted to the certificate marked ->");
    } else {
        fputs(": nothing can be encrypted: ", stdout);
        show_text(stdout, text_of(reply, "reason"));
        putchar('\n');
    }
    json_array_foreach(choices, i, choice) choice_say(choice);
    next_say(reply, a->operand[0]);
    return output_finish(EXIT_DONE);
}
