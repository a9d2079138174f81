#include "agent/mime/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "agent/mime/header.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"
/* RFC 5322 3.3 allows four days; readers that show the hours as they stand
 * would show another day. */
#define MOST_ZONE 1400

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* Some write "March": what begins as a month is none other. */
static int
month_of(const char *name)
{
    for (int i = 0; i < 12; i++)
        if (strncasecmp(name, months[i], 3) == 0)
            return i;
    return -1;
}

/* RFC 5322 4.3, obs-year. */
static int
whole_year(int year, int digits)
{
    if (digits == 2 && year < 50)
        return year + 2000;
    return digits <= 3 ? year + 1900 : year;
}

/* What timegm would carry over is no time. */
static bool
is_time(const struct tm *t)
{
    struct tm again = *t;

    return t->tm_mon >= 0 && t->tm_year >= 0 && timegm(&again) >= 0 &&
           again.tm_mday == t->tm_mday && again.tm_hour == t->tm_hour &&
           again.tm_min == t->tm_min && again.tm_sec == t->tm_sec;
}

/* A blank for each comment (RFC 5322 3.2.2). False when one does not end. */
static bool
without_comments(struct slice text, struct buf *out)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (c == '(' && depth++ == 0)
            buf_add_byte(out, ' ');
        else if (depth == 0)
            buf_add_byte(out, c);
        else if (c == ')')
            depth--;
        else if (c == '\\')
            i++;
    }
    return depth == 0;
}

/* Where the day of the month begins: a day's name may stand before it. */
static const char *
day_find(const char *text)
{
    text += strspn(text, " \t");
    text += strspn(text, LETTERS);
    text += strspn(text, " \t");
    text += *text == ',';
    text += strspn(text, " \t");
    return strspn(text, DIGITS) > 0 ? text : NULL;
}

/* Day, month, year, hours, minutes, maybe seconds; gives what is behind. */
static const char *
time_take(const char *text, struct tm *out)
{
    char month[10], year[5];
    int read = 0, n = 0;

    if (sscanf(text, "%2d %9[A-Za-z] %4[0-9] %2d :%2d%n", &out->tm_mday, month,
               year, &out->tm_hour, &out->tm_min, &read) != 5)
        return NULL;
    text += read;
    if (sscanf(text, " : %2d%n", &out->tm_sec, &n) == 1)
        text += n;
    if (out->tm_sec == 60) /* a leap second */
        out->tm_sec = 59;
    out->tm_mon = month_of(month);
    if (strlen(year) < 2)
        return NULL;
    out->tm_year = whole_year(atoi(year), (int)strlen(year)) - 1900;
    return is_time(out) ? text : NULL;
}

/* Letters that RFC 5322 4.3 does not name are as good as +0000. */
static int
named_zone(const char *name)
{
    static const struct {
        const char *name;
        int hours;
    } known[] = {{"EDT", -4}, {"EST", -5}, {"CDT", -5}, {"CST", -6},
                 {"MDT", -6}, {"MST", -7}, {"PDT", -7}, {"PST", -8}};

    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (strcasecmp(name, known[i].name) == 0)
            return known[i].hours * 60 * 60;
    return 0;
}

/* Nothing is behind it. */
static bool
zone_read(const char *text, int *out_seconds)
{
    char zone[6];
    int read = 0, offset;

    if (sscanf(text, " %5s %n", zone, &read) != 1 || text[read] != '\0')
        return false;
    if (strspn(zone, LETTERS) == strlen(zone)) {
        *out_seconds = named_zone(zone);
        return true;
    }
    if (strlen(zone) != 5 || (zone[0] != '+' && zone[0] != '-') ||
        strspn(zone + 1, DIGITS) != 4)
        return false;
    offset = atoi(zone + 1);
    if (offset > MOST_ZONE || offset % 100 >= 60)
        return false;
    offset = (offset / 100 * 60 + offset % 100) * 60;
    *out_seconds = zone[0] == '+' ? offset : -offset;
    return true;
}

static bool
text_read(const char *text, time_t *out)
{
    struct tm t = {.tm_isdst = 0};
    int zone;

    text = day_find(text);
    text = text ? time_take(text, &t) : NULL;
    if (!text || !zone_read(text, &zone))
        return false;
    *out = timegm(&t) - zone;
    return true;
}

bool
date_read(struct slice value, time_t *out)
{
    AUTO(buf) struct buf line = {0};
    AUTO(buf) struct buf text = {0};

    header_unfold(value, &line);
    return without_comments(buf_slice(&line), &text) &&
           text_read(buf_text(&text), out);
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
