#include "agent/mime/misread.h"

#include "agent/base/limits.h"
#include "agent/mime/letters.h"

static bool
is_break(uint8_t c)
{
    return c == '\n' || c == '\r' || c == '\0';
}

/* Takes the line that some reader sees next, without what it may drop in
 * front: controls, blanks, a byte order mark. */
static struct slice
take_line(struct slice *rest)
{
    size_t n = 0, skip = 0;
    struct slice line;

    while (n < rest->n && !is_break(rest->p[n]))
        n++;
    line = slice_of(rest->p, n);
    n += n < rest->n;
    *rest = slice_of(rest->p + n, rest->n - n);
    while (skip < line.n && (is_control(line.p[skip]) || line.p[skip] == ' ' ||
                             line.p[skip] >= 0x80))
        skip++;
    return slice_of(line.p + skip, line.n - skip);
}

/* The name before a colon, blanks before that too (RFC 5322 4.5); nothing
 * where there is none. */
static struct slice
field_name(struct slice line)
{
    size_t n = 0, end;

    while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f &&
           line.p[n] != ':')
        n++;
    end = n;
    while (n < line.n && is_blank(line.p[n]))
        n++;
    return slice_of(line.p, n < line.n && line.p[n] == ':' ? end : 0);
}

static bool
is_shown(struct slice name)
{
    static const char content[] = "content-";
    const size_t n = sizeof(content) - 1;

    return slice_is_nocase(name, "from") ||
           (name.n > n && slice_is_nocase(slice_of(name.p, n), content));
}

/* Behind an empty line, as the usual readers know it, is text. */
static struct slice
until_empty_line(struct slice text)
{
    for (size_t i = 0; i + 1 < text.n; i++) {
        size_t next = i + 1;

        if (text.p[i] != '\n')
            continue;
        next += text.p[next] == '\r';
        if (next < text.n && text.p[next] == '\n')
            return slice_of(text.p, i);
    }
    return text;
}

bool
text_passes_for_header(struct slice text)
{
    struct slice rest = until_empty_line(slice_of(
        text.p, text.n < LIMIT_HEADER_BYTES ? text.n : LIMIT_HEADER_BYTES));
    bool first = true;

    while (rest.n > 0) {
        struct slice line = take_line(&rest), name = field_name(line);

        if ((first && name.n > 0) || is_shown(name))
            return true;
        first &= line.n == 0;
    }
    return false;
}
