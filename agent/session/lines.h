/*
 * Lines of a text of any size, unfolded (RFC 6350 3.2, RFC 2849), in memory
 * that does not grow with it. Runs in smime-session on foreign files.
 */
#ifndef AGENT_SESSION_LINES_H
#define AGENT_SESSION_LINES_H

#include "agent/base/limits.h"
#include "agent/base/stream.h"

struct lines {
    struct stream *from; /* borrowed */
    uint8_t *buffer;
    size_t at, have;
    size_t number; /* of the line that was given last, from 1 */
    size_t read;   /* lines so far, folded ones counted */
    struct buf line;
    bool is_cut;       /* it had more than LIMIT_LOGICAL_LINE_BYTES: the rest is
                          lost */
    const char *folds; /* what begins a line that goes on; "" for none */
};

void lines_init(struct lines *l, struct stream *from, const char *folds);
void lines_drop(struct lines *l);

/* The next line without its end, in l->line until the next call; *out is
 * false at the end. Errors: those of the stream. */
MUST_USE enum err lines_next(struct lines *l, bool *out, struct problem *p);

#endif
