/* The methods of io.smimeagent.Keys, but for Import. */
#include <openssl/evp.h>
#include <time.h>

#include "agent/base/fd.h"
#include "agent/cms/curve.h"
#include "agent/session/certificate_json.h"
#include "agent/session/clock.h"
#include "agent/session/key_json.h"
#include "agent/session/keyholder_list.h"

/* ---- List -----------------------------------------------------------------
 */

/* What key and certificate both allow. A locked token may not tell what its
 * key can do; a key may have no certificate. */
static uint32_t
uses_of(const struct own_key *k)
{
    if (k->described.len == 0)
        return k->uses;
    return k->uses == 0 ? k->about.uses
                        : (k->uses | USE_COMMIT) & k->about.uses;
}

static json_t *
uses_json(uint32_t uses)
{
    json_t *out = json_array();

    if (uses & USE_SIGN)
        json_array_append_new(
            out, json_string(uses & USE_COMMIT ? "commit" : "sign"));
    if (uses & (USE_DECRYPT | USE_AGREE))
        json_array_append_new(out, json_string("decrypt"));
    return out;
}

static const char *
private_of(const struct own_key *k)
{
    if (k->flags & KEY_HAS_PRIVATE)
        return "yes";
    return k->flags & KEY_PRIVATE_UNKNOWN ? "unknown" : "no";
}

static const char *
state_of(const struct own_key *k, uint64_t now)
{
    if (k->described.len == 0)
        return "no_certificate";
    if (now < k->about.not_before)
        return "not_yet";
    return now > k->about.not_after ? "expired" : "ok";
}

/* What tells two keys apart that cards number alike. */
static json_t *
public_key_json(const struct own_key *k)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (k->spki.len == 0 || EVP_Digest(k->spki.data, k->spki.len, digest, &n,
                                       EVP_sha256(), NULL) != 1)
        n = 0;
    return json_hex(slice_of(digest, n));
}

static json_t *
algorithm_json(const struct own_key *k)
{
    struct slice curve = k->about.curve;

    if (k->type == KEY_UNKNOWN && k->described.len > 0)
        return key_algorithm_json(k->about.type, k->about.bits, curve);
    if (k->spki.len > 0)
        curve = slice_text(curve_name_of(buf_slice(&k->spki)));
    return key_algorithm_json(k->type, k->bits, curve);
}

json_t *
own_key_json(const struct own_key *k, uint64_t now)
{
    json_t *out = json_object();
    bool known = k->described.len > 0;

    json_object_set_new(out, "id", json_string(k->id));
    json_object_set_new(out, "uri", json_text(slice_text(k->uri)));
    json_object_set_new(out, "label", json_text(slice_text(k->label)));
    json_object_set_new(out, "token", json_text(slice_text(k->token)));
    json_object_set_new(out, "algorithm", algorithm_json(k));
    json_object_set_new(out, "public_key", public_key_json(k));
    json_object_set_new(out, "private", json_string(private_of(k)));
    json_object_set_new(out, "uses", uses_json(uses_of(k)));
    json_object_set_new(out, "addresses", json_texts(&k->about.addresses));
    json_object_set_new(out, "subject", json_text(k->about.subject));
    json_object_set_new(out, "issuer", json_text(k->about.issuer));
    json_object_set_new(out, "fingerprint", json_hex(k->about.fingerprint));
    if (known) {
        json_object_set_new(out, "not_before", json_time(k->about.not_before));
        json_object_set_new(out, "not_after", json_time(k->about.not_after));
    }
    json_object_set_new(out, "state", json_string(state_of(k, now)));
    return out;
}

enum err
keys_list(struct request *r, json_t **out)
{
    AUTO(own_keys) struct own_keys keys = {0};
    enum err e = session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));
    json_t *list;

    if (e == ERR_OK)
        e = own_keys_load(r, false, &keys);
    if (e != ERR_OK)
        return e;
    list = json_array();
    for (size_t i = 0; i < keys.count; i++)
        json_array_append_new(list, own_key_json(&keys.item[i], clock_now()));
    *out = json_object();
    json_object_set_new(*out, "keys", list);
    return ERR_OK;
}

/* ---- Tokens ---------------------------------------------------------------
 */

static const char *
token_state(uint32_t flags)
{
    if (!(flags & TOKEN_INITIALIZED))
        return "empty";
    if (flags & TOKEN_PIN_BLOCKED)
        return "blocked";
    if (flags & TOKEN_NO_LOGIN)
        return "open";
    return flags & TOKEN_UNLOCKED ? "unlocked" : "locked";
}

