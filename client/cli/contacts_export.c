#include <string.h>
#include <unistd.h>

#include "client/cli/contacts.h"

static const struct option_row options[] = {{"format", OPTION_VALUE},
                                            {"no-issuers", OPTION_FLAG},
                                            {"base", OPTION_VALUE},
                                            {"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

static bool
is_format(const char *word)
{
    static const char *const words[] = {"pem", "p7c", "vcard", "ldif"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    const char *format = arguments_value(a, "format");
    const char *base = arguments_value(a, "base");
    long long contacts, certificates;
    int e;

    if (format && !is_format(format))
        return usage_error(
            a->command, "--format is pem, p7c, vcard or ldif, not %s", format);
    if (base && (!format || strcmp(format, "ldif") != 0))
        return usage_error(a->command, "--base goes with --format ldif");
    if (format && strcmp(format, "p7c") == 0 && isatty(STDOUT_FILENO))
        return usage_error(a->command,
                           "p7c is binary: send it to a file, > FILE");
    call_init(&c);
    call_set_text(&c, "format", format ? format : "pem");
    if (base)
        call_set_text(&c, "base", base);
    call_set_flag(&c, "no_issuers", arguments_flag(a, "no-issuers"));
    if (a->operand_count > 0) {
        json_t *list = json_array();

        for (size_t i = 0; i < a->operand_count; i++)
            json_array_append_new(list, json_string(a->operand[i]));
        json_object_set_new(c.parameters, "addresses", list);
    }
    e = call_set_output(&c);
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Contacts.Export",
                     &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stderr, reply);
    contacts = (long long)number_of(reply, "contacts");
    certificates = (long long)number_of(reply, "certificates");
    fprintf(stderr, "%lld contact%s, %lld certificate%s.\n", contacts,
            contacts == 1 ? "" : "s", certificates,
            certificates == 1 ? "" : "s");
    return EXIT_DONE;
}

const struct command contacts_export = {
    .name = "contacts export",
    .summary = "contacts for other programs, on stdout",
    .usage = "contacts export [--format pem|p7c|vcard|ldif] [--no-issuers]\n"
             "                             [--base DN] [--json] [ADDRESS...]",
    .help =
        "All contacts but blocked and revoked ones, or those that are named.\n"
        "\n"
        "  --format F     pem (default), p7c (a list, DER), vcard (4), ldif\n"
        "  --no-issuers   leave out the authorities between them and a root\n"
        "  --base DN      what the entries of an ldif are below, for ldapadd\n"
        "  --json         how many there were, on stderr\n",
    .options = options,
    .most_operands = -1,
    .run = run,
};
