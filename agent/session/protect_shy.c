/* hcp_shy (RFC 9788 3.2.2): addresses without names, times without a zone. */
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "agent/mime/address.h"
#include "agent/session/protect.h"

#define MOST_ZONE 9959 /* RFC 5322 3.3 */

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* What is no list of mailboxes, or cannot be read, stays as it is. */
static bool
add_addresses(struct slice value, size_t most, struct buf *out)
{
    struct mailbox_list l;
    bool fits;

    mailbox_list_parse(value, &l);
    fits = !l.malformed && !l.group && !l.obsolete && l.count > 0 &&
           l.count <= most;
    for (size_t i = 0; fits && i < l.count; i++)
        buf_addf(out, "%s%s", i > 0 ? ",\r\n " : "", l.item[i].address);
    mailbox_list_drop(&l);
    return fits;
}

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

/* date-time of RFC 5322 3.3, but for its obsolete forms. */
static bool
read_date(const char *text, time_t *out)
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

static bool
add_utc(struct slice value, struct buf *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed",
                                       "Thu", "Fri", "Sat"};
    AUTO(buf) struct buf text = {0};
    time_t when;
    struct tm t;

    header_unfold(value, &text);
    if (!read_date(buf_text(&text), &when) || !gmtime_r(&when, &t))
        return false;
    buf_addf(out, "%s, %02d %s %d %02d:%02d:%02d +0000", days[t.tm_wday],
             t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min,
             t.tm_sec);
    return true;
}

bool
protect_shy_add(const struct header_field *f, struct buf *out)
{
    if (slice_is_nocase(f->name, "From"))
        return add_addresses(f->value, 1, out);
    if (slice_is_nocase(f->name, "To") || slice_is_nocase(f->name, "Cc"))
        return add_addresses(f->value, LIMIT_MAILBOXES, out);
    return slice_is_nocase(f->name, "Date") && add_utc(f->value, out);
}
