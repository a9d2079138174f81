/* What smime doctor finds of keys, and of what lies on a token and is none. */
#include "client/cli/doctor.h"

#include <string.h>
#include <time.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"
#include "client/cli/renewal.h"

#define SOON_SECONDS (30 * 24 * 3600)

void
finding_add(json_t *findings, const char *next, const char *what,
            const char *about)
{
    AUTO(buf) struct buf text = {0};

    buf_addf(&text, "%s%s", what, about);
    json_array_append_new(findings, json_pack("{s:s, s:s}", "what",
                                              buf_text(&text), "next", next));
}

void
finding_add_token(json_t *findings, const char *command, const char *what,
                  json_t *token, json_t *tokens)
{
    const char *label = text_of(token, "label");
    AUTO(buf) struct buf next = {0};

    buf_addf(&next, "%s --token ", command);
    token_word_add(&next, token, tokens);
    finding_add(findings, buf_text(&next), what,
                label[0] ? label : text_of(token, "serial"));
}

static bool
any_is_locked(json_t *tokens)
{
    json_t *token;
    size_t i;

    json_array_foreach(tokens, i, token)
    {
        if (strcmp(text_of(token, "state"), "locked") == 0)
            return true;
    }
    return false;
}

/* Without one, what to do about tokens has been said. */
static bool
any_may_hold_keys(json_t *tokens)
{
    json_t *token;
    size_t i;

    json_array_foreach(tokens, i, token)
    {
        if (strcmp(text_of(token, "state"), "empty") != 0)
            return true;
    }
    return false;
}

/* Its certificate ends before UNTIL, or has ended, and another one goes on for
 * the same addresses and uses: the old key is kept to read old mail. */
static bool
is_renewed(json_t *keys, json_t *key, int64_t until)
{
    int64_t end = number_of(key, "not_after");
    json_t *other;
    size_t i;

    if (end == 0 || end >= until ||
        json_array_size(json_object_get(key, "addresses")) == 0)
        return false;
    json_array_foreach(keys, i, other)
    {
        if (strcmp(text_of(other, "state"), "ok") == 0 &&
            number_of(other, "not_after") >= until &&
            keys_cover(key, other, "addresses") &&
            keys_cover(key, other, "uses"))
            return true;
    }
    return false;
}

static void
look_at_keys(json_t *keys, json_t *tokens, json_t *findings)
{
    int64_t now = (int64_t)time(NULL);
    json_t *key;
    size_t i;

    if (json_array_size(keys) == 0 && any_is_locked(tokens))
        finding_add(
            findings,
            "smime unlock, then: smime keys  If there is none: smime import "
            "FILE.p12, or: smime generate --address A",
            "no key is seen; a locked token may hide its keys", "");
    else if (json_array_size(keys) == 0 && any_may_hold_keys(tokens))
        finding_add(findings,
                    "smime import FILE.p12, or: smime generate --address A",
                    "no key is there", "");
    json_array_foreach(keys, i, key)
    {
        const char *state = text_of(key, "state");
        const char *address = json_string_value(
            json_array_get(json_object_get(key, "addresses"), 0));
        int64_t end = number_of(key, "not_after");

        if (!address)
            address = text_of(key, "label");
        if (is_renewed(keys, key, now + SOON_SECONDS))
            continue;
        if (strcmp(state, "expired") == 0)
            finding_add(
                findings,
                "get a new certificate, then: smime install CERT  Keep the "
                "key to read old mail",
                "this certificate has expired: ", address);
        else if (strcmp(state, "no_certificate") == 0)
            finding_add(findings,
                        "send its request to a CA, then: smime install CERT",
                        "this key has no certificate: ", address);
        else if (end != 0 && end - now < SOON_SECONDS)
            finding_add(findings,
                        "get a new one in time, then: smime install CERT",
                        "this certificate expires within 30 days: ", address);
    }
}

static bool
can(json_t *key, const char *use)
{
    return list_has(json_object_get(key, "uses"), use) &&
           strcmp(text_of(key, "private"), "yes") == 0;
}

