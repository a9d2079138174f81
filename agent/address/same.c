#include <idn2.h>

#include "agent/address/same.h"

#define DOMAIN_BYTES 256 /* RFC 5321 4.5.3.1.2, and a NUL */

static uint8_t
fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static void
add_folded(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_add_byte(out, fold(s.p[i]));
}

static bool
is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 0x80)
            return false;
    return true;
}

/* ---- local parts
 * ------------------------------------------------------------ */

/* atext (RFC 5322 3.2.3, RFC 6532 3.2). */
static bool
is_atext(uint8_t c)
{
    return c > ' ' && c != 0x7f && !strchr("()<>[]:;@\\,.\"", c);
}

static bool
is_dot_atom(struct slice s)
{
    bool dot = true;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' ? dot : !is_atext(s.p[i]))
            return false;
        dot = s.p[i] == '.';
    }
    return !dot;
}

void
local_part_write(struct slice plain, struct buf *out)
{
    if (is_dot_atom(plain)) {
        buf_add_slice(out, plain);
        return;
    }
    buf_add_byte(out, '"');
    for (size_t i = 0; i < plain.n; i++) {
        if (plain.p[i] == '"' || plain.p[i] == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, plain.p[i]);
    }
    buf_add_byte(out, '"');
}

bool
local_part_unquote(struct slice quoted, struct buf *out)
{
    AUTO(buf) struct buf plain = {0};

    if (quoted.n < 2 || quoted.p[0] != '"' || quoted.p[quoted.n - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < quoted.n; i++) {
        uint8_t c = quoted.p[i];

        if (c == '\\')
            c = ++i + 1 < quoted.n ? quoted.p[i] : 0;
        else if (c == '"')
            return false;
        if (c < ' ' || c > '~')
            return false;
        buf_add_byte(&plain, c);
    }
    local_part_write(buf_slice(&plain), out);
    return true;
}

/* ---- whole addresses
 * -------------------------------------------------------- */

/* IDNA 2008 without the mappings of UTS 46: with any of them a fullwidth e, a
 * ligature, a circled digit, the Kelvin sign become ASCII, an ideographic full
 * stop a dot, a soft hyphen nothing. */
static char *
to_ascii(const char *domain)
{
    char *ascii = NULL;

    if (idn2_to_ascii_8z(domain, &ascii, IDN2_NFC_INPUT | IDN2_NO_TR46) ==
        IDN2_OK)
        return ascii;
    idn2_free(ascii);
    return NULL;
}

/* Takes one character off UTF-8 that libidn2 has read. */
static uint32_t
take_character(const char **s)
{
    const uint8_t *p = (const uint8_t *)*s;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;
    uint32_t c = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));
    size_t i;

    for (i = 1; i < n && (p[i] & 0xc0) == 0x80; i++)
        c = c << 6 | (p[i] & 0x3f);
    *s += i;
    return c;
}

/* Letters of which UTS 46 changes nothing but the case where it makes one
 * letter of one: Latin without the long s, Greek without the symbols, Coptic,
 * Cyrillic, Armenian. */
static bool
has_case_alone(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0xc0, 0x17e},  {0x180, 0x24f}, {0x386, 0x3cf},   {0x3d8, 0x3ef},
        {0x400, 0x52f}, {0x531, 0x586}, {0x1e00, 0x1e99}, {0x1ea0, 0x1eff}};

    for (size_t i = 0; i < ARRAY_COUNT(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* Is LOWER what was written, but for the case of letters beyond ASCII? */
static bool
is_lower_case_of(const char *lower, const char *written)
{
    while (*lower && *written) {
        uint32_t l = take_character(&lower), w = take_character(&written);

        if (l != w && (!has_case_alone(l) || !has_case_alone(w)))
            return false;
    }
    return *lower == *written;
}

/* RFC 5891 5.2 and RFC 9598 5 have a U-label in lower case before it is one.
 * libidn2 folds the case with all the rest that UTS 46 maps, so what it makes
 * is taken only when nothing but the case is another. */
static char *
lower_to_ascii(const char *domain)
{
    char *mapped = NULL, *lower = NULL, *ascii = NULL;

    if (idn2_to_ascii_8z(domain, &mapped,
                         IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
        idn2_to_unicode_8z8z(mapped, &lower, 0) == IDN2_OK &&
        is_lower_case_of(lower, domain))
        ascii = to_ascii(lower);
    idn2_free(lower);
    idn2_free(mapped);
    return ascii;
}

static void
add_domain(struct buf *out, struct slice domain)
{
    char text[DOMAIN_BYTES], *ascii;

    if (is_ascii(domain) || domain.n >= sizeof(text) ||
        memchr(domain.p, '\0', domain.n)) {
        add_folded(out, domain);
        return;
    }
    memcpy(text, domain.p, domain.n);
    text[domain.n] = '\0';
    for (size_t i = 0; i < domain.n; i++)
        text[i] = (char)fold((uint8_t)text[i]);
    ascii = to_ascii(text);
    if (!ascii)
        ascii = lower_to_ascii(text);
    if (ascii)
        buf_add_text(out, ascii);
    else
        add_folded(out, domain);
    idn2_free(ascii);
}

void
address_canonical(struct slice address, struct buf *out)
{
    AUTO(buf) struct buf local = {0};
    const uint8_t *at = NULL;

    for (size_t i = address.n; i > 0 && !at; i--)
        if (address.p[i - 1] == '@')
            at = address.p + i - 1;
    if (!at) {
        add_folded(out, address);
        return;
    }
    if (!local_part_unquote(slice_of(address.p, (size_t)(at - address.p)),
                            &local))
        buf_add(&local, address.p, (size_t)(at - address.p));
    add_folded(out, buf_slice(&local));
    buf_add_byte(out, '@');
    add_domain(out, slice_of(at + 1, (size_t)(address.p + address.n - at - 1)));
}

bool
address_equal(struct slice a, struct slice b)
{
    AUTO(buf) struct buf x = {0};
    AUTO(buf) struct buf y = {0};

    if (slice_equal(a, b))
        return true;
    address_canonical(a, &x);
    address_canonical(b, &y);
    return slice_equal(buf_slice(&x), buf_slice(&y));
}
