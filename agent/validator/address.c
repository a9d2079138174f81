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
           (c >= '0' && c <= '9') || c == '-' || c == '.';
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

bool
address_is_plausible(struct slice s, bool utf8)
{
    const uint8_t *at = s.n ? memchr(s.p, '@', s.n) : NULL;
    size_t local;

    if (!at || s.n > LIMIT_ADDRESS_BYTES)
        return false;
    local = (size_t)(at - s.p);
    return part_is_plausible(slice_of(s.p, local), utf8, is_local_ascii) &&
           part_is_plausible(slice_of(at + 1, s.n - local - 1), utf8,
                             is_domain_ascii);
}

static uint8_t
fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool
address_equal(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (fold(a.p[i]) != fold(b.p[i]))
            return false;
    return true;
}
