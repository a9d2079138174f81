/* The methods of io.smimeagent.Keys that manage one key, or what is left of
 * one: Remove, Export, Check, Clean. */
#include <stdio.h>

#include "agent/base/key_name.h"
#include "agent/session/channels.h"
#include "agent/session/clock.h"
#include "agent/session/json_text.h"
#include "agent/session/key_json.h"
#include "agent/session/pem.h"

/* ---- which key --------------------------------------------------------- */

static enum err
not_found(struct request *r, const char *wanted)
{
    (void)fail(&r->problem, ERR_NO_KEY, "%s",
               key_name_is_uri(wanted) ? "no key on your tokens fits this URI"
               : strlen(wanted) < KEY_NAME_LEAST_DIGITS
                   ? "no key has this id; of a longer one give at least 4 "
                     "digits"
                   : "no key has this id");
    problem_set_subject(&r->problem, wanted);
    return ERR_NO_KEY;
}

static enum err
ambiguous(struct request *r, const char *wanted, const struct own_key *a,
          const struct own_key *b)
{
    (void)fail(&r->problem, ERR_KEY_CHOICE, "%.16s on %s, %.16s on %s", a->id,
               a->token, b->id, b->token);
    problem_set_subject(&r->problem, wanted);
    return ERR_KEY_CHOICE;
}

/* The one key that WANTED names. A key with several certificates is listed
 * several times: then the entry with the newest of them. any_token: one key on
 * two tokens is one. */
static enum err
find_key(struct request *r, const struct own_keys *keys, bool any_token,
         const char *wanted, const struct own_key **out)
{
    const struct own_key *found = NULL;

    for (size_t i = 0; i < keys->count; i++) {
        const struct own_key *k = &keys->item[i];

        if (!own_key_is_wanted(keys, k, wanted))
            continue;
        if (found && !slice_equal(buf_slice(&found->ref), buf_slice(&k->ref)) &&
            !(any_token && own_key_is_same(found, k)))
            return ambiguous(r, wanted, found, k);
        if (own_key_is_newer(k, found))
            found = k;
    }
    if (!found)
        return not_found(r, wanted);
    *out = found;
    return ERR_OK;
}

/* It may be one whose token is away, or cannot be read. */
static enum err
tell_missing(struct request *r, bool any_token, const char *wanted)
{
    AUTO(own_keys) struct own_keys away = {0};
    const struct own_key *k = NULL;
    struct problem why = r->problem;

    if (own_keys_away(r, false, &away) == ERR_OK &&
        find_key(r, &away, any_token, wanted, &k) == ERR_OK)
        return own_key_tell_away(r, k);
    r->problem = why;
    return own_keys_tell_unread(r);
}

/* What is no key, but lies on a token without one, can be named as well. */
static enum err
load_and_find(struct request *r, bool any_token, struct own_keys *keys,
              const struct own_key **out)
{
    const char *wanted = request_text(r, "id");
    enum err e = own_keys_load(r, false, keys);

    if (e == ERR_OK)
        e = find_key(r, keys, any_token, wanted, out);
    if (e != ERR_NO_KEY)
        return e;
    own_keys_drop(keys);
    e = keyless_load(r, keys);
    if (e == ERR_OK)
        e = find_key(r, keys, any_token, wanted, out);
    return e == ERR_NO_KEY ? tell_missing(r, any_token, wanted) : e;
}

/* ---- Remove, Export ---------------------------------------------------- */

enum err
keys_remove(struct request *r, json_t **out)
{
    AUTO(own_keys) struct own_keys keys = {0};
    const struct own_key *k = NULL;
    struct key_choice choice;
    struct count_reply reply;
    enum err e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));

    if (e == ERR_OK)
        e = load_and_find(r, false, &keys, &k);
    if (e != ERR_OK)
        return e;
    choice.key = buf_slice(&k->ref);
    e = keyholder_call(r, MSG_KEY_REMOVE, &choice, NULL, 0, &reply);
    if (e != ERR_OK)
        return e;
    *out = json_object();
    json_object_set_new(*out, "id", json_string(k->id));
    json_object_set_new(*out, "token", json_text(slice_text(k->token)));
    json_object_set_new(*out, "removed", json_integer(reply.count));
    return ERR_OK;
}

enum err
keys_export(struct request *r, json_t **out)
{
    AUTO(own_keys) struct own_keys keys = {0};
    const struct own_key *k = NULL;
    enum err e = session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));

    if (e == ERR_OK)
        e = load_and_find(r, true, &keys, &k);
    if (e == ERR_OK && k->certificate.len == 0) {
        e = fail(&r->problem, ERR_NO_KEY, "it has no certificate");
        problem_set_subject(&r->problem, k->id);
    }
    if (e != ERR_OK)
        return e;
    *out = json_object();
    json_object_set_new(*out, "id", json_string(k->id));
    json_object_set_new(*out, "certificate",
                        json_pem("CERTIFICATE", buf_slice(&k->certificate)));
    return ERR_OK;
}

/* ---- Check, Clean ------------------------------------------------------ */

static json_t *
count_json(struct slice token, uint32_t count)
{
    return json_pack("{s:o, s:i}", "token", json_text(token), "count",
                     (int)count);
}

