/*
 * The Legacy Display Element (RFC 9788 2.1.2.1, 5.2.2): what is hidden
 * outside, repeated at the beginning of the text, for readers that do not know
 * of protected fields. Writing it; agent/mime/legacy_display.h takes it off.
 */
#ifndef AGENT_SESSION_LEGACY_DISPLAY_H
#define AGENT_SESSION_LEGACY_DISPLAY_H

#include "agent/base/stream.h"
#include "agent/mime/header.h"

/* Can the element stand in the part with the header H: a text/plain or
 * text/html that is no attachment, of a known transfer encoding? */
bool legacy_display_fits(const struct header *h);

/* Writes the part H, BODY with DISPLAY (UTF-8, "Name: value" on each line)
 * before its text, in quoted-printable; canonical form. Errors: those of BODY
 * and TO. */
MUST_USE enum err legacy_display_put(const char *display,
                                     const struct header *h,
                                     struct stream *body, struct sink *to,
                                     struct problem *p);

#endif
