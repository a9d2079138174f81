/* The PKCS#11 module against a fake agent: what a caller can get wrong, and
 * what an agent can. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include "tests/unit/pkcs11_agent.h"

#include "client/pkcs11/module.h"

static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE s;

#define EXPECT(want, call) assert_int_equal((call), (want))

static int
set_up(void **state)
{
    (void)state;
    fake_defaults();
    fake_start();
    EXPECT(CKR_OK, C_GetFunctionList(&f));
    EXPECT(CKR_OK, f->C_Initialize(NULL));
    EXPECT(CKR_OK, f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s));
    EXPECT(CKR_OK, f->C_Login(s, CKU_USER, NULL, 0));
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    (void)f->C_Finalize(NULL);
    fake_stop();
    return 0;
}

/* What is found of CLASS with LABEL ("": any): how many, the first in *out. */
static CK_ULONG
find(CK_OBJECT_CLASS class, const char *label, CK_OBJECT_HANDLE *out)
{
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof(class)},
                        {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)}};
    CK_OBJECT_HANDLE all[16];
    CK_ULONG n = 0;

    EXPECT(CKR_OK, f->C_FindObjectsInit(s, t, label[0] ? 2 : 1));
    EXPECT(CKR_OK, f->C_FindObjects(s, all, 16, &n));
    EXPECT(CKR_OK, f->C_FindObjectsFinal(s));
    if (n > 0)
        *out = all[0];
    return n;
}

static CK_OBJECT_HANDLE
private_key(const char *label)
{
    CK_OBJECT_HANDLE o = 0;

    assert_int_equal(find(CKO_PRIVATE_KEY, label, &o), 1);
    return o;
}

/* ---- beginning and end ------------------------------------------------------
 */

static void
nothing_works_before_c_initialize(void **state)
{
    CK_C_INITIALIZE_ARGS a = {.pReserved = &a};
    CK_ULONG n;
    CK_INFO info;

    (void)state;
    EXPECT(CKR_CRYPTOKI_ALREADY_INITIALIZED, f->C_Initialize(NULL));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_Finalize(&n));
    EXPECT(CKR_OK, f->C_Finalize(NULL));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, f->C_Finalize(NULL));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, f->C_GetInfo(&info));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, f->C_GetSlotList(0, NULL, &n));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, f->C_CloseSession(s));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_Initialize(&a));
    EXPECT(CKR_OK, f->C_Initialize(NULL));
    EXPECT(CKR_SESSION_HANDLE_INVALID, f->C_CloseSession(s));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_GetInfo(NULL));
    EXPECT(CKR_OK, f->C_GetInfo(&info));
    assert_int_equal(info.cryptokiVersion.major, 2);
    assert_int_equal(info.flags, 0);
}

static CK_RV
no_mutex(void **m)
{
    (void)m;
    return CKR_OK;
}

static CK_RV
no_mutex_call(void *m)
{
    (void)m;
    return CKR_OK;
}

static void
threads_are_those_of_the_system(void **state)
{
    CK_C_INITIALIZE_ARGS a = {.CreateMutex = no_mutex,
                              .DestroyMutex = no_mutex_call,
                              .LockMutex = no_mutex_call,
                              .UnlockMutex = no_mutex_call};

    (void)state;
    EXPECT(CKR_OK, f->C_Finalize(NULL));
    EXPECT(CKR_CANT_LOCK, f->C_Initialize(&a));
    a.LockMutex = NULL;
    EXPECT(CKR_ARGUMENTS_BAD, f->C_Initialize(&a));
    a.LockMutex = no_mutex_call;
    a.flags = CKF_OS_LOCKING_OK;
    EXPECT(CKR_OK, f->C_Initialize(&a));
}

static void
the_agent_itself_gets_no_module(void **state)
{
    (void)state;
    EXPECT(CKR_OK, f->C_Finalize(NULL));
    setenv("SMIME_AGENT_INSIDE", "1", 1);
    EXPECT(CKR_FUNCTION_NOT_SUPPORTED, f->C_Initialize(NULL));
    unsetenv("SMIME_AGENT_INSIDE");
}

static void
a_child_begins_anew_and_shares_nothing(void **state)
{
    int status = -1, before = fake_count(&fake.accepted);
    pid_t child;

    (void)state;
    child = fork();
    if (child == 0) {
        CK_SESSION_HANDLE mine;
        CK_SESSION_INFO info;
        bool good =
            f->C_GetSessionInfo(s, &info) == CKR_CRYPTOKI_NOT_INITIALIZED &&
            f->C_Initialize(NULL) == CKR_OK &&
            f->C_GetSessionInfo(s, &info) == CKR_SESSION_HANDLE_INVALID &&
            f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &mine) ==
                CKR_OK &&
            f->C_GetSessionInfo(mine, &info) == CKR_OK &&
            info.state == CKS_RO_PUBLIC_SESSION;

        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(fake_count(&fake.accepted) > before);
    /* and the parent goes on */
    (void)private_key("rsa");
}

/* ---- slot, token, sessions --------------------------------------------------
 */

