/*
 * Writes an OCTET STRING of unknown length as BER segments (X.690 8.7.3),
 * about STREAM_CHUNK_BYTES each. Runs in smime-session.
 */
#ifndef AGENT_CMS_SEGMENTS_H
#define AGENT_CMS_SEGMENTS_H

#include "agent/base/stream.h"

#define SEGMENT_BYTES (32 * 1024)

struct segments {
    struct sink sink;
    struct sink *to;
    struct buf pending;
};

/* Borrows TO. The constructed header and the end-of-contents around the
 * segments are the caller's. */
void segments_init(struct segments *s, struct sink *to);
/* Writes what is pending. */
MUST_USE enum err segments_flush(struct segments *s, struct problem *p);
void segments_drop(struct segments *s);

#endif
