#include "client/cli/contacts.h"

int
contacts_get(const char *method, const char *parameter, const char *value,
             json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};

    call_init(&c);
    call_set_text(&c, parameter, value);
    return call_run(&c, SMIME_SOCKET_MAIL, method, out);
}

/* One file for each. */
/* clang-format off */
static const struct command *const parts[] = {
    &contacts_list,
    &contacts_search,
    &contacts_show,
    &contacts_remove,
    &contacts_import,
    &contacts_add,
    &contacts_export,
    &contacts_pin,
    &contacts_unpin,
    &contacts_block,
    &contacts_unblock,
    &contacts_undo,
    &contacts_history,
    &contacts_backup,
    &contacts_restore,
    &contacts_publish,
    NULL,
};
/* clang-format on */

const struct command command_contacts = {
    .name = "contacts",
    .summary = "the people you can write to, and their certificates",
    .usage = "contacts [PART] [OPTIONS]",
    .help =
        "  list [TEXT]      all, or those whose address or name holds TEXT\n"
        "  search TEXT      by any part of name, address, issuer, fingerprint\n"
        "  show ADDRESS     everything about one\n"
        "  remove ADDRESS   forget it\n"
        "  import FILE...   certificates that somebody handed to you; or: add\n"
        "  export           contacts for other programs\n"
        "  pin, unpin       use one certificate of theirs and no other\n"
        "  block, unblock   never encrypt to them\n"
        "  undo [N]         take back the last change, or the last N\n"
        "  history [ADDRESS]  what was learned and decided\n"
        "  backup, restore  all of them, to and from a file\n"
        "  publish          put your own certificate into the directory\n"
        "\n"
        "Options of each: smime contacts PART --help\n",
    .parts = parts,
};
