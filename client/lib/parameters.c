/*
 * A reply's parameters as the agent wrote them. To parse a report and to write
 * it down again takes longer than the agent needs to judge the mail.
 */
#include <string.h>

#include "client/lib/client.h"

static const char *
space_skip(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* What stands behind WORD; NULL: something else is there. */
static const char *
word_skip(const char *p, const char *word)
{
    size_t n = strlen(word);

    return p && strncmp(p, word, n) == 0 ? space_skip(p + n) : NULL;
}

/* Behind the string that begins at P; NULL: it does not end. */
static const char *
string_skip(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && *++p == '\0')
            return NULL;
    return *p ? p + 1 : NULL;
}

/* Behind the object that begins at P; NULL: it does not end. */
static const char *
object_skip(const char *p)
{
    int open = 0;

    do {
        p += strcspn(p, "\"{}");
        if (*p == '\0')
            return NULL;
        if (*p == '"') {
            p = string_skip(p);
            if (!p)
                return NULL;
            continue;
        }
        open += *p == '{' ? 1 : -1;
        p++;
    } while (open > 0);
    return p;
}

bool
parameters_find(const char *reply, const char **out, size_t *out_len)
{
    const char *p = word_skip(space_skip(reply), "{"), *end;

    p = word_skip(word_skip(p, "\"parameters\""), ":");
    if (!p || *p != '{' || !(end = object_skip(p)))
        return false;
    *out = p;
    *out_len = (size_t)(end - p);
    p = word_skip(space_skip(end), "}");
    return p && *p == '\0';
}
