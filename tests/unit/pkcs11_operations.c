/* Signing, decrypting, unwrapping and deriving by the PKCS#11 module, against
 * a fake agent. */
#include "tests/unit/pkcs11_session.h"

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
