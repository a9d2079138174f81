/* The one slot, always there, and its token: there while the agent answers. */
#include <string.h>

#include "client/pkcs11/module.h"

static void
text_set(unsigned char *out, size_t room, const char *text)
{
    size_t n = strlen(text);

    memset(out, ' ', room);
    memcpy(out, text, n < room ? n : room);
}

static CK_RV
slots_list(CK_BBOOL with_token, CK_SLOT_ID *out, CK_ULONG *count)
{
    CK_ULONG room, n = 1;

    if (!count)
        return CKR_ARGUMENTS_BAD;
    if (with_token && list_refresh(false) == CKR_TOKEN_NOT_PRESENT)
        n = 0;
    room = *count;
    *count = n;
    if (!out || n == 0)
        return CKR_OK;
    if (room < n)
        return CKR_BUFFER_TOO_SMALL;
    out[0] = SLOT;
    return CKR_OK;
}

CK_RV
C_GetSlotList(unsigned char with_token, CK_SLOT_ID *out, CK_ULONG *count)
{
    GUARDED(slots_list(with_token, out, count));
}

/* A token that may come and go, so that programs that were started before the
 * agent look again. */
static CK_RV
slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *out)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!out)
        return CKR_ARGUMENTS_BAD;
    (void)list_refresh(false);
    *out = (CK_SLOT_INFO){.flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT};
    if (module.is_present)
        out->flags |= CKF_TOKEN_PRESENT;
    text_set(out->slotDescription, sizeof(out->slotDescription), "smime-agent");
    text_set(out->manufacturerID, sizeof(out->manufacturerID), "smime-agent");
    return CKR_OK;
}

CK_RV
C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *out)
{
    GUARDED(slot_info(slot, out));
}

static CK_RV
token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    if (!out)
        return CKR_ARGUMENTS_BAD;
    (void)list_refresh(false);
    if (!module.is_present)
        return CKR_TOKEN_NOT_PRESENT;
    memset(out, 0, sizeof(*out));
    text_set(out->label, sizeof(out->label), "smime-agent");
    text_set(out->manufacturerID, sizeof(out->manufacturerID), "smime-agent");
    text_set(out->model, sizeof(out->model), "keys of agent");
    text_set(out->serialNumber, sizeof(out->serialNumber), "1");
    out->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED |
                 CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH |
                 CKF_WRITE_PROTECTED;
    out->ulMaxSessionCount = LIMIT_MODULE_SESSIONS;
    out->ulSessionCount = module.session_count;
    out->ulMaxRwSessionCount = LIMIT_MODULE_SESSIONS;
    for (size_t i = 0; i < module.session_count; i++)
        out->ulRwSessionCount +=
            (module.session[i]->flags & CKF_RW_SESSION) != 0;
    out->ulMaxPinLen = 255;
    out->ulTotalPublicMemory = out->ulFreePublicMemory =
        out->ulTotalPrivateMemory = out->ulFreePrivateMemory = (CK_ULONG)-1;
    out->hardwareVersion.minor = out->firmwareVersion.minor = 1;
    return CKR_OK;
}

CK_RV
C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
    GUARDED(token_info(slot, out));
}

/* No thread of ours waits for the agent; whoever asks is told what changed
 * since it was told last. */
static CK_RV
event_find(CK_FLAGS flags, CK_SLOT_ID *out)
{
    if (!(flags & CKF_DONT_BLOCK))
        return CKR_FUNCTION_NOT_SUPPORTED;
    if (!out)
        return CKR_ARGUMENTS_BAD;
    (void)list_refresh(false);
    if (module.is_present == module.was_told)
        return CKR_NO_EVENT;
    module.was_told = module.is_present;
    *out = SLOT;
    return CKR_OK;
}

CK_RV
C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *out, void *reserved)
{
    if (reserved)
        return CKR_ARGUMENTS_BAD;
    GUARDED(event_find(flags, out));
}

/* ---- what is done with `smime`, not through here ------------------------- */

static CK_RV
refuse_slot(CK_SLOT_ID slot)
{
    return slot == SLOT ? CKR_TOKEN_WRITE_PROTECTED : CKR_SLOT_ID_INVALID;
}

CK_RV
C_InitToken(CK_SLOT_ID slot, unsigned char *pin, CK_ULONG pin_len,
            unsigned char *label)
{
    (void)pin;
    (void)pin_len;
    (void)label;
    GUARDED(refuse_slot(slot));
}

static CK_RV
refuse_session(CK_SESSION_HANDLE handle)
{
    struct session *s;
    CK_RV rv = session_get(handle, &s);

    return rv == CKR_OK ? CKR_TOKEN_WRITE_PROTECTED : rv;
}

CK_RV
C_InitPIN(CK_SESSION_HANDLE session, unsigned char *pin, CK_ULONG pin_len)
{
    (void)pin;
    (void)pin_len;
    GUARDED(refuse_session(session));
}

CK_RV
C_SetPIN(CK_SESSION_HANDLE session, unsigned char *old_pin, CK_ULONG old_len,
         unsigned char *pin, CK_ULONG pin_len)
{
    (void)old_pin;
    (void)old_len;
    (void)pin;
    (void)pin_len;
    GUARDED(refuse_session(session));
}
