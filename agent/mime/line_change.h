/*
 * What becomes of a line that is not safe (safe_lines.h), for that filter
 * alone.
 */
#ifndef AGENT_MIME_LINE_CHANGE_H
#define AGENT_MIME_LINE_CHANGE_H

#include "agent/mime/gather.h"
#include "agent/mime/safe_lines.h"

struct line_change {
    enum unsafe_line how;
    struct gather *out;
    int escape;        /* quoted-printable: digits of "=XX" still to come */
    bool wrapped;      /* the line was begun by us */
    bool goes_on;      /* it is longer than what was seen of it */
    size_t column;     /* of what is written */
    struct buf blanks; /* which wait for what follows */
};

/* A line's beginning, or all of it; what follows of it; its end, which is
 * written. Errors: those of OUT. */
MUST_USE enum err line_change_begin(struct line_change *w, const uint8_t *p,
                                    size_t n, struct problem *problem);
MUST_USE enum err line_change_more(struct line_change *w, const uint8_t *p,
                                   size_t n, struct problem *problem);
MUST_USE enum err line_change_end(struct line_change *w, const char *end,
                                  struct problem *p);

#endif
