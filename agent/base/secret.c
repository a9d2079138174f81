#include "agent/base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/fd.h"

/* Lies at the start of its own mapping. Two bytes more than the limit: the
 * CR LF behind the longest line. */
struct secret {
    size_t len;
    bool locked;
    uint8_t bytes[LIMIT_SECRET_BYTES + 2];
};

void
wipe(void *p, size_t n)
{
    if (n > 0)
        explicit_bzero(p, n);
}

static size_t
mapping_bytes(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (sizeof(struct secret) + page - 1) / page * page;
}

struct secret *
secret_new(void)
{
    size_t size = mapping_bytes();
    struct secret *s = mmap(NULL, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (s == MAP_FAILED) {
        static const char text[] = "out of memory for a secret\n";

        if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
            _exit(71);
        _exit(71);
    }
    /* mlock is not inherited: a forked copy would be swappable, so there is
     * none. Both fail only on kernels that don't know the advice. */
    (void)madvise(s, size, MADV_DONTDUMP);
    (void)madvise(s, size, MADV_WIPEONFORK);
    s->locked = mlock(s, size) == 0;
    return s;
}

struct secret *
secret_copy(const void *p, size_t n)
{
    struct secret *s = secret_new();

    if (n > 0)
        memcpy(secret_room(s, n), p, n);
    return s;
}

bool
secret_is_locked(const struct secret *s)
{
    return s->locked;
}

static int
remaining_ms(int64_t deadline)
{
    int64_t left;

    if (deadline < 0)
        return -1;
    left = deadline - clock_ms();
    return left > 0 ? (int)left : 0;
}

/* Reads one byte: 1, 0 at the end, -1 on failure with *p filled. */
static int
read_byte(int fd, int64_t deadline, uint8_t *out, struct problem *p)
{
    for (;;) {
        int ready = fd_wait_readable(fd, remaining_ms(deadline));
        ssize_t n;

        if (ready == 0) {
            (void)fail(p, ERR_INPUT, "no PIN or password came in time");
            return -1;
        }
        n = ready < 0 ? -1 : read(fd, out, 1);
        if (n >= 0)
            return (int)n;
        if (errno != EINTR && errno != EAGAIN) {
            (void)fail(p, ERR_INPUT, "reading a secret: %s", strerror(errno));
            return -1;
        }
    }
}

static enum err
read_line(struct secret *s, int fd, int64_t deadline, struct problem *p)
{
    size_t len = 0;
    int n = 0;

    for (; len < sizeof(s->bytes); len++) {
        if ((n = read_byte(fd, deadline, &s->bytes[len], p)) < 0)
            return ERR_INPUT;
        if (n == 0 || s->bytes[len] == '\n')
            break;
    }
    if (n == 0 && len == 0)
        return fail(p, ERR_INPUT, "there is no secret to read");
    if (n > 0 && len > 0 && s->bytes[len - 1] == '\r')
        len--;
    if (len > LIMIT_SECRET_BYTES)
        return fail(p, ERR_INPUT, "a PIN or password of more than %d bytes",
                    LIMIT_SECRET_BYTES);
    s->len = len;
    return ERR_OK;
}

enum err
secret_read(int fd, int timeout_ms, struct secret **out, struct problem *p)
{
    AUTO(secret) struct secret *s = secret_new();
    int64_t deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
    enum err e;

    if ((e = read_line(s, fd, deadline, p)) != ERR_OK)
        return e;
    *out = TAKE(s);
    return ERR_OK;
}

struct slice
secret_slice(const struct secret *s)
{
    return slice_of(s->bytes, s->len);
}

uint8_t *
secret_room(struct secret *s, size_t size)
{
    if (size > LIMIT_SECRET_BYTES)
        bug("a secret over the limit");
    s->len = size;
    return s->bytes;
}

void
secret_drop(struct secret **s)
{
    size_t size = mapping_bytes();

    if (!*s)
        return;
    wipe(*s, size);
    munmap(*s, size);
    *s = NULL;
}
