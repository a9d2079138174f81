#include "agent/keyholder/reference.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "agent/base/limits.h"

void
reference_of_token(const struct token_info *info,
                   uint8_t out[REFERENCE_TOKEN_BYTES])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char text[256];
    int n = snprintf(text, sizeof(text), "%s|%s|%s|%s", info->manufacturer,
                     info->model, info->serial, info->label);

    if (n < 0 || (size_t)n >= sizeof(text) ||
        !EVP_Digest(text, (size_t)n, digest, NULL, EVP_sha256(), NULL))
        bug("a token cannot be named");
    memcpy(out, digest, REFERENCE_TOKEN_BYTES);
}

void
reference_add(struct buf *out, const struct token_info *info, struct slice id)
{
    uint8_t token[REFERENCE_TOKEN_BYTES];

    reference_of_token(info, token);
    buf_add(out, token, sizeof(token));
    buf_add_slice(out, id);
}

bool
reference_is_on(struct slice ref, struct token *t)
{
    uint8_t name[REFERENCE_TOKEN_BYTES];
    struct token_info info;

    token_get_info(t, &info);
    reference_of_token(&info, name);
    return ref.n > sizeof(name) && memcmp(name, ref.p, sizeof(name)) == 0;
}

static struct token *
find_inserted(struct token_store *store, struct slice ref)
{
    struct token *all[LIMIT_TOKENS];
    size_t n = token_store_list(store, all, LIMIT_TOKENS);

    for (size_t i = 0; i < n && i < LIMIT_TOKENS; i++)
        if (reference_is_on(ref, all[i]))
            return all[i];
    return NULL;
}

/* A token that says something else of itself is another one: this one goes by
 * its name for good. */
static bool
is_found(const struct found_token *last, struct slice ref)
{
    return last->token && memcmp(last->name, ref.p, sizeof(last->name)) == 0 &&
           token_is_present(last->token);
}

enum err
reference_find(struct token_store *store, struct slice ref, struct token **out,
               struct slice *out_id, struct problem *p)
{
    struct found_token none = {0};

    return reference_find_again(store, &none, ref, out, out_id, p);
}

enum err
reference_find_again(struct token_store *store, struct found_token *last,
                     struct slice ref, struct token **out, struct slice *out_id,
                     struct problem *p)
{
    struct token *t;

    if (ref.n <= REFERENCE_TOKEN_BYTES ||
        ref.n > REFERENCE_TOKEN_BYTES + TOKEN_ID_BYTES)
        return fail(p, ERR_USAGE, "malformed key reference");
    t = is_found(last, ref) ? last->token : find_inserted(store, ref);
    if (!t) {
        (void)token_store_refresh(store, 0);
        t = find_inserted(store, ref);
    }
    if (!t)
        return fail(p, ERR_TOKEN_ABSENT,
                    "the one that holds this key is not inserted");
    last->token = t;
    memcpy(last->name, ref.p, sizeof(last->name));
    *out = t;
    *out_id =
        slice_of(ref.p + REFERENCE_TOKEN_BYTES, ref.n - REFERENCE_TOKEN_BYTES);
    return ERR_OK;
}
