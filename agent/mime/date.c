#include "agent/mime/date.h"

#include <stdio.h>
#include <strings.h>

#include "agent/mime/header.h"

#define MOST_ZONE 9959 /* RFC 5322 3.3 */

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int
month_of(const char *name)
{
    for (int i = 0; i < 12; i++)
        if (strcasecmp(name, months[i]) == 0)
            return i;
    return -1;
}

/* What timegm would carry over is no time. */
static bool
is_time(const struct tm *t, int zone)
{
    struct tm again = *t;

    return t->tm_mon >= 0 && t->tm_year >= 0 && zone >= -MOST_ZONE &&
           zone <= MOST_ZONE && timegm(&again) >= 0 &&
           again.tm_mday == t->tm_mday && again.tm_hour == t->tm_hour &&
           again.tm_min == t->tm_min && again.tm_sec == t->tm_sec;
}

/* Blanks, and maybe a comment, to the end. */
static bool
is_over(const char *text)
{
    size_t n;

    text += strspn(text, " \t");
    n = strlen(text);
    return n == 0 || (text[0] == '(' && text[n - 1] == ')');
}

static bool
text_read(const char *text, time_t *out)
{
    struct tm t = {.tm_isdst = 0};
    char month[4], zone[6];
    int offset, read = 0;
    const char *comma = strchr(text, ',');

    if (sscanf(comma ? comma + 1 : text, " %2d %3s %4d %2d:%2d%n", &t.tm_mday,
               month, &t.tm_year, &t.tm_hour, &t.tm_min, &read) != 5)
        return false;
    text = (comma ? comma + 1 : text) + read;
    if (*text == ':' && (sscanf(text, ":%2d%n", &t.tm_sec, &read) != 1))
        return false;
    text += *text == ':' ? read : 0;
    if (sscanf(text, " %5s%n", zone, &read) != 1 || strlen(zone) != 5 ||
        !is_over(text + read) || sscanf(zone + 1, "%4d", &offset) != 1 ||
        strspn(zone + 1, "0123456789") != 4 ||
        (zone[0] != '+' && zone[0] != '-'))
        return false;
    t.tm_mon = month_of(month);
    t.tm_year -= 1900;
    if (!is_time(&t, offset))
        return false;
    offset = (offset / 100 * 60 + offset % 100) * 60;
    *out = timegm(&t) - (zone[0] == '+' ? offset : -offset);
    return true;
}

bool
date_read(struct slice value, time_t *out)
{
    AUTO(buf) struct buf text = {0};

    header_unfold(value, &text);
    return text_read(buf_text(&text), out);
}

bool
date_write(time_t when, struct buf *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed",
                                       "Thu", "Fri", "Sat"};
    struct tm t;

    if (!gmtime_r(&when, &t))
        return false;
    buf_addf(out, "%s, %02d %s %d %02d:%02d:%02d +0000", days[t.tm_wday],
             t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min,
             t.tm_sec);
    return true;
}
