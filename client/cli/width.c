#include "client/cli/width.h"

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <wchar.h>

#define JOINER      0x200d /* zero width joiner */
#define AS_EMOJI    0xfe0f /* variation selector 16 */
#define IS_FLAG(c)  ((c) >= 0x1f1e6 && (c) <= 0x1f1ff)
#define IS_TONE(c)  ((c) >= 0x1f3fb && (c) <= 0x1f3ff)
#define IS_EMOJI(c) ((c) >= 0x1f000 || ((c) >= 0x2190 && (c) <= 0x2bff))

/* The C library's table of widths, whatever the person's locale: names are
 * UTF-8 in any. Zero where the library has none. */
static locale_t
table_locale(void)
{
    static locale_t utf8;
    static bool asked;

    if (!asked)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    asked = true;
    return utf8;
}

static size_t
point_width(uint32_t c)
{
    locale_t utf8 = table_locale(), old;
    int width;

    if (c < 0x80 || utf8 == (locale_t)0)
        return 1;
    old = uselocale(utf8);
    width = wcwidth((wchar_t)c);
    (void)uselocale(old);
    /* What the table does not know yet is one column, as terminals do. */
    return width < 0 ? 1 : (size_t)width;
}

/* Reads one character; what is no UTF-8 counts byte by byte. */
static size_t
point_read(const char *text, uint32_t *out)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;

    *out = n == 1 ? p[0] : p[0] & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *out = p[0];
            return 1;
        }
        *out = *out << 6 | (p[i] & 0x3f);
    }
    return n;
}

/* One character with all that combines with it: marks, a skin tone, the
 * second half of a flag, emoji that are joined to one picture. */
static size_t
cluster_read(const char *text, size_t *out_width)
{
    uint32_t first, c;
    size_t n = point_read(text, &first), more;
    bool joined = false, half = IS_FLAG(first);

    *out_width = half ? 2 : point_width(first);
    while (text[n] != '\0') {
        more = point_read(text + n, &c);
        if (c == AS_EMOJI && IS_EMOJI(first))
            *out_width = 2;
        else if (half && IS_FLAG(c))
            half = false;
        else if (!(joined && IS_EMOJI(c)) && !(IS_TONE(c) && IS_EMOJI(first)) &&
                 (point_width(c) > 0 || c < 0x80))
            break;
        joined = c == JOINER;
        n += more;
    }
    return n;
}

size_t
text_fit(const char *text, size_t width, size_t *out_width)
{
    size_t n = 0, used = 0, one;

    while (text[n] != '\0') {
        size_t bytes = cluster_read(text + n, &one);

        if (used + one > width)
            break;
        used += one;
        n += bytes;
    }
    *out_width = used;
    return n;
}

size_t
text_width(const char *text)
{
    size_t width;

    (void)text_fit(text, SIZE_MAX, &width);
    return width;
}
