/*
 * The legacy display of RFC 9788, section 4.10: the copy of hidden fields at
 * the beginning of a text. Runs in the session, on hostile text; it only
 * takes away what has the form that the RFC gives it.
 */
#ifndef AGENT_MIME_LEGACY_ELEMENT_H
#define AGENT_MIME_LEGACY_ELEMENT_H

#include "agent/base/mem.h"

/* Cuts the element out of TEXT, which is the beginning of a text/html or a
 * text/plain without its transfer encoding: fields and an empty line, or the
 * div of the RFC's name. False when there is none. */
bool legacy_element_cut(struct buf *text, bool html);

/* The bytes of the first line of N bytes at P, its end included. */
size_t legacy_line_end(const uint8_t *p, size_t n);

#endif
