/* The PKCS#11 module against a fake agent: what a caller can get wrong, and
 * what an agent can. */
#include "tests/unit/pkcs11_session.h"

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