static void
the_slot_stays_when_the_agent_goes(void **state)
{
    CK_SLOT_ID slot = 99;
    CK_SLOT_INFO info;
    CK_TOKEN_INFO token;
    CK_ULONG n = 0;

    (void)state;
    EXPECT(CKR_ARGUMENTS_BAD, f->C_GetSlotList(CK_TRUE, NULL, NULL));
    EXPECT(CKR_BUFFER_TOO_SMALL, f->C_GetSlotList(CK_TRUE, &slot, &n));
    assert_int_equal(n, 1);
    EXPECT(CKR_OK, f->C_GetSlotList(CK_TRUE, &slot, &n));
    assert_int_equal(slot, SLOT);
    EXPECT(CKR_SLOT_ID_INVALID, f->C_GetSlotInfo(SLOT + 1, &info));
    EXPECT(CKR_SLOT_ID_INVALID, f->C_GetTokenInfo(SLOT + 1, &token));
    EXPECT(CKR_OK, f->C_GetTokenInfo(SLOT, &token));
    assert_int_equal(token.flags & (CKF_PROTECTED_AUTHENTICATION_PATH |
                                    CKF_USER_PIN_INITIALIZED |
                                    CKF_LOGIN_REQUIRED | CKF_WRITE_PROTECTED),
                     CKF_PROTECTED_AUTHENTICATION_PATH |
                         CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED |
                         CKF_WRITE_PROTECTED);
    fake_stop();
    module.listed_ms = 0;
    EXPECT(CKR_OK, f->C_GetSlotInfo(SLOT, &info));
    assert_int_equal(info.flags & CKF_TOKEN_PRESENT, 0);
    EXPECT(CKR_TOKEN_NOT_PRESENT, f->C_GetTokenInfo(SLOT, &token));
    EXPECT(CKR_OK, f->C_GetSlotList(CK_TRUE, NULL, &n));
    assert_int_equal(n, 0);
    EXPECT(CKR_OK, f->C_GetSlotList(CK_FALSE, NULL, &n));
    assert_int_equal(n, 1);
    EXPECT(CKR_TOKEN_NOT_PRESENT,
           f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s));
    fake_start();
}

static void
sessions_and_handles_outlive_the_agent(void **state)
{
    CK_OBJECT_HANDLE before = private_key("ec"), none;
    CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
    CK_SESSION_INFO info;
    uint8_t digest[32] = {1}, sig[64];
    CK_ULONG n = sizeof(sig);

    (void)state;
    fake_set(&fake.sign, REPLY("\"signature\":\"" DER_SIG "\""));
    fake_stop();
    EXPECT(CKR_OK, f->C_SignInit(s, &m, before));
    EXPECT(CKR_DEVICE_REMOVED, f->C_Sign(s, digest, 32, sig, &n));
    module.listed_ms = 0;
    assert_int_equal(find(CKO_PRIVATE_KEY, "", &none), 0);
    EXPECT(CKR_KEY_HANDLE_INVALID, f->C_SignInit(s, &m, before));
    fake_start();
    module.listed_ms = 0;
    EXPECT(CKR_OK, f->C_GetSessionInfo(s, &info));
    assert_int_equal(info.state, CKS_RO_USER_FUNCTIONS);
    assert_int_equal(private_key("ec"), before);
    EXPECT(CKR_OK, f->C_SignInit(s, &m, before));
    n = sizeof(sig);
    EXPECT(CKR_OK, f->C_Sign(s, digest, 32, sig, &n));
}

/* One that waited belongs to an agent that is gone. */
static void
a_connection_of_before_is_made_anew(void **state)
{
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    uint8_t data[20] = {1}, sig[128];
    CK_ULONG n = sizeof(sig);

    (void)state;
    fake_stop();
    fake_start();
    EXPECT(CKR_OK, f->C_SignInit(s, &m, private_key("rsa")));
    EXPECT(CKR_OK, f->C_Sign(s, data, 20, sig, &n));
}

static void
events_are_what_changed(void **state)
{
    CK_SLOT_ID slot = 0;

    (void)state;
    EXPECT(CKR_FUNCTION_NOT_SUPPORTED, f->C_WaitForSlotEvent(0, &slot, NULL));
    EXPECT(CKR_OK, f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
    EXPECT(CKR_NO_EVENT, f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
    fake_stop();
    module.listed_ms = 0;
    EXPECT(CKR_OK, f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
    assert_int_equal(slot, SLOT);
    fake_start();
}

static void
sessions_are_opened_and_closed(void **state)
{
    CK_SESSION_HANDLE t = 0;
    CK_SESSION_INFO info;

    (void)state;
    EXPECT(CKR_SLOT_ID_INVALID,
           f->C_OpenSession(SLOT + 1, CKF_SERIAL_SESSION, NULL, NULL, &t));
    EXPECT(CKR_SESSION_PARALLEL_NOT_SUPPORTED,
           f->C_OpenSession(SLOT, 0, NULL, NULL, &t));
    EXPECT(CKR_ARGUMENTS_BAD,
           f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, NULL));
    EXPECT(CKR_OK, f->C_OpenSession(SLOT, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                    NULL, NULL, &t));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_GetSessionInfo(t, NULL));
    EXPECT(CKR_OK, f->C_GetSessionInfo(t, &info));
    assert_int_equal(info.state, CKS_RW_USER_FUNCTIONS);
    EXPECT(CKR_OK, f->C_CloseSession(t));
    EXPECT(CKR_SESSION_HANDLE_INVALID, f->C_CloseSession(t));
    EXPECT(CKR_SLOT_ID_INVALID, f->C_CloseAllSessions(SLOT + 1));
    EXPECT(CKR_OK, f->C_CloseAllSessions(SLOT));
    EXPECT(CKR_SESSION_HANDLE_INVALID, f->C_GetSessionInfo(s, &info));
    EXPECT(CKR_OK, f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &s));
    EXPECT(CKR_OK, f->C_GetSessionInfo(s, &info));
    assert_int_equal(info.state, CKS_RO_PUBLIC_SESSION);
}

