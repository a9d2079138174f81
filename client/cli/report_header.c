/*
 * What stands for each field of a message's header (RFC 9788), where its
 * sender protects it.
 */
#include <string.h>
#include <strings.h>

#include "client/cli/cli.h"

static bool
is_protection(json_t *field, const char *protection)
{
    return strcmp(text_of(field, "protection"), protection) == 0;
}

/* "  header, signed: From, To" */
static void
say_fields(FILE *to, json_t *header, const char *protection, const char *words)
{
    const char *before = words;
    json_t *field;
    size_t i;

    json_array_foreach(header, i, field)
    {
        if (!is_protection(field, protection))
            continue;
        fputs(before, to);
        show_text(to, text_of(field, "name"));
        before = ", ";
    }
    fputs(before == words ? "" : "\n", to);
}

static bool
is_person(const char *name)
{
    return strcasecmp(name, "From") == 0 || strcasecmp(name, "To") == 0 ||
           strcasecmp(name, "Cc") == 0;
}

/* What readers without RFC 9788 show as the author and the recipients: who got
 * the mail may send it on, signed as it is, to somebody it was not meant for.
 */
static void
say_outer(FILE *to, json_t *header)
{
    json_t *field;
    size_t i;

    json_array_foreach(header, i, field)
    {
        if (!is_person(text_of(field, "name")) ||
            !json_is_string(json_object_get(field, "outer")))
            continue;
        fputs("  outside, ", to);
        show_text(to, text_of(field, "name"));
        fputs(" says: ", to);
        show_text(to, text_of(field, "outer"));
        fputc('\n', to);
    }
}

void
report_say_header(FILE *to, json_t *report)
{
    json_t *header = json_object_get(report, "header");
    const char *hp = text_of(report, "header_protection");

    if (hp[0] == '\0' || strcmp(hp, "none") == 0)
        return;
    say_fields(to, header, "signed-and-encrypted",
               "  header, signed and encrypted: ");
    say_fields(to, header, "signed-only", "  header, signed: ");
    say_fields(to, header, "encrypted-only", "  header, encrypted: ");
    say_fields(to, header, "unprotected", "  header, not protected: ");
    say_outer(to, header);
}
