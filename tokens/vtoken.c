/*
 * The virtual token: a function list for libp11, in which sessions and
 * handles never die. Each slot holds one private key, is read-only and needs
 * no login; an operation becomes operation_run on the real token.
 */
#include "tokens/vtoken.h"

#include <stddef.h>

#define SESSIONS_PER_SLOT 32
#define OBJECT_HANDLE     1

__thread CK_SLOT_ID vtoken_slot;
__thread const struct pin *vtoken_pin;
__thread enum tokens_err vtoken_result;

/* One virtual session; libp11 uses it in one thread at a time. */
struct vsession {
    CK_SLOT_ID slot; /* 0: free */
    bool found;      /* the search has something to give */
    bool active;
    bool decrypt;
    CK_MECHANISM_TYPE mechanism;
};

static struct vsession *sessions;
static size_t session_room;
static pthread_mutex_t session_mutex = PTHREAD_MUTEX_INITIALIZER;

/* Copies the state out; false: no such session. */
static bool
session_get(CK_SESSION_HANDLE s, struct vsession *out)
{
    bool ok = false;

    pthread_mutex_lock(&session_mutex);
    if (s > 0 && s <= session_room && sessions[s - 1].slot) {
        *out = sessions[s - 1];
        ok = true;
    }
    pthread_mutex_unlock(&session_mutex);
    return ok;
}

static void
session_set(CK_SESSION_HANDLE s, const struct vsession *v)
{
    pthread_mutex_lock(&session_mutex);
    sessions[s - 1] = *v;
    pthread_mutex_unlock(&session_mutex);
}

static CK_RV
v_initialize(void *args)
{
    (void)args;
    return CKR_OK;
}

static CK_RV
v_finalize(void *reserved)
{
    (void)reserved;
    return CKR_OK;
}

static CK_RV
v_get_info(CK_INFO *out)
{
    memset(out, 0, sizeof(*out));
    out->cryptokiVersion = (CK_VERSION){2, 40};
    memset(out->manufacturerID, ' ', sizeof(out->manufacturerID));
    memset(out->libraryDescription, ' ', sizeof(out->libraryDescription));
    return CKR_OK;
}

/* One slot for each libp11 context: the one its thread asks for. */
static CK_RV
v_get_slot_list(CK_BBOOL present, CK_SLOT_ID *out, CK_ULONG *count)
{
    CK_ULONG n = vtoken_slot ? 1 : 0;

    (void)present;
    if (out && *count < n)
        return CKR_BUFFER_TOO_SMALL;
    if (out && n)
        out[0] = vtoken_slot;
    *count = n;
    return CKR_OK;
}

static CK_RV
v_get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *out)
{
    if (!vkey_find(slot))
        return CKR_SLOT_ID_INVALID;
    memset(out, 0, sizeof(*out));
    memset(out->slotDescription, ' ', sizeof(out->slotDescription));
    memset(out->manufacturerID, ' ', sizeof(out->manufacturerID));
    out->flags = CKF_TOKEN_PRESENT;
    return CKR_OK;
}

static CK_RV
v_get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
    if (!vkey_find(slot))
        return CKR_SLOT_ID_INVALID;
    memset(out, 0, sizeof(*out));
    memset(out->label, ' ', sizeof(out->label));
    memset(out->manufacturerID, ' ', sizeof(out->manufacturerID));
    memset(out->model, ' ', sizeof(out->model));
    memset(out->serialNumber, ' ', sizeof(out->serialNumber));
    out->flags = CKF_TOKEN_INITIALIZED | CKF_WRITE_PROTECTED;
    return CKR_OK;
}

static bool
sessions_grow(void)
{
    size_t room = session_room + SESSIONS_PER_SLOT;
    struct vsession *p = realloc(sessions, room * sizeof(*p));

    if (!p)
        return false;
    memset(p + session_room, 0, SESSIONS_PER_SLOT * sizeof(*p));
    sessions = p;
    session_room = room;
    return true;
}

