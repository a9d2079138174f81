/* The process that reads a PKCS#12 file ends by itself: with an alarm that
 * rings a hundred times sooner than it is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#undef fail

#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "agent/base/fd.h"
#include "agent/wire/channel.h"

#define main importer_main
int importer_main(void);
#include "agent/importer/main.c"
#undef main

#define SOONER 100

static int told = -1; /* what was asked for, told through a pipe */

unsigned __wrap_alarm(unsigned seconds);

unsigned
__wrap_alarm(unsigned seconds)
{
    const struct itimerval timer = {
        .it_value = {.tv_sec = seconds / SOONER,
                     .tv_usec = (seconds % SOONER) * (1000000 / SOONER)}};
    uint8_t byte = seconds == LIMIT_P12_LIFE_SECONDS;

    if (write(told, &byte, 1) != 1 || setitimer(ITIMER_REAL, &timer, NULL) != 0)
        _exit(127);
    return 0;
}

/* An importer that is asked for nothing; *out_begun: when its life began. */
static pid_t
importer_start(int *out_channel, int64_t *out_begun)
{
    int channel[2], tell[2];
    uint8_t byte = 0;
    pid_t pid;

    assert_true(channel_pair(channel));
    assert_int_equal(pipe(tell), 0);
    pid = fork();
    if (pid == 0) {
        told = tell[1];
        if (channel[1] == CHANNEL_FD || dup2(channel[1], CHANNEL_FD) >= 0)
            (void)importer_main();
        _exit(127);
    }
    close(channel[1]);
    close(tell[1]);
    assert_int_equal(read(tell[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    *out_begun = clock_ms();
    close(tell[0]);
    *out_channel = channel[0];
    return pid;
}

static void
it_lives_so_long_and_no_longer(void **state)
{
    const int64_t life_ms = LIMIT_P12_LIFE_SECONDS * 1000 / SOONER;
    int64_t begun, lived = 0;
    int channel, status = 0;
    pid_t pid = importer_start(&channel, &begun);

    (void)state;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        lived = clock_ms() - begun;
        assert_true(lived < life_ms + 20000);
        (void)poll(NULL, 0, 10);
    }
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGALRM);
    assert_true(lived >= life_ms - 100);
    close(channel);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_lives_so_long_and_no_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
