/* The audit's lines, and who is named in them. */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

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

    (void)state;
    audit_open(&a, fixture_path("full.log"), at.sun_path);
    while (send(a.journal, "x", 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
        assert_int_equal(connect(a.journal, (struct sockaddr *)&at, sizeof(at)),
                         0);
    audit_write(&a, &line); /* or for ever: nobody reads */
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

/* Starts PROGRAM as GPGME does its engine: by way of a child that ends at
 * once. It reads its input, so it ends with *OUT_INPUT. */
static uint32_t
start_orphan(const char *program, const char *said, int *out_input)
{
    int input[2], told[2];
    pid_t child, orphan = 0;

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        orphan = fork();
        if (orphan == 0) {
            char *argv[] = {(char *)(uintptr_t)program, NULL};
            char *envp[] = {(char *)(uintptr_t) "A=1", (char *)(uintptr_t)said,
                            NULL};

            dup2(input[0], 0);
            execve(program, argv, envp);
            _exit(1);
        }
        _exit(write(told[1], &orphan, sizeof(orphan)) == sizeof(orphan) ? 0
                                                                        : 1);
    }
    close(told[1]);
    close(input[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(read(told[0], &orphan, sizeof(orphan)), sizeof(orphan));
    /* Its end closes when the program has begun. */
    assert_int_equal(read(told[0], &child, sizeof(child)), 0);
    close(told[0]);
    *out_input = input[1];
    return (uint32_t)orphan;
}

static void
describe_orphan(const char *program, const char *said, char *out)
{
    AUTO(fd) int input = -1;
    uint32_t pid = start_orphan(program, said, &input);

    caller_describe(pid, out, CALLER_BYTES);
}

static void
behind_the_engine_of_gpgme_comes_the_program_that_uses_it(void **state)
{
    char engine[256], other[256], said[64], text[CALLER_BYTES];
    const char mine[] = "smime-gpgsm, from test_keyholder_";

    (void)state;
    fixture_run("cp /bin/cat smime-gpgsm\ncp /bin/cat other\n");
    snprintf(engine, sizeof(engine), "%s", fixture_path("smime-gpgsm"));
    snprintf(other, sizeof(other), "%s", fixture_path("other"));
    snprintf(said, sizeof(said), "_assuan_pipe_connect_pid=%d", (int)getpid());
    describe_orphan(engine, said, text);
    assert_memory_equal(text, mine, strlen(mine));
    /* Nobody else's word is taken, nor that on a process that is not there. */
    describe_orphan(other, said, text);
    assert_null(strstr(text, "test_keyholder"));
    describe_orphan(engine, "_assuan_pipe_connect_pid=2147483600", text);
    assert_null(strstr(text, "test_keyholder"));
    describe_orphan(engine, "_assuan_pipe_connect_pid=x", text);
    assert_null(strstr(text, "test_keyholder"));
}

/* PROGRAM reading INPUT; with a number to come from TOLD (or -1) in its
 * environment. */
static pid_t
start_with_number(const char *program, int input, int told)
{
    pid_t child = fork(), number = 0;
    char said[64];
    char *argv[] = {(char *)(uintptr_t)program, NULL};
    char *envp[] = {said, NULL};

    if (child != 0)
        return child;
    if (told >= 0 && read(told, &number, sizeof(number)) != sizeof(number))
        _exit(1);
    snprintf(said, sizeof(said), "_assuan_pipe_connect_pid=%d", (int)number);
    dup2(input, 0);
    execve(program, argv, envp);
    _exit(1);
}

/* A number that was given anew is the number of somebody else. */
static void
a_starter_younger_than_its_engine_is_not_believed(void **state)
{
    const struct timespec ticks = {.tv_nsec = 30 * 1000 * 1000};
    const char mine[] = "smime-gpgsm, from test_keyholder_";
    char engine[256], text[CALLER_BYTES];
    int input[2], told[2], begun[2];
    pid_t old, young;

    (void)state;
    snprintf(engine, sizeof(engine), "%s", fixture_path("smime-gpgsm"));
    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    assert_int_equal(pipe2(begun, O_CLOEXEC), 0);
    old = start_with_number(engine, input[0], told[0]);
    nanosleep(&ticks, NULL); /* the age of a process is told in 10 ms */
    young = start_with_number(fixture_path("other"), input[0], -1);
    assert_int_equal(write(told[1], &young, sizeof(young)), sizeof(young));
    close(begun[1]); /* both programs have begun when theirs are closed */
    assert_int_equal(read(begun[0], text, 1), 0);
    caller_describe((uint32_t)old, text, sizeof(text));
    close(input[1]);
    assert_int_equal(waitpid(old, NULL, 0), old);
    assert_int_equal(waitpid(young, NULL, 0), young);
    assert_memory_equal(text, mine, strlen(mine));
    close(input[0]);
    close(told[0]);
    close(told[1]);
    close(begun[0]);
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
        cmocka_unit_test(
            behind_the_engine_of_gpgme_comes_the_program_that_uses_it),
        cmocka_unit_test(a_starter_younger_than_its_engine_is_not_believed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
