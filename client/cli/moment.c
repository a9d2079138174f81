/* Points in time as people write them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/cli/cli.h"

/* The offset after the seconds: "Z", "+01:00". Gives false for anything
 * else. */
static bool
offset_read(const char *text, long *out_seconds)
{
    int hours, minutes, used = 0;
    char sign;

    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        *out_seconds = 0;
        return true;
    }
    if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 ||
        text[used] != '\0' || (sign != '+' && sign != '-') || hours > 23 ||
        minutes > 59 || hours < 0 || minutes < 0)
        return false;
    *out_seconds = (hours * 60L + minutes) * 60 * (sign == '-' ? -1 : 1);
    return true;
}

/* Not 30 February, of which timegm would make another day. */
static bool
is_day(const struct tm *parts)
{
    struct tm day = {.tm_year = parts->tm_year,
                     .tm_mon = parts->tm_mon,
                     .tm_mday = parts->tm_mday};

    (void)timegm(&day);
    return day.tm_mday == parts->tm_mday;
}

/* RFC 3339, section 5.6. A bare date is its first second in UTC. */
bool
moment_read(const char *text, int64_t *out)
{
    struct tm parts = {.tm_isdst = 0};
    const char *rest = strptime(text, "%Y-%m-%d", &parts);
    long offset = 0;

    if (!rest || !is_day(&parts))
        return false;
    if (*rest != '\0') {
        if (*rest != 'T' && *rest != 't' && *rest != ' ')
            return false;
        rest = strptime(rest + 1, "%H:%M:%S", &parts);
        if (!rest)
            return false;
        if (*rest == '.')
            rest += 1 + strspn(rest + 1, "0123456789");
        if (!offset_read(rest, &offset))
            return false;
    }
    *out = (int64_t)timegm(&parts) - offset;
    return *out >= 0;
}

bool
arguments_moment(const struct arguments *a, const char *name, int64_t *out)
{
    const char *text = arguments_value(a, name);

    if (!text || moment_read(text, out))
        return true;
    return usage_error(a->command,
                       "--%s wants a time like 2026-01-02T10:00:00Z, not %s",
                       name, text) == 0;
}
