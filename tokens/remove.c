/* Removing an identity: every object that carries its CKA_ID. */
#include "tokens/internal.h"
#include "tokens/write.h"

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

static enum tokens_err
remove_held(struct hold *h, const uint8_t *id, size_t id_len, size_t *count)
{
    for (size_t c = 0; c < ARRAY_COUNT(classes); c++) {
        AUTO(handles) struct handles found = {0};
        enum tokens_err e = find_all(h, id, id_len, classes[c], &found);

        if (e)
            return e;
        for (size_t i = 0; i < found.count; i++) {
            if (CALL(h, C_DestroyObject, h->session, found.all[i]))
                return h->result;
            (*count)++;
        }
    }
    return *count ? TOKENS_OK : TOKENS_NO_KEY;
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
        e = remove_held(&h, id, id_len, &count);
    if (e == TOKENS_OK)
        e = look_again(&h, id, id_len);
    if (e == TOKENS_OK)
        *out_count = count;
    token_forget_objects(t);
    hold_drop(&h);
    return e;
}
