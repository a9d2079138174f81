/*
 * The next line that begins with a dash, as every delimiter does: found by
 * the dash, since text, and base64 more so, has fewer of them than lines.
 */
#ifndef AGENT_MIME_DASH_LINE_H
#define AGENT_MIME_DASH_LINE_H

#include <stdint.h>
#include <string.h>

/* The first dash in FROM..END right behind a line feed that lies there too;
 * NULL when there is none. */
static inline const uint8_t *
dash_line_find(const uint8_t *from, const uint8_t *end)
{
    const uint8_t *dash = from;

    while (dash < end && (dash = memchr(dash, '-', (size_t)(end - dash)))) {
        if (dash > from && dash[-1] == '\n')
            return dash;
        dash++;
    }
    return NULL;
}

#endif
