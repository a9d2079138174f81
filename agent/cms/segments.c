#include "agent/cms/segments.h"

#include "agent/cms/der.h"

static enum err
write_segment(struct segments *s, const uint8_t *p, size_t n,
              struct problem *problem)
{
    uint8_t header[10];
    size_t header_len = der_header(TAG_OCTET_STRING, n, header);
    enum err e;

    if ((e = sink_write(s->to, header, header_len, problem)) != ERR_OK)
        return e;
    return sink_write(s->to, p, n, problem);
}

enum err
segments_flush(struct segments *s, struct problem *p)
{
    enum err e = ERR_OK;

    if (s->pending.len > 0)
        e = write_segment(s, s->pending.data, s->pending.len, p);
    s->pending.len = 0;
    return e;
}

/* Large writes go on as they are; small ones are gathered. */
static enum err
segments_write(struct sink *sink, const uint8_t *p, size_t n,
               struct problem *problem)
{
    struct segments *s = (struct segments *)sink;
    enum err e;

    while (n > 0) {
        size_t room = SEGMENT_BYTES - s->pending.len;
        size_t take = n < room ? n : room;

        if (s->pending.len == 0 && n >= SEGMENT_BYTES) {
            take = n < STREAM_CHUNK_BYTES ? n : STREAM_CHUNK_BYTES;
            e = write_segment(s, p, take, problem);
        } else {
            buf_add(&s->pending, p, take);
            e = s->pending.len < SEGMENT_BYTES ? ERR_OK
                                               : segments_flush(s, problem);
        }
        if (e != ERR_OK)
            return e;
        p += take;
        n -= take;
    }
    return ERR_OK;
}

void
segments_init(struct segments *s, struct sink *to)
{
    *s = (struct segments){.sink = {.write = segments_write}, .to = to};
}

void
segments_drop(struct segments *s)
{
    buf_drop(&s->pending);
}
