/* What a PKCS#12 file gives, and what it may not do. */
#include "tests/unit/importer_seen.h"

#include <openssl/rand.h>

static int
set_up(void **state)
{
    (void)state;
    fixture_open();
    fixture_run(fixture_script);
    p12_warm();
    return 0;
}

static void
a_modern_file_gives_its_key_and_chain(void **state)
{
    struct seen s = read_file(fixture_path("modern.p12"), "1234", false);

    (void)state;
    assert_int_equal(s.code, ERR_OK);
    assert_int_equal(s.keys, 1);
    assert_int_equal(s.certificates, 2);
    assert_int_equal(s.pairs, 1);
    assert_int_equal(s.type, KEY_RSA);
    assert_int_equal(s.values, 8);
    assert_int_equal(s.usage, 0xa0);
    assert_true(s.ca);
    assert_string_equal(s.label, "My key");
    assert_string_equal(s.warning, "");
}

static void
a_wrong_password_is_said(void **state)
{
    (void)state;
    assert_int_equal(read_file(fixture_path("modern.p12"), "1235", false).code,
                     ERR_P12_PASSWORD);
    assert_int_equal(read_file(fixture_path("modern.p12"), NULL, false).code,
                     ERR_P12_PASSWORD);
    assert_int_equal(read_file(fixture_path("nomac.p12"), "1235", true).code,
                     ERR_P12_PASSWORD);
}

static void
legacy_encryption_is_read_with_a_warning(void **state)
{
    static const struct {
        const char *name, *ciphers;
    } row[] = {{"legacy.p12", "RC2, 3DES"},
               {"rc2.p12", "RC4, RC2"},
               {"des3.p12", "3DES"}};
    char says[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        struct seen s = read_file(fixture_path(row[i].name), "1234", false);

        assert_int_equal(s.code, ERR_OK);
        assert_int_equal(s.pairs, 1);
        snprintf(says, sizeof(says),
                 "the file has legacy encryption (%s), "
                 "which is weak: let nobody copy it",
                 row[i].ciphers);
        assert_string_equal(s.warning, says);
        assert_string_equal(s.label, "alice@example.org");
    }
}

static void
a_file_without_a_mac_needs_to_be_allowed(void **state)
{
    (void)state;
    assert_int_equal(read_file(fixture_path("nomac.p12"), "1234", false).code,
                     ERR_P12_NO_MAC);
    assert_int_equal(read_file(fixture_path("nomac.p12"), "1234", true).code,
                     ERR_OK);
}

static void
an_ec_key_comes_as_curve_point_and_value(void **state)
{
    struct seen s = read_file(fixture_path("ec.p12"), "1234", false);

    (void)state;
    assert_int_equal(s.code, ERR_OK);
    assert_int_equal(s.type, KEY_EC);
    assert_int_equal(s.values, 3);
    assert_int_equal(s.usage, 0x88);
    assert_int_equal(s.pairs, 1);
}

static void
an_ed25519_key_comes_without_curve(void **state)
{
    struct seen s = read_file(fixture_path("ed.p12"), "1234", false);

    (void)state;
    assert_int_equal(s.code, ERR_OK);
    assert_int_equal(s.type, KEY_ED25519);
    assert_int_equal(s.usage, UINT32_MAX);
    assert_string_equal(s.label, "Edward");
}

static void
no_password_is_tried_in_both_readings(void **state)
{
    (void)state;
    assert_int_equal(read_file(fixture_path("empty.p12"), NULL, false).code,
                     ERR_OK);
    assert_int_equal(read_file(fixture_path("empty.p12"), "", false).code,
                     ERR_OK);
    assert_int_equal(read_file(fixture_path("empty.p12"), "x", false).code,
                     ERR_P12_PASSWORD);
}

static void
a_password_fits_in_utf8_and_in_latin1(void **state)
{
    static const char *const names[] = {"utf8.p12", "latin1.p12"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        const char *path = fixture_path(names[i]);

        assert_int_equal(read_file(path, "p\303\244ss", false).code, ERR_OK);
        assert_int_equal(read_file(path, "p\344ss", false).code, ERR_OK);
        assert_int_equal(read_file(path, "pass", false).code, ERR_P12_PASSWORD);
    }
}

static void
certificates_alone_are_no_identity(void **state)
{
    (void)state;
    assert_int_equal(
        read_file(fixture_path("certonly.p12"), "1234", false).code,
        ERR_P12_NO_KEY);
}

static void
a_key_alone_is_given(void **state)
{
    struct seen s = read_file(fixture_path("keyonly.p12"), "1234", false);

    (void)state;
    assert_int_equal(s.code, ERR_OK);
    assert_int_equal(s.keys, 1);
    assert_int_equal(s.certificates, 0);
    assert_int_equal(s.usage, UINT32_MAX);
}

