/*
 * Code points and encoded words (RFC 2047). No iconv: the few charsets that
 * matter for names are here, in UTF-8 out.
 */
#include "agent/mime/encoded_word.h"
#include "agent/mime/address.h"
#include "agent/mime/letters.h"

#define REPLACEMENT 0xfffd

int32_t
utf8_take(struct slice *s)
{
    uint8_t c = s->p[0];
    size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    int32_t point = c;
    size_t i;

    if (c >= 0x80) {
        point = c & (0x3f >> more);
        for (i = 1; i <= more && i < s->n && (s->p[i] & 0xc0) == 0x80; i++)
            point = point << 6 | (s->p[i] & 0x3f);
        if (i <= more || c < 0xc2 || c > 0xf4 || point < least[more] ||
            point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
            point = -1;
            more = 0;
        }
    } else
        more = 0;
    s->p += more + 1;
    s->n -= more + 1;
    return point;
}

bool
is_utf8(struct slice s)
{
    while (s.n > 0)
        if (utf8_take(&s) < 0)
            return false;
    return true;
}

void
utf8_add(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_add_byte(out, (uint8_t)c);
        return;
    }
    if (c < 0x800)
        buf_add_byte(out, (uint8_t)(0xc0 | c >> 6));
    else {
        if (c < 0x10000)
            buf_add_byte(out, (uint8_t)(0xe0 | c >> 12));
        else {
            buf_add_byte(out, (uint8_t)(0xf0 | c >> 18));
            buf_add_byte(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        }
        buf_add_byte(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
    }
    buf_add_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
}

struct range {
    int32_t first, last;
};

static bool
is_within(int32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

bool
is_hidden_character(int32_t c)
{
    static const struct range ranges[] = {
        {0xad, 0xad},       {0x34f, 0x34f},     {0x115f, 0x1160},
        {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200d},
        {0x2060, 0x2065},   {0x206a, 0x206f},   {0x3164, 0x3164},
        {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0100, 0xe01ef},
    };

    return is_within(c, ranges, ARRAY_COUNT(ranges));
}

bool
is_deceptive_character(int32_t c)
{
    static const struct range ranges[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},     /* C0, DEL, C1 */
        {0x061c, 0x061c},   {0x200e, 0x200f}, /* marks of direction */
        {0x2028, 0x202e},                     /* separators, bidi */
        {0x2066, 0x206f},                     /* isolates, deprecated */
        {0xfff9, 0xfffb},                     /* annotations */
        {0xe0000, 0xe007f},                   /* tags */
    };

    return is_within(c, ranges, ARRAY_COUNT(ranges));
}

/* ---- charsets
 * ---------------------------------------------------------------- */

/* 0x80 to 0x9f of windows-1252; 0 where there is no character. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
    0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

enum charset { CHARSET_UTF8, CHARSET_ASCII, CHARSET_LATIN1, CHARSET_1252 };

static bool
charset_find(struct slice name, enum charset *out)
{
    static const struct {
        const char *name;
        enum charset charset;
    } known[] = {
        {"utf-8", CHARSET_UTF8},           {"utf8", CHARSET_UTF8},
        {"us-ascii", CHARSET_ASCII},       {"ascii", CHARSET_ASCII},
        {"ansi_x3.4-1968", CHARSET_ASCII}, {"iso646-us", CHARSET_ASCII},
        {"iso-8859-1", CHARSET_LATIN1},    {"iso8859-1", CHARSET_LATIN1},
        {"iso_8859-1", CHARSET_LATIN1},    {"iso88591", CHARSET_LATIN1},
        {"latin1", CHARSET_LATIN1},        {"latin-1", CHARSET_LATIN1},
        {"windows-1252", CHARSET_1252},    {"windows1252", CHARSET_1252},
        {"x-windows-1252", CHARSET_1252},  {"x-cp1252", CHARSET_1252},
        {"cp-1252", CHARSET_1252},         {"cp1252", CHARSET_1252}};

    for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
        if (slice_is_nocase(name, known[i].name)) {
            *out = known[i].charset;
            return true;
        }
    }
    return false;
}

/* The code point of one byte over 0x7f. */
static uint32_t
high_byte(enum charset charset, uint8_t c)
{
    switch (charset) {
    case CHARSET_UTF8:
    case CHARSET_ASCII:
        return REPLACEMENT;
    case CHARSET_LATIN1: /* readers take it for the latter */
    case CHARSET_1252:
        if (c >= 0xa0)
            return c;
        return windows_1252[c - 0x80] ? windows_1252[c - 0x80] : REPLACEMENT;
    }
    bug("a charset out of range");
}

bool
charset_decode(struct slice name, struct slice bytes, struct buf *out)
{
    enum charset charset;

    if (!charset_find(name, &charset))
        return false;
    while (bytes.n > 0) {
        uint8_t c = bytes.p[0];
        int32_t point = c;

        if (charset == CHARSET_UTF8)
            point = utf8_take(&bytes);
        else
            bytes = slice_of(bytes.p + 1, bytes.n - 1);
        if (point < 0 || (charset != CHARSET_UTF8 && c >= 0x80))
            point = (int32_t)high_byte(charset, c);
        utf8_add(out, (uint32_t)point);
    }
    return true;
}

void
raw_text_add(struct buf *out, struct slice s)
{
    while (s.n > 0) {
        uint8_t first = s.p[0];
        int32_t c = utf8_take(&s);

        if (c < 0)
            c = (int32_t)high_byte(CHARSET_1252, first);
        utf8_add(out, (uint32_t)c);
    }
}

/* ---- encoded words
 * ----------------------------------------------------------- */

bool
encoded_word_take(struct slice s, struct encoded_word *out)
{
    const uint8_t *end = s.p + s.n, *name = s.p + 2, *mark, *star, *text;
    uint8_t encoding;

    if (s.n < 8 || memcmp(s.p, "=?", 2) != 0)
        return false;
    mark = memchr(name, '?', (size_t)(end - name));
    if (!mark || end - mark < 5 || mark[2] != '?')
        return false;
    encoding = to_lower(mark[1]);
    text = memchr(mark + 3, '?', (size_t)(end - mark - 3));
    if (!text || end - text < 2 || text[1] != '=' ||
        (encoding != 'b' && encoding != 'q'))
        return false;
    star = memchr(name, '*', (size_t)(mark - name));
    out->charset = slice_of(name, (size_t)((star ? star : mark) - name));
    out->base64 = encoding == 'b';
    out->text = slice_of(mark + 3, (size_t)(text - mark - 3));
    out->length = (size_t)(text + 2 - s.p);
    return true;
}

static void
decode_b(struct slice s, struct buf *out)
{
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < s.n; i++) {
        int v = base64_value(s.p[i]);

        /* Behind padding some go on: with the next quantum. */
        if (s.p[i] == '=')
            have = 0;
        if (v < 0)
            continue;
        bits = (bits << 6 | (uint32_t)v) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_byte(out, (uint8_t)(bits >> have));
        }
    }
}

