/*
 * Header fields as they survive transport, for those that stand inside what
 * is signed: seven bits (RFC 2047, RFC 2231), no blanks at the end of a line,
 * no line over 998 octets. Runs in smime-session.
 */
#ifndef AGENT_MIME_SAFE_FIELD_H
#define AGENT_MIME_SAFE_FIELD_H

#include "agent/mime/header.h"

/* Appends F, lines ended by CRLF; as it is where nothing has to change. False
 * when something remains that may not survive: bytes beyond ASCII in an
 * address or a transfer encoding, or in a Content-Type that would be read
 * otherwise without them, or a long line without a blank. */
bool safe_field_add(const struct header_field *f, struct buf *out);

/* Appends the VALUE of a Content-Type or Content-Disposition without the
 * parameters NAMES (NULL-terminated), each of the others on a line of its
 * own; a parameter beyond ASCII is written as RFC 2231 has it. Without the
 * last line end. */
void parameters_copy(struct slice value, const char *const *names,
                     struct buf *out);

/* Appends TEXT, of UTF-8 or else ISO-8859-1, as encoded words (RFC 2047),
 * each on a line of its own. */
void encoded_words_add(struct slice text, struct buf *out);

#endif
