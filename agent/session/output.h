/*
 * Where a result goes: nothing reaches a reader unless the whole operation
 * succeeded. A regular file is written as the result is made and cut back on
 * failure; for a pipe or a socket the result waits, in memory while it is
 * small, in the spool beyond. The middle of a file, which cannot be cut
 * back, is written as a pipe is.
 */
#ifndef AGENT_SESSION_OUTPUT_H
#define AGENT_SESSION_OUTPUT_H

#include "agent/session/spool.h"

#define OUTPUT_MEMORY_BYTES (1024 * 1024)

struct output;

/* Takes FD. SCRATCH is borrowed for when the result has to wait. Errors:
 * ERR_OUTPUT when FD cannot be written. */
MUST_USE enum err output_open(int fd, struct scratch *scratch,
                              struct output **out, struct problem *p);
struct sink *output_sink(struct output *o);

/* The operation succeeded: writes what waited. Errors: ERR_OUTPUT; a file
 * that was written at its end is cut back by drop. Call once. */
MUST_USE enum err output_commit(struct output *o, struct problem *p);

/* What was written is forgotten, to write it anew. Errors: ERR_OUTPUT. */
MUST_USE enum err output_restart(struct output *o, struct problem *p);

/* Without commit a regular file is cut back to where it began. */
void output_drop(struct output **o);

#endif
