#include "agent/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/stream.h"

void
fd_drop(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

bool
fd_write_all(int fd, const void *p, size_t n)
{
    const uint8_t *at = p;

    while (n > 0) {
        ssize_t wrote = write(fd, at, n);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote == 0)
            errno = EIO;
        if (wrote <= 0)
            return false;
        at += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

int64_t
clock_ms(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        bug("there is no monotonic clock");
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
fd_wait_readable(int fd, int timeout_ms)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    int64_t deadline = clock_ms() + timeout_ms;
    int left_ms = timeout_ms;
    int n;

    if (fd < 0) {
        errno = EBADF;
        return -1;
    }
    while ((n = poll(&wanted, 1, left_ms)) < 0 && errno == EINTR) {
        if (timeout_ms >= 0) {
            int64_t left = deadline - clock_ms();

            left_ms = left > 0 ? (int)left : 0;
        }
    }
    if (n > 0 && (wanted.revents & POLLNVAL)) {
        errno = EBADF;
        return -1;
    }
    return n;
}

enum err
file_read(const char *path, size_t limit, struct buf *out, struct problem *p)
{
    AUTO(fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stream_fd stream;
    struct stat s;
    enum err e;

    if (fd < 0 || fstat(fd, &s) != 0) {
        e = fail(p, ERR_INPUT, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(s.st_mode)) {
        e = fail(p, ERR_INPUT, "%s: it is no file", path);
    } else {
        stream_fd_init(&stream, fd, -1, -1);
        e = stream_read_all(&stream.s, limit, out, p);
    }
    if (e != ERR_OK)
        problem_set_subject(p, path);
    return e;
}