/* ---- the login --------------------------------------------------------------
 */

#define LOCKED(name)                                                           \
    "{\"label\":\"" name                                                       \
    "\",\"state\":\"locked\",\"uri\":\"pkcs11:token=" name "\"}"

static void
a_login_has_the_agent_ask(void **state)
{
    uint8_t pin[] = "1234";

    (void)state;
    EXPECT(CKR_USER_ALREADY_LOGGED_IN, f->C_Login(s, CKU_USER, NULL, 0));
    assert_int_equal(fake_count(&fake.unlocks), 0);
    EXPECT(CKR_OK, f->C_Logout(s));
    EXPECT(CKR_USER_NOT_LOGGED_IN, f->C_Logout(s));
    EXPECT(CKR_USER_TYPE_INVALID, f->C_Login(s, CKU_SO, NULL, 0));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED,
           f->C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_Login(s, CKU_USER, pin, 4));
    fake_set(&fake.tokens, REPLY("\"tokens\":[" LOCKED("a") "]"));
    fake_set(&fake.unlock, ERROR("Cancelled"));
    EXPECT(CKR_FUNCTION_CANCELED, f->C_Login(s, CKU_USER, NULL, 0));
    fake_set(&fake.unlock, ERROR("PinWrong"));
    EXPECT(CKR_PIN_INCORRECT, f->C_Login(s, CKU_USER, NULL, 0));
    fake_set(&fake.unlock, ERROR("PinBlocked"));
    EXPECT(CKR_PIN_LOCKED, f->C_Login(s, CKU_USER, NULL, 0));
    fake_set(&fake.unlock, REPLY("\"token\":\"a\",\"already\":false"));
    EXPECT(CKR_OK, f->C_Login(s, CKU_USER, NULL, 0));
    assert_int_equal(fake_count(&fake.unlocks), 4);
    assert_non_null(strstr(fake.last, "pkcs11:token=a"));
    assert_null(strstr(fake.last, "1234"));
}

static void
of_several_locked_tokens_none_is_asked_for_in_advance(void **state)
{
    (void)state;
    EXPECT(CKR_OK, f->C_Logout(s));
    fake_set(&fake.tokens,
             REPLY("\"tokens\":[" LOCKED("a") "," LOCKED("b") "]"));
    EXPECT(CKR_OK, f->C_Login(s, CKU_USER, NULL, 0));
    assert_int_equal(fake_count(&fake.unlocks), 0);
}

#define KEY_OF(token, unlocked, private)                                       \
    "{\"key\":\"" token "\",\"id\":\"01" token "\",\"label\":\"k\","           \
    "\"token\":\"" token "\",\"unlocked\":" unlocked                           \
    ",\"private\":\"" private "\",\"type\":\"ec\",\"bits\":256,\"uses\":["     \
                              "\"sign\"]}"

/* What can be used without a login is seen without one. */
static void
a_login_is_needed_only_where_it_is_of_use(void **state)
{
    static const struct {
        const char *list;
        bool needed;
    } cases[] = {
        {REPLY("\"keys\":[]"), true},
        {REPLY("\"keys\":[" KEY_OF("aa", "false", "unknown") "]"), true},
        {REPLY("\"keys\":[" KEY_OF("aa", "true", "yes") "]"), false},
        {REPLY("\"keys\":[" KEY_OF("aa", "true", "no") "]"), true},
        {REPLY("\"keys\":[" KEY_OF("aa", "false",
                                   "yes") "," KEY_OF("bb", "true", "yes") "]"),
         false},
        {REPLY("\"keys\":[" KEY_OF("aa", "false",
                                   "yes") "," KEY_OF("bb", "false", "yes") "]"),
         false},
    };
    CK_SESSION_INFO info;

    (void)state;
    EXPECT(CKR_OK, f->C_Logout(s));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fake_set(&fake.list, cases[i].list);
        module.listed_ms = 0;
        EXPECT(CKR_OK, f->C_GetSessionInfo(s, &info));
        assert_int_equal(info.state, cases[i].needed ? CKS_RO_PUBLIC_SESSION
                                                     : CKS_RO_USER_FUNCTIONS);
    }
    /* and a program that logs in all the same may do so */
    EXPECT(CKR_OK, f->C_Login(s, CKU_USER, NULL, 0));
}

