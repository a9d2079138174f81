#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/secret.h"
#include "client/cli/cli.h"

static volatile sig_atomic_t caught;

static void
on_signal(int number)
{
    caught = number;
}

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

static void
signals_catch(struct sigaction old[ARRAY_COUNT(watched)])
{
    struct sigaction action = {.sa_handler = on_signal};

    caught = 0;
    for (size_t i = 0; i < ARRAY_COUNT(watched); i++)
        (void)sigaction(watched[i], &action, &old[i]);
}

static void
signals_restore(const struct sigaction old[ARRAY_COUNT(watched)])
{
    for (size_t i = 0; i < ARRAY_COUNT(watched); i++)
        (void)sigaction(watched[i], &old[i], NULL);
    if (caught != 0)
        (void)raise(caught);
}

/* Reads up to the end of the line, byte by byte into locked memory; false
 * when it is cut off or too long. */
static bool
line_read(int tty, struct secret *answer)
{
    uint8_t *room = secret_room(answer, LIMIT_SECRET_BYTES);
    size_t n = 0;

    while (n < LIMIT_SECRET_BYTES && caught == 0) {
        ssize_t got = read(tty, room + n, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        if (room[n] == '\n') {
            (void)secret_room(answer, n);
            return true;
        }
        n++;
    }
    return false;
}

/* The pipe holds a line of this size without anybody reading. */
int
secret_pipe(const struct secret *answer)
{
    struct slice s = secret_slice(answer);
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    if (!fd_write_all(ends[1], s.p, s.n) || !fd_write_all(ends[1], "\n", 1))
        fd_drop(&ends[0]);
    fd_drop(&ends[1]);
    return ends[0];
}

static int
terminal_open(void)
{
    return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool
can_ask(void)
{
    AUTO(fd) int tty = terminal_open();

    return tty >= 0;
}

struct secret *
ask_secret(const char *prompt)
{
    AUTO(secret) struct secret *answer = secret_new();
    AUTO(fd) int tty = terminal_open();
    struct sigaction old[ARRAY_COUNT(watched)];
    struct termios shown, hidden;
    char line[512];
    bool has;

    if (tty < 0 || tcgetattr(tty, &shown) != 0)
        return NULL;
    text_escape(slice_text(prompt), line, sizeof(line));
    signals_catch(old);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ECHONL | ICANON;
    has = tcsetattr(tty, TCSAFLUSH, &hidden) == 0 &&
          fd_write_all(tty, line, strlen(line)) && fd_write_all(tty, ": ", 2) &&
          line_read(tty, answer);
    (void)tcsetattr(tty, TCSAFLUSH, &shown);
    signals_restore(old);
    return has ? TAKE(answer) : NULL;
}

bool
ask_yes(const char *question)
{
    AUTO(secret) struct secret *answer = secret_new();
    AUTO(fd) int tty = terminal_open();
    struct sigaction old[ARRAY_COUNT(watched)];
    struct slice s;
    char line[1024];
    bool has;

    if (tty < 0)
        return false;
    text_escape(slice_text(question), line, sizeof(line));
    signals_catch(old);
    has = fd_write_all(tty, line, strlen(line)) &&
          fd_write_all(tty, " [y/N] ", 7) && line_read(tty, answer);
    signals_restore(old);
    s = secret_slice(answer);
    return has && s.n > 0 && (s.p[0] == 'y' || s.p[0] == 'Y');
}
