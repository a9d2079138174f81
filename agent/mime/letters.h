/*
 * Single bytes and code points, for the parsers of this folder alone.
 * Independent of the locale.
 */
#ifndef AGENT_MIME_LETTERS_H
#define AGENT_MIME_LETTERS_H

#include "agent/base/mem.h"

static inline bool
is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* What a line of nothing may hold: blanks and line ends. */
static inline bool
is_white(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Without what is white at its ends. */
static inline struct slice
trimmed(struct slice s)
{
    while (s.n > 0 && is_white(s.p[0]))
        s = slice_of(s.p + 1, s.n - 1);
    while (s.n > 0 && is_white(s.p[s.n - 1]))
        s.n--;
    return s;
}

static inline bool
is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

static inline bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static inline bool
is_alphanumeric(uint8_t c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline uint8_t
to_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* 0 to 15, or -1. */
static inline int
hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c = to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 0 to 63, or -1 (RFC 4648 4). */
static inline int
base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (is_digit(c))
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Takes one code point of UTF-8 (RFC 3629) off S, which is not empty. Gives
 * -1 and takes one byte where the bytes are not UTF-8. */
int32_t utf8_take(struct slice *s);

bool is_utf8(struct slice s);

void utf8_add(struct buf *out, uint32_t code_point);

/* Appends text of a header that is no encoded word: bytes that are no UTF-8
 * are taken for windows-1252, as readers take them for Latin-1. */
void raw_text_add(struct buf *out, struct slice s);

/* Control and format characters that change what a reader sees of the text
 * around them: C0, C1, bidi, line separators, tags. */
bool is_deceptive_character(int32_t code_point);

/* Takes no room where it is shown: joiners, zero width spaces, fillers,
 * soft hyphens, variation selectors. Honest in a name, not in an address. */
bool is_hidden_character(int32_t code_point);

/* Converts BYTES of CHARSET to UTF-8 and appends them; what the charset does
 * not know becomes U+FFFD. False, and nothing appended, for any charset but
 * UTF-8, US-ASCII, ISO-8859-1 and windows-1252. */
bool charset_decode(struct slice charset, struct slice bytes, struct buf *out);

#endif
