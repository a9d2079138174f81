/* Objects: their attributes, who sees them, how they are found. */
#include <stdlib.h>
#include <string.h>

#include "client/pkcs11/module.h"

struct object *
object_new(CK_OBJECT_CLASS class)
{
    struct object *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    o->class = class;
    if (!object_set_ulong(o, CKA_CLASS, class))
        object_drop(&o);
    return o;
}

void
object_drop(struct object **o)
{
    if (!*o)
        return;
    for (size_t i = 0; i < (*o)->attribute_count; i++)
        bytes_drop(&(*o)->attribute[i].value);
    free((*o)->name);
    free((*o)->key);
    free(*o);
    *o = NULL;
}

/* ---- attributes ---------------------------------------------------------- */

const struct attribute *
object_attribute(const struct object *o, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < o->attribute_count; i++)
        if (o->attribute[i].type == type)
            return &o->attribute[i];
    return NULL;
}

bool
object_set(struct object *o, CK_ATTRIBUTE_TYPE type, const void *p, size_t n)
{
    struct bytes value = {NULL, 0};
    size_t i = 0;

    while (i < o->attribute_count && o->attribute[i].type != type)
        i++;
    if (i == LIMIT_MODULE_ATTRIBUTES || !bytes_add(&value, p, n))
        return false;
    if (i == o->attribute_count)
        o->attribute_count++;
    else
        bytes_drop(&o->attribute[i].value);
    o->attribute[i] = (struct attribute){type, value};
    return true;
}

bool
object_set_bool(struct object *o, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL b = value ? CK_TRUE : CK_FALSE;

    return object_set(o, type, &b, sizeof(b));
}

bool
object_set_ulong(struct object *o, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    return object_set(o, type, &value, sizeof(value));
}

static bool
is_true(const struct object *o, CK_ATTRIBUTE_TYPE type)
{
    const struct attribute *a = object_attribute(o, type);

    return a && a->value.n == sizeof(CK_BBOOL) && a->value.p[0] == CK_TRUE;
}

static bool
object_matches(const struct object *o, const CK_ATTRIBUTE *template,
               CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        const struct attribute *a = object_attribute(o, template[i].type);

        if (!a || a->value.n != template[i].ulValueLen ||
            (a->value.n > 0 &&
             memcmp(a->value.p, template[i].pValue, a->value.n) != 0))
            return false;
    }
    return true;
}

/* ---- who is there -------------------------------------------------------- */

static bool
object_is_visible(const struct object *o)
{
    return !o->is_gone && (!o->is_private || session_is_user());
}

struct object *
object_find(CK_OBJECT_HANDLE handle)
{
    for (size_t i = 0; i < module.object_count; i++)
        if (module.object[i]->handle == handle)
            return object_is_visible(module.object[i]) ? module.object[i]
                                                       : NULL;
    return NULL;
}

static void
remove_at(size_t i)
{
    object_drop(&module.object[i]);
    module.object[i] = module.object[--module.object_count];
}

/* The handles of what is gone are kept for when it is back, as long as there
 * is room. */
static bool
make_room(void)
{
    for (size_t i = module.object_count; i > 0; i--)
        if (module.object[i - 1]->is_gone)
            remove_at(i - 1);
    return module.object_count < LIMIT_MODULE_OBJECTS;
}

CK_RV
object_keep(struct object *o, CK_OBJECT_HANDLE *out)
{
    struct object **all;

    if (module.object_count >= LIMIT_MODULE_OBJECTS && !make_room()) {
        object_drop(&o);
        return CKR_DEVICE_MEMORY;
    }
    all = realloc(module.object, (module.object_count + 1) * sizeof(*all));
    if (!all) {
        object_drop(&o);
        return CKR_HOST_MEMORY;
    }
    module.object = all;
    o->handle = ++module.last_object;
    all[module.object_count++] = o;
    if (out)
        *out = o->handle;
    return CKR_OK;
}

