#include "agent/base/key_name.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SCHEME "pkcs11:"

bool
key_name_is_uri(const char *wanted)
{
    return strncasecmp(wanted, SCHEME, strlen(SCHEME)) == 0;
}

/* ---- attributes of a URI, RFC 7512 2.3 ------------------------------------
 */

/* Where the path of a URI is read: "name=value", up to a semicolon. */
struct attribute {
    const char *name, *value, *end;
    size_t name_len;
};

/* False: there is no further one, or it is none. */
static bool
attribute_next(const char **at, struct attribute *out)
{
    const char *end = *at + strcspn(*at, ";?");
    const char *sign = memchr(*at, '=', (size_t)(end - *at));

    if (!sign)
        return false;
    *out = (struct attribute){.name = *at,
                              .value = sign + 1,
                              .end = end,
                              .name_len = (size_t)(sign - *at)};
    *at = *end == ';' ? end + 1 : end;
    return true;
}

static bool
is_called(const struct attribute *a, const char *name)
{
    return a->name_len == strlen(name) &&
           memcmp(a->name, name, a->name_len) == 0;
}

static int
digit_of(char c)
{
    return isdigit((unsigned char)c) ? c - '0'
                                     : tolower((unsigned char)c) - 'a' + 10;
}

/* The next byte of a value, with its %XX undone; -1 at its end. */
static int
byte_next(const char **at, const char *end)
{
    const char *p = *at;

    if (p == end)
        return -1;
    if (*p == '%' && end - p >= 3 && isxdigit((unsigned char)p[1]) &&
        isxdigit((unsigned char)p[2])) {
        *at = p + 3;
        return digit_of(p[1]) * 16 + digit_of(p[2]);
    }
    *at = p + 1;
    return (unsigned char)*p;
}

static bool
same_value(const struct attribute *a, const struct attribute *b)
{
    const char *p = a->value, *q = b->value;
    int x, y;

    do {
        x = byte_next(&p, a->end);
        y = byte_next(&q, b->end);
    } while (x == y && x >= 0);
    return x == y;
}

static bool
is_text(const struct attribute *a, const char *text)
{
    const char *p = a->value;
    int c;

    while ((c = byte_next(&p, a->end)) >= 0)
        if (c == 0 || c != (unsigned char)*text++)
            return false;
    return *text == '\0';
}

/* Of the token or the id: URI says the same. */
static bool
is_in(const struct attribute *a, const char *uri)
{
    const char *at = uri + strlen(SCHEME);
    struct attribute b;

    while (attribute_next(&at, &b))
        if (b.name_len == a->name_len &&
            memcmp(a->name, b.name, a->name_len) == 0)
            return same_value(a, &b);
    return false;
}

static bool
is_class(const struct attribute *a)
{
    return is_text(a, "private") || is_text(a, "public") || is_text(a, "cert");
}

/* A whole token is no key: there must be something of the key itself. */
static bool
uri_names(const char *wanted, const char *uri, const char *label)
{
    const char *at = wanted + strlen(SCHEME);
    bool names = false;
    struct attribute a;

    if (!key_name_is_uri(uri))
        return false;
    if (strcmp(wanted, uri) == 0)
        return true;
    while (attribute_next(&at, &a)) {
        bool of_label = is_called(&a, "object");
        bool fits = of_label                ? is_text(&a, label)
                    : is_called(&a, "type") ? is_class(&a)
                                            : is_in(&a, uri);

        if (!fits)
            return false;
        names = names || of_label || is_called(&a, "id");
    }
    return names && *at == '\0';
}

enum key_name
key_name_of(const char *wanted, const char *id, const char *uri,
            const char *label)
{
    size_t n = strlen(wanted);

    if (key_name_is_uri(wanted))
        return uri_names(wanted, uri, label) ? KEY_NAME_WHOLE : KEY_NAME_OTHER;
    if (n > 0 && strcasecmp(id, wanted) == 0)
        return KEY_NAME_WHOLE;
    return n >= KEY_NAME_LEAST_DIGITS && strncasecmp(id, wanted, n) == 0
               ? KEY_NAME_BEGINS
               : KEY_NAME_OTHER;
}
