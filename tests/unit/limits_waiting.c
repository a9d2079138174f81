/*
 * How long the process that reads a PKCS#12 file waits for its password, and
 * how long it lives: just under each limit and just over it. All of them wait
 * side by side, for the minutes that the limits are about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/wire/channel.h"
#include "places_of_tests.h"

#define MARGIN_MS 5000

struct importer {
    pid_t pid;
    int channel;
    int password; /* where its password is written */
    int64_t began;
    struct frame frame;
};

static void
importer_start(struct importer *i)
{
    int channel[2];

    assert_true(channel_pair(channel));
    i->began = clock_ms();
    i->pid = fork();
    if (i->pid == 0) {
        if (dup2(channel[1], 3) == 3)
            execl(SMIME_BUILD_DIR "/libexec/smime-agent/smime-importer",
                  "smime-importer", (char *)NULL);
        _exit(127);
    }
    assert_true(i->pid > 0);
    close(channel[1]);
    fcntl(channel[0], F_SETFD, FD_CLOEXEC);
    i->channel = channel[0];
    frame_init(&i->frame);
}

static void
importer_end(struct importer *i)
{
    close(i->channel);
    frame_drop(&i->frame);
}

/* An empty file, and a password that is still to come. */
static void
open_begin(struct importer *i)
{
    struct p12_request q = {.has_password = 1};
    int password[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_int_equal(pipe2(password, O_CLOEXEC), 0);
    assert_true(channel_send(i->channel, MSG_P12_OPEN, &q,
                             (int[]){file, password[0]}, 2));
    close(file);
    close(password[0]);
    i->password = password[1];
}

static enum err
open_answer(struct importer *i)
{
    const struct channel_wait wait = {
        .lost = ERR_AGENT_LOST, .watch = -1, .timeout_ms = 20000};
    struct problem p = {0};
    struct empty nothing;

    return channel_collect(i->channel, MSG_P12_OPEN, &wait, &i->frame, &nothing,
                           &p);
}

static void
wait_until(int64_t end)
{
    while (clock_ms() < end)
        (void)poll(NULL, 0, (int)(end - clock_ms()));
}

static void
a_password_is_waited_for_so_long(struct importer *silent, struct importer *slow)
{
    int64_t began = clock_ms();

    open_begin(silent);
    open_begin(slow);
    wait_until(began + LIMIT_SECRET_MS - MARGIN_MS);
    assert_int_equal(fd_wait_readable(silent->channel, 0), 0);
    assert_int_equal(fd_wait_readable(slow->channel, 0), 0);
    assert_true(fd_write_all(slow->password, "secret\n", 7));
    /* It was read: what is wrong is the file. */
    assert_int_equal(open_answer(slow), ERR_P12_FORMAT);
    assert_true(clock_ms() < began + LIMIT_SECRET_MS);
    assert_int_equal(open_answer(silent), ERR_INPUT);
    assert_true(clock_ms() >= began + LIMIT_SECRET_MS);
    close(silent->password);
    close(slow->password);
}

static void
an_importer_lives_so_long(struct importer *i)
{
    int64_t end = i->began + LIMIT_P12_LIFE_SECONDS * 1000;
    int status = 0;

    wait_until(end - MARGIN_MS);
    assert_int_equal(waitpid(i->pid, &status, WNOHANG), 0);
    assert_int_equal(waitpid(i->pid, &status, 0), i->pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    assert_true(clock_ms() >= end);
}

static void
nobody_waits_for_ever(void **state)
{
    struct importer silent, slow;

    (void)state;
    importer_start(&silent);
    importer_start(&slow);
    a_password_is_waited_for_so_long(&silent, &slow);
    an_importer_lives_so_long(&slow);
    importer_end(&slow);
    importer_end(&silent);
    assert_int_equal(waitpid(silent.pid, NULL, 0), silent.pid);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_ever),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
