#include "agent/keyring/alike.h"

#include <idn2.h>
#include <stdlib.h>
#include <string.h>

#include "agent/address/same.h"
#include "agent/base/limits.h"

static const struct {
    uint32_t character;
    char like;
} looks[] = {
    /* Cyrillic */
    {0x430, 'a'},
    {0x432, 'b'},
    {0x435, 'e'},
    {0x43a, 'k'},
    {0x43c, 'm'},
    {0x43d, 'h'},
    {0x43e, 'o'},
    {0x440, 'p'},
    {0x441, 'c'},
    {0x442, 't'},
    {0x443, 'y'},
    {0x445, 'x'},
    {0x455, 's'},
    {0x456, 'i'},
    {0x458, 'j'},
    {0x475, 'v'},
    {0x4bb, 'h'},
    {0x4cf, 'l'},
    {0x501, 'd'},
    {0x51b, 'q'},
    {0x51d, 'w'},
    /* Greek */
    {0x3b1, 'a'},
    {0x3b3, 'y'},
    {0x3b5, 'e'},
    {0x3b9, 'i'},
    {0x3ba, 'k'},
    {0x3bd, 'v'},
    {0x3bf, 'o'},
    {0x3c1, 'p'},
    {0x3c4, 't'},
    {0x3c5, 'u'},
    {0x3c7, 'x'},
    {0x3f2, 'c'},
    {0x3f3, 'j'},
    /* Latin beyond ASCII */
    {0x131, 'i'},
    {0x251, 'a'},
    {0x261, 'g'},
    {0x217c, 'l'},
    /* digits and signs */
    {'0', 'o'},
    {'1', 'l'},
    {'|', 'l'},
};

/* The next character of UTF-8 that the validator let through; what is none
 * counts byte by byte. */
static uint32_t
take(struct slice *rest)
{
    const uint8_t *p = rest->p;
    size_t n = *p < 0xc0 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    uint32_t c = n == 1 ? *p : *p & (0xffu >> (n + 1));

    if (n > rest->n)
        n = 1;
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    *rest = slice_of(rest->p + n, rest->n - n);
    return c;
}

static void
put_like(struct buf *out, struct slice text)
{
    while (text.n > 0) {
        struct slice whole = text;
        uint32_t c = take(&text);
        size_t i = 0;

        while (i < ARRAY_COUNT(looks) && looks[i].character != c)
            i++;
        if (i < ARRAY_COUNT(looks))
            buf_add_byte(out, (uint8_t)looks[i].like);
        else if (c >= 0xff01 && c <= 0xff5e)
            buf_add_byte(out, (uint8_t)(c - 0xff01 + '!'));
        else
            buf_add_slice(out, slice_of(whole.p, whole.n - text.n));
    }
}

/* "rn" reads as "m", "vv" as "w", "cl" as "d". */
static void
pairs_join(struct buf *b, size_t from)
{
    static const char pairs[][4] = {"rnm", "vvw", "cld"};
    size_t to = from;

    for (size_t i = from; i < b->len; i++) {
        size_t k = 0;

        while (k < ARRAY_COUNT(pairs) &&
               (i + 1 == b->len || b->data[i] != (uint8_t)pairs[k][0] ||
                b->data[i + 1] != (uint8_t)pairs[k][1]))
            k++;
        b->data[to++] =
            k < ARRAY_COUNT(pairs) ? (uint8_t)pairs[k][2] : b->data[i];
        i += k < ARRAY_COUNT(pairs);
    }
    b->len = to;
}

/* Is it written in letters as it stands? Most are. */
static bool
is_plain(struct slice domain)
{
    for (size_t i = 0; i < domain.n; i++)
        if (domain.p[i] >= 0x80 ||
            (domain.n - i >= 4 && memcmp(domain.p + i, "xn--", 4) == 0))
            return false;
    return true;
}

/* The canonical form with its domain in letters. */
static void
letters_write(struct slice address, struct buf *out)
{
    AUTO(buf) struct buf canonical = {0};
    struct slice s;
    const uint8_t *at;
    char *letters = NULL;

    if (address.n > LIMIT_ADDRESS_BYTES)
        address.n = LIMIT_ADDRESS_BYTES;
    address_canonical(address, &canonical);
    s = buf_slice(&canonical);
    at = s.n ? memrchr(s.p, '@', s.n) : NULL;
    if (at && !is_plain(slice_of(at, s.n - (size_t)(at - s.p))) &&
        idn2_to_unicode_8z8z(buf_text(&canonical) + (at - s.p) + 1, &letters,
                             0) == IDN2_OK) {
        buf_add(out, s.p, (size_t)(at - s.p) + 1);
        buf_add_text(out, letters);
    } else {
        buf_add_slice(out, s);
    }
    idn2_free(letters);
}

void
alike_write(struct slice address, struct buf *out)
{
    AUTO(buf) struct buf letters = {0};
    size_t from = out->len;

    letters_write(address, &letters);
    put_like(out, buf_slice(&letters));
    pairs_join(out, from);
}

/* ---- scripts ------------------------------------------------------------- */

enum script { LATIN = 1, GREEK = 2, CYRILLIC = 4 };

static unsigned
script_of(uint32_t c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
        (c >= 0xc0 && c <= 0x24f && c != 0xd7 && c != 0xf7) ||
        (c >= 0x1e00 && c <= 0x1eff))
        return LATIN;
    if ((c >= 0x370 && c <= 0x3ff) || (c >= 0x1f00 && c <= 0x1fff))
        return GREEK;
    return c >= 0x400 && c <= 0x52f ? CYRILLIC : 0;
}

bool
alike_mixes(struct slice address)
{
    AUTO(buf) struct buf letters = {0};
    struct slice rest;
    unsigned seen = 0;

    letters_write(address, &letters);
    rest = buf_slice(&letters);
    while (rest.n > 0) {
        uint32_t c = take(&rest);

        seen = c == '.' || c == '@' ? 0 : seen | script_of(c);
        if ((seen & (seen - 1)) != 0)
            return true;
    }
    return false;
}
