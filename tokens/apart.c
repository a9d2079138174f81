/* Keys that share a CKA_ID. It ought to name one, and programs that are told
 * an id write what they are told: each is then told by its public key too. */
#include "tokens/internal.h"

#include <openssl/sha.h>

static bool
shares_id(const struct token_identity *a, const struct token_identity *b)
{
    return a->token_id_len > 0 && a->token_id_len == b->token_id_len &&
           memcmp(a->token_id, b->token_id, a->token_id_len) == 0;
}

static bool
has_other_key(const struct token_identity *a, const struct token_identity *b)
{
    return b->spki && (a->spki_len != b->spki_len ||
                       memcmp(a->spki, b->spki, a->spki_len) != 0);
}

/* The hash comes first: the beginning of an id is what people see and type. */
static size_t
make_id(const struct token_identity *k, uint8_t out[TOKEN_ID_BYTES])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    size_t room = TOKEN_ID_BYTES - TOKEN_APART_BYTES;
    size_t n = k->token_id_len < room ? k->token_id_len : room;

    SHA256(k->spki, k->spki_len, hash);
    memcpy(out, hash, TOKEN_APART_BYTES);
    memcpy(out + TOKEN_APART_BYTES, k->token_id, n);
    return TOKEN_APART_BYTES + n;
}

static bool
set_apart(struct token_identity *k, struct arena **a)
{
    uint8_t id[TOKEN_ID_BYTES];

    k->id_len = make_id(k, id);
    k->id = arena_add(a, id, k->id_len);
    return k->id != NULL;
}

static bool
may_be_key(const struct token_identity *k)
{
    return k->has_private || k->private_unknown;
}

/* A key keeps its CKA_ID beside what has no key. */
bool
snapshot_tell_apart(struct snapshot *s)
{
    for (size_t i = 0; i < s->view.count; i++) {
        struct token_identity *k = &s->all[i];
        bool apart = false;

        for (size_t n = 0; k->spki && !apart && n < s->view.count; n++)
            apart = shares_id(k, &s->all[n]) && has_other_key(k, &s->all[n]) &&
                    (may_be_key(&s->all[n]) || !may_be_key(k));
        if (apart && !set_apart(k, &s->arena))
            return false;
    }
    return true;
}

bool
identity_has_twin(const struct snapshot *s, const struct token_identity *k)
{
    for (size_t i = 0; i < s->view.count; i++)
        if (k->spki && shares_id(k, &s->all[i]) && has_other_key(k, &s->all[i]))
            return true;
    return false;
}

bool
identity_was_named(const struct token_identity *k, const uint8_t *id,
                   size_t id_len)
{
    uint8_t apart[TOKEN_ID_BYTES];

    if (k->id != k->token_id)
        return k->has_private && k->certificate && k->token_id_len == id_len &&
               memcmp(k->token_id, id, id_len) == 0;
    return k->spki && make_id(k, apart) == id_len &&
           memcmp(apart, id, id_len) == 0;
}
