/*
 * A display name as code points, and what people take them for. For the
 * files of this folder that look for deceiving names alone.
 */
#ifndef AGENT_MIME_POINTS_H
#define AGENT_MIME_POINTS_H

#include "agent/mime/letters.h"

struct points {
    int32_t *item;
    size_t count;
};

static inline void
points_drop(struct points *t)
{
    free(t->item);
}

static inline bool
is_commercial_at(int32_t c)
{
    return c == '@' || c == 0xff20 || c == 0xfe6b || c == 0x24d0 || c == 0x24b6;
}

/* What IDNA takes for a dot (RFC 3490 3.1), and people too. */
static inline bool
is_dot(int32_t c)
{
    return c == '.' || c == 0x2024 || c == 0x3002 || c == 0xfe52 ||
           c == 0xff0e || c == 0xff61;
}

static inline bool
is_space(int32_t c)
{
    return c == ' ' || c == '\t' || c == 0xa0 || c == 0x3000 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f;
}

/* Drawn over the character before it, which is what a person reads. */
static inline bool
is_combining(int32_t c)
{
    return (c >= 0x300 && c <= 0x36f) || (c >= 0x1ab0 && c <= 0x1aff) ||
           (c >= 0x1dc0 && c <= 0x1dff) || (c >= 0x20d0 && c <= 0x20ff) ||
           (c >= 0xfe20 && c <= 0xfe2f);
}

/* What an address in a text is set off by. */
static inline bool
is_delimiter(int32_t c)
{
    return is_space(c) || (c > 0 && c < 0x80 && strchr("<>()[],;:\"'", c));
}

/* Writes commercial ats and dots in place of what spells them: "boss(at)
 * example(dot)org", "boss[@]example.org", "boss_at_example.org", "boss at
 * example.org". The words alone only where they read as an address: with both
 * of them, or with a domain that is not the one of ADDRESS, the author's. */
void points_resolve(struct points *t, const char *address);

#endif
