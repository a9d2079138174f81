/* What a client may have in a certificate request: as much as the limit, and
 * one more is refused with the limit. */
#include <cmocka.h>

#include "agent/base/limits.h"
#include "agent/keyholder/certificate_request.h"

static void
what_a_request_names_is_bounded(void **state)
{
    static const char *const details[] = {
        "an address with more than 64 bytes before its @",
        "an address with more than 255 bytes behind its @",
        "a name of more than 64 characters"};

    (void)state;
    for (int which = 0; which < 3; which++)
        for (int over = 0; over < 2; over++) {
            AUTO(buf) struct buf address = {0};
            AUTO(buf) struct buf name = {0};
            struct problem p = {0};
            int local = which == 0 ? LIMIT_LOCAL_BYTES + over : 1;
            int domain = which == 1 ? LIMIT_DOMAIN_BYTES + over : 1;
            int chars = which == 2 ? LIMIT_NAME_CHARS + over : 1;

            for (int i = 0; i < local; i++)
                buf_add_byte(&address, 'l');
            buf_add_byte(&address, '@');
            for (int i = 0; i < domain; i++)
                buf_add_byte(&address, 'd');
            for (int i = 0; i < chars; i++)
                buf_add_text(&name, "\xc3\xbc");
            assert_int_equal(certificate_request_check(buf_slice(&address),
                                                       buf_slice(&name), &p),
                             over ? ERR_BAD_REQUEST : ERR_OK);
            assert_string_equal(p.detail, over ? details[which] : "");
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_request_names_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
