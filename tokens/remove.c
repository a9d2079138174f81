/* Removing an identity: every object that carries its CKA_ID, or, where keys
 * share one, every object of it. */
#include "tokens/writing.h"

/* Certificates, public keys and private keys with the CKA_ID, not data. */
static enum tokens_err
find_all(struct hold *h, const uint8_t *id, size_t id_len,
         CK_OBJECT_CLASS class, struct handles *out)
{
    CK_ATTRIBUTE match[] = {{CKA_CLASS, &class, sizeof(class)},
                            {CKA_ID, (void *)id, id_len}};

    return objects_find(h, match, ARRAY_COUNT(match), out);
}

static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY,
                                          CKO_CERTIFICATE};

static bool
same_bytes(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
    return an == bn && memcmp(a, b, an) == 0;
}

/* What has this id, or had it before a login; NULL: nothing that is known. */
static const struct token_identity *
find_identity(const struct snapshot *s, const uint8_t *id, size_t id_len)
{
    for (size_t i = 0; i < s->view.count; i++)
        if (same_bytes(s->all[i].id, s->all[i].id_len, id, id_len))
            return &s->all[i];
    for (size_t i = 0; i < s->view.count; i++)
        if (identity_was_named(&s->all[i], id, id_len))
            return &s->all[i];
    return NULL;
}

/* Several keys have this CKA_ID: it cannot be told which one is meant. */
static bool
is_shared(const struct snapshot *s, const uint8_t *id, size_t id_len)
{
    for (size_t i = 0; i < s->view.count; i++)
        if (same_bytes(s->all[i].token_id, s->all[i].token_id_len, id, id_len))
            return true;
    return false;
}

static enum tokens_err
remove_object(struct hold *h, CK_OBJECT_HANDLE o, size_t *count)
{
    if (CALL(h, C_DestroyObject, h->session, o))
        return h->result;
    (*count)++;
    return TOKENS_OK;
}

static enum tokens_err
remove_owned(struct hold *h, const struct snapshot *s,
             const struct token_identity *k, size_t *count)
{
    enum tokens_err e = TOKENS_OK;

    for (size_t i = 0; e == TOKENS_OK && i < s->object_count; i++) {
        const struct token_identity *owner = &s->all[s->objects[i].owner];

        if (same_bytes(owner->id, owner->id_len, k->id, k->id_len))
            e = remove_object(h, s->objects[i].handle, count);
    }
    return e;
}

static enum tokens_err
remove_named(struct hold *h, const uint8_t *id, size_t id_len, size_t *count)
{
    enum tokens_err e = TOKENS_OK;

    for (size_t c = 0; e == TOKENS_OK && c < ARRAY_COUNT(classes); c++) {
        AUTO(handles) struct handles found = {0};

        e = find_all(h, id, id_len, classes[c], &found);
        for (size_t i = 0; e == TOKENS_OK && i < found.count; i++)
            e = remove_object(h, found.all[i], count);
    }
    return e == TOKENS_OK && *count == 0 ? TOKENS_NO_KEY : e;
}

static enum tokens_err
look_again(struct hold *h, const uint8_t *id, size_t id_len)
{
    for (size_t c = 0; c < ARRAY_COUNT(classes); c++) {
        AUTO(handles) struct handles found = {0};
        enum tokens_err e = find_all(h, id, id_len, classes[c], &found);

        if (e || found.count)
            return e ? e : TOKENS_FAILED;
    }
    return TOKENS_OK;
}

/* By its public key: without its twins it has its CKA_ID for itself. */
static enum tokens_err
look_again_for(struct hold *h, const struct token_identity *k)
{
    AUTO(snapshot) struct snapshot *s = NULL;
    enum tokens_err e = snapshot_read(h, &s);

    for (size_t i = 0; e == TOKENS_OK && i < s->view.count; i++) {
        const struct token_identity *left = &s->all[i];

        if (left->spki &&
            same_bytes(left->token_id, left->token_id_len, k->token_id,
                       k->token_id_len) &&
            same_bytes(left->spki, left->spki_len, k->spki, k->spki_len))
            e = TOKENS_FAILED;
    }
    return e;
}

static enum tokens_err
remove_held(struct hold *h, const uint8_t *id, size_t id_len, size_t *count)
{
    AUTO(snapshot) struct snapshot *s = NULL;
    enum tokens_err e = snapshot_read(h, &s);

    if (e)
        return e;
    const struct token_identity *k = find_identity(s, id, id_len);
    if (k && identity_has_twin(s, k)) {
        e = remove_owned(h, s, k, count);
        return e ? e : look_again_for(h, k);
    }
    if (!k && is_shared(s, id, id_len))
        return TOKENS_NO_KEY;
    if (k) {
        id = k->token_id;
        id_len = k->token_id_len;
    }
    e = remove_named(h, id, id_len, count);
    return e ? e : look_again(h, id, id_len);
}

enum tokens_err
token_remove_identity(struct token *t, const uint8_t *id, size_t id_len,
                      size_t *out_count)
{
    struct token_info info;
    struct hold h;
    size_t count = 0;

    if (!id || id_len == 0 || id_len > TOKEN_ID_BYTES)
        return TOKENS_ARGUMENT;
    rv_forget();
    enum tokens_err e = hold_begin(t, true, &h);
    if (e)
        return e;
    token_get_info(t, &info);
    if (info.write_protected)
        e = TOKENS_READ_ONLY;
    else if (info.login_required &&
             session_probe(&h, h.session) != SESSION_USER)
        e = TOKENS_LOCKED;
    if (e == TOKENS_OK)
        e = written_err(&h, remove_held(&h, id, id_len, &count));
    if (e == TOKENS_OK)
        *out_count = count;
    token_forget_objects(t);
    hold_drop(&h);
    return e;
}
