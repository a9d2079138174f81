#include "agent/fetcher/filter.h"

/* RFC 4515 section 3 asks for the escape of * ( ) \ and NUL; octets above
 * 0x7f may stand as they are only where they are UTF-8, and escaped always. */
static bool
is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '*' && c != '(' && c != ')' &&
           c != '\\';
}

void
filter_escape(struct slice value, struct buf *out)
{
    for (size_t i = 0; i < value.n; i++) {
        if (is_plain(value.p[i]))
            buf_add_byte(out, value.p[i]);
        else
            buf_addf(out, "\\%02x", value.p[i]);
    }
}

void
filter_fill(const char *template, struct slice address, struct buf *out)
{
    const char *at;

    while ((at = strstr(template, "%s")) != NULL) {
        buf_add(out, template, (size_t)(at - template));
        filter_escape(address, out);
        template = at + 2;
    }
    buf_add_text(out, template);
}
