/*
 * Encoded words in charsets that are not converted here: without iconv, which
 * opens files, nobody can read them, but an address can be found in them.
 */
#include <strings.h>

#include "agent/mime/encoded_word.h"
#include "agent/mime/letters.h"

#define REPLACEMENT 0xfffd
#define ESCAPE      0x1b
#define SHIFT_OUT   0x0e
#define SHIFT_IN    0x0f

enum family {
    FAMILY_BYTES,  /* one byte each, ASCII below 0x80 */
    FAMILY_PAIRS,  /* ASCII, and pairs that begin with a high byte */
    FAMILY_SHIFTS, /* ISO 2022: escape sequences between sets */
    FAMILY_UNKNOWN
};

static const struct family_row {
    const char *prefix; /* of the charset's name */
    enum family family;
} families[] = {
    {"iso-8859-", FAMILY_BYTES},   {"iso8859-", FAMILY_BYTES},
    {"windows-125", FAMILY_BYTES}, {"cp125", FAMILY_BYTES},
    {"koi8-", FAMILY_BYTES},       {"tis-620", FAMILY_BYTES},
    {"windows-874", FAMILY_BYTES}, {"euc-", FAMILY_PAIRS},
    {"gb2312", FAMILY_PAIRS},      {"gbk", FAMILY_PAIRS},
    {"gb18030", FAMILY_PAIRS},     {"big5", FAMILY_PAIRS},
    {"shift_jis", FAMILY_PAIRS},   {"shift-jis", FAMILY_PAIRS},
    {"sjis", FAMILY_PAIRS},        {"windows-31j", FAMILY_PAIRS},
    {"ks_c_5601", FAMILY_PAIRS},   {"cp949", FAMILY_PAIRS},
    {"windows-949", FAMILY_PAIRS}, {"windows-936", FAMILY_PAIRS},
    {"windows-932", FAMILY_PAIRS}, {"cp932", FAMILY_PAIRS},
    {"ms932", FAMILY_PAIRS},       {"x-sjis", FAMILY_PAIRS},
    {"cp936", FAMILY_PAIRS},       {"ms936", FAMILY_PAIRS},
    {"x-gbk", FAMILY_PAIRS},       {"windows-950", FAMILY_PAIRS},
    {"cp950", FAMILY_PAIRS},       {"x-euc-", FAMILY_PAIRS},
    {"iso_8859-", FAMILY_BYTES},   {"macintosh", FAMILY_BYTES},
    {"x-mac-roman", FAMILY_BYTES}, {"x-mac-ce", FAMILY_BYTES},
    {"cp437", FAMILY_BYTES},       {"cp85", FAMILY_BYTES},
    {"cp866", FAMILY_BYTES},       {"iso-2022-", FAMILY_SHIFTS},
};

/* A name with a control or UTF-8 in it fits none. */
static enum family
family_of(struct slice charset)
{
    for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
        size_t n = strlen(families[i].prefix);

        if (charset.n >= n &&
            strncasecmp((const char *)charset.p, families[i].prefix, n) == 0)
            return families[i].family;
    }
    return FAMILY_UNKNOWN;
}

static void
reduce_byte(uint8_t c, struct buf *out)
{
    utf8_add(out, c < 0x80 ? c : REPLACEMENT);
}

/* The commercial ats that are two bytes, of GBK and KS X 1001, JIS, Shift
 * JIS, Big5; the sevenbit sets have them without their high bits. */
static bool
is_at_of_a_pair(uint8_t a, uint8_t b)
{
    static const uint16_t ats[] = {0xa3c0, 0xa1f7, 0x8197,
                                   0xa249, 0x2340, 0x2177};

    for (size_t i = 0; i < ARRAY_COUNT(ats); i++)
        if (ats[i] == (a << 8 | b))
            return true;
    return false;
}

static void
reduce_pair(uint8_t a, uint8_t b, struct buf *out)
{
    if (is_at_of_a_pair(a, b))
        buf_add_byte(out, '@');
    else
        utf8_add(out, REPLACEMENT);
}

/* Shift JIS has single bytes among the high ones: whether they begin a pair
 * or not, what follows is looked at both ways. */
static void
reduce_pairs(struct slice s, bool halfwidth, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool single =
            c < 0x81 || c == 0xff || (halfwidth && c >= 0xa1 && c <= 0xdf);

        if (single || i + 1 == s.n)
            reduce_byte(c, out);
        else
            reduce_pair(c, s.p[++i], out);
    }
}

/* How long the escape sequence at P is, and whether pairs follow it. */
static size_t
take_escape(struct slice s, bool *out_pairs)
{
    size_t n = 1;

    *out_pairs = s.n > 1 && s.p[1] == '$';
    while (n < s.n && s.p[n] >= 0x20 && s.p[n] <= 0x2f)
        n++;
    return n < s.n ? n + 1 : n;
}

static void
reduce_shifts(struct slice s, struct buf *out)
{
    bool pairs = false;
    size_t i = 0;

    while (i < s.n) {
        struct slice here = slice_of(s.p + i, s.n - i);

        if (here.p[0] == ESCAPE)
            i += take_escape(here, &pairs);
        else if (here.p[0] == SHIFT_OUT || here.p[0] == SHIFT_IN) {
            pairs = here.p[0] == SHIFT_OUT;
            i++;
        } else if (pairs && here.n > 1) {
            reduce_pair(here.p[0], here.p[1], out);
            i += 2;
        } else {
            reduce_byte(here.p[0], out);
            i++;
        }
    }
}

static bool
reduce_word(const struct encoded_word *w, struct buf *out)
{
    AUTO(buf) struct buf bytes = {0};
    enum family family = family_of(w->charset);

    encoded_word_bytes(w, &bytes);
    switch (family) {
    case FAMILY_BYTES:
        for (size_t i = 0; i < bytes.len; i++)
            reduce_byte(bytes.data[i], out);
        return true;
    case FAMILY_PAIRS:
        reduce_pairs(buf_slice(&bytes), to_lower(w->charset.p[0]) == 's', out);
        return true;
    case FAMILY_SHIFTS:
        reduce_shifts(buf_slice(&bytes), out);
        return true;
    case FAMILY_UNKNOWN:
        break;
    }
    return false;
}

bool
foreign_words_reduce(struct slice text, struct buf *out)
{
    size_t at = 0;

    while (at < text.n) {
        struct slice here = slice_of(text.p + at, text.n - at);
        struct encoded_word w;

        if (!encoded_word_take(here, &w)) {
            buf_add_byte(out, here.p[0]);
            at++;
            continue;
        }
        if (!reduce_word(&w, out))
            return false;
        at += w.length;
    }
    return true;
}

bool
bytes_hide_an_at(struct slice text)
{
    struct slice rest = text;
    bool utf8 = true;

    while (utf8 && rest.n > 0)
        utf8 = utf8_take(&rest) >= 0;
    for (size_t i = 0; !utf8 && i + 1 < text.n; i++)
        if (text.p[i] >= 0x80 && is_at_of_a_pair(text.p[i], text.p[i + 1]))
            return true;
    return encoded_words_are_overlong(text);
}
