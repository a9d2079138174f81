#include <string.h>
#include <time.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"
#include "client/cli/renewal.h"

#define DAY_SECONDS    (24 * 3600)
#define SHORT_ID_CHARS 16

static const struct option_row options[] = {{"expiring", OPTION_VALUE},
                                            {"yes", OPTION_FLAG},
                                            {"json", OPTION_FLAG},
                                            {NULL, OPTION_FLAG}};

/* "until 2027-01-02", "EXPIRED 2025-01-02", ... */
static void
validity_text(json_t *key, char *out, size_t size)
{
    const char *state = text_of(key, "state");
    char date[TIME_TEXT_BYTES];

    if (strcmp(state, "no_certificate") == 0)
        snprintf(out, size, "no certificate");
    else if (strcmp(state, "expired") == 0)
        snprintf(out, size, "EXPIRED %s",
                 date_text(number_of(key, "not_after"), date));
    else if (strcmp(state, "not_yet") == 0)
        snprintf(out, size, "from %s",
                 date_text(number_of(key, "not_before"), date));
    else
        snprintf(out, size, "until %s",
                 date_text(number_of(key, "not_after"), date));
}

static void
key_add(struct table *t, json_t *key)
{
    const char *private = text_of(key, "private");
    char addresses[1024], validity[64], uses[128];
    char id[SHORT_ID_CHARS + 1];

    texts_join(json_object_get(key, "addresses"), addresses, sizeof(addresses));
    texts_join(json_object_get(key, "uses"), uses, sizeof(uses));
    if (strcmp(private, "no") == 0)
        snprintf(uses, sizeof(uses), "no private key");
    else if (strcmp(private, "unknown") == 0)
        snprintf(uses, sizeof(uses), "token locked");
    if (!addresses[0])
        snprintf(addresses, sizeof(addresses), "%s",
                 text_of(key, "label")[0] ? text_of(key, "label")
                                          : "(no address)");
    validity_text(key, validity, sizeof(validity));
    snprintf(id, sizeof(id), "%s", text_of(key, "id"));
    table_add(t, (const char *const[TABLE_COLUMNS]){
                     addresses, text_of(key, "algorithm"), validity,
                     text_of(key, "token"), uses, id});
}

static bool
any_is(json_t *tokens, const char *state)
{
    json_t *token;
    size_t i;

    json_array_foreach(tokens, i, token)
    {
        if (strcmp(text_of(token, "state"), state) == 0)
            return true;
    }
    return false;
}

static void
none_say(json_t *tokens)
{
    bool locked = any_is(tokens, "locked") || any_is(tokens, "blocked");

    puts("No key is there.");
    if (!locked && !any_is(tokens, "unlocked") && any_is(tokens, "empty"))
        puts("  next: insert the token that holds it, or initialise the empty "
             "one: smime tokens init LABEL");
    else
        puts("  next: insert the token that holds it, or: smime import "
             "FILE.p12, or: smime generate --address A");
    if (locked)
        puts("  A locked token may hide its keys: smime unlock");
}

static int
keys_say(json_t *keys, json_t *tokens, bool all)
{
    AUTO(table) struct table t = {0};
    json_t *key;
    size_t i;

    if (json_array_size(keys) == 0 && all)
        none_say(tokens);
    else if (json_array_size(keys) == 0)
        puts("No key expires that soon.");
    json_array_foreach(keys, i, key) key_add(&t, key);
    table_print(&t);
    return output_finish(EXIT_DONE);
}

/* Leaves only the keys whose certificate ends within DAYS, or has ended, and
 * that have no newer one. */
static void
expiring_keep(json_t *keys, long days)
{
    int64_t limit = (int64_t)time(NULL) + (int64_t)days * DAY_SECONDS;
    AUTO(json) json_t *all = json_copy(keys);

    for (size_t i = json_array_size(keys); i > 0; i--) {
        json_t *key = json_array_get(keys, i - 1);
        int64_t end = number_of(key, "not_after");

        if (end == 0 || end > limit || key_has_newer(all, key))
            json_array_remove(keys, i - 1);
    }
}

static bool
has_key_on(json_t *keys, const char *label)
{
    json_t *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        if (strcmp(text_of(key, "token"), label) == 0)
            return true;
    }
    return false;
}

static void
state_add_next(json_t *token, json_t *tokens, struct buf *out)
{
    const char *state = text_of(token, "state");
    const char *next = strcmp(state, "locked") == 0    ? "unlock"
                       : strcmp(state, "blocked") == 0 ? "pin unblock"
                                                       : NULL;

    if (!next)
        return;
    buf_addf(out, "; next: smime %s", next);
    if (!tokens_are_several(tokens))
        return;
    buf_addf(out, " --token ");
    token_word_add(out, token, tokens);
}

/* Whether these keys can be used now, and for how long. */
static void
tokens_say_state(json_t *keys, json_t *tokens)
{
    json_t *token;
    size_t i;

    json_array_foreach(tokens, i, token)
    {
        const char *label = text_of(token, "label");
        const char *state = text_of(token, "state");
        AUTO(buf) struct buf text = {0};

        if (!has_key_on(keys, label))
            continue;
        buf_addf(&text, "%s", state);
        login_add_times(token, &text);
        state_add_next(token, tokens, &text);
        fputs("Token ", stderr);
        show_text(stderr, label[0] ? label : text_of(token, "serial"));
        fprintf(stderr, ": %s\n", buf_text(&text));
    }
}

static int
list(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    AUTO(json) json_t *tokens = NULL;
    long days = -1;
    int e;

    if (!arguments_number(a, "expiring", 36500, &days))
        return EXIT_USAGE;
    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Keys.List", &reply);
    if (e != EXIT_DONE)
        return e;
    modules_warn();
    if (days >= 0)
        expiring_keep(json_object_get(reply, "keys"), days);
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    if (call_get("io.smimeagent.Keys.Tokens", "tokens", &tokens) != EXIT_DONE)
        tokens = NULL;
    e = keys_say(json_object_get(reply, "keys"), tokens, days < 0);
    if (e == EXIT_DONE)
        tokens_say_state(json_object_get(reply, "keys"), tokens);
    return e;
}

static int
run(const struct arguments *a)
{
    const char *what = a->operand_count > 0 ? a->operand[0] : "list";
    bool removes = strcmp(what, "remove") == 0;

    if (strcmp(what, "list") == 0 && a->operand_count < 2)
        return list(a);
    if (!removes && strcmp(what, "export") != 0)
        return usage_error(a->command,
                           "keys can list, remove or export, not %s", what);
    if (a->operand_count < 2)
        return usage_error(a->command, "keys %s wants an id", what);
    return removes ? keys_remove_run(a) : keys_export_run(a);
}

const struct command command_keys = {
    .name = "keys",
    .summary = "your own keys",
    .usage = "keys [--expiring DAYS] [--json]\n"
             "       smime keys remove ID [--yes] [--json]\n"
             "       smime keys export ID [--json]",
    .help =
        "A line is: address, algorithm, validity, token, uses, id.\n"
        "\n"
        "  remove ID         delete the key and its certificates\n"
        "  export ID         your certificate as PEM, to hand out\n"
        "\n"
        "ID is an id, the beginning of one (at least 4 digits), or a URI.\n"
        "\n"
        "  --yes             remove without asking\n"
        "  --expiring DAYS   only those that expire within DAYS and have no\n"
        "                    newer certificate\n"
        "  --json            the agent's answer as it is\n",
    .options = options,
    .most_operands = 2,
    .run = run,
};
