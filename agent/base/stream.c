#include "agent/base/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"

#define STREAM_FIRST_BYTES 4096

static enum err
memory_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    struct stream_memory *m = (struct stream_memory *)s;
    size_t n = m->rest.n < size ? m->rest.n : size;

    (void)p;
    if (n > 0) {
        memcpy(out, m->rest.p, n);
        m->rest.p += n;
        m->rest.n -= n;
    }
    *got = n;
    return ERR_OK;
}

void
stream_memory_init(struct stream_memory *m, struct slice bytes)
{
    *m = (struct stream_memory){.s = {.read = memory_read}, .rest = bytes};
}

/* One read or pread; waits where the descriptor's other owner made it
 * non-blocking. */
static ssize_t
read_some(const struct stream_fd *f, uint8_t *out, size_t size)
{
    for (;;) {
        ssize_t n = f->offset < 0 ? read(f->fd, out, size)
                                  : pread(f->fd, out, size, f->offset);

        if (n >= 0)
            return n;
        if (errno == EAGAIN && fd_wait_readable(f->fd, -1) > 0)
            continue;
        if (errno != EINTR)
            return -1;
    }
}

/* A stream by read() that has met its end keeps end == 0: a file that grows
 * meanwhile does not go on. */
static enum err
descriptor_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
                struct problem *p)
{
    struct stream_fd *f = (struct stream_fd *)s;
    bool by_offset = f->offset >= 0;
    ssize_t n;

    if (by_offset && f->end >= 0) {
        off_t left = f->end > f->offset ? f->end - f->offset : 0;

        if ((uintmax_t)left < size)
            size = (size_t)left;
    }
    if (size == 0 || (!by_offset && f->end == 0)) {
        *got = 0;
        return ERR_OK;
    }
    n = read_some(f, out, size);
    if (n < 0)
        return fail(p, ERR_INPUT, "%s", strerror(errno));
    if (by_offset)
        f->offset += n;
    if (n == 0)
        f->end = by_offset ? f->offset : 0;
    *got = (size_t)n;
    return ERR_OK;
}

void
stream_fd_init(struct stream_fd *f, int fd, off_t offset, off_t end)
{
    *f = (struct stream_fd){.s = {.read = descriptor_read},
                            .fd = fd,
                            .offset = offset < 0 ? -1 : offset,
                            .end = offset < 0 ? -1 : end};
}

/* Wipes what was appended behind LEN. */
static void
buf_cut(struct buf *b, size_t len)
{
    if (b->len > len)
        explicit_bzero(b->data + len, b->len - len);
    b->len = len;
}

/* Appends to OUT until the end; OUT keeps its bytes on failure. */
static enum err
append_all(struct stream *s, size_t limit, struct buf *out, struct problem *p)
{
    size_t before = out->len;

    for (;;) {
        size_t room = limit - (out->len - before);
        size_t want = room < STREAM_CHUNK_BYTES ? room + 1 : STREAM_CHUNK_BYTES;
        size_t got = 0;
        enum err e;

        buf_reserve(out, want);
        e = stream_read(s, out->data + out->len, want, &got, p);
        if (e != ERR_OK)
            return e;
        if (got == 0)
            return ERR_OK;
        out->len += got;
        if (got > room)
            return fail(p, ERR_LIMIT, "more than %zu bytes", limit);
    }
}

enum err
stream_read_all(struct stream *s, size_t limit, struct buf *out,
                struct problem *p)
{
    size_t before = out->len;
    enum err e = append_all(s, limit, out, p);

    if (e != ERR_OK)
        buf_cut(out, before);
    return e;
}

static enum err
buf_write(struct sink *s, const uint8_t *p, size_t n, struct problem *problem)
{
    struct sink_buf *k = (struct sink_buf *)s;

    if (n > k->limit)
        return fail(problem, ERR_LIMIT, "no room for %zu more bytes", n);
    k->limit -= n;
    buf_add(k->out, p, n);
    return ERR_OK;
}

void
sink_buf_init(struct sink_buf *k, struct buf *out, size_t limit)
{
    *k = (struct sink_buf){
        .s = {.write = buf_write}, .out = out, .limit = limit};
}

/* Most mail is small: the chunk grows to its full size only while what is
 * read fills it, so that a short mail does not pay for wiping 64 KiB. */
enum err
stream_pump(struct stream *from, struct sink *to, struct problem *p)
{
    AUTO(buf) struct buf chunk = {0};
    size_t size = STREAM_FIRST_BYTES;

    for (;;) {
        size_t got = 0;
        enum err e;

        e = stream_read(from, buf_room(&chunk, size), size, &got, p);
        /* What failed may have filled all of it. */
        buf_written(&chunk, e == ERR_OK ? got : size);
        chunk.len = 0;
        if (e != ERR_OK || got == 0)
            return e;
        if ((e = sink_write(to, chunk.data, got, p)) != ERR_OK)
            return e;
        if (got == size)
            size = STREAM_CHUNK_BYTES;
    }
}
