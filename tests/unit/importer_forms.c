/* Forms of PKCS#12 files that only some programs write. */
#include "tests/unit/importer_seen.h"

static int
set_up(void **state)
{
    (void)state;
    fixture_open();
    fixture_run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 "
                "-out rsa.key\n"
                "openssl genpkey -algorithm EC -pkeyopt "
                "ec_paramgen_curve:P-256 -out ec.key\n"
                "openssl pkcs12 -export -nocerts -nomac -inkey ec.key "
                "-passout pass:1234 -out nomac.p12");
    p12_warm();
    return 0;
}

static EVP_PKEY *
load_key(const char *name)
{
    FILE *f = fopen(fixture_path(name), "r");
    EVP_PKEY *k = PEM_read_PrivateKey(f, NULL, NULL, NULL);

    fclose(f);
    return k;
}

/* A file of several keys, of which one is nested a level down. */
static struct buf
make_file_of_keys(int copies, bool same)
{
    EVP_PKEY *rsa = load_key("rsa.key"), *ec = load_key("ec.key");
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL, *inner = NULL;
    STACK_OF(PKCS7) *safes = NULL;
    struct buf out = {0};
    unsigned char *at;
    PKCS12 *p12;

    for (int i = 0; i < copies; i++) {
        EVP_PKEY *k = same ? EVP_PKEY_dup(ec) : EVP_EC_gen("P-256");

        PKCS12_add_key(&bags, k, 0, 1, NID_aes_256_cbc, "1234");
        EVP_PKEY_free(k);
    }
    PKCS12_add_key(&inner, rsa, 0, 1, -1, NULL);
    sk_PKCS12_SAFEBAG_push(bags,
                           PKCS12_SAFEBAG_create0_p8inf(EVP_PKEY2PKCS8(ec)));
    PKCS12_add_safe(&safes, bags, -1, 0, NULL);
    PKCS12_add_safe(&safes, inner, NID_aes_256_cbc, 10, "1234");
    p12 = PKCS12_add_safes(safes, 0);
    PKCS12_set_mac(p12, "1234", -1, NULL, 0, 10, EVP_sha256());
    buf_reserve(&out, 65536);
    at = out.data;
    out.len = (size_t)i2d_PKCS12(p12, &at);
    PKCS12_free(p12);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    sk_PKCS12_SAFEBAG_pop_free(inner, PKCS12_SAFEBAG_free);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    return out;
}

static void
all_keys_of_a_file_are_given_once(void **state)
{
    AUTO(buf) struct buf several = make_file_of_keys(2, false);
    AUTO(buf) struct buf twins = make_file_of_keys(3, true);
    struct seen s = read_bytes(buf_slice(&several), "1234", false);

    (void)state;
    assert_int_equal(s.code, ERR_OK);
    assert_int_equal(s.keys, 4);
    s = read_bytes(buf_slice(&twins), "1234", false);
    assert_int_equal(s.code, ERR_OK);
    assert_int_equal(s.keys, 2);
}

static void
too_many_keys_are_refused(void **state)
{
    AUTO(buf) struct buf file = make_file_of_keys(LIMIT_P12_KEYS, false);

    (void)state;
    assert_int_equal(read_bytes(buf_slice(&file), "1234", false).code,
                     ERR_LIMIT);
}

/* What FILE without a MAC says when the last octet of an OID is another. */
static void
assert_refused_by_name(const char *oid, char last, const char *says)
{
    AUTO(buf) struct buf file = fixture_read(fixture_path("nomac.p12"));
    uint8_t *at = file.data;
    size_t n = strlen(oid);
    struct seen s;

    while ((at = memmem(at, file.len - (size_t)(at - file.data), oid, n)))
        at[n - 1] = (uint8_t)last;
    s = read_bytes(buf_slice(&file), "1234", true);
    assert_int_equal(s.code, ERR_P12_UNSUPPORTED);
    assert_string_equal(s.problem.detail, says);
}

static void
an_algorithm_that_is_not_known_is_no_wrong_password(void **state)
{
    (void)state;
    assert_refused_by_name(
        "\x2a\x86\x48\x86\xf7\x0d\x02\x09", 63,
        "encryption by PBES2: PBKDF2, 1.2.840.113549.2.63, aes-256-cbc");
    assert_refused_by_name(
        "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 0x2e,
        "encryption by PBES2: PBKDF2, hmacWithSHA256, aes-256-gcm");
    assert_refused_by_name(
        "\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 0x29,
        "encryption by PBES2: PBKDF2, hmacWithSHA256, aes-256-ecb");
}

/* The file's password is 1234; the key's, in its bag, is PASSWORD. */
static struct seen
read_named_key(const char *password, const char *name)
{
    AUTO(buf) struct buf file = {0};
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    STACK_OF(PKCS7) *safes = NULL;
    EVP_PKEY *ec = load_key("ec.key");
    PKCS12_SAFEBAG *bag =
        PKCS12_add_key(&bags, ec, 0, 1, NID_aes_256_cbc, password);
    unsigned char *at;
    PKCS12 *p12;

    PKCS12_add_friendlyname_utf8(bag, name, -1);
    PKCS12_add_safe(&safes, bags, -1, 0, NULL);
    p12 = PKCS12_add_safes(safes, 0);
    PKCS12_set_mac(p12, "1234", -1, NULL, 0, 10, EVP_sha256());
    buf_reserve(&file, 65536);
    at = file.data;
    file.len = (size_t)i2d_PKCS12(p12, &at);
    PKCS12_free(p12);
    sk_PKCS7_pop_free(safes, PKCS7_free);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    EVP_PKEY_free(ec);
    return read_bytes(buf_slice(&file), "1234", false);
}

static void
a_key_under_another_password_than_the_file_is_told(void **state)
{
    struct seen s = read_named_key("other", "x");

    (void)state;
    assert_int_equal(s.code, ERR_P12_UNSUPPORTED);
    assert_string_equal(
        s.problem.detail,
        "the password fits, but an item has another one or is damaged");
}

static void
a_name_in_any_script_is_kept(void **state)
{
    static const char *const names[] = {
        "Schl\xc3\xbcssel", "\xe9\x8d\xb5\xe5\x8c\x99", "5 \xe2\x82\xac"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_string_equal(read_named_key("1234", names[i]).label, names[i]);
}

static void
a_long_name_is_cut_between_two_characters(void **state)
{
    char name[3 * LIMIT_LABEL_BYTES + 1] = "";
    struct seen s;

    (void)state;
    for (size_t i = 0; i < LIMIT_LABEL_BYTES; i++)
        memcpy(name + 3 * i, "\xe2\x82\xac", 3);
    s = read_named_key("1234", name);
    assert_int_equal(strlen(s.label), LIMIT_LABEL_BYTES / 3 * 3);
    assert_memory_equal(s.label, name, strlen(s.label));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys_of_a_file_are_given_once),
        cmocka_unit_test(too_many_keys_are_refused),
        cmocka_unit_test(an_algorithm_that_is_not_known_is_no_wrong_password),
        cmocka_unit_test(a_key_under_another_password_than_the_file_is_told),
        cmocka_unit_test(a_name_in_any_script_is_kept),
        cmocka_unit_test(a_long_name_is_cut_between_two_characters),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
