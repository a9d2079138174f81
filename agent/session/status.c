/* Agent.Status: a process that is lost is reported, not an error. */
#include "agent/base/harden.h"
#include "agent/session/channels.h"
#include "agent/session/json_text.h"
#include "agent/session/keyholder_list.h"

/* What the keyholder has. */
struct counts {
    json_int_t tokens;
    json_int_t unlocked;
    json_int_t keys;
    json_t *logins;
};

static json_t *
login_json(const struct token_record *t)
{
    json_t *out = json_object();

    json_object_set_new(out, "token",
                        json_text(t->label.n > 0 ? t->label : t->serial));
    if (t->kept_s > 0)
        json_object_set_new(out, "pin_kept_seconds", json_integer(t->kept_s));
    if (t->locks_s > 0)
        json_object_set_new(out, "locks_in_seconds", json_integer(t->locks_s));
    return out;
}

static enum err
token_count(struct request *r, struct slice record, void *arg)
{
    struct counts *counts = arg;
    struct token_record t;

    if (!record_decode(RECORD_token_record, record, &t))
        return fail(&r->problem, ERR_INTERNAL, "a malformed token record");
    counts->tokens++;
    if (t.flags & TOKEN_UNLOCKED) {
        counts->unlocked++;
        json_array_append_new(counts->logins, login_json(&t));
    }
    return ERR_OK;
}

static enum err
key_count(struct request *r, struct slice record, void *arg)
{
    struct counts *counts = arg;

    (void)r;
    (void)record;
    counts->keys++;
    return ERR_OK;
}

/* True when the keyholder answers. */
static bool
ask_keyholder(struct request *r, struct counts *out)
{
    if (keyholder_narrow(r, VERB_LOOK) != ERR_OK)
        return false;
    if (keyholder_list(r, MSG_TOKENS, token_count, out) != ERR_OK ||
        keyholder_list(r, MSG_KEYS, key_count, out) != ERR_OK)
        return r->session->keyholder >= 0;
    return true;
}

static bool
ask_keyring(struct request *r, struct keyring_status *out)
{
    return keyring_narrow(r, VERB_LOOK) == ERR_OK &&
           keyring_call(r, MSG_KEYRING_STATUS, NULL, out) == ERR_OK;
}

static json_t *
sandbox_json(void)
{
    json_t *out = json_array();

    if (sandbox_is_on())
        json_array_append_new(out, json_string("seccomp"));
    if (sandbox_files_on())
        json_array_append_new(out, json_string("landlock"));
    return out;
}

enum err
agent_status(struct request *r, json_t **out)
{
    struct counts counts = {.logins = json_array()};
    struct keyring_status status = {0};
    bool keyholder = ask_keyholder(r, &counts);
    bool keyring = ask_keyring(r, &status);
    json_t *j = json_object();

    json_object_set_new(j, "version", json_string(SMIME_VERSION));
    json_object_set_new(j, "tokens", json_integer(counts.tokens));
    json_object_set_new(j, "unlocked", json_integer(counts.unlocked));
    json_object_set_new(j, "logins", counts.logins);
    json_object_set_new(j, "keys", json_integer(counts.keys));
    json_object_set_new(j, "contacts", json_integer(status.contacts));
    json_object_set_new(j, "certificates", json_integer(status.certificates));
    json_object_set_new(j, "anchors", json_integer(status.anchors));
    json_object_set_new(j, "anchor_folders",
                        json_texts(&status.anchor_folders));
    json_object_set_new(j, "contacts_file", json_text(status.path));
    json_object_set_new(j, "contacts_fault",
                        status.fault.n ? json_text(status.fault) : json_null());
    json_object_set_new(j, "contacts_damaged",
                        json_boolean(status.damaged != 0));
    json_object_set_new(j, "changed", json_integer(status.changed));
    json_object_set_new(j, "changed_addresses",
                        json_texts(&status.changed_some));
    json_object_set_new(j, "rotten", json_integer(status.rotten));
    json_object_set_new(j, "rotten_addresses", json_texts(&status.rotten_some));
    json_object_set_new(j, "keyholder", json_boolean(keyholder));
    json_object_set_new(j, "keyring", json_boolean(keyring));
    json_object_set_new(j, "sandbox", sandbox_json());
    *out = j;
    return ERR_OK;
}
