/*
 * An entity as it survives SMTP (RFC 8551 3.1.2, 3.1.3): what mail systems
 * may change is encoded before it is signed, part by part, and what needs no
 * change keeps its bytes. One pass, constant memory; runs in smime-session on
 * one's own mail.
 *
 * A text becomes quoted-printable, anything else base64; what is encoded
 * already is made safe line by line and decodes to the same. What somebody
 * else has signed or encrypted is never touched: neither multipart/signed nor
 * multipart/encrypted.
 */
#ifndef AGENT_SESSION_SEVEN_BIT_H
#define AGENT_SESSION_SEVEN_BIT_H

#include "agent/session/input.h"

/* So much of a part is looked at before its header is written. */
#define SEVEN_BIT_WINDOW_BYTES (256 * 1024)

struct seven_bit {
    struct sink *to; /* gets canonical form: CRLF */
    /* Both or none: TO gives CANONICAL what it gets, and PLAIN the same with
     * LF; most of a text goes to them without it. */
    struct sink *canonical;
    struct sink *plain;
    /* The input can be read again: a long text that is safe so far is written
     * as it is. Where that turns out wrong the call fails and begin_again is
     * set; then all is written again without this. Otherwise it becomes
     * quoted-printable at once. */
    bool hopes;
    bool begin_again;
    const char *unsafe;  /* what could not be made safe; NULL: all is */
    const char *display; /* for the text: see legacy_display.h; or NULL */
    size_t depth;
};

/* Writes H and BODY. Errors: those of BODY and of the sink. */
MUST_USE enum err seven_bit_write(struct seven_bit *t, const struct header *h,
                                  struct stream *body, struct problem *p);

#endif