static void
private_keys_are_seen_only_after_a_login(void **state)
{
    CK_OBJECT_HANDLE o = private_key("rsa"), none;
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};

    (void)state;
    EXPECT(CKR_OK, f->C_Logout(s));
    assert_int_equal(find(CKO_PRIVATE_KEY, "", &none), 0);
    EXPECT(CKR_KEY_HANDLE_INVALID, f->C_SignInit(s, &m, o));
    assert_int_equal(find(CKO_PUBLIC_KEY, "", &none), 3);
    assert_int_equal(find(CKO_CERTIFICATE, "", &none), 2);
    assert_int_equal(find(CKO_PROFILE, "", &none), 1);
}

/* ---- objects ----------------------------------------------------------------
 */

static void
attributes_are_given_as_the_standard_says(void **state)
{
    CK_OBJECT_HANDLE o = 0, key = private_key("rsa");
    uint8_t value[128];
    CK_ATTRIBUTE t[] = {{CKA_VALUE, NULL, 0},
                        {CKA_MODULUS, value, sizeof(value)},
                        {CKA_LABEL, value, 1},
                        {CKA_ID, value, 2}};

    (void)state;
    assert_int_equal(find(CKO_CERTIFICATE, "rsa", &o), 1);
    EXPECT(CKR_OBJECT_HANDLE_INVALID, f->C_GetAttributeValue(s, 999, t, 1));
    EXPECT(CKR_SESSION_HANDLE_INVALID, f->C_GetAttributeValue(0, o, t, 1));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_GetAttributeValue(s, o, NULL, 1));
    EXPECT(CKR_OK, f->C_GetAttributeValue(s, o, t, 1));
    assert_int_equal(t[0].ulValueLen, 4);
    assert_int_not_equal(f->C_GetAttributeValue(s, o, t, 4), CKR_OK);
    assert_int_equal(t[1].ulValueLen, (CK_ULONG)-1); /* it has none */
    assert_int_equal(t[2].ulValueLen, (CK_ULONG)-1); /* too little room */
    assert_int_equal(t[3].ulValueLen, 2);            /* given all the same */
    t[2].ulValueLen = 1;
    EXPECT(CKR_BUFFER_TOO_SMALL, f->C_GetAttributeValue(s, o, t + 2, 1));
    EXPECT(CKR_ATTRIBUTE_SENSITIVE, f->C_GetAttributeValue(s, key, t, 1));
    t[1].ulValueLen = sizeof(value);
    EXPECT(CKR_OK, f->C_GetAttributeValue(s, key, t + 1, 1));
    assert_int_equal(t[1].ulValueLen, 128);
    t[0].type = CKA_PRIVATE_EXPONENT;
    EXPECT(CKR_ATTRIBUTE_SENSITIVE, f->C_GetAttributeValue(s, key, t, 1));
    t[0].type = CKA_WRAP;
    EXPECT(CKR_ATTRIBUTE_TYPE_INVALID, f->C_GetAttributeValue(s, key, t, 1));
}

static void
certificate_and_keys_share_their_id(void **state)
{
    uint8_t id[] = {1, 1};
    CK_ATTRIBUTE t = {CKA_ID, id, 2};
    CK_OBJECT_HANDLE all[8];
    CK_ULONG n = 0;

    (void)state;
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, f->C_FindObjects(s, all, 8, &n));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, f->C_FindObjectsFinal(s));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_FindObjectsInit(s, NULL, 1));
    EXPECT(CKR_OK, f->C_FindObjectsInit(s, &t, 1));
    EXPECT(CKR_OPERATION_ACTIVE, f->C_FindObjectsInit(s, &t, 1));
    EXPECT(CKR_OK, f->C_FindObjects(s, all, 2, &n));
    assert_int_equal(n, 2);
    EXPECT(CKR_OK, f->C_FindObjects(s, all, 8, &n));
    assert_int_equal(n, 1);
    EXPECT(CKR_OK, f->C_FindObjects(s, all, 8, &n));
    assert_int_equal(n, 0);
    EXPECT(CKR_OK, f->C_FindObjectsFinal(s));
}

static void
nothing_is_written(void **state)
{
    CK_OBJECT_HANDLE key = private_key("rsa"), o;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE t = {CKA_TOKEN, &yes, 1};

    (void)state;
    EXPECT(CKR_TOKEN_WRITE_PROTECTED, f->C_CreateObject(s, &t, 1, &o));
    EXPECT(CKR_TOKEN_WRITE_PROTECTED, f->C_DestroyObject(s, key));
    EXPECT(CKR_TOKEN_WRITE_PROTECTED, f->C_SetAttributeValue(s, key, &t, 1));
    EXPECT(CKR_OBJECT_HANDLE_INVALID, f->C_DestroyObject(s, 999));
    EXPECT(CKR_TOKEN_WRITE_PROTECTED, f->C_SetPIN(s, NULL, 0, NULL, 0));
    EXPECT(CKR_TOKEN_WRITE_PROTECTED, f->C_InitToken(SLOT, NULL, 0, NULL));
    EXPECT(CKR_SESSION_HANDLE_INVALID, f->C_InitPIN(0, NULL, 0));
}

