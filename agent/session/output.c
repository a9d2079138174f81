#include "agent/session/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"

#define CHUNK (128 * 1024)

struct output {
    struct sink sink;
    int fd;
    struct scratch *scratch;
    bool direct; /* a regular file whose end is where we write */
    bool committed;
    off_t start;        /* of a regular file: its size before */
    struct buf waiting; /* small writes gathered, or a small result */
    struct spool *spool;
};

/* Writes all, also to a descriptor somebody made non-blocking. */
static enum err
write_out(int fd, const uint8_t *p, size_t n, struct problem *problem)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};

            (void)poll(&wait, 1, -1);
            continue;
        }
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail(problem, ERR_OUTPUT, "%s", strerror(errno));
        p += done;
        n -= (size_t)done;
    }
    return ERR_OK;
}

static enum err
flush_waiting(struct output *o, struct problem *problem)
{
    struct slice s = buf_slice(&o->waiting);
    enum err e = o->spool ? sink_write(spool_sink(o->spool), s.p, s.n, problem)
                          : write_out(o->fd, s.p, s.n, problem);

    o->waiting.len = 0;
    return e;
}

static enum err
begin_spool(struct output *o, struct problem *problem)
{
    int fd;
    enum err e = scratch_get(o->scratch, &fd, problem);

    if (e == ERR_OK)
        o->spool = spool_new(fd);
    return e;
}

static enum err
output_write(struct sink *sink, const uint8_t *p, size_t n,
             struct problem *problem)
{
    struct output *o = (struct output *)sink;
    size_t most = o->direct || o->spool ? CHUNK : OUTPUT_MEMORY_BYTES;
    enum err e;

    if (o->waiting.len + n <= most) {
        buf_add(&o->waiting, p, n);
        return ERR_OK;
    }
    if (!o->direct && !o->spool && (e = begin_spool(o, problem)) != ERR_OK)
        return e;
    if ((e = flush_waiting(o, problem)) != ERR_OK)
        return e;
    if (n < CHUNK) {
        buf_add(&o->waiting, p, n);
        return ERR_OK;
    }
    return o->spool ? sink_write(spool_sink(o->spool), p, n, problem)
                    : write_out(o->fd, p, n, problem);
}

enum err
output_open(int fd, struct scratch *scratch, struct output **out,
            struct problem *p)
{
    int mode = fcntl(fd, F_GETFL);
    struct stat st;
    struct output *o;

    if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY || fstat(fd, &st) != 0) {
        fd_drop(&fd);
        return fail(p, ERR_OUTPUT, "it is not open for writing");
    }
    o = mem_new(sizeof(*o));
    o->sink.write = output_write;
    o->fd = fd;
    o->scratch = scratch;
    if (S_ISREG(st.st_mode)) {
        off_t at = mode & O_APPEND ? st.st_size : lseek(fd, 0, SEEK_CUR);

        /* In the middle of a file there is nothing to cut back to: there
         * the result waits as for a pipe. */
        o->direct = at == st.st_size;
        o->start = at;
    }
    *out = o;
    return ERR_OK;
}

struct sink *
output_sink(struct output *o)
{
    return &o->sink;
}

static enum err
pump_spool(struct output *o, struct problem *p)
{
    for (;;) {
        size_t got;
        enum err e;

        buf_reserve(&o->waiting, CHUNK);
        e = stream_read(spool_stream(o->spool), o->waiting.data, CHUNK, &got,
                        p);
        if (e != ERR_OK || got == 0)
            return e;
        if ((e = write_out(o->fd, o->waiting.data, got, p)) != ERR_OK)
            return e;
    }
}

enum err
output_commit(struct output *o, struct problem *p)
{
    enum err e = flush_waiting(o, p);

    if (e == ERR_OK && o->spool)
        e = pump_spool(o, p);
    o->committed = e == ERR_OK;
    return e;
}

/* Back to where a regular file began. */
static bool
cut_back(struct output *o)
{
    if (ftruncate(o->fd, o->start) != 0) {
        log_error("an output could not be cut back: %s", strerror(errno));
        return false;
    }
    return lseek(o->fd, o->start, SEEK_SET) == o->start;
}

enum err
output_restart(struct output *o, struct problem *p)
{
    if (o->direct && !cut_back(o))
        return fail(p, ERR_OUTPUT, "it cannot be cut back");
    spool_drop(&o->spool);
    buf_clear(&o->waiting);
    return ERR_OK;
}

void
output_drop(struct output **o)
{
    if (!*o)
        return;
    if ((*o)->direct && !(*o)->committed)
        (void)cut_back(*o);
    spool_drop(&(*o)->spool);
    buf_drop(&(*o)->waiting);
    fd_drop(&(*o)->fd);
    free(*o);
    *o = NULL;
}
