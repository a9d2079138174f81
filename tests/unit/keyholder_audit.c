/* The audit's lines, and who is named in them. */
#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/base/fd.h"
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
    audit_open(&a, fixture_path("deep/er/audit.log"), NULL);
    audit_write(&a, &line);
    audit_write(&a, &line);
    text = fixture_read(fixture_path("deep/er/audit.log"));
    s = buf_text(&text);
    assert_non_null(strstr(s, "session=7 pid=42 program=\"a\\\" result=Ok"));
    assert_non_null(strstr(s, " operation=sign token=\"x"));
    assert_non_null(
        strstr(s, " key=01ff address=\"a\\\"@b,c@d\" result=PinWrong\n"));
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
    audit_open(&a, "/proc/nonexistent/audit.log", NULL);
    assert_int_equal(a.fd, -1);
    audit_write(&a, &line);
}

static int
journal_listen(struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    *at = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(at->sun_path, sizeof(at->sun_path), "%s", fixture_path("journal"));
    (void)unlink(at->sun_path); /* of the test before */
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
    return fd;
}

static void
the_journal_gets_a_line_as_three_fields(void **state)
{
    AUTO(audit) struct audit a;
    const struct audit_line line = {
        .program = "x\nPRIORITY=0", .operation = "sign", .result = ERR_OK};
    struct sockaddr_un at;
    char text[1024];
    int fd = journal_listen(&at);
    ssize_t n;

    (void)state;
    audit_open(&a, NULL, at.sun_path);
    audit_write(&a, &line);
    n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    text[n] = '\0';
    assert_ptr_equal(strstr(text, "MESSAGE=smime-agent key use: session=0"),
                     text);
    assert_non_null(strstr(text, " result=Ok\nSYSLOG_IDENTIFIER=smime-"
                                 "keyholder\nPRIORITY=5\n"));
    assert_null(strstr(text, "\nPRIORITY=0"));
    close(fd);
}

/* It would hold up every key operation. */
static void
a_journal_that_takes_nothing_is_not_waited_for(void **state)
{
    AUTO(audit) struct audit a;
    const struct audit_line line = {.operation = "sign", .result = ERR_OK};
    struct sockaddr_un at;
    int fd = journal_listen(&at);
    int64_t begun;

    (void)state;
    audit_open(&a, fixture_path("full.log"), at.sun_path);
    while (send(a.journal, "x", 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
        assert_int_equal(connect(a.journal, (struct sockaddr *)&at, sizeof(at)),
                         0);
    begun = clock_ms();
    audit_write(&a, &line);
    assert_in_range(clock_ms() - begun, 0, 5000);
    assert_int_equal(unlink(at.sun_path), 0);
    audit_write(&a, &line);
    {
        AUTO(buf) struct buf text = fixture_read(fixture_path("full.log"));

        assert_non_null(strchr(strchr(buf_text(&text), '\n') + 1, '\n'));
    }
    close(fd);
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
        cmocka_unit_test(the_journal_gets_a_line_as_three_fields),
        cmocka_unit_test(a_journal_that_takes_nothing_is_not_waited_for),
        cmocka_unit_test(a_caller_is_named_with_its_parents),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
