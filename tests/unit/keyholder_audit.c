/* The audit's lines, and who is named in them. */
#include <cmocka.h>

#include "agent/base/log.h"
#include "agent/keyholder/audit.h"
#include "agent/keyholder/caller.h"
#include "tests/unit/keyholder_fixture.h"

static int
set_up(void **state)
{
    (void)state;
    log_open("test");
    fixture_open();
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    fixture_close();
    return 0;
}

static void
foreign_text_stays_inside_its_quotes(void **state)
{
    AUTO(audit) struct audit a;
    const struct audit_line line = {
        .session = 7,
        .pid = 42,
        .program = "a\" result=Ok\n",
        .operation = "sign",
        .token = "x\\\"\x1b[31m",
        .key = slice_of("\x01\xff", 2),
        .address = "a\"@b,c@d",
        .result = ERR_PIN_WRONG,
    };
    struct buf text;
    const char *s;

    (void)state;
    audit_open(&a, fixture_path("deep/er/audit.log"));
    audit_write(&a, &line);
    audit_write(&a, &line);
    text = fixture_read(fixture_path("deep/er/audit.log"));
    s = buf_text(&text);
    assert_non_null(strstr(s, "session=7 pid=42 program=\"a\\\" result=Ok"));
    assert_non_null(strstr(s, " operation=sign token=\"x"));
    assert_non_null(strstr(s, " key=01ff address=\"a\\\"@b,c@d\" result=PinWrong\n"));
    assert_null(strchr(s, '\x1b'));
    assert_int_equal(s[strcspn(s, "\n") + 1], 't'); /* two lines, no more */
    assert_ptr_equal(strchr(strchr(s, '\n') + 1, '\n'), s + text.len - 1);
    buf_drop(&text);
}

static void
an_audit_that_cannot_be_opened_stops_nothing(void **state)
{
    AUTO(audit) struct audit a;
    const struct audit_line line = {.operation = "sign", .result = ERR_OK};

    (void)state;
    audit_open(&a, "/proc/nonexistent/audit.log");
    assert_int_equal(a.fd, -1);
    audit_write(&a, &line);
}

static void
a_caller_is_named_with_its_parents(void **state)
{
    char text[CALLER_BYTES];

    (void)state;
    caller_describe((uint32_t)getpid(), text, sizeof(text));
    assert_int_equal(strncmp(text, "test_keyholder", 14), 0);
    caller_describe(0, text, sizeof(text));
    assert_string_equal(text, "an unknown program");
    caller_describe(0x7ffffff0, text, sizeof(text));
    assert_string_equal(text, "an unknown program");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_text_stays_inside_its_quotes),
        cmocka_unit_test(an_audit_that_cannot_be_opened_stops_nothing),
        cmocka_unit_test(a_caller_is_named_with_its_parents),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
