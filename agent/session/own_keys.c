/* The person's own keys: listed by the keyholder, described by the
 * validator. */
#include <stdio.h>

#include "agent/base/key_name.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/session/describe.h"
#include "agent/session/keyholder_list.h"
#include "agent/session/try.h"

static void
own_key_drop(struct own_key *k)
{
    buf_drop(&k->ref);
    buf_drop(&k->certificate);
    buf_drop(&k->spki);
    buf_drop(&k->described);
}

void
own_keys_drop(struct own_keys *k)
{
    for (size_t i = 0; i < k->count; i++)
        own_key_drop(&k->item[i]);
    free(k->item);
    *k = (struct own_keys){0};
}

/* The codec has checked that it fits and holds no NUL. */
static void
copy_text(struct slice from, char *out)
{
    if (from.n > 0)
        memcpy(out, from.p, from.n);
    out[from.n] = '\0';
}

static void
own_keys_add(struct own_keys *keys, const struct key_record *record)
{
    struct own_key *k;

    keys->item =
        mem_resize(keys->item, (keys->count + 1) * sizeof(keys->item[0]));
    k = &keys->item[keys->count++];
    *k = (struct own_key){.type = record->type,
                          .bits = record->bits,
                          .uses = record->uses,
                          .flags = record->flags};
    buf_add_slice(&k->ref, record->ref);
    buf_add_slice(&k->certificate, record->certificate);
    buf_add_slice(&k->spki, record->spki);
    text_hex(record->id, k->id);
    copy_text(record->token, k->token);
    copy_text(record->label, k->label);
    copy_text(record->uri, k->uri);
}

static enum err
key_add(struct request *r, struct slice bytes, void *arg)
{
    struct own_keys *keys = arg;
    struct key_record record;

    if (!record_decode(RECORD_key_record, bytes, &record))
        return fail(&r->problem, ERR_INTERNAL, "a malformed key record");
    if (keys->count >= LIMIT_OWN_KEYS)
        return fail(&r->problem, ERR_LIMIT, "more than %d keys",
                    LIMIT_OWN_KEYS);
    own_keys_add(keys, &record);
    return ERR_OK;
}

static enum err
describe(struct request *r, bool purpose, struct own_keys *keys)
{
    struct slice *certificates = mem_new(keys->count * sizeof(certificates[0]));
    struct buf *described = mem_new(keys->count * sizeof(described[0]));
    enum err e;

    for (size_t i = 0; i < keys->count; i++)
        certificates[i] = buf_slice(&keys->item[i].certificate);
    e = describe_certificates(r, purpose, certificates, keys->count, described);
    for (size_t i = 0; i < keys->count; i++) {
        struct own_key *k = &keys->item[i];

        k->described = described[i];
        if (!record_decode(RECORD_description, buf_slice(&k->described),
                           &k->about))
            buf_drop(&k->described);
    }
    free(described);
    free(certificates);
    return e;
}

static enum err
load(struct request *r, enum message m, bool described, bool purpose,
     struct own_keys *out)
{
    AUTO(own_keys) struct own_keys keys = {0};

    TRY(keyholder_list(r, m, key_add, &keys));
    if (described)
        TRY(describe(r, purpose, &keys));
    *out = keys;
    keys = (struct own_keys){0};
    return ERR_OK;
}

enum err
own_keys_read(struct request *r, struct own_keys *out)
{
    return load(r, MSG_KEYS, false, false, out);
}

enum err
own_keys_load(struct request *r, bool purpose, struct own_keys *out)
{
    return load(r, MSG_KEYS, true, purpose, out);
}

enum err
keyless_load(struct request *r, struct own_keys *out)
{
    return load(r, MSG_KEYLESS, true, false, out);
}

enum err
own_keys_away(struct request *r, bool described, struct own_keys *out)
{
    return load(r, MSG_KEYS_AWAY, described, false, out);
}

/* Keys that nobody knows may be there all the same. */
static void
add_silence(struct problem *p, struct slice why)
{
    size_t n = strlen(p->detail);

    if (why.n > 0)
        snprintf(
            p->detail + n, sizeof(p->detail) - n,
            "%s%.*s, and the key may be on a token of it: see smime doctor",
            n > 0 ? "; " : "", (int)why.n, (const char *)why.p);
}

/* What is wrong with the token of KEY, or of no key; else the problem of R. */
static enum err
tell_unread(struct request *r, struct slice key)
{
    struct problem why = r->problem;
    struct key_choice choice = {.key = key};
    struct silence silence;
    enum err e = keyholder_call(r, MSG_ALL_READ, &choice, NULL, 0, &silence);

    if (e != ERR_OK)
        return e;
    add_silence(&why, silence.why);
    r->problem = why;
    return why.code;
}

enum err
own_keys_tell_unread(struct request *r)
{
    return tell_unread(r, slice_of(NULL, 0));
}

enum err
own_key_tell_away(struct request *r, const struct own_key *k)
{
    (void)fail(&r->problem, ERR_TOKEN_ABSENT, "a key that is needed is on it");
    problem_set_token(&r->problem, k->token);
    return tell_unread(r, buf_slice(&k->ref));
}

enum err
own_keys_tell_missing(struct request *r, const char *wanted)
{
    struct address a = {.address = slice_text(wanted)};
    struct problem why = r->problem;
    struct empty nothing;
    enum err e;

    if (a.address.n > LIMIT_ADDRESS_BYTES)
        a.address.n = LIMIT_ADDRESS_BYTES;
    e = keyholder_call(r, MSG_NO_KEY, &a, NULL, 0, &nothing);
    if (e == ERR_TOKEN_ABSENT)
        return e;
    if (e != ERR_OK)
        log_note("session %llu: the audit does not say that a key is not there",
                 (unsigned long long)r->session->id);
    r->problem = why;
    return own_keys_tell_unread(r);
}

bool
own_key_is_newer(const struct own_key *a, const struct own_key *b)
{
    if (!b || a->about.not_before != b->about.not_before)
        return !b || a->about.not_before > b->about.not_before;
    return a->about.not_after > b->about.not_after;
}

bool
own_key_is_same(const struct own_key *a, const struct own_key *b)
{
    return strcmp(a->id, b->id) == 0 &&
           (a->spki.len == 0 || b->spki.len == 0 ||
            slice_equal(buf_slice(&a->spki), buf_slice(&b->spki)));
}

static enum key_name
name_of(const struct own_key *k, const char *wanted)
{
    return key_name_of(wanted, k->id, k->uri, k->label);
}

bool
own_key_is_wanted(const struct own_keys *keys, const struct own_key *k,
                  const char *wanted)
{
    enum key_name name = name_of(k, wanted);

    for (size_t i = 0; name == KEY_NAME_BEGINS && i < keys->count; i++)
        if (name_of(&keys->item[i], wanted) == KEY_NAME_WHOLE)
            return false;
    return name != KEY_NAME_OTHER;
}
