#include "client/cli/contacts.h"

#include <string.h>
#include <time.h>

#define PAGE        200 /* contacts asked for at once */
#define DAY_SECONDS 86400

static const struct option_row options[] = {
    {"json", OPTION_FLAG}, {"expiring", OPTION_VALUE}, {NULL, OPTION_FLAG}};

static const struct option_row search_options[] = {{"json", OPTION_FLAG},
                                                   {"expiring", OPTION_VALUE},
                                                   {"directory", OPTION_FLAG},
                                                   {NULL, OPTION_FLAG}};

struct listing {
    const char *match, *search; /* NULL: all */
    const char *asked;          /* an address: of it the directory is asked */
    int64_t ends_before;        /* 0: whenever */
    bool as_json, is_begun;
    struct table table;
    size_t count;
};

static void
listing_drop(struct listing *l)
{
    table_drop(&l->table);
}

/* ---- lines ----------------------------------------------------------------
 */

static const char *
colour_of(const char *state)
{
    if (strcmp(state, "blocked") == 0 || strcmp(state, "revoked") == 0)
        return "31";
    if (strcmp(state, "changed") == 0)
        return "33";
    if (strcmp(state, "pinned") == 0)
        return "32";
    return strcmp(state, "expired") == 0 ? "2" : NULL;
}

static void
contact_add(struct table *t, json_t *contact)
{
    char end[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES + 8] = "";
    const char *state = text_of(contact, "state");

    if (number_of(contact, "not_after") != 0)
        snprintf(until, sizeof(until), "until %s",
                 date_text(number_of(contact, "not_after"), end));
    table_add(
        t,
        (const char *const[TABLE_COLUMNS]){
            text_of(contact, "address"), text_of(contact, "name"), state,
            flag_of(contact, "can_encrypt") ? "can encrypt" : "cannot encrypt",
            until});
    table_paint(t, colour_of(state));
}

static bool
is_wanted(const struct listing *l, json_t *contact)
{
    return l->ends_before == 0 ||
           number_of(contact, "not_after") < l->ends_before;
}

/* One page, printed at once: a keyring has any number of them. */
static int
page_say(struct listing *l, json_t *contacts)
{
    json_t *contact;
    size_t i;

    /* Not before there is an answer: an error leaves stdout empty. */
    if (l->as_json && !l->is_begun)
        fputs("{\"contacts\":[", stdout);
    l->is_begun = true;
    json_array_foreach(contacts, i, contact)
    {
        if (!is_wanted(l, contact))
            continue;
        l->count++;
        if (!l->as_json) {
            contact_add(&l->table, contact);
        } else {
            fputs(l->count > 1 ? ",\n" : "\n", stdout);
            (void)json_dumpf(contact, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        }
    }
    if (!l->as_json)
        table_print(&l->table);
    table_clear(&l->table);
    return output_finish(EXIT_DONE);
}

/* ---- pages ----------------------------------------------------------------
 */

static int
page_get(struct smime_client *client, const struct listing *l, json_t *cursor,
         json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};

    call_init(&c);
    call_set_text(&c, "match", l->match);
    call_set_text(&c, "search", l->search);
    call_set_number(&c, "limit", PAGE);
    if (cursor)
        json_object_set(c.parameters, "cursor", cursor);
    return call_on(client, &c, "io.smimeagent.Contacts.List", out);
}

static int
pages_say(struct listing *l)
{
    AUTO(smime_client) struct smime_client *client = NULL;
    AUTO(json) json_t *reply = NULL;
    int e = call_connect(SMIME_SOCKET_MAIL, &client);

    while (e == EXIT_DONE) {
        AUTO(json) json_t *last = reply;

        reply = NULL;
        e = page_get(client, l, json_object_get(last, "next"), &reply);
        if (e == EXIT_DONE)
            e = page_say(l, json_object_get(reply, "contacts"));
        if (!json_is_integer(json_object_get(reply, "next")))
            break;
    }
    return e;
}

/* The directory is told an address, and nothing else is looked for there. */
static int
directory_say(struct listing *l)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    call_set_text(&c, "address", l->asked);
    call_set_flag(&c, "directory", true);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Contacts.Show", &reply);
    if (e != EXIT_DONE)
        return e;
    contacts_directory_say(json_object_get(reply, "directory"));
    return page_say(l, json_object_get(reply, "contacts"));
}

static void
nothing_say(const struct listing *l)
{
    if (l->ends_before != 0)
        puts("No contact's certificate expires that soon.");
    else if (l->match || l->search)
        puts("No contact matches that.");
    else
        puts("No contact yet.\n  next: open a signed mail with: smime open "
             "FILE\n  or read all you have: smime harvest FOLDER");
}

static int
listing_say(struct listing *l, const struct arguments *a)
{
    long days = -1;
    int e;

    if (!arguments_number(a, "expiring", 36500, &days))
        return EXIT_USAGE;
    if (days >= 0)
        l->ends_before = (int64_t)time(NULL) + days * DAY_SECONDS;
    l->as_json = arguments_flag(a, "json");
    l->table.gives_way = 1 << 1;
    l->table.spare[0] = 3;
    l->table.spare[1] = 1;
    l->table.spare[2] = 4;
    l->table.painted = 2;
    e = l->asked ? directory_say(l) : pages_say(l);
    if (l->as_json && l->is_begun)
        puts("]}");
    else if (e == EXIT_DONE && l->count == 0)
        nothing_say(l);
    return output_finish(e);
}

static int
list(const struct arguments *a)
{
    AUTO(listing) struct listing l = {.match = a->operand[0]};

    return listing_say(&l, a);
}

static int
search(const struct arguments *a)
{
    AUTO(listing) struct listing l = {.search = a->operand[0]};

    if (arguments_flag(a, "directory")) {
        if (!strchr(a->operand[0], '@'))
            return usage_error(a->command,
                               "--directory: it is asked for a whole address");
        l.asked = a->operand[0];
    }
    return listing_say(&l, a);
}

const struct command contacts_list = {
    .name = "contacts list",
    .summary = "all contacts, or those whose address or name holds TEXT",
    .usage = "contacts list [TEXT] [--expiring DAYS] [--json]",
    .help =
        "A line is: address, name, state, whether one can encrypt to it, end "
        "of validity.\n"
        "\n"
        "  --expiring DAYS   only those that expire within DAYS\n"
        "  --json            the agent's answer as it is\n",
    .options = options,
    .most_operands = 1,
    .run = list,
};

const struct command contacts_search = {
    .name = "contacts search",
    .summary = "contacts by any part of what is known of them",
    .usage = "contacts search TEXT [--expiring DAYS] [--json]\n"
             "       smime contacts search --directory ADDRESS [--json]",
    .help = "TEXT is a part of an address, a name, an organisation, an issuer "
            "or a\nfingerprint, in any case.\n"
            "\n"
            "  --expiring DAYS   only those that expire within DAYS\n"
            "  --directory       ask the organisation's directory for this "
            "address first; it\n                    is told whose certificate "
            "you look for\n"
            "  --json            the agent's answer as it is\n",
    .options = search_options,
    .least_operands = 1,
    .most_operands = 1,
    .run = search,
};