/* A key that may be hidden signs, for all that is known. */
static bool
another_signs(json_t *keys, json_t *key)
{
    json_t *other;
    size_t i;

    json_array_foreach(keys, i, other)
    {
        if (list_has(json_object_get(other, "uses"), "sign") &&
            strcmp(text_of(other, "state"), "ok") == 0 &&
            keys_cover(key, other, "addresses"))
            return true;
    }
    return false;
}

/* contentCommitment without digitalSignature: the agent does not choose such
 * a key by itself. */
static void
look_for_binding(json_t *keys, json_t *findings)
{
    json_t *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        AUTO(buf) struct buf next = {0};
        char addresses[512];

        if (!can(key, "commit") || strcmp(text_of(key, "state"), "ok") != 0 ||
            another_signs(keys, key))
            continue;
        texts_join(json_object_get(key, "addresses"), addresses,
                   sizeof(addresses));
        buf_addf(&next,
                 "get a certificate to sign mail with (digitalSignature); "
                 "where you mean to bind yourself: smime sign --key %.16s",
                 text_of(key, "id"));
        finding_add(findings, buf_text(&next),
                    "this key is for binding signatures (contentCommitment) "
                    "only, and there is none that mail is signed with: ",
                    addresses[0] ? addresses : text_of(key, "label"));
    }
}

/* On how many tokens the key lies, as far as they are unlocked; 0 when an
 * entry before this one tells of it already. */
static size_t
copies_of(json_t *keys, size_t at)
{
    json_t *this = json_array_get(keys, at);
    size_t copies = 1;
    json_t *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        if (!key_is_same(key, this))
            continue;
        if (i < at)
            return 0;
        copies += strcmp(text_of(key, "uri"), text_of(this, "uri")) != 0;
    }
    return copies;
}

/* Once, however many keys of it there are. */
static void
list_add(struct buf *all, const char *name)
{
    AUTO(buf) struct buf wrapped = {0};
    AUTO(buf) struct buf wanted = {0};

    buf_addf(&wrapped, ", %s,", buf_text(all));
    buf_addf(&wanted, ", %s,", name);
    if (!strstr(buf_text(&wrapped), buf_text(&wanted)))
        buf_addf(all, "%s%s", all->len ? ", " : "", name);
}

/* A key that was generated on its token cannot be copied; one from a file
 * still can, from that file. */
static void
look_for_copies(json_t *keys, json_t *findings)
{
    AUTO(buf) struct buf all = {0};
    json_t *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        char addresses[512];

        if (!can(key, "decrypt") || copies_of(keys, i) != 1)
            continue;
        texts_join(json_object_get(key, "addresses"), addresses,
                   sizeof(addresses));
        list_add(&all, addresses[0] ? addresses : text_of(key, "label"));
    }
    if (all.len)
        finding_add(
            findings,
            "where a key came from a .p12, keep that file in a safe place, or "
            "put the key on a second token: smime import FILE.p12 --token "
            "OTHER",
            "what decrypts exists only once; if its token is lost, so is the "
            "mail: ",
            buf_text(&all));
}

static void
look_for_remains(json_t *half_made, json_t *findings)
{
    json_t *one;
    size_t i;

    json_array_foreach(half_made, i, one)
    {
        AUTO(json)
        json_t *token = json_pack("{s:s}", "label", text_of(one, "token"));

        finding_add_token(
            findings, "smime doctor --clean",
            "a write was cut off and left half-made keys on: ", token, NULL);
    }
}

static void
look_for_nameless(json_t *nameless, json_t *findings)
{
    json_t *one;
    size_t i;

    json_array_foreach(nameless, i, one)
    {
        AUTO(buf) struct buf about = {0};

        buf_addf(&about, "%s (%lld)", text_of(one, "token"),
                 (long long)number_of(one, "count"));
        finding_add(
            findings,
            "give each a CKA_ID with the program that made it; pkcs11-tool "
            "has --set-id",
            "private keys without an id, or with one of more than 64 bytes, "
            "cannot be used, on token: ",
            buf_text(&about));
    }
}

static void
key_name_add(json_t *one, struct buf *out)
{
    const char *id = text_of(one, "id");
    char addresses[512];

    texts_join(json_object_get(one, "addresses"), addresses, sizeof(addresses));
    if (addresses[0])
        buf_addf(out, "%s", addresses);
    else if (text_of(one, "subject")[0])
        buf_addf(out, "%s", text_of(one, "subject"));
    else if (text_of(one, "label")[0])
        buf_addf(out, "%s", text_of(one, "label"));
    else
        buf_addf(out, "%s", id[0] ? id : "(no name)");
}