/* Ends one, or all of a session (0: all there are). */
static void
object_end(CK_OBJECT_HANDLE handle)
{
    for (size_t i = 0; i < module.object_count; i++)
        if (module.object[i]->handle == handle) {
            remove_at(i);
            return;
        }
}

void
objects_end(CK_SESSION_HANDLE session)
{
    for (size_t i = module.object_count; i > 0; i--)
        if (session == 0 || module.object[i - 1]->session == session)
            remove_at(i - 1);
}

/* ---- finding ------------------------------------------------------------- */

static bool
template_is_sound(const CK_ATTRIBUTE *t, CK_ULONG n)
{
    if (n > 0 && !t)
        return false;
    for (CK_ULONG i = 0; i < n; i++)
        if (!t[i].pValue && t[i].ulValueLen > 0)
            return false;
    return true;
}

static CK_RV
find_begin(CK_SESSION_HANDLE handle, const CK_ATTRIBUTE *t, CK_ULONG n)
{
    struct session *s;
    CK_RV rv = session_get(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!template_is_sound(t, n))
        return CKR_ARGUMENTS_BAD;
    if (s->is_finding)
        return CKR_OPERATION_ACTIVE;
    /* An agent that is away has no objects: that is no error here. */
    (void)list_refresh(false);
    if (session_get(handle, &s) != CKR_OK)
        return CKR_SESSION_CLOSED;
    s->found = calloc(module.object_count + 1, sizeof(*s->found));
    if (!s->found)
        return CKR_HOST_MEMORY;
    s->found_count = s->found_at = 0;
    for (size_t i = 0; i < module.object_count; i++) {
        const struct object *o = module.object[i];

        if (object_is_visible(o) && object_matches(o, t, n))
            s->found[s->found_count++] = o->handle;
    }
    s->is_finding = true;
    return CKR_OK;
}

CK_RV
C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
                  CK_ULONG count)
{
    GUARDED(find_begin(session, template, count));
}

static CK_RV
find_next(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *out, CK_ULONG room,
          CK_ULONG *out_count)
{
    struct session *s;
    CK_RV rv = session_get(handle, &s);
    CK_ULONG n = 0;

    if (rv != CKR_OK)
        return rv;
    if (!out_count || (!out && room > 0))
        return CKR_ARGUMENTS_BAD;
    if (!s->is_finding)
        return CKR_OPERATION_NOT_INITIALIZED;
    while (n < room && s->found_at < s->found_count)
        out[n++] = s->found[s->found_at++];
    *out_count = n;
    return CKR_OK;
}

CK_RV
C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG room,
              CK_ULONG *out_count)
{
    GUARDED(find_next(session, out, room, out_count));
}

static CK_RV
find_end(CK_SESSION_HANDLE handle)
{
    struct session *s;
    CK_RV rv = session_get(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!s->is_finding)
        return CKR_OPERATION_NOT_INITIALIZED;
    free(s->found);
    s->found = NULL;
    s->is_finding = false;
    return CKR_OK;
}

CK_RV
C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    GUARDED(find_end(session));
}

/* ---- reading ------------------------------------------------------------- */

/* What a private key would consist of, if it could be seen. */
static bool
is_secret_part(const struct object *o, CK_ATTRIBUTE_TYPE type)
{
    if (o->class == CKO_SECRET_KEY)
        return type == CKA_VALUE &&
               (is_true(o, CKA_SENSITIVE) || !is_true(o, CKA_EXTRACTABLE));
    return o->class == CKO_PRIVATE_KEY &&
           (type == CKA_VALUE || type == CKA_PRIVATE_EXPONENT ||
            (type >= CKA_PRIME_1 && type <= CKA_COEFFICIENT));
}