static void
what_is_no_pkcs12_is_named(void **state)
{
    static const struct {
        const char *name, *says;
    } row[] = {
        {"rsa.crt",
         "it is a PEM file: CERTIFICATE; your own certificate goes in with: "
         "smime install"},
        {"rsa.der",
         "it is a certificate (DER); your own goes in with: smime install"},
        {"x.cnf", "it is text"}};
    struct seen s;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
        s = read_file(fixture_path(row[i].name), "1234", false);
        assert_int_equal(s.code, ERR_P12_FORMAT);
        assert_string_equal(s.problem.detail, row[i].says);
    }
    s = read_bytes(slice_of(NULL, 0), "1234", false);
    assert_int_equal(s.code, ERR_P12_FORMAT);
    assert_string_equal(s.problem.detail, "it is empty");
}

static void
random_bytes_are_refused(void **state)
{
    uint8_t bytes[2000];

    (void)state;
    RAND_bytes(bytes, sizeof(bytes));
    bytes[0] = 0;
    assert_int_equal(
        read_bytes(slice_of(bytes, sizeof(bytes)), "1234", false).code,
        ERR_P12_FORMAT);
}

static void
a_file_cut_anywhere_is_refused(void **state)
{
    AUTO(buf) struct buf file = fixture_read(fixture_path("modern.p12"));

    (void)state;
    for (size_t n = 1; n < file.len; n += n < 8 ? 1 : 16) {
        struct seen s = read_bytes(slice_of(file.data, n), "1234", false);

        assert_int_equal(s.code, ERR_P12_FORMAT);
        assert_string_equal(s.problem.detail, "it is cut short");
    }
}

static void
a_changed_byte_never_passes_the_mac(void **state)
{
    AUTO(buf) struct buf file = fixture_read(fixture_path("des3.p12"));

    (void)state;
    for (size_t i = 0; i < file.len; i += 37) {
        file.data[i] ^= 0x21;
        (void)read_bytes(buf_slice(&file), "1234", false);
        (void)read_bytes(buf_slice(&file), "1234", true);
        file.data[i] ^= 0x21;
    }
    assert_int_equal(read_bytes(buf_slice(&file), "1234", false).code, ERR_OK);
}

static void
a_file_over_the_limit_is_refused(void **state)
{
    AUTO(buf) struct buf file = {0};

    (void)state;
    buf_reserve(&file, LIMIT_P12_BYTES + 1);
    memset(file.data, 0, LIMIT_P12_BYTES + 1);
    assert_int_equal(
        read_bytes(slice_of(file.data, LIMIT_P12_BYTES + 1), NULL, false).code,
        ERR_LIMIT);
}

/* Two forms of no password, six million iterations each: over the limit
 * before the second is begun. */
static void
iterations_are_counted_over_the_whole_file(void **state)
{
    (void)state;
    assert_int_equal(read_file(fixture_path("slow.p12"), NULL, false).code,
                     ERR_LIMIT);
}

static void
an_unknown_kind_of_key_is_named(void **state)
{
    struct seen s;

    (void)state;
    fixture_run("openssl genpkey -algorithm ed448 -out e.key\n"
                "openssl pkcs12 -export -nocerts -inkey e.key -passout "
                "pass:1234 -out ed448.p12");
    s = read_file(fixture_path("ed448.p12"), "1234", false);
    assert_int_equal(s.code, ERR_P12_UNSUPPORTED);
    assert_non_null(strstr(s.problem.detail, "ED448"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_modern_file_gives_its_key_and_chain),
        cmocka_unit_test(a_wrong_password_is_said),
        cmocka_unit_test(legacy_encryption_is_read_with_a_warning),
        cmocka_unit_test(a_file_without_a_mac_needs_to_be_allowed),
        cmocka_unit_test(an_ec_key_comes_as_curve_point_and_value),
        cmocka_unit_test(an_ed25519_key_comes_without_curve),
        cmocka_unit_test(no_password_is_tried_in_both_readings),
        cmocka_unit_test(a_password_fits_in_utf8_and_in_latin1),
        cmocka_unit_test(certificates_alone_are_no_identity),
        cmocka_unit_test(a_key_alone_is_given),
        cmocka_unit_test(what_is_no_pkcs12_is_named),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_changed_byte_never_passes_the_mac),
        cmocka_unit_test(a_file_over_the_limit_is_refused),
        cmocka_unit_test(iterations_are_counted_over_the_whole_file),
        cmocka_unit_test(an_unknown_kind_of_key_is_named),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