/* "max@example.org on token card" */
static void
keyless_name(json_t *one, struct buf *out)
{
    key_name_add(one, out);
    buf_addf(out, " on token %s", text_of(one, "token"));
}

/* A key that is seen has this uri or, on any token, this certificate. */
static bool
any_key_has(json_t *keys, const char *name, const char *value)
{
    json_t *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        if (value[0] && strcmp(text_of(key, name), value) == 0)
            return true;
    }
    return false;
}

/* The beginning of its id, or its URI where a key has the same id. */
static void
keyless_word_add(json_t *one, json_t *keys, struct buf *out)
{
    const char *id = text_of(one, "id");

    if (any_key_has(keys, "id", id))
        buf_addf(out, "'%s'", text_of(one, "uri"));
    else
        buf_addf(out, "%.16s", id);
}

/* What to do with a certificate or public key without a private one. */
static void
keyless_next(json_t *one, json_t *keys, struct buf *out)
{
    bool certified = strcmp(text_of(one, "state"), "no_certificate") != 0;
    AUTO(buf) struct buf word = {0};

    keyless_word_add(one, keys, &word);
    if (!text_of(one, "id")[0])
        buf_addf(out, "remove it with the program that put it there");
    else if (certified && text_of(one, "key")[0])
        buf_addf(out,
                 "smime keys export %s > cert.pem, then: smime install "
                 "cert.pem  and: smime keys remove %s",
                 buf_text(&word), buf_text(&word));
    else
        buf_addf(out,
                 "insert the token with its key, if there is one; to take it "
                 "away: smime keys remove %s",
                 buf_text(&word));
}

static void
look_for_keyless(json_t *keyless, json_t *keys, json_t *findings)
{
    json_t *one;
    size_t i;

    json_array_foreach(keyless, i, one)
    {
        bool certified = strcmp(text_of(one, "state"), "no_certificate") != 0;
        AUTO(buf) struct buf next = {0};
        AUTO(buf) struct buf about = {0};

        if (any_key_has(keys, "fingerprint", text_of(one, "fingerprint")))
            continue;
        keyless_name(one, &about);
        keyless_next(one, keys, &next);
        finding_add(findings, buf_text(&next),
                    !certified ? "this public key has no private key: "
                    : text_of(one, "key")[0]
                        ? "this certificate has another id than "
                          "its key, so it does not count: "
                        : "this certificate has no key: ",
                    buf_text(&about));
    }
}

/* The token may be away: there is a journal of what was begun on it. */
static void
look_for_unfinished(json_t *unfinished, json_t *findings)
{
    json_t *uri;
    size_t i;

    json_array_foreach(unfinished, i, uri) finding_add(
        findings, "insert that token if it is out, then: smime unlock",
        "a write was cut off; it is taken back when this token is next "
        "unlocked: ",
        json_string_value(uri));
}

/* A key that is out, or locked up, is no slip of the pen. */
static void
look_for_rules(json_t *rules, json_t *findings)
{
    json_t *name;
    size_t i;

    json_array_foreach(rules, i, name)
    {
        AUTO(buf) struct buf about = {0};

        buf_addf(&about, "[key %s]", json_string_value(name));
        finding_add(
            findings,
            "see the ids and addresses of your keys: smime keys  Insert "
            "and unlock its token if it is out; what a rule may name: "
            "man agent.conf",
            "no key that is there is meant by this rule of agent.conf: ",
            buf_text(&about));
    }
}

void
doctor_look_at_keys(json_t *keys, json_t *tokens, json_t *check,
                    json_t *findings)
{
    look_at_keys(keys, tokens, findings);
    look_for_binding(keys, findings);
    look_for_copies(keys, findings);
    look_for_remains(json_object_get(check, "half_made"), findings);
    look_for_nameless(json_object_get(check, "nameless"), findings);
    look_for_keyless(json_object_get(check, "keyless"), keys, findings);
    look_for_unfinished(json_object_get(check, "unfinished"), findings);
    look_for_rules(json_object_get(check, "unmatched_rules"), findings);
}