static json_t *
token_json(const struct token_record *t)
{
    json_t *out = json_object();

    json_object_set_new(out, "label", json_text(t->label));
    json_object_set_new(out, "serial", json_text(t->serial));
    json_object_set_new(out, "manufacturer", json_text(t->manufacturer));
    json_object_set_new(out, "model", json_text(t->model));
    json_object_set_new(out, "module", json_text(t->module));
    json_object_set_new(out, "uri", json_text(t->uri));
    json_object_set_new(out, "state", json_string(token_state(t->flags)));
    if (t->tries > 0)
        json_object_set_new(out, "tries_left", json_integer(t->tries - 1));
    json_object_set_new(out, "read_only",
                        json_boolean(t->flags & TOKEN_READ_ONLY));
    json_object_set_new(out, "pin_set",
                        json_boolean(!(t->flags & TOKEN_NO_PIN_SET)));
    json_object_set_new(out, "pin_must_change",
                        json_boolean(t->flags & TOKEN_PIN_MUST_CHANGE));
    json_object_set_new(out, "pinpad", json_boolean(t->flags & TOKEN_PINPAD));
    json_object_set_new(out, "pin_low", json_boolean(t->flags & TOKEN_PIN_LOW));
    if (t->kept_s > 0)
        json_object_set_new(out, "pin_kept_seconds", json_integer(t->kept_s));
    if (t->locks_s > 0)
        json_object_set_new(out, "locks_in_seconds", json_integer(t->locks_s));
    return out;
}

static enum err
token_add(struct request *r, struct slice record, void *list)
{
    struct token_record t;

    if (!record_decode(RECORD_token_record, record, &t))
        return fail(&r->problem, ERR_INTERNAL, "a malformed token record");
    json_array_append_new(list, token_json(&t));
    return ERR_OK;
}

enum err
keys_tokens(struct request *r, json_t **out)
{
    struct empty nothing;
    enum err e = session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0));
    json_t *list = json_array();

    *out = json_object();
    json_object_set_new(*out, "tokens", list);
    if (e == ERR_OK)
        e = keyholder_call(r, MSG_LOOK, NULL, NULL, 0, &nothing);
    return e == ERR_OK ? keyholder_list(r, MSG_TOKENS, token_add, list) : e;
}

enum err
keys_rescan(struct request *r, json_t **out)
{
    struct count_reply reply;
    enum err e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));

    if (e == ERR_OK)
        e = keyholder_call(r, MSG_RESCAN, NULL, NULL, 0, &reply);
    if (e != ERR_OK)
        return e;
    *out = json_object();
    json_object_set_new(*out, "locked", json_integer(reply.count));
    return ERR_OK;
}

/* ---- Unlock, Lock ---------------------------------------------------------
 */

/* The descriptor of the PIN travels on unread. */
enum err
keys_unlock(struct request *r, json_t **out)
{
    struct token_choice choice = {.token = slice_text(request_text(r, "token")),
                                  .last_try = request_flag(r, "last_try")};
    struct token_record reply;
    AUTO(fd) int pin = -1;
    enum err e = ERR_OK;

    if (request_number(r, "pin", -1) >= 0)
        e = request_fd(r, "pin", &pin);
    if (e == ERR_OK)
        e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));
    if (e == ERR_OK)
        e = keyholder_call(r, MSG_UNLOCK, &choice, &pin, pin >= 0 ? 1 : 0,
                           &reply);
    if (e != ERR_OK)
        return e;
    *out = json_object();
    json_object_set_new(*out, "token", json_text(reply.label));
    json_object_set_new(*out, "already",
                        json_boolean(reply.flags & TOKEN_WAS_UNLOCKED));
    json_object_set_new(*out, "pin_must_change",
                        json_boolean(reply.flags & TOKEN_PIN_MUST_CHANGE));
    return ERR_OK;
}

enum err
keys_lock(struct request *r, json_t **out)
{
    struct token_choice choice = {.token =
                                      slice_text(request_text(r, "token"))};
    struct count_reply reply;
    enum err e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));

    if (e == ERR_OK)
        e = keyholder_call(r, MSG_LOCK, &choice, NULL, 0, &reply);
    if (e != ERR_OK)
        return e;
    *out = json_object();
    json_object_set_new(*out, "locked", json_integer(reply.count));
    return ERR_OK;
}
