#include "agent/fetcher/deadline.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/fd.h"

/* How long a call may take to notice that its connection was shut down. */
#define GRACE_MS 1500

static volatile sig_atomic_t connection = -1;
static volatile sig_atomic_t over;
static int64_t ends_at;

static void
on_alarm(int number)
{
    (void)number;
    if (over || connection < 0)
        _exit(err_exit_code(ERR_DIRECTORY));
    over = 1;
    (void)shutdown(connection, SHUT_RDWR);
}

static struct timeval
time_of(int ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static int watched = -1;

/* The signal also comes with a request. */
static void
on_channel(int number)
{
    struct pollfd channel = {.fd = watched, .events = POLLRDHUP};

    (void)number;
    if (poll(&channel, 1, 0) > 0 && (channel.revents & (POLLRDHUP | POLLHUP)))
        _exit(0);
}

void
deadline_watch(int channel)
{
    struct sigaction action = {.sa_handler = on_channel,
                               .sa_flags = SA_RESTART};

    watched = channel;
    sigaction(SIGIO, &action, NULL);
    (void)fcntl(channel, F_SETOWN, getpid());
    (void)fcntl(channel, F_SETFL, fcntl(channel, F_GETFL) | O_ASYNC);
}

void
deadline_install(void)
{
    struct sigaction action = {.sa_handler = on_alarm};

    sigaction(SIGALRM, &action, NULL);
}

void
deadline_start(int fd, int ms)
{
    struct itimerval timer = {.it_value = time_of(ms > 0 ? ms : 1),
                              .it_interval = time_of(GRACE_MS)};

    connection = fd;
    over = 0;
    ends_at = clock_ms() + ms;
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

bool
deadline_end(void)
{
    struct itimerval off = {0};

    (void)setitimer(ITIMER_REAL, &off, NULL);
    connection = -1;
    return over != 0;
}

bool
deadline_is_over(void)
{
    return over != 0;
}

int
deadline_left_ms(void)
{
    int64_t left = ends_at - clock_ms();

    return left > 0 ? (int)left : 0;
}
