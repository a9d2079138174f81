/*
 * base64 (RFC 2045 6.8) pulled and pushed.
 *
 * Our own and not libcrypto's EVP_DecodeBlock: that one wants line ends
 * stripped first and refuses what mail must tolerate, so the careful path
 * below would be needed anyway. Table look-ups decode well over 1 GB/s, more
 * than what follows them takes, and this folder stays without cryptography.
 */
#include "agent/mime/letters.h"
#include "agent/mime/transfer.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- decoding ------------------------------------------------------------ */

/* Marks a letter of the alphabet in the table; what is none is 0. */
#define LETTER       0x40
#define FOUR_LETTERS (LETTER << 18 | LETTER << 12 | LETTER << 6 | LETTER)

enum base64_state {
    BASE64_GOING,
    BASE64_ENDED,
    BASE64_CUT /* ended in the middle of a byte */
};

struct base64_reader {
    struct stream s;
    struct stream *from;
    enum base64_state state;
    bool rubbish;      /* passed over, or behind the padding */
    size_t at, filled; /* what of IN is unread */
    uint32_t bits;     /* letters of the quantum begun */
    unsigned letters;  /* 0 to 3 of them */
    uint8_t whole[3];  /* decoded, but the caller had no room */
    unsigned whole_at, whole_n;
    uint8_t table[256]; /* value | LETTER */
    size_t most;        /* of IN was ever filled: what has to be wiped */
    uint8_t in[STREAM_CHUNK_BYTES];
};

/* Whole quanta as long as there are only letters; gives the bytes written. */
static size_t
decode_quanta(struct base64_reader *r, uint8_t *out, size_t size)
{
    const uint8_t *p = r->in + r->at;
    size_t n = (r->filled - r->at) / 4;
    const uint8_t *t = r->table;
    size_t i;

    if (n > size / 3)
        n = size / 3;
    for (i = 0; i < n; i++, p += 4, out += 3) {
        uint32_t a = t[p[0]], b = t[p[1]], c = t[p[2]], d = t[p[3]];
        uint32_t bits;

        if (!(a & b & c & d & LETTER))
            break;
        bits = (a << 18) + (b << 12) + (c << 6) + d - FOUR_LETTERS;
        out[0] = (uint8_t)(bits >> 16);
        out[1] = (uint8_t)(bits >> 8);
        out[2] = (uint8_t)bits;
    }
    r->at += i * 4;
    return i * 3;
}

/* The quantum ends with fewer than four letters: padding or the end. */
static void
end_quantum(struct base64_reader *r)
{
    r->state = r->letters == 1 ? BASE64_CUT : BASE64_ENDED;
    if (r->letters < 2)
        return;
    r->bits <<= 6 * (4 - r->letters);
    r->whole[0] = (uint8_t)(r->bits >> 16);
    r->whole[1] = (uint8_t)(r->bits >> 8);
    r->whole_at = 0;
    r->whole_n = r->letters - 1;
    r->letters = 0;
}

/* One character, whatever it is. */
static void
decode_character(struct base64_reader *r)
{
    uint8_t c = r->in[r->at++];

    if (c == '=') {
        end_quantum(r);
        return;
    }
    if (!(r->table[c] & LETTER)) {
        r->rubbish |= !is_white(c);
        return;
    }
    r->bits = r->bits << 6 | (r->table[c] & (LETTER - 1));
    if (++r->letters < 4)
        return;
    r->letters = 0;
    r->whole[0] = (uint8_t)(r->bits >> 16);
    r->whole[1] = (uint8_t)(r->bits >> 8);
    r->whole[2] = (uint8_t)r->bits;
    r->whole_at = 0;
    r->whole_n = 3;
}

/* Decodes what is in memory into OUT; gives the bytes written. */
static size_t
decode_some(struct base64_reader *r, uint8_t *out, size_t size)
{
    size_t done = 0;

    while (done < size) {
        if (r->whole_at < r->whole_n)
            out[done++] = r->whole[r->whole_at++];
        else if (r->state != BASE64_GOING || r->at == r->filled)
            break;
        else {
            if (r->letters == 0)
                done += decode_quanta(r, out + done, size - done);
            /* A line's end, mostly, or too little room or input. */
            if (r->at < r->filled && done < size)
                decode_character(r);
        }
    }
    return done;
}

static enum err
base64_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
            struct problem *p)
{
    struct base64_reader *r = (struct base64_reader *)s;

    for (;;) {
        size_t n = decode_some(r, out, size);
        enum err e;

        if (n == 0 && r->state == BASE64_CUT)
            return fail(p, ERR_BAD_MESSAGE, "base64 ends in the middle");
        if (n > 0 || r->state == BASE64_ENDED) {
            *got = n;
            return ERR_OK;
        }
        if ((e = stream_read(r->from, r->in, sizeof(r->in), &n, p)) != ERR_OK)
            return e;
        r->at = 0;
        r->filled = n;
        if (r->most < n)
            r->most = n;
        if (n == 0)
            end_quantum(r);
    }
}

struct base64_reader *
base64_reader_new(struct stream *from)
{
    struct base64_reader *r = mem_raw(sizeof(*r));

    memset(r, 0, offsetof(struct base64_reader, in));
    r->s.read = base64_read;
    r->from = from;
    for (uint8_t i = 0; i < 64; i++)
        r->table[(uint8_t)alphabet[i]] = i | LETTER;
    return r;
}