/* The same key on two tokens is one object, that of the unlocked one. */
static void
a_key_on_two_tokens_is_one(void **state)
{
    CK_OBJECT_HANDLE o = private_key("ec"), again;
    CK_MECHANISM m = {CKM_ECDSA, NULL, 0};
    uint8_t digest[32] = {1}, sig[64];
    CK_ULONG n = sizeof(sig);

    (void)state;
    fake_set(&fake.list,
             REPLY("\"keys\":[{\"key\":\"bb02\",\"id\":\"0202\",\"label\":"
                   "\"ec\",\"unlocked\":false,\"private\":\"unknown\","
                   "\"type\":\"ec\",\"bits\":256,\"uses\":[\"sign\"]},"
                   "{\"key\":\"aa02\",\"id\":\"0202\",\"label\":"
                   "\"ec\",\"unlocked\":true,\"private\":\"yes\","
                   "\"type\":\"ec\",\"bits\":256,\"uses\":[\"sign\"]}]"));
    fake_set(&fake.sign, REPLY("\"signature\":\"" DER_SIG "\""));
    module.listed_ms = 0;
    assert_int_equal(find(CKO_PRIVATE_KEY, "", &again), 1);
    assert_int_equal(again, o);
    EXPECT(CKR_OK, f->C_SignInit(s, &m, o));
    EXPECT(CKR_OK, f->C_Sign(s, digest, 32, sig, &n));
    assert_non_null(strstr(fake.last, "aa02"));
}

static void
a_list_that_makes_no_sense_is_an_error_of_the_device(void **state)
{
    static const char *const lists[] = {
        REPLY("\"keys\":7"),
        REPLY("\"keys\":[7]"),
        REPLY("\"keys\":[{\"key\":\"aa\"}]"),
        REPLY("\"keys\":[{\"key\":\"aa\",\"id\":\"zz\",\"type\":\"ec\"}]"),
        REPLY("\"keys\":[{\"key\":\"aa\",\"id\":\"01\",\"type\":\"ec\","
              "\"public_key\":\"00\",\"point\":\"0\"}]"),
        REPLY("\"keys\":[{\"key\":\"aa\",\"id\":\"01\",\"certificate\":{}}]"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        fake_set(&fake.list, lists[i]);
        EXPECT(CKR_OK, module_enter());
        EXPECT(CKR_DEVICE_ERROR, list_refresh(true));
        module_leave();
    }
    fake_defaults();
    module.listed_ms = 0;
    (void)private_key("rsa");
}

/* ---- signing ----------------------------------------------------------------
 */

static void
a_signature_asks_for_its_length_first(void **state)
{
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE key = private_key("rsa");
    uint8_t data[118] = {1}, sig[128];
    CK_ULONG n = 0;

    (void)state;
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, f->C_Sign(s, data, 20, sig, &n));
    EXPECT(CKR_KEY_HANDLE_INVALID, f->C_SignInit(s, &m, 999));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_SignInit(s, NULL, key));
    EXPECT(CKR_OK, f->C_SignInit(s, &m, key));
    EXPECT(CKR_OPERATION_ACTIVE, f->C_SignInit(s, &m, key));
    EXPECT(CKR_OK, f->C_Login(s, CKU_CONTEXT_SPECIFIC, NULL, 0));
    EXPECT(CKR_OK, f->C_Sign(s, data, 20, NULL, &n));
    assert_int_equal(n, 128);
    n = 127;
    EXPECT(CKR_BUFFER_TOO_SMALL, f->C_Sign(s, data, 20, sig, &n));
    assert_int_equal(n, 128);
    assert_int_equal(fake_count(&fake.operations), 0);
    EXPECT(CKR_OK, f->C_Sign(s, data, 20, sig, &n));
    assert_int_equal(sig[0], 0xc0);
    assert_int_equal(fake_count(&fake.operations), 1);
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, f->C_Sign(s, data, 20, sig, &n));
    EXPECT(CKR_OK, f->C_SignInit(s, &m, key));
    EXPECT(CKR_DATA_LEN_RANGE, f->C_Sign(s, data, 118, sig, &n));
    EXPECT(CKR_OK, f->C_SignInit(s, &m, key));
    EXPECT(CKR_ARGUMENTS_BAD, f->C_Sign(s, data, 20, sig, NULL));
    EXPECT(CKR_OK, f->C_SignInit(s, &m, key));
    EXPECT(CKR_OK, f->C_SignUpdate(s, data, 10));
    EXPECT(CKR_OK, f->C_SignUpdate(s, data, 10));
    EXPECT(CKR_OK, f->C_SignFinal(s, sig, &n));
    assert_non_null(strstr(fake.last, "\"data\":\"0100000000000000000001"));
}

