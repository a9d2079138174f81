#include "agent/validator/address.h"

#include "agent/wire/records.h"

/* Decodes one character: its length, or 0 when it is malformed. */
static size_t
utf8_next(const uint8_t *p, size_t n, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    uint32_t c;

    if (len == 1) {
        *out = p[0];
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
        return 0;
    c = p[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return len;
}

/* Characters that hide or that turn the text around them. */
static bool
is_deceiving(uint32_t c)
{
    return (c >= 0x80 && c <= 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0x3000 || c == 0xfeff ||
           (c >= 0xfff0 && c <= 0xffff) || (c >= 0xe0000 && c <= 0xe0fff);
}

static bool
is_domain_ascii(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* atext and dots (RFC 5322 3.2.3). */
static bool
is_local_ascii(uint8_t c)
{
    return is_domain_ascii(c) ||
           (c != 0 && strchr("!#$%&'*+/=?^_`{|}~", c) != NULL);
}

static bool
part_is_plausible(struct slice s, bool utf8, bool (*ascii)(uint8_t))
{
    if (s.n == 0 || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t i = 0; i < s.n;) {
        uint32_t c;
        size_t len = 1;

        if (s.p[i] < 0x80) {
            if (!ascii(s.p[i]))
                return false;
        } else if (!utf8 || (len = utf8_next(s.p + i, s.n - i, &c)) == 0 ||
                   is_deceiving(c)) {
            return false;
        }
        i += len;
    }
    return true;
}

static size_t
quoted_bytes(struct slice s)
{
    size_t n = 1;

    while (n < s.n && s.p[n] != '"')
        n += s.p[n] == '\\' ? 2 : 1;
    return n < s.n ? n + 1 : 0;
}

/* A quoted local part (RFC 5321 4.1.2), and the "@" behind it. */
static bool
quoted_local_read(struct slice s, size_t *out_n, struct buf *out)
{
    size_t n = quoted_bytes(s);

    *out_n = n;
    return n > 0 && n < s.n && s.p[n] == '@' &&
           local_part_unquote(slice_of(s.p, n), out);
}

bool
address_read(struct slice s, bool utf8, struct buf *out)
{
    AUTO(buf) struct buf local = {0};
    const uint8_t *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    size_t n = at ? (size_t)(at - s.p) : 0;

    if (!at || s.n > LIMIT_ADDRESS_BYTES)
        return false;
    if (s.p[0] == '"') {
        if (!quoted_local_read(s, &n, &local))
            return false;
    } else {
        if (!part_is_plausible(slice_of(s.p, n), utf8, is_local_ascii))
            return false;
        buf_add(&local, s.p, n);
    }
    if (!part_is_plausible(slice_of(s.p + n + 1, s.n - n - 1), utf8,
                           is_domain_ascii))
        return false;
    buf_add_slice(out, buf_slice(&local));
    buf_add(out, s.p + n, s.n - n);
    return true;
}
