/*
 * Addresses that are spelled out.
 */
#include "agent/mime/points.h"

#include <stdio.h>

/* And blanks between them: the innermost count, whatever is around those. */
#define MOST_BRACKETS 16

static bool
is_one_of(int32_t c, const char *set)
{
    return c > 0 && c < 0x80 && strchr(set, c) != NULL;
}

/* The length of WORD at T[at], or 0. */
static size_t
take_word(const struct points *t, size_t at, const char *word)
{
    size_t n = strlen(word);

    if (t->count - at < n)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (t->item[at + i] <= 0 || t->item[at + i] > 'z' ||
            to_lower((uint8_t)t->item[at + i]) != (uint8_t)word[i])
            return 0;
    return n;
}

/* The length of "(at)" or "(dot)" at T[at], in any brackets and any number of
 * them, and of "(@)" or "(.)", also in quotes; what it stands for in *out. */
static size_t
take_bracketed(const struct points *t, size_t at, char *out)
{
    size_t begin = at, inside, n;
    bool symbol;

    while (begin < t->count && begin - at < MOST_BRACKETS &&
           (is_one_of(t->item[begin], "([{<\"'") ||
            (begin > at && is_space(t->item[begin]))))
        begin++;
    if (begin == at || begin == t->count)
        return 0;
    symbol = is_commercial_at(t->item[begin]) || is_dot(t->item[begin]);
    *out = is_commercial_at(t->item[begin]) || take_word(t, begin, "at") ? '@'
                                                                         : '.';
    inside =
        symbol ? 1 : take_word(t, begin, "at") + take_word(t, begin, "dot");
    if (inside == 0 || (!symbol && is_one_of(t->item[at], "\"'")))
        return 0;
    for (n = begin + inside; n < t->count && is_space(t->item[n]);)
        n++;
    if (n == t->count || !is_one_of(t->item[n], symbol ? ")]}>\"'" : ")]}>"))
        return 0;
    while (n < t->count && is_one_of(t->item[n], ")]}>\"'"))
        n++;
    return n - at;
}

/* Is WORD at T[at] all of one? */
static bool
is_word(const struct points *t, size_t at, const char *word)
{
    size_t n = strlen(word);

    return take_word(t, at, word) > 0 && at > 0 && is_space(t->item[at - 1]) &&
           at + n < t->count && is_space(t->item[at + n]);
}

/* "dot" or "DOT"; "Polka Dot" is a name. */
static bool
is_spelled_dot(const struct points *t, size_t at)
{
    return is_word(t, at, "dot") &&
           (t->item[at] == 'd') == (t->item[at + 2] == 't');
}

static size_t
skip_space(const struct points *t, size_t at)
{
    while (at < t->count && is_space(t->item[at]))
        at++;
    return at;
}

static size_t
skip_word(const struct points *t, size_t at)
{
    while (at < t->count && !is_delimiter(t->item[at]))
        at++;
    return at;
}

static bool
is_letter(int32_t c)
{
    return c > 0 && c < 0x80 && is_alphanumeric((uint8_t)c) &&
           !is_digit((uint8_t)c);
}

/* Does T[from, to) read as a domain? "Node.js" does, "E.ON", "St.Gallen" and
 * "10.30" do not. */
static bool
is_domain(const struct points *t, size_t from, size_t to)
{
    size_t dot = to;

    while (to > from && is_dot(t->item[to - 1]))
        dot = --to;
    while (dot > from && !is_dot(t->item[dot - 1]))
        dot--;
    if (to - dot < 2 || dot < from + 3 || is_dot(t->item[dot - 3]))
        return false;
    for (size_t i = dot; i < to; i++)
        if (!is_letter(t->item[i]) ||
            (t->item[i] >= 'a') != (t->item[dot] >= 'a'))
            return false;
    return true;
}

/* Is T[from, to) the domain of ADDRESS, or one above it? */
static bool
is_domain_of(const struct points *t, size_t from, size_t to,
             const char *address)
{
    size_t n = strlen(address);

    while (to > from && is_dot(t->item[to - 1]))
        to--;
    if (n < to - from + 1)
        return false;
    for (size_t i = 0; i < to - from; i++)
        if (t->item[to - 1 - i] >= 0x80 ||
            to_lower((uint8_t)t->item[to - 1 - i]) !=
                to_lower((uint8_t)address[n - 1 - i]))
            return false;
    return (uint8_t)address[n - 1 - (to - from)] == '@' ||
           (uint8_t)address[n - 1 - (to - from)] == '.';
}

/* Is the "at" at T[at] followed by a domain? */
static bool
is_spelled_at(const struct points *t, size_t at, const char *address)
{
    size_t from = skip_space(t, at + 2), to = skip_word(t, from), dot;

    if (is_domain(t, from, to))
        return !is_domain_of(t, from, to, address);
    dot = skip_space(t, to);
    return dot > to && is_spelled_dot(t, dot);
}

/* "boss*at*example.org"; with hyphens and the like a name of a host may have
 * it, and of the author's own one it says nothing. */
static size_t
take_symbols(const struct points *t, size_t at, const char *address)
{
    char text[5] = {0};

    if (!is_one_of(t->item[at], "*_-~|/+") || t->count - at < 4 ||
        take_word(t, at + 1, "at") == 0 || t->item[at + 3] != t->item[at])
        return 0;
    snprintf(text, sizeof(text), "%cat%c", (char)t->item[at],
             (char)t->item[at]);
    return strcasestr(address, text) ? 0 : 4;
}

/* The length of what spells a commercial at or a dot at T[at], or 0. */
static size_t
take_spelled(const struct points *t, size_t at, const char *address, char *out)
{
    size_t n = take_bracketed(t, at, out);

    if (n > 0)
        return n;
    *out = '@';
    if ((n = take_symbols(t, at, address)) > 0)
        return n;
    if (is_one_of(t->item[at], "aA") && t->count - at > 1 &&
        t->item[at + 1] == 0x20dd) /* in a circle */
        return 2;
    if (is_word(t, at, "at") && is_spelled_at(t, at, address))
        return 2;
    *out = '.';
    return is_spelled_dot(t, at) ? 3 : 0;
}

/* What is written takes no more room: " @ " for "(at)", "@" for a word with
 * blanks around it. */
void
points_resolve(struct points *t, const char *address)
{
    struct points whole = {.item = mem_new((t->count + 1) * sizeof(int32_t)),
                           .count = t->count};
    size_t n = 0;

    memcpy(whole.item, t->item, t->count * sizeof(int32_t));
    for (size_t i = 0; i < whole.count;) {
        char what = 0;
        size_t length = take_spelled(&whole, i, address, &what);

        if (length > 2)
            t->item[n++] = ' ';
        t->item[n++] = length > 0 ? what : whole.item[i];
        if (length > 2)
            t->item[n++] = ' ';
        i += length > 0 ? length : 1;
    }
    t->count = n;
    points_drop(&whole);
}
