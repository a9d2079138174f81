/*
 * Where mail comes from, and small streams that the engine puts around it:
 * one that gives back what was read too far, one that digests what passes.
 */
#ifndef AGENT_SESSION_INPUT_H
#define AGENT_SESSION_INPUT_H

#include "agent/base/stream.h"
#include "agent/cms/signed.h"
#include "agent/mime/header.h"
#include "agent/mime/transfer.h"

/* The client's input descriptor as a stream; owns it. A regular file ends
 * where it ended at the beginning: the output may be appended to it. */
struct input {
    int fd;
    struct stream_fd stream;
};
void input_open(int fd, struct input *out); /* takes FD */
void input_drop(struct input *in);

/* First some bytes (borrowed), then another stream (borrowed). */
struct stream_joined {
    struct stream s;
    struct slice first;
    struct stream *rest;
};
void stream_joined_init(struct stream_joined *j, struct slice first,
                        struct stream *rest);

/* Digests the canonical form (CRLF line ends) of what passes through. */
struct stream_digested {
    struct stream s;
    struct stream *from;
    struct crlf_writer *canonical; /* NULL: as it is */
    struct digests *digests;       /* borrowed */
};
void stream_digested_init(struct stream_digested *d, struct stream *from,
                          struct digests *digests, bool canonical);
void stream_digested_drop(struct stream_digested *d);

/*
 * A header and the stream of the body behind it. When what was read is no
 * MIME entity, is_entity is false, the header is empty and the body gives
 * everything from the first byte.
 */
struct entity {
    bool is_entity;
    struct header header;
    struct stream *body;
    struct buf rest; /* read beyond the header */
    struct stream_joined joined;
};
/* Errors: those of FROM. */
MUST_USE enum err entity_read(struct stream *from, struct entity *out,
                              struct problem *p);
void entity_drop(struct entity *e);

/* Writes to two sinks. */
struct sink_tee {
    struct sink s;
    struct sink *a;
    struct sink *b;
};
void sink_tee_init(struct sink_tee *t, struct sink *a, struct sink *b);

#endif
