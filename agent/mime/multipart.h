/*
 * The parts of a multipart body (RFC 2046 5.1), pulled one after the other
 * in constant memory. Runs in smime-session on hostile mail.
 */
#ifndef AGENT_MIME_MULTIPART_H
#define AGENT_MIME_MULTIPART_H

#include "agent/base/stream.h"

struct multipart;

/*
 * A delimiter is a whole line: "--" boundary, for the last one "--", blanks
 * (at most 998), CRLF or LF or the end of the input. A line that goes on
 * after the boundary is none.
 */

/* FIRST are bytes of the body that were already read (borrowed until drop),
 * FROM gives the rest. boundary is at most 512 bytes (copied); blanks at its
 * end do not count, an empty or longer one delimits nothing. */
struct multipart *multipart_new(struct slice first, struct stream *from,
                                const char *boundary);
void multipart_drop(struct multipart **m);

/* Everything that is no part goes to ASIDE (borrowed until drop) as it is:
 * preamble, delimiters with the line ends before and behind them, epilogue.
 * With the parts, each read to its end, that is the body byte for byte. Each
 * delimiter is written before the part behind it is given. */
void multipart_set_aside(struct multipart *m, struct sink *aside);

enum part_event {
    PART_BEGIN,   /* a part begins: read it with multipart_part */
    PART_END_ALL, /* the closing delimiter was seen; epilogue follows */
    PART_CUT      /* the input ended without a closing delimiter */
};
/* Goes to the next part; what is left of the current one is skipped. */
MUST_USE enum err multipart_next(struct multipart *m, enum part_event *out,
                                 struct problem *p);

/* The current part's raw bytes, header included; ends before the line end
 * that belongs to the delimiter (RFC 2046 5.1.1). */
struct stream *multipart_part(struct multipart *m);

/* What stood around the parts. Call after PART_END_ALL or PART_CUT:
 * reads the epilogue to its end. text is true when it holds anything but
 * white space, and the preamble anything but what mail programs write there
 * for readers that know no MIME. */
MUST_USE enum err multipart_surroundings(struct multipart *m,
                                         bool *out_preamble_text,
                                         bool *out_epilogue_text,
                                         struct problem *p);

/* True when a line among the parts read so far goes on after the boundary:
 * none to us, but a delimiter to readers that look no further (RFC 2046
 * 5.1.1 forbids such a line). */
bool multipart_is_ambiguous(const struct multipart *m);

/* In preamble.c: nothing, or a sentence as mail programs write it above the
 * first part, which says that this is MIME and no more. */
bool preamble_is_usual(struct slice text);

/* A boundary that no line of ordinary text holds: random, 36 characters. */
void multipart_boundary(char out[40]);

#endif
