#include "agent/mime/legacy_element.h"

#include <string.h>

#include "agent/mime/letters.h"

size_t
legacy_line_end(const uint8_t *p, size_t n)
{
    const uint8_t *lf = memchr(p, '\n', n);

    return lf ? (size_t)(lf - p) + 1 : n;
}

/* Fields, and an empty line: so many bytes of TEXT. */
static size_t
element_of_plain(struct slice text)
{
    size_t at = 0;

    while (at < text.n) {
        size_t n = legacy_line_end(text.p + at, text.n - at);
        bool empty = text.p[at] == '\n' ||
                     (text.p[at] == '\r' && n == 2 && text.p[at + 1] == '\n');

        if (empty)
            return at > 0 ? at + n : 0;
        if (!memchr(text.p + at, ':', n) && !is_blank(text.p[at]))
            return 0;
        at += n;
    }
    return 0;
}

/* Cuts the element out of TEXT. */
static bool
cut_html(struct buf *text)
{
    static const char begin[] =
        "<div class=\"header-protection-legacy-display\">";
    static const char end[] = "</div>";
    uint8_t *from =
        text->len ? memmem(text->data, text->len, begin, sizeof(begin) - 1)
                  : NULL;
    uint8_t *to = from ? memmem(from, text->len - (size_t)(from - text->data),
                                end, sizeof(end) - 1)
                       : NULL;
    uint8_t *all = text->data + text->len;

    if (!to)
        return false;
    to += sizeof(end) - 1;
    if (to < all && *to == '\r')
        to++;
    if (to < all && *to == '\n')
        to++;
    memmove(from, to, (size_t)(all - to));
    text->len -= (size_t)(to - from);
    return true;
}

bool
legacy_element_cut(struct buf *text, bool html)
{
    size_t n;

    if (html)
        return cut_html(text);
    n = element_of_plain(buf_slice(text));
    memmove(text->data, text->data + n, text->len - n);
    text->len -= n;
    return n > 0;
}