static void
decode_q(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        int high = -1, low = -1;

        if (s.p[i] == '=' && s.n - i > 2) {
            high = hex_value(s.p[i + 1]);
            low = hex_value(s.p[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            buf_add_byte(out, (uint8_t)(high << 4 | low));
            i += 2;
        } else
            buf_add_byte(out, s.p[i] == '_' ? ' ' : s.p[i]);
    }
}

void
encoded_word_bytes(const struct encoded_word *w, struct buf *out)
{
    if (w->base64)
        decode_b(w->text, out);
    else
        decode_q(w->text, out);
}

/* The bytes of adjacent words, converted only when all are there: writers
 * cut characters in two. */
struct run {
    struct slice charset;
    struct buf bytes;
};

static void
run_drop(struct run *r)
{
    buf_drop(&r->bytes);
}

static void
run_end(struct run *r, struct buf *out)
{
    if (r->bytes.len > 0 &&
        !charset_decode(r->charset, buf_slice(&r->bytes), out))
        bug("a charset that was known is not");
    r->bytes.len = 0;
}

static bool
same_charset(struct slice a, struct slice b)
{
    enum charset x, y;

    return charset_find(a, &x) && charset_find(b, &y) && x == y;
}

static void
run_add(struct run *r, const struct encoded_word *w, struct buf *out)
{
    if (r->bytes.len > 0 && !same_charset(r->charset, w->charset))
        run_end(r, out);
    r->charset = w->charset;
    encoded_word_bytes(w, &r->bytes);
}

static bool
is_all_white(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_white(s.p[i]))
            return false;
    return true;
}

void
encoded_word_decode(struct slice text, struct buf *out)
{
    AUTO(run) struct run run = {.charset = {0}};
    size_t at = 0, plain = 0; /* [plain, at) was not written yet */
    bool after_word = false;

    while (at < text.n) {
        struct slice here = slice_of(text.p + at, text.n - at), between;
        const uint8_t *next = memmem(here.p, here.n, "=?", 2);
        struct encoded_word w;
        enum charset known;

        if (!next)
            break;
        at += (size_t)(next - here.p);
        here = slice_of(next, text.n - at);
        if (!encoded_word_take(here, &w) || !charset_find(w.charset, &known)) {
            at++;
            continue;
        }
        between = slice_of(text.p + plain, at - plain);
        /* Only white space between two words is not shown (RFC 2047 6.2). */
        if (!after_word || !is_all_white(between)) {
            run_end(&run, out);
            buf_add_slice(out, between);
        }
        run_add(&run, &w, out);
        at += w.length;
        plain = at;
        after_word = true;
    }
    run_end(&run, out);
    if (plain < text.n)
        buf_add(out, text.p + plain, text.n - plain);
}

/* UTF-8 that is longer than its character needs (RFC 3629 3): nobody writes
 * it, and what decodes it all the same sees an at sign where others see
 * none. */
static bool
is_overlong(struct slice s)
{
    for (size_t i = 0; i + 1 < s.n; i++) {
        uint8_t c = s.p[i], next = s.p[i + 1];

        if ((next & 0xc0) == 0x80 &&
            (c == 0xc0 || c == 0xc1 || (c == 0xe0 && next < 0xa0) ||
             (c == 0xf0 && next < 0x90)))
            return true;
    }
    return false;
}

/* Of all words together: readers join what is cut in two. */
bool
encoded_words_are_overlong(struct slice text)
{
    AUTO(buf) struct buf bytes = {0};
    struct encoded_word w;
    enum charset charset;

    while (text.n > 0) {
        size_t n = 1;

        if (encoded_word_take(text, &w)) {
            n = w.length;
            if (charset_find(w.charset, &charset) && charset == CHARSET_UTF8)
                encoded_word_bytes(&w, &bytes);
        }
        text = slice_of(text.p + n, text.n - n);
    }
    return is_overlong(buf_slice(&bytes));
}