/* As PKCS#11 2.40, C_GetAttributeValue, 1 to 5 of its list. */
static CK_RV
attribute_give(const struct object *o, CK_ATTRIBUTE *t)
{
    const struct attribute *a = object_attribute(o, t->type);
    CK_ULONG room = t->ulValueLen;

    t->ulValueLen = (CK_ULONG)-1;
    if (is_secret_part(o, t->type))
        return CKR_ATTRIBUTE_SENSITIVE;
    if (!a)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    if (t->pValue && room < a->value.n)
        return CKR_BUFFER_TOO_SMALL;
    t->ulValueLen = a->value.n;
    if (t->pValue && a->value.n > 0)
        memcpy(t->pValue, a->value.p, a->value.n);
    return CKR_OK;
}

static CK_RV
attributes_give(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle,
                CK_ATTRIBUTE *t, CK_ULONG n)
{
    const struct object *o;
    struct session *s;
    CK_RV rv = session_get(session, &s);

    if (rv != CKR_OK)
        return rv;
    if (!t && n > 0)
        return CKR_ARGUMENTS_BAD;
    o = object_find(handle);
    if (!o)
        return CKR_OBJECT_HANDLE_INVALID;
    for (CK_ULONG i = 0; i < n; i++) {
        CK_RV one = attribute_give(o, &t[i]);

        if (one != CKR_OK)
            rv = one;
    }
    return rv;
}

CK_RV
C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                    CK_ATTRIBUTE *template, CK_ULONG count)
{
    GUARDED(attributes_give(session, object, template, count));
}

static CK_RV
object_size(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, CK_ULONG *out)
{
    const struct object *o;
    struct session *s;
    CK_RV rv = session_get(session, &s);

    if (rv != CKR_OK)
        return rv;
    if (!out)
        return CKR_ARGUMENTS_BAD;
    o = object_find(handle);
    if (!o)
        return CKR_OBJECT_HANDLE_INVALID;
    *out = 0;
    for (size_t i = 0; i < o->attribute_count; i++)
        *out += o->attribute[i].value.n;
    return CKR_OK;
}

CK_RV
C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                CK_ULONG *out)
{
    GUARDED(object_size(session, object, out));
}

/* ---- writing: only what a session has made itself goes ------------------- */

static CK_RV
object_destroy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle)
{
    const struct object *o;
    struct session *s;
    CK_RV rv = session_get(session, &s);

    if (rv != CKR_OK)
        return rv;
    o = object_find(handle);
    if (!o)
        return CKR_OBJECT_HANDLE_INVALID;
    if (o->session == 0)
        return CKR_TOKEN_WRITE_PROTECTED;
    object_end(handle);
    return CKR_OK;
}

CK_RV
C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    GUARDED(object_destroy(session, object));
}

static CK_RV
object_change(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle)
{
    const struct object *o;
    struct session *s;
    CK_RV rv = session_get(session, &s);

    if (rv != CKR_OK)
        return rv;
    o = object_find(handle);
    if (!o)
        return CKR_OBJECT_HANDLE_INVALID;
    return o->session == 0 ? CKR_TOKEN_WRITE_PROTECTED
                           : CKR_ATTRIBUTE_READ_ONLY;
}

CK_RV
C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                    CK_ATTRIBUTE *template, CK_ULONG count)
{
    (void)template;
    (void)count;
    GUARDED(object_change(session, object));
}

static CK_RV
object_create(CK_SESSION_HANDLE session)
{
    struct session *s;
    CK_RV rv = session_get(session, &s);

    return rv == CKR_OK ? CKR_TOKEN_WRITE_PROTECTED : rv;
}

CK_RV
C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
               CK_ULONG count, CK_OBJECT_HANDLE *out)
{
    (void)template;
    (void)count;
    (void)out;
    GUARDED(object_create(session));
}

CK_RV
C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
             CK_ATTRIBUTE *template, CK_ULONG count, CK_OBJECT_HANDLE *out)
{
    (void)object;
    (void)template;
    (void)count;
    (void)out;
    GUARDED(object_create(session));
}
