/* What the PKCS#11 module shows, against a fake agent. */
#include "tests/unit/pkcs11_session.h"

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

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(attributes_are_given_as_the_standard_says),
        TEST(certificate_and_keys_share_their_id),
        TEST(nothing_is_written),
        TEST(a_key_on_two_tokens_is_one),
        TEST(a_list_that_makes_no_sense_is_an_error_of_the_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
