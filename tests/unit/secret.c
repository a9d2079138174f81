#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/base/secret.h"

/* Gives the reading end of a pipe that holds N bytes of TEXT. */
static int
pipe_with(const void *text, size_t n, int *out_writer)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_true(fd_write_all(fds[1], text, n));
    if (out_writer)
        *out_writer = fds[1];
    else
        close(fds[1]);
    return fds[0];
}

/* The secret that N bytes of TEXT are read as, or NULL. */
static struct secret *
secret_of(const void *text, size_t n)
{
    AUTO(fd) int fd = pipe_with(text, n, NULL);
    struct secret *s = NULL;
    struct problem p;

    if (secret_read(fd, 1000, &s, &p) != ERR_OK) {
        assert_int_equal(p.code, ERR_INPUT);
        assert_null(s);
    }
    return s;
}

static void
assert_read_as(const char *text, const char *expected)
{
    AUTO(secret) struct secret *s = secret_of(text, strlen(text));

    assert_non_null(s);
    assert_true(slice_is(secret_slice(s), expected));
}

static void
the_first_line_is_read_without_its_newline(void **state)
{
    (void)state;
    assert_read_as("1234\n", "1234");
    assert_read_as("1234\r\n", "1234");
    assert_read_as("1234", "1234");
    assert_read_as("12\r34\n", "12\r34");
    assert_read_as("\n", "");
    assert_read_as("\r\n", "");
}

static void
nothing_behind_the_newline_is_consumed(void **state)
{
    AUTO(fd) int fd = pipe_with("1234\nrest", 9, NULL);
    AUTO(secret) struct secret *s = NULL;
    struct problem p;
    char rest[8] = "";

    (void)state;
    assert_int_equal(secret_read(fd, 1000, &s, &p), ERR_OK);
    assert_int_equal(read(fd, rest, sizeof(rest)), 4);
    assert_string_equal(rest, "rest");
}

static void
an_input_without_any_byte_is_refused(void **state)
{
    (void)state;
    assert_null(secret_of("", 0));
}

static void
the_longest_line_is_read_and_one_byte_more_is_refused(void **state)
{
    static const char *const ends[] = {"", "\n", "\r\n"};
    char text[LIMIT_SECRET_BYTES + 8];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(ends); i++) {
        AUTO(secret) struct secret *s = NULL;

        memset(text, 'x', sizeof(text));
        strcpy(text + LIMIT_SECRET_BYTES, ends[i]);
        s = secret_of(text, strlen(text));
        assert_non_null(s);
        assert_int_equal(secret_slice(s).n, LIMIT_SECRET_BYTES);

        memset(text, 'x', sizeof(text));
        strcpy(text + LIMIT_SECRET_BYTES + 1, ends[i]);
        assert_null(secret_of(text, strlen(text)));
    }
    memset(text, 'x', sizeof(text));
    assert_null(secret_of(text, sizeof(text)));
}

static void
a_line_that_does_not_come_in_time_is_refused(void **state)
{
    AUTO(fd) int writer = -1;
    AUTO(fd) int fd = pipe_with("12", 2, &writer);
    struct secret *s = NULL;
    struct problem p;
    int64_t before = clock_ms();

    (void)state;
    assert_int_equal(secret_read(fd, 30, &s, &p), ERR_INPUT);
    assert_true(clock_ms() - before >= 30);
    assert_null(s);
    assert_non_null(strstr(p.detail, "time"));
}

static void
an_unreadable_descriptor_is_refused(void **state)
{
    struct secret *s = NULL;
    struct problem p;

    (void)state;
    assert_int_equal(secret_read(-1, 1000, &s, &p), ERR_INPUT);
    assert_int_equal(secret_read(-1, 1000, &s, NULL), ERR_INPUT);
    assert_null(s);
}

static void
a_copy_holds_its_own_bytes(void **state)
{
    char pin[] = "123456";
    AUTO(secret) struct secret *s = secret_copy(pin, 6);
    AUTO(secret) struct secret *empty = secret_copy(NULL, 0);

    (void)state;
    wipe(pin, sizeof(pin));
    assert_int_equal(pin[0], 0);
    assert_true(slice_is(secret_slice(s), "123456"));
    assert_int_equal(secret_slice(empty).n, 0);
}

static void
room_sets_the_length(void **state)
{
    AUTO(secret) struct secret *s = secret_new();

    (void)state;
    assert_int_equal(secret_slice(s).n, 0);
    memset(secret_room(s, LIMIT_SECRET_BYTES), 'k', LIMIT_SECRET_BYTES);
    assert_int_equal(secret_slice(s).n, LIMIT_SECRET_BYTES);
}

