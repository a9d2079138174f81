#include "agent/session/input.h"

#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"

void
input_open(int fd, struct input *out)
{
    struct stat st;
    off_t start = -1, end = -1;

    /* By position where that is possible: the client's own offset stays. */
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        start = lseek(fd, 0, SEEK_CUR);
        end = st.st_size > 0 ? st.st_size : -1; /* 0: also what /proc says */
    }
    out->fd = fd;
    stream_fd_init(&out->stream, fd, start, end);
}

void
input_drop(struct input *in)
{
    fd_drop(&in->fd);
}

static enum err
joined_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    struct stream_joined *j = (struct stream_joined *)s;
    size_t n = j->first.n < size ? j->first.n : size;

    if (n == 0)
        return stream_read(j->rest, out, size, got, p);
    memcpy(out, j->first.p, n);
    j->first.p += n;
    j->first.n -= n;
    *got = n;
    return ERR_OK;
}

void
stream_joined_init(struct stream_joined *j, struct slice first,
                   struct stream *rest)
{
    *j = (struct stream_joined){
        .s = {.read = joined_read}, .first = first, .rest = rest};
}

static enum err
digested_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
              struct problem *p)
{
    struct stream_digested *d = (struct stream_digested *)s;
    enum err e = stream_read(d->from, out, size, got, p);
    struct sink *to;

    if (e != ERR_OK)
        return e;
    to = d->canonical ? crlf_writer_sink(d->canonical)
                      : digests_sink(d->digests);
    if (*got > 0)
        return sink_write(to, out, *got, p);
    return d->canonical ? crlf_writer_finish(d->canonical, p) : ERR_OK;
}

void
stream_digested_init(struct stream_digested *d, struct stream *from,
                     struct digests *digests, bool canonical)
{
    *d = (struct stream_digested){
        .s = {.read = digested_read}, .from = from, .digests = digests};
    if (canonical)
        d->canonical = crlf_writer_new(digests_sink(digests));
}

void
stream_digested_drop(struct stream_digested *d)
{
    crlf_writer_drop(&d->canonical);
}

/* ---- entities: a header that may turn out to be none ------------------------
 */

/* Keeps a copy of what passes, so that it can be given back, and whether
 * it was this stream that failed. */
struct stream_kept {
    struct stream s;
    struct stream *from;
    struct buf kept;
    bool failed;
};

static enum err
kept_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
          struct problem *p)
{
    struct stream_kept *k = (struct stream_kept *)s;
    enum err e = stream_read(k->from, out, size, got, p);

    if (e == ERR_OK)
        buf_add(&k->kept, out, *got);
    k->failed = e != ERR_OK;
    return e;
}

enum err
entity_read(struct stream *from, struct entity *out, struct problem *p)
{
    struct stream_kept kept = {.s = {.read = kept_read}, .from = from};
    enum err e;

    memset(out, 0, sizeof(*out));
    e = header_read(&kept.s, &out->header, &out->rest, p);
    if (e == ERR_OK) {
        out->is_entity = true;
        buf_drop(&kept.kept);
    } else if (kept.failed) {
        buf_drop(&kept.kept);
        return e;
    } else {
        out->rest = kept.kept;
    }
    stream_joined_init(&out->joined, buf_slice(&out->rest), from);
    out->body = &out->joined.s;
    return ERR_OK;
}

void
entity_drop(struct entity *e)
{
    header_drop(&e->header);
    buf_drop(&e->rest);
}

static enum err
tee_write(struct sink *s, const uint8_t *p, size_t n, struct problem *problem)
{
    struct sink_tee *t = (struct sink_tee *)s;
    enum err e = sink_write(t->a, p, n, problem);

    return e == ERR_OK ? sink_write(t->b, p, n, problem) : e;
}

void
sink_tee_init(struct sink_tee *t, struct sink *a, struct sink *b)
{
    *t = (struct sink_tee){.s = {.write = tee_write}, .a = a, .b = b};
}
