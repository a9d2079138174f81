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

/* IDNA 2008 without the mappings of UTS 46. They would fold the case of
 * letters beyond ASCII, but libidn2 has no flag for that alone: with any of
 * them a fullwidth e, a ligature, a circled digit, the Kelvin sign become
 * ASCII, an ideographic full stop a dot, a soft hyphen nothing. So an
 * upper-case U-label is nobody's: not good, never somebody else's. (RFC 5891
 * 5.2 has it lower-cased before it is a U-label at all.) */
static void
add_domain(struct buf *out, struct slice domain)
{
    char text[DOMAIN_BYTES], *ascii = NULL;

    if (is_ascii(domain) || domain.n >= sizeof(text) ||
        memchr(domain.p, '\0', domain.n)) {
        add_folded(out, domain);
        return;
    }
    memcpy(text, domain.p, domain.n);
    text[domain.n] = '\0';
    for (size_t i = 0; i < domain.n; i++)
        text[i] = (char)fold((uint8_t)text[i]);
    if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NO_TR46) ==
        IDN2_OK)
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