static CK_RV
v_open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
               CK_SESSION_HANDLE *out)
{
    size_t i = 0;

    (void)arg;
    (void)notify;
    if (!vkey_find(slot))
        return CKR_SLOT_ID_INVALID;
    if (flags & CKF_RW_SESSION)
        return CKR_TOKEN_WRITE_PROTECTED;
    pthread_mutex_lock(&session_mutex);
    while (i < session_room && sessions[i].slot)
        i++;
    bool ok = i < session_room || sessions_grow();
    if (ok) {
        sessions[i] = (struct vsession){.slot = slot};
        *out = i + 1;
    }
    pthread_mutex_unlock(&session_mutex);
    return ok ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV
v_close_session(CK_SESSION_HANDLE s)
{
    struct vsession v = {0};

    if (!session_get(s, &v))
        return CKR_SESSION_HANDLE_INVALID;
    session_set(s, &(struct vsession){0});
    return CKR_OK;
}

/* A slot belongs to one context, so these are all its own. */
static CK_RV
v_close_all_sessions(CK_SLOT_ID slot)
{
    pthread_mutex_lock(&session_mutex);
    for (size_t i = 0; i < session_room; i++)
        if (sessions[i].slot == slot)
            sessions[i] = (struct vsession){0};
    pthread_mutex_unlock(&session_mutex);
    return CKR_OK;
}

static CK_RV
v_get_session_info(CK_SESSION_HANDLE s, CK_SESSION_INFO *out)
{
    struct vsession v;

    if (!session_get(s, &v))
        return CKR_SESSION_HANDLE_INVALID;
    *out = (CK_SESSION_INFO){.slotID = v.slot,
                             .state = CKS_RO_USER_FUNCTIONS,
                             .flags = CKF_SERIAL_SESSION};
    return CKR_OK;
}

static CK_RV
v_login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG n)
{
    (void)s;
    (void)user;
    (void)pin;
    (void)n;
    return CKR_USER_ALREADY_LOGGED_IN;
}

static CK_RV
v_logout(CK_SESSION_HANDLE s)
{
    (void)s;
    return CKR_OK;
}

static CK_RV
v_find_init(CK_SESSION_HANDLE s, CK_ATTRIBUTE *match, CK_ULONG count)
{
    struct vsession v;

    if (!session_get(s, &v))
        return CKR_SESSION_HANDLE_INVALID;
    v.found = vobject_matches(vkey_find(v.slot), match, count);
    session_set(s, &v);
    return CKR_OK;
}

static CK_RV
v_find(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *out, CK_ULONG room, CK_ULONG *n)
{
    struct vsession v;

    if (!session_get(s, &v))
        return CKR_SESSION_HANDLE_INVALID;
    *n = v.found && room > 0 ? 1 : 0;
    if (*n)
        out[0] = OBJECT_HANDLE;
    v.found = false;
    session_set(s, &v);
    return CKR_OK;
}

