#include "agent/session/lines.h"

#define BUFFER_BYTES (16 * 1024)

void
lines_init(struct lines *l, struct stream *from, const char *folds)
{
    *l = (struct lines){
        .from = from, .buffer = mem_raw(BUFFER_BYTES), .folds = folds};
}

void
lines_drop(struct lines *l)
{
    free(l->buffer);
    l->buffer = NULL;
    buf_drop(&l->line);
}

/* False at the end of the text. */
static enum err
fill(struct lines *l, bool *out, struct problem *p)
{
    enum err e = ERR_OK;

    if (l->at == l->have) {
        l->at = l->have = 0;
        e = stream_read(l->from, l->buffer, BUFFER_BYTES, &l->have, p);
    }
    *out = e == ERR_OK && l->have > 0;
    return e;
}

static void
take(struct lines *l, const uint8_t *p, size_t n)
{
    size_t room = LIMIT_LOGICAL_LINE_BYTES - l->line.len;

    if (n > room) {
        l->is_cut = true;
        n = room;
    }
    buf_add(&l->line, p, n);
}

/* Up to the end of a line of the text, which is not taken in. */
static enum err
rest_of_line(struct lines *l, struct problem *p)
{
    bool some;
    enum err e;

    while ((e = fill(l, &some, p)) == ERR_OK && some) {
        const uint8_t *from = l->buffer + l->at;
        const uint8_t *end = memchr(from, '\n', l->have - l->at);
        size_t n = end ? (size_t)(end - from) : l->have - l->at;

        take(l, from, n);
        l->at += n + (end ? 1 : 0);
        if (end)
            break;
    }
    if (l->line.len > 0 && l->line.data[l->line.len - 1] == '\r')
        l->line.len--;
    l->read++;
    return e;
}

static enum err
goes_on(struct lines *l, bool *out, struct problem *p)
{
    bool some = false;
    enum err e = l->folds[0] ? fill(l, &some, p) : ERR_OK;

    *out = some && l->buffer[l->at] != '\0' &&
           strchr(l->folds, l->buffer[l->at]) != NULL;
    if (*out)
        l->at++;
    return e;
}

enum err
lines_next(struct lines *l, bool *out, struct problem *p)
{
    bool some, more = true;
    enum err e = fill(l, &some, p);

    buf_clear(&l->line);
    l->is_cut = false;
    *out = false;
    if (e != ERR_OK || !some)
        return e;
    l->number = l->read + 1;
    while (e == ERR_OK && more) {
        e = rest_of_line(l, p);
        if (e == ERR_OK)
            e = goes_on(l, &more, p);
    }
    *out = e == ERR_OK;
    return e;
}