static void
mechanisms_and_keys_must_fit(void **state)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM m = {CKM_RSA_PKCS_PSS, &pss, sizeof(pss)};
    CK_OBJECT_HANDLE rsa = private_key("rsa"), ec = private_key("ec"), pub = 0;
    CK_MECHANISM_INFO info;
    uint8_t digest[64] = {1}, sig[128];
    CK_ULONG n = sizeof(sig);

    (void)state;
    EXPECT(CKR_OK, f->C_SignInit(s, &m, rsa));
    EXPECT(CKR_DATA_LEN_RANGE, f->C_Sign(s, digest, 20, sig, &n));
    EXPECT(CKR_OK, f->C_SignInit(s, &m, rsa));
    EXPECT(CKR_OK, f->C_Sign(s, digest, 32, sig, &n));
    assert_non_null(strstr(fake.last, "\"hash\":\"sha256\""));
    EXPECT(CKR_KEY_TYPE_INCONSISTENT, f->C_SignInit(s, &m, ec));
    pss.sLen = 20;
    EXPECT(CKR_MECHANISM_PARAM_INVALID, f->C_SignInit(s, &m, rsa));
    m.pParameter = NULL;
    EXPECT(CKR_MECHANISM_PARAM_INVALID, f->C_SignInit(s, &m, rsa));
    m.mechanism = CKM_RSA_X_509;
    EXPECT(CKR_MECHANISM_INVALID, f->C_SignInit(s, &m, rsa));
    m = (CK_MECHANISM){CKM_ECDSA, digest, 1};
    EXPECT(CKR_MECHANISM_PARAM_INVALID, f->C_SignInit(s, &m, ec));
    m.ulParameterLen = 0;
    assert_int_equal(find(CKO_PUBLIC_KEY, "ec", &pub), 1);
    EXPECT(CKR_KEY_FUNCTION_NOT_PERMITTED, f->C_SignInit(s, &m, pub));
    EXPECT(CKR_KEY_FUNCTION_NOT_PERMITTED, f->C_DecryptInit(s, &m, ec));
    EXPECT(CKR_MECHANISM_INVALID,
           f->C_GetMechanismInfo(SLOT, CKM_RSA_X_509, &info));
    EXPECT(CKR_OK, f->C_GetMechanismInfo(SLOT, CKM_RSA_PKCS, &info));
    assert_true(info.flags & CKF_DECRYPT);
    n = 1;
    EXPECT(CKR_BUFFER_TOO_SMALL, f->C_GetMechanismList(SLOT, &m.mechanism, &n));
    assert_true(n > 1);
}

static void
what_the_agent_says_becomes_a_ckr(void **state)
{
    static const struct {
        const char *answer;
        CK_RV rv;
    } cases[] = {{ERROR("Cancelled"), CKR_FUNCTION_CANCELED},
                 {ERROR("TokenLocked"), CKR_USER_NOT_LOGGED_IN},
                 {ERROR("TokenRemoved"), CKR_DEVICE_REMOVED},
                 {ERROR("NoKey"), CKR_KEY_HANDLE_INVALID},
                 {ERROR("Refused"), CKR_FUNCTION_REJECTED},
                 {ERROR("KeyholderLost"), CKR_DEVICE_ERROR},
                 {ERROR("SomethingNew"), CKR_GENERAL_ERROR},
                 {REPLY("\"signature\":\"00\""), CKR_DEVICE_ERROR},
                 {REPLY("\"signature\":7"), CKR_DEVICE_ERROR},
                 {REPLY(""), CKR_DEVICE_ERROR},
                 {"[]", CKR_DEVICE_REMOVED},
                 {NULL, CKR_DEVICE_REMOVED}};
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE key = private_key("rsa");
    uint8_t data[20] = {1}, sig[128];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CK_ULONG n = sizeof(sig);

        fake_set(&fake.sign, cases[i].answer);
        EXPECT(CKR_OK, f->C_SignInit(s, &m, key));
        EXPECT(cases[i].rv, f->C_Sign(s, data, 20, sig, &n));
        EXPECT(CKR_OPERATION_NOT_INITIALIZED, f->C_Sign(s, data, 20, sig, &n));
    }
}

static void
an_ecdsa_signature_is_flattened(void **state)
{
    static const struct {
        const char *der;
        bool good;
    } cases[] = {{"3006020101020102", true},    {"300702020080020102", true},
                 {"300602010102010200", false}, {"3006020181020102", false},
                 {"300502010102", false},       {"3008020101020102", false},
                 {"3081060201010201ff", false}, {"", false},
                 {"3003020101", false},         {"30060201010200", false}};
    uint8_t out[64], der[32];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t n = strlen(cases[i].der) / 2;

        for (size_t j = 0; j < n; j++) {
            unsigned byte = 0;

            assert_int_equal(sscanf(cases[i].der + 2 * j, "%2x", &byte), 1);
            der[j] = (uint8_t)byte;
        }
        assert_int_equal(ecdsa_flatten(der, n, 32, out), cases[i].good);
    }
    der[0] = 0x30, der[1] = 6, der[2] = 2, der[3] = 1, der[4] = 5, der[5] = 2,
    der[6] = 1, der[7] = 9;
    assert_true(ecdsa_flatten(der, 8, 32, out));
    assert_int_equal(out[31], 5);
    assert_int_equal(out[63], 9);
    assert_int_equal(out[0] | out[32], 0);
}

/* ---- decrypting, unwrapping, deriving ---------------------------------------
 */

