/* Half-made objects: what a write that was cut off leaves behind. */
#include "tokens/internal.h"
#include "tokens/writing.h"

static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY,
                                          CKO_CERTIFICATE};

/* Nothing that names it, nothing that it could be used with. A key of another
 * program that merely has no CKA_ID is not among them. */
static bool
is_broken(struct hold *h, CK_OBJECT_HANDLE o, bool *out_nameless)
{
    CK_ATTRIBUTE a[] = {{CKA_ID, NULL, 0},      {CKA_LABEL, NULL, 0},
                        {CKA_MODULUS, NULL, 0}, {CKA_EC_PARAMS, NULL, 0},
                        {CKA_PRIME, NULL, 0},   {CKA_SUBJECT, NULL, 0},
                        {CKA_ISSUER, NULL, 0},  {CKA_URL, NULL, 0}};
    bool empty = true;

    if (object_read(h, o, a, ARRAY_COUNT(a)) != CKR_OK)
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(a); i++)
        empty = empty && !attribute_has(&a[i]);
    *out_nameless =
        !empty && (!attribute_has(&a[0]) || a[0].ulValueLen > TOKEN_ID_BYTES);
    attributes_wipe(a, ARRAY_COUNT(a));
    return empty;
}

enum tokens_err
broken_count(struct hold *h, bool remove, struct token_remains *out)
{
    *out = (struct token_remains){0};
    for (size_t c = 0; c < ARRAY_COUNT(classes); c++) {
        CK_OBJECT_CLASS class = classes[c];
        CK_ATTRIBUTE match = {CKA_CLASS, &class, sizeof(class)};
        AUTO(handles) struct handles found = {0};
        enum tokens_err e = objects_find(h, &match, 1, &found);

        if (e)
            return e;
        for (size_t i = 0; i < found.count; i++) {
            bool nameless = false;

            if (is_broken(h, found.all[i], &nameless)) {
                if (remove)
                    (void)CALL(h, C_DestroyObject, h->session, found.all[i]);
                out->half_made++;
            }
            out->nameless += nameless && class == CKO_PRIVATE_KEY;
        }
    }
    return TOKENS_OK;
}

enum tokens_err
broken_count_on(struct token *t, bool remove, struct token_remains *out)
{
    struct hold h;
    struct token_remains count = {0};

    rv_forget();
    enum tokens_err e = hold_begin(t, remove, &h);
    if (e)
        return e;
    e = broken_count(&h, remove, &count);
    if (e == TOKENS_OK && remove)
        e = broken_count(&h, false, &count);
    e = written_err(&h, e);
    if (remove)
        token_forget_objects(t);
    hold_drop(&h);
    if (e == TOKENS_OK)
        *out = count;
    return e;
}