struct stream *
base64_reader_stream(struct base64_reader *r)
{
    return &r->s;
}

enum err
base64_reader_finish(struct base64_reader *r, bool *out_rubbish,
                     struct problem *p)
{
    enum err e;

    do {
        for (; r->at < r->filled; r->at++)
            r->rubbish |= r->in[r->at] != '=' && !is_white(r->in[r->at]);
        r->at = 0;
        if ((e = stream_read(r->from, r->in, sizeof(r->in), &r->filled, p)) !=
            ERR_OK)
            return e;
    } while (r->filled > 0);
    *out_rubbish = r->rubbish;
    return ERR_OK;
}

void
base64_reader_drop(struct base64_reader **r)
{
    if (*r)
        explicit_bzero(*r, offsetof(struct base64_reader, in) + (*r)->most);
    free(*r);
    *r = NULL;
}

/* ---- encoding ------------------------------------------------------------ */

#define LINE_BYTES      48 /* make 64 characters */
#define LINE_CHARACTERS 64
#define LINES_HELD      512

struct base64_writer {
    struct sink s;
    struct sink *to;
    bool crlf;
    size_t held; /* bytes of the line begun */
    uint8_t line[LINE_BYTES];
    size_t filled;
    size_t most; /* ever filled: what has to be wiped */
    uint8_t out[LINES_HELD * (LINE_CHARACTERS + 2)];
};

static enum err
encoded_flush(struct base64_writer *w, struct problem *p)
{
    size_t n = w->filled;

    if (n > w->most)
        w->most = n;
    w->filled = 0;
    return sink_write(w->to, w->out, n, p);
}

static void
encode_triple(const uint8_t *p, uint8_t *out)
{
    uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

    out[0] = (uint8_t)alphabet[bits >> 18];
    out[1] = (uint8_t)alphabet[bits >> 12 & 63];
    out[2] = (uint8_t)alphabet[bits >> 6 & 63];
    out[3] = (uint8_t)alphabet[bits & 63];
}

static void
end_line(struct base64_writer *w)
{
    if (w->crlf)
        w->out[w->filled++] = '\r';
    w->out[w->filled++] = '\n';
}

/* A whole line of LINE_BYTES; there is room. */
static void
encode_line(struct base64_writer *w, const uint8_t *p)
{
    uint8_t *out = w->out + w->filled;

    for (size_t i = 0; i < LINE_BYTES / 3; i++)
        encode_triple(p + 3 * i, out + 4 * i);
    w->filled += LINE_CHARACTERS;
    end_line(w);
}

static enum err
add_line(struct base64_writer *w, const uint8_t *line, struct problem *p)
{
    encode_line(w, line);
    if (sizeof(w->out) - w->filled < LINE_CHARACTERS + 2)
        return encoded_flush(w, p);
    return ERR_OK;
}

static enum err
base64_write(struct sink *s, const uint8_t *p, size_t n,
             struct problem *problem)
{
    struct base64_writer *w = (struct base64_writer *)s;
    enum err e;

    if (w->held > 0) {
        size_t more = LINE_BYTES - w->held < n ? LINE_BYTES - w->held : n;

        memcpy(w->line + w->held, p, more);
        w->held += more;
        p += more;
        n -= more;
        if (w->held < LINE_BYTES)
            return ERR_OK;
        w->held = 0;
        if ((e = add_line(w, w->line, problem)) != ERR_OK)
            return e;
    }
    for (; n >= LINE_BYTES; p += LINE_BYTES, n -= LINE_BYTES)
        if ((e = add_line(w, p, problem)) != ERR_OK)
            return e;
    if (n > 0)
        memcpy(w->line, p, n);
    w->held = n;
    return ERR_OK;
}

enum err
base64_writer_finish(struct base64_writer *w, struct problem *p)
{
    size_t whole = w->held / 3 * 3, left = w->held - whole;
    uint8_t last[3] = {0};

    for (size_t i = 0; i < whole; i += 3, w->filled += 4)
        encode_triple(w->line + i, w->out + w->filled);
    if (left > 0) {
        memcpy(last, w->line + whole, left);
        encode_triple(last, w->out + w->filled);
        memset(w->out + w->filled + left + 1, '=', 3 - left);
        w->filled += 4;
    }
    if (w->held > 0)
        end_line(w);
    w->held = 0;
    return encoded_flush(w, p);
}

struct base64_writer *
base64_writer_new(struct sink *to, bool crlf)
{
    struct base64_writer *w = mem_raw(sizeof(*w));

    w->s.write = base64_write;
    w->to = to;
    w->crlf = crlf;
    w->held = w->filled = w->most = 0;
    return w;
}

struct sink *
base64_writer_sink(struct base64_writer *w)
{
    return &w->s;
}

void
base64_writer_drop(struct base64_writer **w)
{
    if (*w) {
        explicit_bzero((*w)->line, sizeof((*w)->line));
        explicit_bzero((*w)->out,
                       (*w)->filled > (*w)->most ? (*w)->filled : (*w)->most);
    }
    free(*w);
    *w = NULL;
}