static void
what_was_decrypted_waits_for_room(void **state)
{
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE key = private_key("rsa");
    uint8_t data[128] = {1}, out[128];
    CK_ULONG n = 0;

    (void)state;
    EXPECT(CKR_OK, f->C_DecryptInit(s, &m, key));
    EXPECT(CKR_OK, f->C_Decrypt(s, data, 128, NULL, &n));
    assert_int_equal(n, 128);
    n = 2;
    EXPECT(CKR_BUFFER_TOO_SMALL, f->C_Decrypt(s, data, 128, out, &n));
    assert_int_equal(n, 5);
    EXPECT(CKR_OK, f->C_Decrypt(s, data, 128, out, &n));
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(fake_count(&fake.operations), 1);
    EXPECT(CKR_OK, f->C_DecryptInit(s, &m, key));
    EXPECT(CKR_ENCRYPTED_DATA_LEN_RANGE, f->C_Decrypt(s, data, 127, out, &n));
    fake_set(&fake.unwrap, ERROR("CannotDecrypt"));
    EXPECT(CKR_OK, f->C_DecryptInit(s, &m, key));
    EXPECT(CKR_ENCRYPTED_DATA_INVALID, f->C_Decrypt(s, data, 128, out, &n));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, f->C_Decrypt(s, data, 128, out, &n));
}

static void
oaep_goes_to_the_agent_with_its_parameters(void **state)
{
    CK_RSA_PKCS_OAEP_PARAMS p = {CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED,
                                 (void *)(uintptr_t) "lab", 3};
    CK_MECHANISM m = {CKM_RSA_PKCS_OAEP, &p, sizeof(p)};
    uint8_t data[128] = {1}, out[128];
    CK_ULONG n = sizeof(out);

    (void)state;
    EXPECT(CKR_OK, f->C_DecryptInit(s, &m, private_key("rsa")));
    EXPECT(CKR_OK, f->C_Decrypt(s, data, 128, out, &n));
    assert_non_null(strstr(fake.last, "\"hash\":\"sha256\""));
    assert_non_null(strstr(fake.last, "\"mgf_hash\":\"sha1\""));
    assert_non_null(strstr(fake.last, "\"label\":\"6c6162\""));
    p.mgf = 99;
    EXPECT(CKR_MECHANISM_PARAM_INVALID,
           f->C_DecryptInit(s, &m, private_key("rsa")));
}

static void
a_key_is_unwrapped_without_an_oracle_where_its_length_is_known(void **state)
{
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE key = private_key("rsa"), o = 0;
    CK_ULONG bytes = 16, type = CKK_AES;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE t[] = {{CKA_KEY_TYPE, &type, sizeof(type)},
                        {CKA_VALUE_LEN, &bytes, sizeof(bytes)},
                        {CKA_TOKEN, &yes, 1}};
    uint8_t data[128] = {1}, out[64];
    CK_ATTRIBUTE value = {CKA_VALUE, out, sizeof(out)};

    (void)state;
    EXPECT(CKR_TOKEN_WRITE_PROTECTED,
           f->C_UnwrapKey(s, &m, key, data, 128, t, 3, &o));
    EXPECT(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
           f->C_UnwrapKey(s, &m, 999, data, 128, t, 2, &o));
    EXPECT(CKR_WRAPPED_KEY_LEN_RANGE,
           f->C_UnwrapKey(s, &m, key, data, 127, t, 2, &o));
    EXPECT(CKR_OK, f->C_UnwrapKey(s, &m, key, data, 128, t, 2, &o));
    assert_non_null(strstr(fake.last, "\"bytes\":16"));
    EXPECT(CKR_OK, f->C_GetAttributeValue(s, o, &value, 1));
    assert_memory_equal(out, "hello", 5);
    EXPECT(CKR_OK, f->C_DestroyObject(s, o));
    EXPECT(CKR_OBJECT_HANDLE_INVALID, f->C_DestroyObject(s, o));
    EXPECT(CKR_OK, f->C_UnwrapKey(s, &m, key, data, 128, t, 1, &o));
    assert_null(strstr(fake.last, "\"bytes\""));
    fake_set(&fake.unwrap, ERROR("CannotDecrypt"));
    EXPECT(CKR_WRAPPED_KEY_INVALID,
           f->C_UnwrapKey(s, &m, key, data, 128, t, 1, &o));
}

static void
a_key_is_derived_from_either_form_of_a_point(void **state)
{
    uint8_t point[2 + 65] = {0x04, 65, 0x04};
    CK_ECDH1_DERIVE_PARAMS p = {
        CKD_SHA256_KDF, 4, (unsigned char *)(uintptr_t) "info", 65, point + 2};
    CK_MECHANISM m = {CKM_ECDH1_DERIVE, &p, sizeof(p)};
    CK_OBJECT_HANDLE key = private_key("ec"), o = 0;
    CK_ULONG bytes = 32;
    CK_ATTRIBUTE t = {CKA_VALUE_LEN, &bytes, sizeof(bytes)};

    (void)state;
    EXPECT(CKR_OK, f->C_DeriveKey(s, &m, key, &t, 1, &o));
    assert_non_null(strstr(fake.last, "\"kdf\":\"x963\""));
    assert_non_null(strstr(fake.last, "\"peer\":\"040000"));
    p.pPublicData = point;
    p.ulPublicDataLen = 67;
    EXPECT(CKR_OK, f->C_DeriveKey(s, &m, key, &t, 1, &o));
    assert_non_null(strstr(fake.last, "\"peer\":\"040000"));
    EXPECT(CKR_TEMPLATE_INCOMPLETE, f->C_DeriveKey(s, &m, key, NULL, 0, &o));
    bytes = 17;
    EXPECT(CKR_ATTRIBUTE_VALUE_INVALID, f->C_DeriveKey(s, &m, key, &t, 1, &o));
    p.ulPublicDataLen = 66;
    EXPECT(CKR_MECHANISM_PARAM_INVALID, f->C_DeriveKey(s, &m, key, &t, 1, &o));
    EXPECT(CKR_KEY_FUNCTION_NOT_PERMITTED,
           f->C_DeriveKey(s, &m, private_key("rsa"), &t, 1, &o));
    p.ulPublicDataLen = 67;
    p.kdf = CKD_NULL;
    EXPECT(CKR_OK, f->C_DeriveKey(s, &m, key, NULL, 0, &o));
    assert_non_null(strstr(fake.last, "\"kdf\":\"none\""));
    fake_set(&fake.agree, ERROR("Refused"));
    EXPECT(CKR_FUNCTION_REJECTED, f->C_DeriveKey(s, &m, key, NULL, 0, &o));
}

