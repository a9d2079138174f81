/* How long the descriptor of a PIN or password may take, by a clock of the
 * test's own: waiting costs no time. */
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/base/secret.h"

static int64_t now_ms;
static int64_t next_ms; /* when one more byte comes */
static const char *coming;
static int64_t between_ms;
static int writer = -1;

int64_t __wrap_clock_ms(void);
int __wrap_fd_wait_readable(int fd, int timeout_ms);

int64_t
__wrap_clock_ms(void)
{
    return now_ms;
}

int
__wrap_fd_wait_readable(int fd, int timeout_ms)
{
    (void)fd;
    assert_true(timeout_ms >= 0);
    if (next_ms > now_ms + timeout_ms) {
        now_ms += timeout_ms;
        return 0;
    }
    now_ms = next_ms;
    next_ms += between_ms;
    assert_int_equal(write(writer, coming++, 1), 1);
    return 1;
}

/* TEXT, of which the last byte comes after MS. */
static enum err
read_within(const char *text, int64_t ms)
{
    AUTO(secret) struct secret *s = NULL;
    struct problem p = {0};
    enum err e;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    writer = fds[1];
    coming = text;
    between_ms = ms / (int64_t)(strlen(text) - 1);
    next_ms = now_ms = 1000;
    e = secret_read(fds[0], LIMIT_SECRET_MS, &s, &p);
    assert_true(now_ms - 1000 <= LIMIT_SECRET_MS);
    if (e == ERR_OK)
        assert_true(slice_is(secret_slice(s), "1234"));
    else
        assert_non_null(strstr(p.detail, "in time"));
    close(fds[0]);
    close(fds[1]);
    return e;
}

static void
a_secret_may_take_a_minute_and_no_longer(void **state)
{
    (void)state;
    assert_int_equal(read_within("1234\n", LIMIT_SECRET_MS - 4), ERR_OK);
    assert_int_equal(read_within("1234\n", LIMIT_SECRET_MS), ERR_OK);
    assert_int_equal(read_within("1234\n", LIMIT_SECRET_MS + 4), ERR_INPUT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_may_take_a_minute_and_no_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
