#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/fd.h"

static void
a_dropped_descriptor_is_closed_and_forgotten(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int old = fd;

    (void)state;
    assert_true(fd >= 0);
    fd_drop(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(old, F_GETFD), -1);
    errno = ENOSPC;
    fd_drop(&fd);
    assert_int_equal(errno, ENOSPC);
}

static void
a_taken_descriptor_stays_open(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int taken = fd_take(&fd);

    (void)state;
    assert_int_equal(fd, -1);
    assert_true(fcntl(taken, F_GETFD) >= 0);
    close(taken);
}

static void
everything_is_written_or_errno_says_why(void **state)
{
    int fds[2];
    char back[8] = "";

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_true(fd_write_all(fds[1], "abc", 3));
    assert_true(fd_write_all(fds[1], NULL, 0));
    assert_int_equal(read(fds[0], back, sizeof(back)), 3);
    assert_string_equal(back, "abc");
    close(fds[1]);
    assert_false(fd_write_all(fds[0], "abc", 3));
    assert_int_equal(errno, EBADF);
    close(fds[0]);
}

static void
waiting_sees_bytes_the_end_the_deadline_and_errors(void **state)
{
    int fds[2];
    int64_t before;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    before = clock_ms();
    assert_int_equal(fd_wait_readable(fds[0], 20), 0);
    assert_true(clock_ms() - before >= 20);
    assert_int_equal(fd_wait_readable(fds[0], 0), 0);
    assert_true(fd_write_all(fds[1], "x", 1));
    assert_int_equal(fd_wait_readable(fds[0], -1), 1);
    close(fds[1]);
    assert_int_equal(fd_wait_readable(fds[0], -1), 1);
    close(fds[0]);
    assert_int_equal(fd_wait_readable(fds[0], -1), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(fd_wait_readable(-1, -1), -1);
}

static void
a_small_file_is_read_whole_up_to_the_limit(void **state)
{
    char path[] = "/tmp/smime-unit-fd-XXXXXX";
    AUTO(fd) int fd = mkstemp(path);
    AUTO(buf) struct buf out = {0};
    struct problem p;

    (void)state;
    assert_true(fd >= 0);
    assert_true(fd_write_all(fd, "content", 7));
    assert_int_equal(file_read(path, 7, &out, &p), ERR_OK);
    assert_string_equal(buf_text(&out), "content");
    buf_clear(&out);
    assert_int_equal(file_read(path, 6, &out, &p), ERR_LIMIT);
    assert_int_equal(out.len, 0);
    unlink(path);
    assert_int_equal(file_read(path, 7, &out, &p), ERR_INPUT);
    assert_non_null(strstr(p.detail, "No such file"));
    assert_string_equal(p.subject, path);
}

static void
a_folder_is_not_a_file(void **state)
{
    AUTO(buf) struct buf out = {0};
    struct problem p;

    (void)state;
    assert_int_equal(file_read("/tmp", 100, &out, &p), ERR_INPUT);
    assert_int_equal(out.len, 0);
}

/* To open a FIFO that nobody writes to takes for ever. */
static void
nor_is_what_is_made_to_be_waited_for(void **state)
{
    char path[] = "/tmp/smime-unit-fd-XXXXXX";
    AUTO(fd) int fd = mkstemp(path);
    AUTO(buf) struct buf out = {0};
    struct problem p;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_read(path, 100, &out, &p), ERR_INPUT);
    assert_string_equal(p.subject, path);
    assert_non_null(strstr(p.detail, "it is no file"));
    assert_int_equal(file_read("/dev/zero", 100, &out, &p), ERR_INPUT);
    assert_int_equal(out.len, 0);
    assert_int_equal(unlink(path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dropped_descriptor_is_closed_and_forgotten),
        cmocka_unit_test(a_taken_descriptor_stays_open),
        cmocka_unit_test(everything_is_written_or_errno_says_why),
        cmocka_unit_test(waiting_sees_bytes_the_end_the_deadline_and_errors),
        cmocka_unit_test(a_small_file_is_read_whole_up_to_the_limit),
        cmocka_unit_test(a_folder_is_not_a_file),
        cmocka_unit_test(nor_is_what_is_made_to_be_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
