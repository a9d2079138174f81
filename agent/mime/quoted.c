/*
 * Quoted-printable (RFC 2045 6.7), decoded.
 *
 * What stands between escapes and line ends is copied in runs; only what may
 * vanish goes byte by byte: blanks before a line end, soft line breaks.
 */
#include "agent/base/limits.h"
#include "agent/mime/letters.h"
#include "agent/mime/transfer.h"

enum quoted_state { QUOTED_TEXT, QUOTED_ESCAPE, QUOTED_ENDED };

struct quoted_reader {
    struct stream s;
    struct stream *from;
    enum quoted_state state;
    size_t at, filled; /* what of IN is unread */
    size_t line_end;   /* next line end in IN, or FILLED; valid up to AT */
    size_t held;       /* text: blanks and CR; escape: "=" and what follows */
    uint8_t hold[LIMIT_HELD_BYTES];
    size_t ready_at, ready; /* decoded, not handed over yet */
    uint8_t ready_bytes[LIMIT_HELD_BYTES + 2];
    uint8_t in[STREAM_CHUNK_BYTES];
};

static void
give_byte(struct quoted_reader *r, uint8_t c)
{
    r->ready_bytes[r->ready++] = c;
}

static void
give_held(struct quoted_reader *r)
{
    memcpy(r->ready_bytes + r->ready, r->hold, r->held);
    r->ready += r->held;
    r->held = 0;
}

static bool
held_ends_in_cr(const struct quoted_reader *r)
{
    return r->held > 0 && r->hold[r->held - 1] == '\r';
}

static void
text_byte(struct quoted_reader *r, uint8_t c)
{
    bool cr = held_ends_in_cr(r);

    if (c == '\n') {
        r->held = 0;
        if (cr)
            give_byte(r, '\r');
        give_byte(r, '\n');
        return;
    }
    if (cr || !(is_blank(c) || c == '\r') || r->held == sizeof(r->hold))
        give_held(r);
    if (is_blank(c) || c == '\r' || c == '=')
        r->hold[r->held++] = c;
    else
        give_byte(r, c);
    if (c == '=')
        r->state = QUOTED_ESCAPE;
}

/* True when C goes on with the escape that is held. */
static bool
escape_goes_on(const struct quoted_reader *r, uint8_t c)
{
    uint8_t last = r->hold[r->held - 1];

    if (r->held == sizeof(r->hold))
        return false;
    if (r->held == 1 && hex_value(c) >= 0)
        return true;
    return (last == '=' || is_blank(last)) && (is_blank(c) || c == '\r');
}

static void
escape_byte(struct quoted_reader *r, uint8_t c)
{
    int high = r->held == 2 ? hex_value(r->hold[1]) : -1;

    if (high >= 0 && hex_value(c) >= 0) {
        r->held = 0;
        r->state = QUOTED_TEXT;
        give_byte(r, (uint8_t)(high << 4 | hex_value(c)));
        return;
    }
    if (escape_goes_on(r, c)) {
        r->hold[r->held++] = c;
        return;
    }
    r->state = QUOTED_TEXT;
    if (c == '\n' && high < 0) {
        r->held = 0;
        return;
    }
    /* No escape at all: it stays as it is (RFC 2045 6.7, note 2). */
    give_held(r);
    text_byte(r, c);
}

/* Copies text that nothing can happen to; gives the bytes copied. */
static size_t
copy_run(struct quoted_reader *r, uint8_t *out, size_t size)
{
    const uint8_t *p = r->in + r->at, *found;
    size_t n;

    if (r->line_end < r->at) {
        found = memchr(p, '\n', r->filled - r->at);
        r->line_end = found ? (size_t)(found - r->in) : r->filled;
    }
    n = r->line_end - r->at;
    if (n > size)
        n = size;
    found = memchr(p, '=', n);
    if (found)
        n = (size_t)(found - p);
    while (n > 0 && (is_blank(p[n - 1]) || p[n - 1] == '\r'))
        n--;
    memcpy(out, p, n);
    r->at += n;
    return n;
}

/* Decodes what is in memory into OUT; gives the bytes written. */
static size_t
decode_some(struct quoted_reader *r, uint8_t *out, size_t size)
{
    size_t done = 0;

    while (done < size) {
        if (r->ready_at < r->ready) {
            out[done++] = r->ready_bytes[r->ready_at++];
            continue;
        }
        r->ready_at = r->ready = 0;
        if (r->at == r->filled)
            break;
        if (r->state == QUOTED_TEXT && r->held == 0) {
            size_t n = copy_run(r, out + done, size - done);

            done += n;
            if (n > 0)
                continue;
        }
        if (r->state == QUOTED_ESCAPE)
            escape_byte(r, r->in[r->at++]);
        else
            text_byte(r, r->in[r->at++]);
    }
    return done;
}

/* Blanks at the end, and a "=" that ends the last line, vanish. */
static void
end_input(struct quoted_reader *r)
{
    bool keep = r->state == QUOTED_TEXT
                    ? held_ends_in_cr(r)
                    : r->held == 2 && hex_value(r->hold[1]) >= 0;

    if (keep)
        give_held(r);
    r->held = 0;
    r->state = QUOTED_ENDED;
}

static enum err
quoted_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    struct quoted_reader *r = (struct quoted_reader *)s;

    for (;;) {
        size_t n = decode_some(r, out, size);
        enum err e;

        if (n > 0 || r->state == QUOTED_ENDED) {
            *got = n;
            return ERR_OK;
        }
        if ((e = stream_read(r->from, r->in, sizeof(r->in), &n, p)) != ERR_OK)
            return e;
        r->at = 0;
        r->filled = n;
        r->line_end = 0;
        if (n == 0)
            end_input(r);
        else if (r->in[0] != '\n') {
            const uint8_t *lf = memchr(r->in, '\n', n);

            r->line_end = lf ? (size_t)(lf - r->in) : n;
        }
    }
}

struct quoted_reader *
quoted_reader_new(struct stream *from)
{
    struct quoted_reader *r = mem_new(sizeof(*r));

    r->s.read = quoted_read;
    r->from = from;
    return r;
}

struct stream *
quoted_reader_stream(struct quoted_reader *r)
{
    return &r->s;
}

void
quoted_reader_drop(struct quoted_reader **r)
{
    if (*r)
        explicit_bzero(*r, sizeof(**r));
    free(*r);
    *r = NULL;
}