static enum err
check_remains(struct request *r, json_t *out)
{
    struct page page = {0};
    struct list_reply reply;
    json_t *half_made = json_array(), *nameless = json_array(),
           *unfinished = json_array(), *rules = json_array();
    enum err e = keyholder_call(r, MSG_CHECK, &page, NULL, 0, &reply);

    json_object_set_new(out, "half_made", half_made);
    json_object_set_new(out, "nameless", nameless);
    json_object_set_new(out, "unfinished", unfinished);
    json_object_set_new(out, "unmatched_rules", rules);
    for (size_t i = 0; e == ERR_OK && i < reply.records.n; i++) {
        struct check_record c;

        if (!record_decode(RECORD_check_record, reply.records.item[i], &c))
            return fail(&r->problem, ERR_INTERNAL, "a malformed record");
        if (c.half_made > 0)
            json_array_append_new(half_made, count_json(c.token, c.half_made));
        if (c.nameless > 0)
            json_array_append_new(nameless, count_json(c.token, c.nameless));
        if (c.rule)
            json_array_append_new(rules, json_text(c.token));
        else if (c.half_made + c.nameless == 0)
            json_array_append_new(unfinished, json_text(c.token));
    }
    return e;
}

/* The id of the key that CERTIFICATE belongs to, which is not its own id. */
static const char *
key_of(const struct own_keys *keys, const struct own_key *certificate)
{
    for (size_t i = 0; certificate->spki.len > 0 && i < keys->count; i++)
        if (slice_equal(buf_slice(&keys->item[i].spki),
                        buf_slice(&certificate->spki)))
            return keys->item[i].id;
    return NULL;
}

static enum err
check_keyless(struct request *r, json_t *out)
{
    AUTO(own_keys) struct own_keys keyless = {0};
    AUTO(own_keys) struct own_keys keys = {0};
    json_t *list = json_array();
    enum err e = keyless_load(r, &keyless);

    json_object_set_new(out, "keyless", list);
    if (e == ERR_OK && keyless.count > 0)
        e = own_keys_read(r, &keys);
    for (size_t i = 0; e == ERR_OK && i < keyless.count; i++) {
        json_t *one = own_key_json(&keyless.item[i], clock_now());
        const char *key = key_of(&keys, &keyless.item[i]);

        if (key)
            json_object_set_new(one, "key", json_string(key));
        json_array_append_new(list, one);
    }
    return e;
}

enum err
keys_check(struct request *r, json_t **out)
{
    enum err e = session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));

    *out = json_object();
    if (e == ERR_OK)
        e = check_remains(r, *out);
    if (e == ERR_OK)
        e = check_keyless(r, *out);
    return e;
}

static const char *
module_state_name(uint32_t state)
{
    static const char *const names[] = {
        [MODULE_READY] = "ready",     [MODULE_STARTING] = "starting",
        [MODULE_HANGS] = "hangs",     [MODULE_FAILED] = "failed",
        [MODULE_SKIPPED] = "skipped", [MODULE_FAILING] = "failing"};

    return state < ARRAY_COUNT(names) ? names[state] : "failed";
}

static json_t *
module_json(const struct module_record *m)
{
    json_t *one = json_object();

    json_object_set_new(one, "name", json_text(m->name));
    json_object_set_new(one, "state", json_string(module_state_name(m->state)));
    json_object_set_new(one, "own_process", json_boolean(m->own_process));
    if (m->call.n > 0)
        json_object_set_new(one, "call", json_text(m->call));
    if (m->state == MODULE_HANGS || m->seconds > 0)
        json_object_set_new(one, "seconds", json_integer(m->seconds));
    if (m->rv != 0)
        json_object_set_new(one, "code", json_integer(m->rv));
    if (m->error.n > 0)
        json_object_set_new(one, "error", json_text(m->error));
    if (m->token.n > 0)
        json_object_set_new(one, "token", json_text(m->token));
    return one;
}

enum err
keys_modules(struct request *r, json_t **out)
{
    struct page page = {0};
    struct list_reply reply;
    struct lock_state lock = {0};
    enum err e = session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));
    json_t *list;

    if (e == ERR_OK)
        e = keyholder_call(r, MSG_LOCK_STATE, NULL, NULL, 0, &lock);
    if (e == ERR_OK)
        e = keyholder_call(r, MSG_MODULES, &page, NULL, 0, &reply);
    if (e != ERR_OK)
        return e;
    list = json_array();
    *out = json_object();
    json_object_set_new(*out, "modules", list);
    json_object_set_new(*out, "lock_wanted", json_boolean(lock.wanted != 0));
    json_object_set_new(*out, "lock_watched", json_boolean(lock.watched != 0));
    for (size_t i = 0; i < reply.records.n; i++) {
        struct module_record m;

        if (!record_decode(RECORD_module_record, reply.records.item[i], &m))
            return fail(&r->problem, ERR_INTERNAL, "a malformed record");
        json_array_append_new(list, module_json(&m));
    }
    return ERR_OK;
}

enum err
keys_clean(struct request *r, json_t **out)
{
    struct token_choice choice = {.token =
                                      slice_text(request_text(r, "token"))};
    struct count_reply reply;
    enum err e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));

    if (e == ERR_OK)
        e = keyholder_call(r, MSG_CLEAN, &choice, NULL, 0, &reply);
    if (e != ERR_OK)
        return e;
    *out = json_object();
    json_object_set_new(*out, "removed", json_integer(reply.count));
    return ERR_OK;
}
