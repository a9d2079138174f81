/*
 * A PKCS#11 module for tests: passes every call to the module FAULT_MODULE
 * names, except where the file FAULT_PLAN names says otherwise. The file is
 * read anew whenever it changes (write a new one and rename it). Its lines:
 *
 *     C_Sign 0x32 1              the next C_Sign returns 0x32
 *     C_GetSlotList ~2000 -1     every C_GetSlotList takes 2 s longer
 *     C_Sign 0x5 2 3             two C_Sign fail after three went through
 *     * ! 1 40                   the process is killed at the 41st call of any
 *     C_Sign @ 1                 the next C_Sign hangs until the plan changes
 *     C_Sign % 1                 the next C_Sign ends the process (SIGSEGV)
 *     C_FindObjects =9999 1      the next one claims that count
 *     C_Sign ^ 1                 the next signature has one bit that is wrong
 *     removed                    no token is there; its sessions are dead
 *     unnoticed                  the same until the next C_Initialize
 *     last-try                   the next wrong PIN would block every token
 *     odd-range                  a PIN has at least 9 and at most 3 characters
 *     low                        a wrong PIN was given to every token
 *     must-change                the PIN of every token must be changed
 *     another                    every token has another serial number each
 *                                time it is asked
 *     slots 100                  all slots have moved: ids are 100 higher
 *     strict 32                  ECDSA takes no digest of more bytes
 *     hide 0x1                   the mechanism is not there: neither in
 *                                C_GetMechanismList nor where it is used
 *     broken                     until the next C_Initialize no token tells
 *                                anything about itself
 *     slept                      as after a suspend: every session is dead
 *     events                     C_WaitForSlotEvent can wait
 *     token one                  from here to the next such line: only calls
 *                                about the token of this label
 *     # anything                 ignored
 *
 * The third number is how often (-1: always), the fourth how many calls pass
 * first. "*" is any function; "!" kills the process (SIGKILL) instead of the
 * call. A line that returns a value does not call the module. Delays and
 * values for one function may be combined. Each time a line acts, its
 * function's name is appended to the file FAULT_SEEN names, so that a test
 * can wait for the moment. Every call, with the milliseconds since boot and
 * "+" when it begins or "-" when it ended, is appended to the file
 * FAULT_RECORD names. C_GetSlotList, C_GetMechanismList, C_FindObjects,
 * C_Sign and C_Decrypt can lie about a count.
 *
 * FAULT_TRACE names a file that gets the name of each function called, and for
 * C_Login its user type ("C_Login 2"). FAULT_PINPAD is a PIN: then every token
 * says CKF_PROTECTED_AUTHENTICATION_PATH, refuses a PIN that is given, and a
 * C_Login without one is done with that PIN, as if typed at its own reader; a
 * C_SetPIN sets that PIN anew.
 *
 * A test that opens this file with dlopen may ask faultmod_count("C_Sign"),
 * or faultmod_count(NULL) for all calls, since faultmod_reset(), and
 * faultmod_hanging(), how many calls hang now.
 */
#include "tests/doubles/faultmod.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST(a, ...) (a)

