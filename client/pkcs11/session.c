/* Sessions and the login. */
#include <stdlib.h>
#include <string.h>

#include "client/pkcs11/module.h"

void
operation_drop(struct operation *op)
{
    bytes_drop(&op->label);
    bytes_drop(&op->input);
    bytes_drop(&op->output);
    *op = (struct operation){.kind = OPERATION_NONE};
}

static size_t
session_index(CK_SESSION_HANDLE handle)
{
    size_t i = 0;

    while (i < module.session_count && module.session[i]->handle != handle)
        i++;
    return i;
}

struct session *
session_find(CK_SESSION_HANDLE handle)
{
    size_t i = session_index(handle);

    return i < module.session_count ? module.session[i] : NULL;
}

CK_RV
session_get(CK_SESSION_HANDLE handle, struct session **out)
{
    *out = session_find(handle);
    return *out ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static void
session_free(struct session *s)
{
    objects_end(s->handle);
    operation_drop(&s->operation);
    free(s->found);
    free(s);
}

void
sessions_drop(void)
{
    for (size_t i = 0; i < module.session_count; i++)
        session_free(module.session[i]);
    module.session_count = 0;
    module.is_logged_in = false;
}

/* Nothing can be written, but many programs open every session so; they are
 * told when they write. */
static CK_RV
session_open(CK_FLAGS flags, CK_SESSION_HANDLE *out)
{
    struct session **all, *s;

    if (!out)
        return CKR_ARGUMENTS_BAD;
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    if (module.session_count >= LIMIT_MODULE_SESSIONS)
        return CKR_SESSION_COUNT;
    if (!module.is_present && list_refresh(true) != CKR_OK)
        return CKR_TOKEN_NOT_PRESENT;
    all = realloc(module.session, (module.session_count + 1) * sizeof(*all));
    if (!all)
        return CKR_HOST_MEMORY;
    module.session = all;
    s = calloc(1, sizeof(*s));
    if (!s)
        return CKR_HOST_MEMORY;
    s->flags = flags;
    s->handle = *out = ++module.last_session;
    all[module.session_count++] = s;
    return CKR_OK;
}

static CK_RV
session_close(CK_SESSION_HANDLE handle)
{
    size_t i = session_index(handle);

    if (i == module.session_count)
        return CKR_SESSION_HANDLE_INVALID;
    session_free(module.session[i]);
    module.session[i] = module.session[--module.session_count];
    /* With the last session goes the login (PKCS#11 2.40, 5.6). */
    if (module.session_count == 0)
        module.is_logged_in = false;
    return CKR_OK;
}

CK_RV
C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application,
              CK_NOTIFY notify, CK_SESSION_HANDLE *out)
{
    (void)application;
    (void)notify;
    GUARDED(slot == SLOT ? session_open(flags, out) : CKR_SLOT_ID_INVALID);
}

CK_RV
C_CloseSession(CK_SESSION_HANDLE session)
{
    GUARDED(session_close(session));
}

static CK_RV
sessions_close(CK_SLOT_ID slot)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    sessions_drop();
    return CKR_OK;
}

CK_RV
C_CloseAllSessions(CK_SLOT_ID slot)
{
    GUARDED(sessions_close(slot));
}

bool
session_is_user(void)
{
    return module.is_logged_in || module.is_open;
}

static CK_STATE
state_of(const struct session *s)
{
    if (s->flags & CKF_RW_SESSION)
        return session_is_user() ? CKS_RW_USER_FUNCTIONS
                                 : CKS_RW_PUBLIC_SESSION;
    return session_is_user() ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
}

static CK_RV
session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *out)
{
    struct session *s;
    CK_RV rv = session_get(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!out)
        return CKR_ARGUMENTS_BAD;
    /* Whether a login is needed changes while nobody looks. */
    (void)list_refresh(false);
    if (session_get(handle, &s) != CKR_OK)
        return CKR_SESSION_CLOSED;
    *out = (CK_SESSION_INFO){
        .slotID = SLOT, .state = state_of(s), .flags = s->flags};
    return CKR_OK;
}

CK_RV
C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    GUARDED(session_info(session, info));
}

/* ---- login --------------------------------------------------------------- */

/* The URI of the one locked token; a new reference, or NULL. With several of
 * them each is asked for when its key is used: then the prompt says what for,
 * and nobody types the PIN of a card that is not needed. */
static json_t *
locked_token(json_t *reply)
{
    json_t *tokens = json_object_get(reply, "tokens"), *one, *found = NULL;
    size_t i;

    json_array_foreach(tokens, i, one)
    {
        const char *state = json_string_value(json_object_get(one, "state"));

        if (!state || strcmp(state, "locked") != 0)
            continue;
        if (found)
            return NULL;
        found = json_object_get(one, "uri");
    }
    return json_incref(found);
}

static CK_RV
unlock(json_t *uri)
{
    json_t *reply = NULL;
    CK_RV rv = agent_call("io.smimeagent.Raw.Unlock",
                          json_pack("{s:o, s:o}", "token", uri, "caller",
                                    json_deep_copy(module.caller)),
                          "", &reply);

    json_decref(reply);
    return rv;
}

static CK_RV
unlock_tokens(void)
{
    json_t *reply = NULL, *uri;
    CK_RV rv =
        agent_call("io.smimeagent.Keys.Tokens", json_object(), NULL, &reply);

    if (rv != CKR_OK)
        return rv;
    uri = locked_token(reply);
    json_decref(reply);
    rv = uri ? unlock(uri) : CKR_OK;
    return rv == CKR_OK ? list_refresh(true) : rv;
}

/* A PIN for one operation is asked for by the agent, with the operation. */
static CK_RV
login_context(const struct session *s)
{
    return s->operation.kind == OPERATION_NONE ? CKR_OPERATION_NOT_INITIALIZED
                                               : CKR_OK;
}

static CK_RV
login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, const void *pin, CK_ULONG n)
{
    struct session *s;
    CK_RV rv = session_get(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (user == CKU_CONTEXT_SPECIFIC)
        return login_context(s);
    if (user != CKU_USER)
        return CKR_USER_TYPE_INVALID;
    if (module.is_logged_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    /* CKF_PROTECTED_AUTHENTICATION_PATH: no PIN goes through here. */
    if (pin && n > 0)
        return CKR_ARGUMENTS_BAD;
    rv = unlock_tokens();
    if (rv == CKR_OK && !session_find(handle))
        rv = CKR_SESSION_CLOSED;
    if (rv == CKR_OK)
        module.is_logged_in = true;
    return rv;
}

CK_RV
C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin,
        CK_ULONG pin_len)
{
    GUARDED(login(session, user, pin, pin_len));
}

/* The tokens stay as they are: other programs use them too. */
static CK_RV
logout(CK_SESSION_HANDLE handle)
{
    struct session *s;
    CK_RV rv = session_get(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!module.is_logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    for (size_t i = 0; i < module.session_count; i++) {
        operation_drop(&module.session[i]->operation);
        objects_end(module.session[i]->handle);
    }
    module.is_logged_in = false;
    return CKR_OK;
}

CK_RV
C_Logout(CK_SESSION_HANDLE session)
{
    GUARDED(logout(session));
}
