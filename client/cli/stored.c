/* What an import or an installation has put on tokens. */
#include "client/cli/cli.h"

static void
one_say(json_t *one, const char *done)
{
    const char *label = text_of(one, "label");
    char addresses[1024], date[TIME_TEXT_BYTES];
    int64_t end = number_of(one, "not_after");

    texts_join(json_object_get(one, "addresses"), addresses, sizeof(addresses));
    printf("%s: ", flag_of(one, "already") ? "Already there" : done);
    if (addresses[0] != '\0')
        fputs(addresses, stdout);
    else
        show_text(stdout, label[0] ? label : "no address");
    fputs(", on token ", stdout);
    show_text(stdout, text_of(one, "token"));
    if (end != 0)
        printf(", until %s", date_text(end, date));
    fputs(", id ", stdout);
    show_text(stdout, text_of(one, "id"));
    putchar('\n');
}

int
stored_say(const struct arguments *a, json_t *reply, const char *list,
           const char *done)
{
    long long chain = (long long)number_of(reply, "chain");
    json_t *one;
    size_t i;

    warnings_say(reply);
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    json_array_foreach(json_object_get(reply, list), i, one) one_say(one, done);
    if (chain > 0)
        printf("With %lld certificate%s of issuers.\n", chain,
               chain == 1 ? "" : "s");
    return output_finish(EXIT_DONE);
}