#define WRAP(name, params, args)                                               \
    static CK_RV fault_##name params                                           \
    {                                                                          \
        CK_RV rv;                                                              \
                                                                               \
        note_count(CALL_##name);                                               \
        if (CALL_##name != CALL_C_Login)                                       \
            note_trace(CALL_##name, 0);                                        \
        note_record(CALL_##name, '+');                                         \
        if (!plan_says(CALL_##name, (CK_ULONG)(uintptr_t)FIRST args, &rv))     \
            rv = fault_real->name args;                                        \
        note_record(CALL_##name, '-');                                         \
        return rv;                                                             \
    }
#include "faultmod_calls.def"
#undef WRAP

/* The person at the reader is quick and always right. */
static CK_RV
pinpad_C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin,
               CK_ULONG n)
{
    const char *typed = getenv("FAULT_PINPAD");

    note_trace(CALL_C_Login, (int)user);
    if (!typed)
        return fault_C_Login(session, user, pin, n);
    if (pin)
        return CKR_ARGUMENTS_BAD;
    return fault_C_Login(session, user, (CK_BYTE *)(uintptr_t)typed,
                         strlen(typed));
}

static CK_RV
pinpad_C_SetPIN(CK_SESSION_HANDLE session, CK_BYTE *old_pin, CK_ULONG old_len,
                CK_BYTE *pin, CK_ULONG len)
{
    const char *typed = getenv("FAULT_PINPAD");
    CK_BYTE *same = (CK_BYTE *)(uintptr_t)typed;

    if (!typed)
        return fault_C_SetPIN(session, old_pin, old_len, pin, len);
    if (old_pin || pin)
        return CKR_ARGUMENTS_BAD;
    return fault_C_SetPIN(session, same, strlen(typed), same, strlen(typed));
}

static CK_RV slots_C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO *info);

static CK_RV
pinpad_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = slots_C_GetTokenInfo(slot, info);
    struct plan_state now = plan_state();

    if (rv == CKR_OK && now.broken && slot % 2)
        return CKR_GENERAL_ERROR;
    if (rv == CKR_OK && now.broken) {
        memset(info->label, ' ', sizeof(info->label));
        memset(info->serialNumber, ' ', sizeof(info->serialNumber));
    }
    if (rv == CKR_OK && getenv("FAULT_PINPAD"))
        info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    if (rv == CKR_OK && now.last_try)
        info->flags |= CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY;
    if (rv == CKR_OK && now.odd_range) {
        info->ulMinPinLen = 9;
        info->ulMaxPinLen = 3;
    }
    if (rv == CKR_OK && now.low)
        info->flags |= CKF_USER_PIN_COUNT_LOW;
    if (rv == CKR_OK && now.must_change)
        info->flags |= CKF_USER_PIN_TO_BE_CHANGED;
    return rv;
}

static CK_FUNCTION_LIST list = {
    .version = {2, 40},
    .C_GetFunctionList = C_GetFunctionList,
#define WRAP(name, params, args) .name = fault_##name,
#include "faultmod_calls.def"
#undef WRAP
};

/* ---- slots that moved, counts that lie -------------------------------------
 */

static CK_SLOT_ID
slot_back(CK_SLOT_ID id)
{
    CK_SLOT_ID by = plan_state().moved;

    return id >= by ? id - by : id + 0x7000000;
}

static CK_RV
slots_C_GetSlotList(CK_BYTE present, CK_SLOT_ID *ids, CK_ULONG *n)
{
    CK_RV rv = fault_C_GetSlotList(present, ids, n);
    struct plan_state now = plan_state();

    if (rv == CKR_OK && (now.removed || now.unnoticed))
        *n = 0;
    for (CK_ULONG i = 0; rv == CKR_OK && ids && i < *n; i++)
        ids[i] += now.moved;
    if (rv == CKR_OK)
        (void)plan_lies(n);
    return rv;
}

static CK_RV
slots_C_GetSlotInfo(CK_SLOT_ID id, CK_SLOT_INFO *info)
{
    return fault_C_GetSlotInfo(slot_back(id), info);
}

static CK_RV
slots_C_GetTokenInfo(CK_SLOT_ID id, CK_TOKEN_INFO *info)
{
    static atomic_uint times;
    CK_RV rv = fault_C_GetTokenInfo(slot_back(id), info);
    char serial[24];

    if (rv == CKR_OK && plan_state().another) {
        snprintf(serial, sizeof(serial), "%016x", ++times);
        memcpy(info->serialNumber, serial, sizeof(info->serialNumber));
    }
    return rv;
}

static CK_RV
slots_C_OpenSession(CK_SLOT_ID id, CK_FLAGS flags, void *arg, CK_NOTIFY notify,
                    CK_SESSION_HANDLE *out)
{
    return fault_C_OpenSession(slot_back(id), flags, arg, notify, out);
}

static CK_RV
slots_C_GetMechanismList(CK_SLOT_ID id, CK_MECHANISM_TYPE *all, CK_ULONG *n)
{
    CK_RV rv = fault_C_GetMechanismList(slot_back(id), all, n);

    if (rv == CKR_OK)
        (void)plan_lies(n);
    return rv;
}

static CK_RV
lying_C_FindObjects(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *all, CK_ULONG room,
                    CK_ULONG *n)
{
    CK_RV rv = fault_C_FindObjects(s, all, room, n);

    if (rv == CKR_OK)
        (void)plan_lies(n);
    return rv;
}

/* What the C_SignInit before, in the same thread, was about. */
static _Thread_local CK_MECHANISM_TYPE signing;

static CK_RV
lying_C_Sign(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG len, CK_BYTE *out,
             CK_ULONG *n)
{
    CK_RV rv = fault_C_Sign(s, data, len, out, n);
    CK_ULONG most = plan_state().strict;

    if (rv == CKR_OK && signing == CKM_ECDSA && most > 0 && len > most)
        return CKR_DATA_LEN_RANGE;
    if (rv == CKR_OK)
        (void)plan_lies(n);
    if (rv == CKR_OK && out && plan_spoils())
        out[*n / 2] ^= 1;
    return rv;
}

static CK_RV
lying_C_Decrypt(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG len, CK_BYTE *out,
                CK_ULONG *n)
{
    CK_RV rv = fault_C_Decrypt(s, data, len, out, n);

    if (rv == CKR_OK)
        (void)plan_lies(n);
    return rv;
}

/* The size query may tell more than the list has then. */
static CK_RV
shown_C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *all,
                         CK_ULONG *count)
{
    CK_RV rv = slots_C_GetMechanismList(slot, all, count);
    CK_ULONG n = 0, lie;

    if (rv != CKR_OK || !all || plan_lies(&lie))
        return rv;
    for (CK_ULONG i = 0; i < *count; i++)
        if (!plan_hides(all[i]))
            all[n++] = all[i];
    *count = n;
    return rv;
}

#define UNLESS_HIDDEN(name, params, args)                                      \
    static CK_RV shown_##name params                                           \
    {                                                                          \
        return plan_hides(m->mechanism) ? CKR_MECHANISM_INVALID                \
                                        : fault_##name args;                   \
    }

UNLESS_HIDDEN(C_SignInit,
              (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k),
              (s, m, k))
UNLESS_HIDDEN(C_DecryptInit,
              (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k),
              (s, m, k))
UNLESS_HIDDEN(C_DeriveKey,
              (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k,
               CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *o),
              (s, m, k, a, n, o))
UNLESS_HIDDEN(C_GenerateKeyPair,
              (CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *a,
               CK_ULONG an, CK_ATTRIBUTE *b, CK_ULONG bn, CK_OBJECT_HANDLE *p,
               CK_OBJECT_HANDLE *q),
              (s, m, a, an, b, bn, p, q))

static CK_RV
noting_C_SignInit(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k)
{
    signing = m->mechanism;
    return shown_C_SignInit(s, m, k);
}

/* ---- events -----------------------------------------------------------------
 */

static CK_RV
waiting_C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
    if ((flags & CKF_DONT_BLOCK) || !plan_state().events)
        return fault_C_WaitForSlotEvent(flags, slot, reserved);
    note_record(CALL_C_WaitForSlotEvent, '+');
    CK_RV rv = plan_wait_event(slot);
    note_record(CALL_C_WaitForSlotEvent, '-');
    return rv;
}

static CK_RV
ending_C_Finalize(void *reserved)
{
    plan_end_waits();
    return fault_C_Finalize(reserved);
}

CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    const char *path = getenv("FAULT_MODULE");
    void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;

    if (module)
        *(void **)&get = dlsym(module, "C_GetFunctionList");
    if (!get || get(&fault_real) != CKR_OK) {
        fprintf(stderr, "faultmod: FAULT_MODULE cannot be loaded\n");
        return CKR_GENERAL_ERROR;
    }
    list.C_GetSlotList = slots_C_GetSlotList;
    list.C_GetSlotInfo = slots_C_GetSlotInfo;
    list.C_OpenSession = slots_C_OpenSession;
    list.C_FindObjects = lying_C_FindObjects;
    list.C_Sign = lying_C_Sign;
    list.C_Decrypt = lying_C_Decrypt;
    list.C_Login = pinpad_C_Login;
    list.C_SetPIN = pinpad_C_SetPIN;
    list.C_GetTokenInfo = pinpad_C_GetTokenInfo;
    list.C_GetMechanismList = shown_C_GetMechanismList;
    list.C_SignInit = noting_C_SignInit;
    list.C_DecryptInit = shown_C_DecryptInit;
    list.C_DeriveKey = shown_C_DeriveKey;
    list.C_GenerateKeyPair = shown_C_GenerateKeyPair;
    list.C_WaitForSlotEvent = waiting_C_WaitForSlotEvent;
    list.C_Finalize = ending_C_Finalize;
    *out = &list;
    return CKR_OK;
}