static CK_RV
v_find_final(CK_SESSION_HANDLE s)
{
    struct vsession v;

    return session_get(s, &v) ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV
v_get_attribute(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a,
                CK_ULONG count)
{
    struct vsession v;

    if (!session_get(s, &v))
        return CKR_SESSION_HANDLE_INVALID;
    if (o != OBJECT_HANDLE)
        return CKR_OBJECT_HANDLE_INVALID;
    return vobject_read(vkey_find(v.slot), a, count);
}

static CK_RV
start(CK_SESSION_HANDLE s, const CK_MECHANISM *m, CK_OBJECT_HANDLE key,
      bool decrypt)
{
    struct vsession v;

    if (!session_get(s, &v))
        return CKR_SESSION_HANDLE_INVALID;
    if (key != OBJECT_HANDLE)
        return CKR_KEY_HANDLE_INVALID;
    if (m->mechanism != CKM_RSA_PKCS && m->mechanism != CKM_RSA_X_509 &&
        m->mechanism != CKM_ECDSA)
        return CKR_MECHANISM_INVALID;
    v.active = true;
    v.decrypt = decrypt;
    v.mechanism = m->mechanism;
    session_set(s, &v);
    return CKR_OK;
}

static CK_RV
v_sign_init(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    return start(s, m, key, false);
}

static CK_RV
v_decrypt_init(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    return start(s, m, key, true);
}

/* libp11 and OpenSSL bury errors; vtoken_result keeps this one. */
static CK_RV
result_rv(enum tokens_err e)
{
    vtoken_result = e;
    if (e == TOKENS_OK)
        return CKR_OK;
    if (e == TOKENS_ARGUMENT)
        return CKR_BUFFER_TOO_SMALL;
    return tokens_last_rv() ? tokens_last_rv() : CKR_FUNCTION_FAILED;
}

static CK_RV
finish(CK_SESSION_HANDLE s, bool decrypt, const CK_BYTE *data, CK_ULONG n,
       CK_BYTE *out, CK_ULONG *out_len)
{
    struct vsession v;

    if (!session_get(s, &v))
        return CKR_SESSION_HANDLE_INVALID;
    if (!v.active || v.decrypt != decrypt)
        return CKR_OPERATION_NOT_INITIALIZED;
    const struct vkey *k = vkey_find(v.slot);
    const struct token_identity *key = &k->snapshot->all[k->index];
    size_t bytes = (key->bits + 7) / 8 * (key->type == TOKEN_KEY_EC ? 2 : 1);
    if (!out || *out_len < bytes) {
        *out_len = bytes;
        return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    }
    v.active = false;
    session_set(s, &v);
    struct operation op = {
        .id = key->id,
        .id_len = key->id_len,
        .decrypt = decrypt,
        .mechanism = {.mechanism = v.mechanism},
        .data = data,
        .data_len = n,
        .pin = vtoken_pin,
        .out = out,
        .room = *out_len,
    };
    CK_RV rv = result_rv(operation_run(k->token, &op));
    if (rv == CKR_OK)
        *out_len = op.out_len;
    return rv;
}

static CK_RV
v_sign(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG n, CK_BYTE *out,
       CK_ULONG *out_len)
{
    return finish(s, false, data, n, out, out_len);
}

static CK_RV
v_decrypt(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG n, CK_BYTE *out,
          CK_ULONG *out_len)
{
    return finish(s, true, data, n, out, out_len);
}

static CK_RV
v_unsupported(void)
{
    return CKR_FUNCTION_NOT_SUPPORTED;
}

static CK_FUNCTION_LIST list;
static pthread_once_t list_once = PTHREAD_ONCE_INIT;

/* The struct is a version and then only function pointers: what libp11 has
 * no use for ends in v_unsupported. */
static void
list_fill(void)
{
    CK_RV (*none)(void) = v_unsupported;
    size_t first = offsetof(CK_FUNCTION_LIST, C_Initialize);

    list.version = (CK_VERSION){2, 40};
    for (size_t at = first; at < sizeof(list); at += sizeof(none))
        memcpy((char *)&list + at, &none, sizeof(none));
    list.C_Initialize = v_initialize;
    list.C_Finalize = v_finalize;
    list.C_GetInfo = v_get_info;
    list.C_GetSlotList = v_get_slot_list;
    list.C_GetSlotInfo = v_get_slot_info;
    list.C_GetTokenInfo = v_get_token_info;
    list.C_OpenSession = v_open_session;
    list.C_CloseSession = v_close_session;
    list.C_CloseAllSessions = v_close_all_sessions;
    list.C_GetSessionInfo = v_get_session_info;
    list.C_Login = v_login;
    list.C_Logout = v_logout;
    list.C_FindObjectsInit = v_find_init;
    list.C_FindObjects = v_find;
    list.C_FindObjectsFinal = v_find_final;
    list.C_GetAttributeValue = v_get_attribute;
    list.C_SignInit = v_sign_init;
    list.C_Sign = v_sign;
    list.C_DecryptInit = v_decrypt_init;
    list.C_Decrypt = v_decrypt;
}

__attribute__((visibility("default"))) CK_FUNCTION_LIST *
smime_vtoken_functions(void)
{
    pthread_once(&list_once, list_fill);
    return &list;
}
