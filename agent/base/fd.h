/*
 * Descriptors: owned, passed between processes, written whole.
 */
#ifndef AGENT_BASE_FD_H
#define AGENT_BASE_FD_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/base/err.h"
#include "agent/base/mem.h"

/* Closes *fd when it is >= 0 and sets it to -1; for AUTO(fd). */
void fd_drop(int *fd);

static inline int
fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* Writes all N bytes at the current position; EINTR is retried. Gives
 * false with errno set on failure. */
bool fd_write_all(int fd, const void *p, size_t n);

/* Monotonic milliseconds, for deadlines. */
int64_t clock_ms(void);

/* Waits until FD is readable: 1; deadline passed: 0; error: -1.
 * timeout_ms < 0 waits for ever. */
int fd_wait_readable(int fd, int timeout_ms);

/* Reads a whole small file at PATH (relative to AT_FDCWD), at most LIMIT
 * bytes; never waits for one (a FIFO is no file). Errors: ERR_INPUT with
 * errno's text, ERR_LIMIT. */
MUST_USE enum err file_read(const char *path, size_t limit, struct buf *out,
                            struct problem *p);

#endif
