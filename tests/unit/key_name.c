#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/key_name.h"

#define URI                                                                    \
    "pkcs11:model=M%20x;manufacturer=ACME;serial=0123;token=My%20card;id=%01"

static enum key_name
named(const char *wanted)
{
    return key_name_of(wanted, "01", URI, "max key");
}

static void
a_whole_id_names_a_key_however_short(void **state)
{
    (void)state;
    assert_int_equal(named("01"), KEY_NAME_WHOLE);
    assert_int_equal(named("0"), KEY_NAME_OTHER);
    assert_int_equal(named("1"), KEY_NAME_OTHER);
    assert_int_equal(named(""), KEY_NAME_OTHER);
    assert_int_equal(named("0101"), KEY_NAME_OTHER);
    assert_int_equal(key_name_of("", "", URI, ""), KEY_NAME_OTHER);
}

static void
the_beginning_of_an_id_has_four_digits(void **state)
{
    (void)state;
    assert_int_equal(key_name_of("ABCD", "abcdef", URI, ""), KEY_NAME_BEGINS);
    assert_int_equal(key_name_of("abc", "abcdef", URI, ""), KEY_NAME_OTHER);
    assert_int_equal(key_name_of("ABCDEF", "abcdef", URI, ""), KEY_NAME_WHOLE);
    assert_int_equal(key_name_of("abce", "abcdef", URI, ""), KEY_NAME_OTHER);
}

static void
a_uri_names_by_the_id_or_the_label(void **state)
{
    (void)state;
    assert_int_equal(named(URI), KEY_NAME_WHOLE);
    assert_int_equal(named("pkcs11:id=%01"), KEY_NAME_WHOLE);
    assert_int_equal(named("PKCS11:id=%01"), KEY_NAME_WHOLE);
    assert_int_equal(named("pkcs11:object=max%20key"), KEY_NAME_WHOLE);
    assert_int_equal(named("pkcs11:token=My%20card;id=%01;type=private"),
                     KEY_NAME_WHOLE);
    assert_int_equal(named("pkcs11:token=%4dy%20card;object=max%20key;id=%01;"
                           "serial=0123"),
                     KEY_NAME_WHOLE);
}

static void
a_uri_that_contradicts_names_nothing(void **state)
{
    (void)state;
    assert_int_equal(named("pkcs11:id=%02"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:id=%01%01"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:id="), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:object=max"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:object=max%20key%00"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:token=other;id=%01"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:token=My%20car;id=%01"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:id=%01;type=data"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:id=%01;slot-id=1"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:id=%01;nonsense"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:id=%1"), KEY_NAME_OTHER);
}

static void
a_token_alone_is_no_key(void **state)
{
    (void)state;
    assert_int_equal(named("pkcs11:"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:token=My%20card"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:type=private"), KEY_NAME_OTHER);
}

static void
a_uri_that_brings_a_pin_or_a_module_names_nothing(void **state)
{
    (void)state;
    assert_int_equal(named("pkcs11:id=%01?pin-value=1234"), KEY_NAME_OTHER);
    assert_int_equal(named("pkcs11:id=%01?module-path=/tmp/x.so"),
                     KEY_NAME_OTHER);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_id_names_a_key_however_short),
        cmocka_unit_test(the_beginning_of_an_id_has_four_digits),
        cmocka_unit_test(a_uri_names_by_the_id_or_the_label),
        cmocka_unit_test(a_uri_that_contradicts_names_nothing),
        cmocka_unit_test(a_token_alone_is_no_key),
        cmocka_unit_test(a_uri_that_brings_a_pin_or_a_module_names_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
