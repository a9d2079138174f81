#include "agent/validator/strict.h"

#include <time.h>

/* Reads a length at P of N bytes: how many bytes it took, or 0. */
static size_t
length_read(const uint8_t *p, size_t n, size_t *out)
{
    size_t octets, length = 0;

    if (n == 0)
        return 0;
    if (p[0] < 0x80) {
        *out = p[0];
        return 1;
    }
    octets = p[0] & 0x7f;
    if (octets == 0 || octets > 4 || octets >= n || p[1] == 0)
        return 0;
    for (size_t i = 1; i <= octets; i++)
        length = length << 8 | p[i];
    if (length < 0x80)
        return 0;
    *out = length;
    return 1 + octets;
}

bool
strict_next(struct slice *rest, struct strict *out)
{
    size_t took, length;

    if (rest->n < 2 || (rest->p[0] & 0x1f) == 0x1f)
        return false;
    took = length_read(rest->p + 1, rest->n - 1, &length);
    if (took == 0 || length > rest->n - 1 - took)
        return false;
    out->tag = rest->p[0];
    out->value = slice_of(rest->p + 1 + took, length);
    out->whole = slice_of(rest->p, 1 + took + length);
    *rest = slice_of(rest->p + out->whole.n, rest->n - out->whole.n);
    return true;
}

bool
strict_take(struct slice *rest, uint8_t tag, struct slice *value)
{
    struct slice after = *rest;
    struct strict d;

    if (!strict_next(&after, &d) || d.tag != tag)
        return false;
    *rest = after;
    *value = d.value;
    return true;
}

static int
two_digits(const uint8_t *p)
{
    return (p[0] - '0') * 10 + (p[1] - '0');
}

static bool
all_digits(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] < '0' || p[i] > '9')
            return false;
    return true;
}

/* timegm would carry a 31st of February over into March. */
static bool
tm_is_exact(const struct tm *asked, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm back;

    return gmtime_r(&t, &back) && back.tm_year == asked->tm_year &&
           back.tm_mon == asked->tm_mon && back.tm_mday == asked->tm_mday &&
           back.tm_hour == asked->tm_hour && back.tm_min == asked->tm_min &&
           back.tm_sec == asked->tm_sec;
}

bool
strict_time(const struct strict *d, int64_t *out)
{
    size_t year_digits = d->tag == DER_UTC_TIME ? 2 : 4;
    const uint8_t *p = d->value.p;
    struct tm tm = {0}, asked;
    int64_t seconds;

    if ((d->tag != DER_UTC_TIME && d->tag != DER_GENERAL_TIME) ||
        d->value.n != year_digits + 11 || p[d->value.n - 1] != 'Z' ||
        !all_digits(p, d->value.n - 1))
        return false;
    tm.tm_year = two_digits(p);
    if (year_digits == 4)
        tm.tm_year = tm.tm_year * 100 + two_digits(p + 2) - 1900;
    else if (tm.tm_year < 50)
        tm.tm_year += 100;
    p += year_digits;
    tm.tm_mon = two_digits(p) - 1;
    tm.tm_mday = two_digits(p + 2);
    tm.tm_hour = two_digits(p + 4);
    tm.tm_min = two_digits(p + 6);
    tm.tm_sec = two_digits(p + 8);
    asked = tm;
    seconds = (int64_t)timegm(&tm);
    if (!tm_is_exact(&asked, seconds))
        return false;
    *out = seconds;
    return true;
}
