/*
 * Bytes that are pulled: the one interface between files, MIME parts,
 * transfer decoding, CMS content and decryption. Each reader wraps another
 * and borrows it.
 */
#ifndef AGENT_BASE_STREAM_H
#define AGENT_BASE_STREAM_H

#include <sys/types.h>

#include "agent/base/err.h"
#include "agent/base/mem.h"

#define STREAM_CHUNK_BYTES (64 * 1024)

/*
 * Fills up to SIZE bytes of OUT and sets *got; *got == 0 means the end (and
 * stays so). An error is final. SIZE must not be 0. Nothing is left in OUT
 * behind *got, unless it fails: who gave the room wipes no more.
 */
struct stream {
    enum err (*read)(struct stream *s, uint8_t *out, size_t size, size_t *got,
                     struct problem *p);
};

static inline MUST_USE enum err
stream_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    return s->read(s, out, size, got, p);
}

/* A stream over memory that somebody else owns. */
struct stream_memory {
    struct stream s;
    struct slice rest;
};
void stream_memory_init(struct stream_memory *m, struct slice bytes);

/* A stream over a descriptor; borrows it. Errors: ERR_INPUT. With offset
 * >= 0 it reads by pread from there up to END (-1: to the end of the file). */
struct stream_fd {
    struct stream s;
    int fd;
    off_t offset;
    off_t end;
};
void stream_fd_init(struct stream_fd *f, int fd, off_t offset, off_t end);

/* Reads all of S into OUT, at most LIMIT bytes: ERR_LIMIT beyond. */
MUST_USE enum err stream_read_all(struct stream *s, size_t limit,
                                  struct buf *out, struct problem *p);

/*
 * Bytes that are pushed: where results go. write takes all or fails.
 */
struct sink {
    enum err (*write)(struct sink *s, const uint8_t *p, size_t n,
                      struct problem *problem);
};

static inline MUST_USE enum err
sink_write(struct sink *s, const void *p, size_t n, struct problem *problem)
{
    return n == 0 ? ERR_OK : s->write(s, p, n, problem);
}

/* A sink that appends to a buffer, at most LIMIT bytes (ERR_LIMIT). */
struct sink_buf {
    struct sink s;
    struct buf *out;
    size_t limit;
};
void sink_buf_init(struct sink_buf *k, struct buf *out, size_t limit);

/* Pulls everything out of FROM and pushes it into TO. */
MUST_USE enum err stream_pump(struct stream *from, struct sink *to,
                              struct problem *p);

#endif