/* Runs ACT in a child and gives its wait status. */
static int
status_of(void (*act)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        close(STDERR_FILENO);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void
ask_for_too_much_room(void)
{
    struct secret *s = secret_new();

    (void)secret_room(s, LIMIT_SECRET_BYTES + 1);
}

static void
room_over_the_limit_is_a_bug(void **state)
{
    int status = status_of(ask_for_too_much_room);

    (void)state;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
dropping_leaves_null_and_may_be_repeated(void **state)
{
    struct secret *s = secret_copy("x", 1);

    (void)state;
    secret_drop(&s);
    assert_null(s);
    secret_drop(&s);
}

static void
the_memory_is_gone_after_the_drop(void **state)
{
    struct secret *s = secret_copy("x", 1);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *at = (void *)((uintptr_t)s / page * page);
    unsigned char resident;

    (void)state;
    assert_int_equal(mincore(at, page, &resident), 0);
    secret_drop(&s);
    assert_int_equal(mincore(at, page, &resident), -1);
}

/* The flags of the mapping that holds ADDRESS, from smaps. */
static void
mapping_flags(const void *address, char *out, size_t size)
{
    FILE *f = fopen("/proc/self/smaps", "re");
    char line[512];
    bool inside = false;

    out[0] = '\0';
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        unsigned long from, to;

        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (unsigned long)(uintptr_t)address &&
                     (unsigned long)(uintptr_t)address < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(out, size, "%s", line);
    }
    fclose(f);
}

static void
the_memory_is_locked_not_dumped_and_not_inherited(void **state)
{
    AUTO(secret) struct secret *s = secret_copy("x", 1);
    char flags[512];

    (void)state;
    mapping_flags(s, flags, sizeof(flags));
    if (flags[0] == '\0')
        skip(); /* a kernel without VmFlags */
    assert_non_null(strstr(flags, " dd"));
    assert_non_null(strstr(flags, " wf"));
#ifndef SMIME_SANITIZED /* AddressSanitizer makes mlock do nothing */
    if (secret_is_locked(s))
        assert_non_null(strstr(flags, " lo"));
#endif
}

static struct secret *inherited;

static void
look_at_the_inherited_secret(void)
{
    if (secret_slice(inherited).n != 0 || secret_slice(inherited).p[0] != 0)
        _exit(1);
    secret_drop(&inherited);
}

static void
a_forked_child_finds_it_empty(void **state)
{
    (void)state;
    inherited = secret_copy("123456", 6);
    assert_int_equal(status_of(look_at_the_inherited_secret), 0);
    assert_true(slice_is(secret_slice(inherited), "123456"));
    secret_drop(&inherited);
}

#ifndef SMIME_SANITIZED /* AddressSanitizer makes mlock do nothing */
static void
work_without_the_right_to_lock(void)
{
    struct secret *s;

    /* CAP_IPC_LOCK knows no limit: give it up with the user. */
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0});
    if (geteuid() == 0 && setuid(65534) != 0)
        _exit(1);
    s = secret_copy("123456", 6);
    if (secret_is_locked(s) || !slice_is(secret_slice(s), "123456"))
        _exit(2);
    secret_drop(&s);
}

static void
a_secret_that_cannot_be_locked_works_and_says_so(void **state)
{
    (void)state;
    assert_int_equal(status_of(work_without_the_right_to_lock), 0);
}
#endif

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_is_read_without_its_newline),
        cmocka_unit_test(nothing_behind_the_newline_is_consumed),
        cmocka_unit_test(an_input_without_any_byte_is_refused),
        cmocka_unit_test(the_longest_line_is_read_and_one_byte_more_is_refused),
        cmocka_unit_test(a_line_that_does_not_come_in_time_is_refused),
        cmocka_unit_test(an_unreadable_descriptor_is_refused),
        cmocka_unit_test(a_copy_holds_its_own_bytes),
        cmocka_unit_test(room_sets_the_length),
        cmocka_unit_test(room_over_the_limit_is_a_bug),
        cmocka_unit_test(dropping_leaves_null_and_may_be_repeated),
        cmocka_unit_test(the_memory_is_gone_after_the_drop),
        cmocka_unit_test(the_memory_is_locked_not_dumped_and_not_inherited),
        cmocka_unit_test(a_forked_child_finds_it_empty),
#ifndef SMIME_SANITIZED
        cmocka_unit_test(a_secret_that_cannot_be_locked_works_and_says_so),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
