#include "agent/broker/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"

#define FIRST_PASSED_FD 3

static struct sockaddr_un notify_address;
static socklen_t notify_length;

/* Gives the descriptor whose name in the colon-separated NAMES is NAME. */
static int
passed_find(const char *names, const char *name, long count)
{
    size_t n = strlen(name);

    for (int fd = FIRST_PASSED_FD; fd < FIRST_PASSED_FD + count; fd++) {
        size_t len = strcspn(names, ":");

        if (len == n && memcmp(names, name, n) == 0)
            return fd;
        names += len;
        if (*names == ':')
            names++;
    }
    return -1;
}

static bool
is_listening(int fd)
{
    int type = 0, accepts = 0, domain = 0;
    socklen_t size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0 &&
           domain == AF_UNIX && type == SOCK_STREAM && accepts;
}

int
systemd_socket(const char *name)
{
    const char *pid = getenv("LISTEN_PID");
    const char *count_text = getenv("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    long count;
    int fd;

    if (!pid || !count_text || !names ||
        strtol(pid, NULL, 10) != (long)getpid())
        return -1;
    count = strtol(count_text, NULL, 10);
    if (count < 1 || count > LIMIT_PASSED_FDS)
        return -1;
    fd = passed_find(names, name, count);
    if (fd < 0)
        return -1;
    if (!is_listening(fd)) {
        log_error("the descriptor passed as %s is no listening socket", name);
        return -1;
    }
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    return fd;
}

/* A path, or a name in the abstract namespace after '@'. */
static void
notify_remember(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;

    if (n < 2 || n >= sizeof(notify_address.sun_path) ||
        (path[0] != '/' && path[0] != '@'))
        return;
    notify_address.sun_family = AF_UNIX;
    memcpy(notify_address.sun_path, path, n);
    if (path[0] == '@')
        notify_address.sun_path[0] = '\0';
    notify_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

void
systemd_forget(void)
{
    notify_remember();
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    unsetenv("NOTIFY_SOCKET");
}

void
systemd_notify(const char *state)
{
    AUTO(fd) int fd = -1;

    if (notify_length == 0)
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
               (const struct sockaddr *)&notify_address, notify_length) < 0)
        log_note("the service manager was not told %s: %s", state,
                 strerror(errno));
}
