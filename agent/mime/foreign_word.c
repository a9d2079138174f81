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
    FAMILY_JIS,    /* Shift JIS: ASCII, single bytes, pairs */
    FAMILY_GBK,    /* ASCII, and pairs that begin with a high byte */
    FAMILY_BIG5,   /* the same, of other ones */
    FAMILY_EUC,    /* pairs whose second byte is no sign of ASCII */
    FAMILY_SHIFTS, /* ISO 2022: escape sequences between sets */
    FAMILY_GUESS,  /* said to be unknown (RFC 1428, Pine): ASCII, and readers
                      guess the rest */
    FAMILY_UNKNOWN
};

/* Whoever does not know a name shows ASCII as it is: where bytes of it are no
 * ASCII the name has to be one that all know. */
static const struct family_row {
    const char *names; /* a blank between; "*" at the end: with any end */
    enum family family;
} families[] = {
    {"iso-8859-* iso8859* iso_8859-* latin2 latin-2 latin5 latin9 latin-9 "
     "windows-125* windows125* x-windows-125* cp125* cp-125* x-cp125* koi8-* "
     "tis-620 windows-874 macintosh x-mac-roman x-mac-ce x-mac-cyrillic "
     "x-mac-greek x-mac-turkish x-mac-croatian x-mac-romanian cp437 cp85* "
     "cp-85* cp866 ibm437 "
     "ibm85* ibm866",
     FAMILY_BYTES},
    {"shift_jis shift-jis sjis x-sjis x-shift-jis windows-31j windows-932 "
     "cp932 ms932 shift_jis-2004 shift_jisx0213",
     FAMILY_JIS},
    {"gb2312 gb_2312-80 x-gb2312 cn-gb gbk x-gbk gb18030 windows-936 cp936 "
     "ms936",
     FAMILY_GBK},
    {"big5 big5-hkscs big5hkscs x-x-big5 cn-big5 windows-950 cp950 ms950",
     FAMILY_BIG5},
    {"euc-jp euc-kr euc-cn euc-tw eucjp euckr eucjp-ms euc-jp-ms x-euc-jp "
     "x-euc-kr x-euc-tw x-euc-cn ks_c_5601 ks_c_5601-1987 ks_c_5601-1989 "
     "ksc5601 cp949 ms949 windows-949 x-windows-949 uhc",
     FAMILY_EUC},
    {"iso-2022-jp* iso-2022-kr iso-2022-cn*", FAMILY_SHIFTS},
    {"unknown-8bit x-unknown", FAMILY_GUESS},
};

static bool
is_named(struct slice charset, const char *names)
{
    while (*names) {
        size_t n = strcspn(names, " ");
        bool open = names[n - 1] == '*';
        size_t k = open ? n - 1 : n;

        if ((open ? charset.n >= k : charset.n == k) &&
            strncasecmp((const char *)charset.p, names, k) == 0)
            return true;
        names += names[n] ? n + 1 : n;
    }
    return false;
}

/* A name with a control or UTF-8 in it fits none. */
static enum family
family_of(struct slice charset)
{
    for (size_t i = 0; i < ARRAY_COUNT(families); i++)
        if (is_named(charset, families[i].names))
            return families[i].family;
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

/* Of what is no pair readers show the second byte by itself: an ASCII "@"
 * must not be taken away by a byte before it that is none of a pair. */
static bool
begins_pair(enum family family, uint8_t a, uint8_t b)
{
    if (a < 0x81 || a == 0xff || b < 0x30)
        return false;
    if (family == FAMILY_JIS)
        return a < 0xa0 || (a > 0xdf && a < 0xfd);
    if (b > 0x40)
        return true;
    if (family == FAMILY_GBK)
        return b < 0x40 || a < 0xa1 || a > 0xa9;
    return family == FAMILY_BIG5 && a > 0xa0;
}

static void
reduce_pairs(enum family family, struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (i + 1 < s.n && begins_pair(family, s.p[i], s.p[i + 1])) {
            reduce_pair(s.p[i], s.p[i + 1], out);
            i++;
        } else {
            reduce_byte(s.p[i], out);
        }
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

/* May it be the end of a character, or the beginning of a commercial at, that
 * another word has the rest of? */
static bool
is_cut(struct slice s)
{
    uint8_t last = s.n > 0 ? s.p[s.n - 1] : 0;

    return s.n > 0 && ((s.p[0] & 0xc0) == 0x80 || last == 0x81 ||
                       (last >= 0xa1 && last <= 0xa3));
}

/* All that readers may guess has to be harmless. */
static bool
reduce_guessed(struct slice s, struct buf *out)
{
    if (is_utf8(s)) {
        buf_add_slice(out, s);
        return true;
    }
    if (is_cut(s) || bytes_hide_an_at(s))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if ((s.p[i] == 0xc0 || s.p[i] == 0xc1) && i + 1 < s.n &&
            (s.p[i + 1] & 0xc0) == 0x80)
            return false;
        reduce_byte(s.p[i], out);
    }
    return true;
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
    case FAMILY_JIS:
    case FAMILY_GBK:
    case FAMILY_BIG5:
    case FAMILY_EUC:
        reduce_pairs(family, buf_slice(&bytes), out);
        return true;
    case FAMILY_SHIFTS:
        reduce_shifts(buf_slice(&bytes), out);
        return true;
    case FAMILY_GUESS:
        return reduce_guessed(buf_slice(&bytes), out);
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

/* An encoded word with a "?" in its text: to some readers it is none, others
 * go on to the first "?=". */
static bool
has_doubtful_word(struct slice text)
{
    const uint8_t *end = text.n > 0 ? text.p + text.n : NULL;
    const uint8_t *at, *mark, *stop;

    while (text.n > 1 && (at = memmem(text.p, text.n, "=?", 2))) {
        text = slice_of(at + 2, (size_t)(end - at - 2));
        mark = text.n > 0 ? memchr(text.p, '?', text.n) : NULL;
        if (!mark || end - mark < 4 || mark[2] != '?' ||
            (to_lower(mark[1]) != 'b' && to_lower(mark[1]) != 'q'))
            continue;
        mark += 3;
        stop = memmem(mark, (size_t)(end - mark), "?=", 2);
        if (stop && memchr(mark, '?', (size_t)(stop - mark)))
            return true;
    }
    return false;
}

bool
bytes_hide_an_at(struct slice text)
{
    bool utf8 = is_utf8(text);

    for (size_t i = 0; !utf8 && i + 1 < text.n; i++)
        if (text.p[i] >= 0x80 && is_at_of_a_pair(text.p[i], text.p[i + 1]))
            return true;
    return has_doubtful_word(text) || encoded_words_are_overlong(text);
}
