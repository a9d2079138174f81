#include "tests/unit/mime_streams.h"

#include "agent/mime/date.h"

#define WHEN 1772447400 /* Mon, 02 Mar 2026 10:30:00 +0000 */

static void
assert_read(const char *text, time_t expected)
{
    time_t when = 1;

    if (!date_read(slice_text(text), &when))
        fail_msg("no date: %s", text);
    if (when != expected)
        fail_msg("another date: %s", text);
}

static void
a_date_is_read_in_all_its_forms(void **state)
{
    (void)state;
    assert_read(" Mon, 02 Mar 2026 10:30:00 +0000", WHEN);
    assert_read("2 Mar 2026 10:30 +0000", WHEN);
    assert_read("Mon, 02 Mar 2026 13:30:00 +0300", WHEN);
    assert_read("Mon, 02 Mar 2026 07:00:00 -0330 (NST)", WHEN);
    assert_read("Mon,\r\n 2\r\n\tmar 2026 10:30:00 +0000", WHEN);
    assert_read("Mon, 02 Mar 2026 10:30:60 +0000", WHEN + 59);
}

/* RFC 5322 4.3. */
static void
obsolete_forms_are_read(void **state)
{
    (void)state;
    assert_read("Mon, 02 Mar 26 10:30:00 GMT", WHEN);
    assert_read("Mon, 02 Mar 126 10:30:00 UT", WHEN);
    assert_read("Mon, 02 Mar 2026 10:30:00 Z", WHEN);
    assert_read("Mon, 02 Mar 2026 05:30:00 est", WHEN);
    assert_read("Mon, 02 Mar 2026 03:30:00 PDT", WHEN);
    assert_read("Mon, 02 Mar 2026 10:30:00 MEZ", WHEN);
    assert_read("Mon , 02 Mar 2026 10 : 30 : 00 +0000", WHEN);
    assert_read("Wed, 02 Mar 94 00:00:00 +0000", 762566400);
    assert_read("Mon 02 March 2026 10:30:00 +0000", WHEN);
}

static void
comments_are_passed_over(void **state)
{
    (void)state;
    assert_read("(x) Mon (y), 02 Mar(z)2026 10:30:00 (a (b) c) +0000", WHEN);
    assert_read("02 Mar 2026 10:30:00 +0000 (a, 03 Mar 2026)", WHEN);
    assert_read("Mon, 02 Mar 2026 10:30:00 +0000 (\\) )", WHEN);
}

static void
what_is_no_date_is_refused(void **state)
{
    static const char *const no[] = {
        "",
        "yesterday",
        "1772447400",
        "Mon, 02 Mar 2026 10:30:00",
        "Mon, 02 Mar 2026 10:30:00 +0000 more",
        "Mon, 02 Mar 2026 10:30:00 +0000 (open",
        "Mon, 02 Mar 2026 10:30:00 +000",
        "Mon, 02 Mar 2026 10:30:00 +1x00",
        "Mon, 02 Mar 2026 10:30:00 +1401",
        "Mon, 02 Mar 2026 10:30:00 -9900",
        "Mon, 02 Mar 2026 10:30:00 +0060",
        "Mon, 02 Mar 2 10:30:00 +0000",
        "Mon, 02 Mar 20261 10:30:00 +0000",
        "Mon, 31 Feb 2026 10:30:00 +0000",
        "Mon, 02 Mar 2026 24:00:00 +0000",
        "Mon, 02 Mer 2026 10:30:00 +0000",
        "Mon, 02-Mar-2026 10:30:00 +0000",
        "Mon, Tue, 02 Mar 2026 10:30:00 +0000",
        "Mon Mar  2 10:30:00 2026",
        "Mon, 02 Mar 1950 10:30:00 +0000",
    };
    time_t when = 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(no); i++)
        if (date_read(slice_text(no[i]), &when))
            fail_msg("a date: %s", no[i]);
    assert_int_equal(when, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_is_read_in_all_its_forms),
        cmocka_unit_test(obsolete_forms_are_read),
        cmocka_unit_test(comments_are_passed_over),
        cmocka_unit_test(what_is_no_date_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
