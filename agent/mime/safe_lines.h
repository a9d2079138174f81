/*
 * Lines that every mail system leaves as they are (RFC 2049 3, RFC 5321
 * 4.5.3.1, RFC 8551 3.1.2): seven bits, no NUL, no bare CR, at most 998
 * octets, no blank at the end, no "From " at the beginning, not one dot
 * alone. A signature over other lines may not survive its transport. Constant
 * memory; runs in smime-session.
 */
#ifndef AGENT_MIME_SAFE_LINES_H
#define AGENT_MIME_SAFE_LINES_H

#include "agent/base/stream.h"

#define SAFE_LINE_BYTES 998

/* What becomes of a line that is not safe. */
enum unsafe_line {
    UNSAFE_KEPT,    /* nothing: it is told afterwards */
    UNSAFE_REFUSED, /* the write fails, with ERR_BAD_MESSAGE */
    UNSAFE_QUOTED,  /* it is in quoted-printable: escaped, so that it decodes
                       to the same */
    UNSAFE_BASE64,  /* it is in base64: what is no base64 is left out */
    UNSAFE_ASIDE    /* nobody reads it (RFC 2046 5.1.1): changed */
};

/* Passes lines on to TO, in canonical form: each line end is CRLF. */
struct safe_lines;
struct safe_lines *safe_lines_new(struct sink *to, enum unsafe_line how);
struct sink *safe_lines_sink(struct safe_lines *w);
/* Writes what waits; a last line without end stays so, and is judged as if it
 * had one. */
MUST_USE enum err safe_lines_finish(struct safe_lines *w, struct problem *p);
/* TO is what gives CANONICAL its bytes and PLAIN the same with LF: lines that
 * end in LF then go to PLAIN as they are. */
void safe_lines_split(struct safe_lines *w, struct sink *canonical,
                      struct sink *plain);
/* There was an unsafe line. */
bool safe_lines_met_unsafe(const struct safe_lines *w);
void safe_lines_drop(struct safe_lines **w);

/* Are all lines of TEXT safe? Of bytes that are not (*out_coded, may be NULL),
 * how many would be three in quoted-printable? */
bool lines_are_safe(struct slice text, size_t *out_coded);

#endif