/* Mail to an EC key: what was derived unwraps the content key. */
static void
a_derived_key_unwraps_another(void **state)
{
    uint8_t point[65] = {0x04}, wrapped[24] = {7}, out[16];
    CK_ECDH1_DERIVE_PARAMS p = {CKD_SHA256_KDF, 0, NULL, 65, point};
    CK_MECHANISM derive = {CKM_ECDH1_DERIVE, &p, sizeof(p)};
    CK_MECHANISM m = {CKM_AES_KEY_WRAP, NULL, 0};
    CK_OBJECT_HANDLE kek = 0, o = 0;
    CK_ULONG bytes = 32;
    CK_ATTRIBUTE t = {CKA_VALUE_LEN, &bytes, sizeof(bytes)};
    CK_ATTRIBUTE value = {CKA_VALUE, out, sizeof(out)};

    (void)state;
    EXPECT(CKR_OK, f->C_DeriveKey(s, &derive, private_key("ec"), &t, 1, &kek));
    EXPECT(CKR_OK, f->C_UnwrapKey(s, &m, kek, wrapped, 24, NULL, 0, &o));
    assert_non_null(strstr(fake.last, "\"kek\":\"c0ffee00"));
    assert_non_null(strstr(fake.last, "\"wrapped\":\"0700"));
    EXPECT(CKR_OK, f->C_GetAttributeValue(s, o, &value, 1));
    assert_memory_equal(out, "hello", 5);
    EXPECT(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
           f->C_UnwrapKey(s, &m, private_key("rsa"), wrapped, 24, NULL, 0, &o));
    EXPECT(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
           f->C_UnwrapKey(s, &m, 999, wrapped, 24, NULL, 0, &o));
    fake_set(&fake.content, ERROR("CannotDecrypt"));
    EXPECT(CKR_WRAPPED_KEY_INVALID,
           f->C_UnwrapKey(s, &m, kek, wrapped, 24, NULL, 0, &o));
}

static void
secrets_end_with_their_session(void **state)
{
    CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0};
    CK_OBJECT_HANDLE key = private_key("rsa"), o = 0;
    CK_SESSION_HANDLE t;
    uint8_t data[128] = {1};
    CK_ULONG n;

    (void)state;
    EXPECT(CKR_OK, f->C_OpenSession(SLOT, CKF_SERIAL_SESSION, NULL, NULL, &t));
    EXPECT(CKR_OK, f->C_UnwrapKey(t, &m, key, data, 128, NULL, 0, &o));
    EXPECT(CKR_OK, f->C_GetObjectSize(s, o, &n));
    EXPECT(CKR_OK, f->C_CloseSession(t));
    EXPECT(CKR_OBJECT_HANDLE_INVALID, f->C_GetObjectSize(s, o, &n));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_works_before_c_initialize),
        TEST(threads_are_those_of_the_system),
        TEST(the_agent_itself_gets_no_module),
        TEST(a_child_begins_anew_and_shares_nothing),
        TEST(the_slot_stays_when_the_agent_goes),
        TEST(sessions_and_handles_outlive_the_agent),
        TEST(a_connection_of_before_is_made_anew),
        TEST(events_are_what_changed),
        TEST(sessions_are_opened_and_closed),
        TEST(a_login_has_the_agent_ask),
        TEST(of_several_locked_tokens_none_is_asked_for_in_advance),
        TEST(a_login_is_needed_only_where_it_is_of_use),
        TEST(private_keys_are_seen_only_after_a_login),
        TEST(attributes_are_given_as_the_standard_says),
        TEST(certificate_and_keys_share_their_id),
        TEST(nothing_is_written),
        TEST(a_key_on_two_tokens_is_one),
        TEST(a_list_that_makes_no_sense_is_an_error_of_the_device),
        TEST(a_signature_asks_for_its_length_first),
        TEST(mechanisms_and_keys_must_fit),
        TEST(what_the_agent_says_becomes_a_ckr),
        TEST(an_ecdsa_signature_is_flattened),
        TEST(what_was_decrypted_waits_for_room),
        TEST(oaep_goes_to_the_agent_with_its_parameters),
        TEST(a_key_is_unwrapped_without_an_oracle_where_its_length_is_known),
        TEST(a_key_is_derived_from_either_form_of_a_point),
        TEST(a_derived_key_unwraps_another),
        TEST(secrets_end_with_their_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
