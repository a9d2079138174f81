#include "client/cli/contacts.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static int
list(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    AUTO(table) struct table t = {0};
    json_t *contacts, *contact;
    size_t i;
    int e = contacts_get("io.smimeagent.Contacts.List", "match",
                         a->operand_count > 0 ? a->operand[0] : NULL, &reply);

    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    contacts = json_object_get(reply, "contacts");
    if (json_array_size(contacts) == 0)
        puts(a->operand_count > 0
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

const struct command contacts_list = {
    .name = "contacts list",
    .summary = "all contacts, or those whose address or name holds TEXT",
    .usage = "contacts list [TEXT] [--json]",
    .help = "  --json   the agent's answer as it is\n",
    .options = options,
    .most_operands = 1,
    .run = list,
};
