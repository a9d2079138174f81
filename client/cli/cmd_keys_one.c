/* smime keys remove and smime keys export: one key, named by its id. */
#include <string.h>

#include "agent/base/key_name.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"

/* ---- remove ------------------------------------------------------------- */

/* The only key that WANTED names as NAME says. */
static json_t *
find_named(json_t *keys, const char *wanted, enum key_name name)
{
    json_t *found = NULL;
    json_t *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        if (key_name_of(wanted, text_of(key, "id"), text_of(key, "uri"),
                        text_of(key, "label")) != name)
            continue;
        if (found && strcmp(text_of(found, "uri"), text_of(key, "uri")) != 0)
            return NULL;
        found = key;
    }
    return found;
}

/* NULL leaves the refusal to the agent. */
static json_t *
find_one(json_t *keys, const char *wanted)
{
    json_t *found = find_named(keys, wanted, KEY_NAME_WHOLE);

    return found ? found : find_named(keys, wanted, KEY_NAME_BEGINS);
}

static bool
is_confirmed(json_t *key)
{
    bool keyless = strcmp(text_of(key, "private"), "no") == 0;
    AUTO(buf) struct buf question = {0};
    char addresses[512];

    texts_join(json_object_get(key, "addresses"), addresses, sizeof(addresses));
    buf_addf(&question, "Remove the %s of %s (%s, token %s) for good? %s",
             !keyless ? "key"
             : strcmp(text_of(key, "state"), "no_certificate") == 0
                 ? "public key"
                 : "certificate",
             addresses[0] ? addresses : text_of(key, "label"),
             text_of(key, "algorithm"), text_of(key, "token"),
             keyless ? "There is no private key beside it."
                     : "Mail encrypted to it cannot be read afterwards.");
    return ask_yes(buf_text(&question));
}

/* METHOD's list NAME, in which WANTED is looked for. */
static int
find_in(const char *method, const char *name, const char *wanted, json_t **out)
{
    AUTO(json) json_t *list = NULL;
    int e = call_get(method, name, &list);

    if (e == EXIT_DONE)
        *out = json_incref(find_one(list, wanted));
    return e;
}

/* Asks unless --yes, or unless no single key is named: then the agent says
 * so. */
static int
confirm(const struct arguments *a)
{
    const char *wanted = a->operand[1];
    AUTO(json) json_t *key = NULL;
    int e;

    if (arguments_flag(a, "yes"))
        return EXIT_DONE;
    e = find_in("io.smimeagent.Keys.List", "keys", wanted, &key);
    if (e == EXIT_DONE && !key)
        e = find_in("io.smimeagent.Keys.Check", "keyless", wanted, &key);
    if (e != EXIT_DONE || !key)
        return e;
    if (!can_ask())
        return failure_say(EXIT_REFUSED, "repeat it with --yes if you are sure",
                           "nobody is there to say yes");
    return is_confirmed(key)
               ? EXIT_DONE
               : failure_say(EXIT_REFUSED, NULL, "nothing was removed");
}

static int
make_remove(struct call *c, const struct arguments *a)
{
    call_set_text(c, "id", a->operand[1]);
    return EXIT_DONE;
}

int
keys_remove_run(const struct arguments *a)
{
    AUTO(json) json_t *reply = NULL;
    int e = confirm(a);

    if (e == EXIT_DONE)
        e = call_unlocking(a, "io.smimeagent.Keys.Remove", make_remove, &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    fputs("Removed: ", stdout);
    show_text(stdout, text_of(reply, "id"));
    fputs(" from token ", stdout);
    show_text(stdout, text_of(reply, "token"));
    printf(" (%lld objects)\n", (long long)number_of(reply, "removed"));
    return output_finish(EXIT_DONE);
}

/* ---- export ------------------------------------------------------------- */

int
keys_export_run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    int e;

    call_init(&c);
    call_set_text(&c, "id", a->operand[1]);
    e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Keys.Export", &reply);
    if (e != EXIT_DONE)
        return e;
    if (arguments_flag(a, "json"))
        return show_json(stdout, reply);
    return pem_say(text_of(reply, "certificate"));
}
