/*
 * Takes the Legacy Display Element (RFC 9788 4.5.3) off a body as it streams
 * by: what the sender repeats of hidden header fields at the beginning of the
 * text, for readers that do not know of protected ones. Only in the parts that
 * are the text, and only where they say so. Constant memory; runs in
 * smime-session on hostile mail.
 */
#ifndef AGENT_MIME_LEGACY_DISPLAY_H
#define AGENT_MIME_LEGACY_DISPLAY_H

#include "agent/mime/header.h"

struct legacy_display;

/* The body FROM (borrowed) of the entity with the header H. */
struct legacy_display *legacy_display_new(const struct header *h,
                                          struct stream *from);
/* The body without the element; what is not it keeps its bytes. */
struct stream *legacy_display_stream(struct legacy_display *d);
void legacy_display_drop(struct legacy_display **d);

#endif
