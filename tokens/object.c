/* Finding objects and reading their attributes. */
#include "tokens/internal.h"

#include <openssl/crypto.h>

void
attributes_wipe(CK_ATTRIBUTE *a, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i].pValue)
            OPENSSL_cleanse(a[i].pValue, a[i].ulValueLen);
        free(a[i].pValue);
        a[i].pValue = NULL;
        a[i].ulValueLen = 0;
    }
}

/* What a token does not tell is no failure of the others. */
static bool
rv_is_partial(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
           rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_BUFFER_TOO_SMALL;
}

CK_RV
object_read(struct hold *h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a[i].pValue = NULL, a[i].ulValueLen = 0;
    if (count > LIMIT_TEMPLATE)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = CALL(h, C_GetAttributeValue, h->session, o, a, count);
    if (!rv_is_partial(rv))
        return rv;
    for (size_t i = 0; i < count; i++) {
        if (a[i].ulValueLen == CK_UNAVAILABLE_INFORMATION ||
            a[i].ulValueLen > LIMIT_ATTRIBUTE)
            a[i].ulValueLen = 0;
        size_t n = a[i].ulValueLen;
        a[i].pValue = n ? calloc(1, n) : NULL;
        if (n && !a[i].pValue) {
            attributes_wipe(a, count);
            return CKR_HOST_MEMORY;
        }
    }
    CK_ULONG room[LIMIT_TEMPLATE];
    for (size_t i = 0; i < count; i++)
        room[i] = a[i].ulValueLen;
    rv = CALL(h, C_GetAttributeValue, h->session, o, a, count);
    /* A length beyond what there was room for is no length either. */
    for (size_t i = 0; i < count; i++)
        if (a[i].ulValueLen > room[i])
            a[i].ulValueLen = 0;
    if (rv_is_partial(rv))
        return CKR_OK;
    attributes_wipe(a, count);
    return rv;
}

bool
attribute_true(const CK_ATTRIBUTE *a)
{
    return attribute_has(a) && *(const CK_BBOOL *)a->pValue == CK_TRUE;
}

CK_ULONG
attribute_ulong(const CK_ATTRIBUTE *a, CK_ULONG otherwise)
{
    CK_ULONG v;

    if (!attribute_has(a) || a->ulValueLen != sizeof(v))
        return otherwise;
    memcpy(&v, a->pValue, sizeof(v));
    return v;
}

void
handles_drop(struct handles *h)
{
    free(h->all);
    *h = (struct handles){0};
}

static enum tokens_err
find_more(struct hold *h, struct handles *out)
{
    CK_ULONG n = 0;

    do {
        void *p = realloc(out->all, (out->count + 64) * sizeof(*out->all));
        if (!p)
            return TOKENS_MEMORY;
        out->all = p;
        n = 0;
        if (CALL(h, C_FindObjects, h->session, out->all + out->count, 64, &n))
            return h->result;
        if (n > 64) /* more than it was given room for */
            return TOKENS_FAILED;
        out->count += n;
    } while (n > 0 && out->count < LIMIT_OBJECTS);
    return TOKENS_OK;
}

enum tokens_err
objects_find(struct hold *h, CK_ATTRIBUTE *match, size_t count,
             struct handles *out)
{
    struct handles found = {0};

    if (CALL(h, C_FindObjectsInit, h->session, match, count))
        return h->result;
    enum tokens_err e = find_more(h, &found);
    CK_RV failed = h->rv;
    CK_RV rv = QUIETLY(h, C_FindObjectsFinal, h->session);
    h->rv = failed;
    if (rv != CKR_OK)
        h->bad = true; /* the search may still be going on */
    if (e) {
        handles_drop(&found);
        return e;
    }
    *out = found;
    return TOKENS_OK;
}
