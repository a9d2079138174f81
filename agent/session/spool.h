/*
 * The session's scratch space: what must wait for a tag or a signature waits
 * here, in an unlinked file, encrypted under a key made in this session and
 * never stored (AES-256-CTR by position; secrecy on disk is what it gives,
 * nothing reads it but this process). Append, then read back.
 */
#ifndef AGENT_SESSION_SPOOL_H
#define AGENT_SESSION_SPOOL_H

#include <sys/types.h>

#include "agent/base/stream.h"

/* The session's one scratch file, without a name. Few requests need it, so
 * it is asked for when one does. */
struct scratch {
    int fd;     /* -1: not asked for yet */
    int broker; /* whom to ask: MSG_SCRATCH */
};

/* The descriptor, borrowed, in *out. Errors: ERR_OUTPUT when there is no
 * temporary space. */
MUST_USE enum err scratch_get(struct scratch *s, int *out, struct problem *p);

struct spool;

/* FD is the scratch descriptor, borrowed. The spool starts empty. */
struct spool *spool_new(int fd);
void spool_drop(struct spool **s);

/* Appends. Errors: ERR_OUTPUT when the temporary space is full. */
struct sink *spool_sink(struct spool *s);

/* Everything appended so far, from the start. Borrowed until drop; one
 * reading at a time. */
struct stream *spool_stream(struct spool *s);

#endif
