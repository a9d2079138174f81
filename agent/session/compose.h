/*
 * Writing S/MIME entities: what stays outside, what goes inside, the signed
 * and encrypted bodies. One pass, constant memory; works into any sink.
 */
#ifndef AGENT_SESSION_COMPOSE_H
#define AGENT_SESSION_COMPOSE_H

#include "agent/session/input.h"
#include "agent/session/signer.h"

/* A message or MIME entity that was handed over, its header read. */
struct draft {
    struct input input;
    struct entity entity;
    bool whole; /* a message: its fields stay outside */
    bool crlf;  /* line ends of the input, and so of the result */
};

/* Takes FD. Errors: ERR_NOT_MAIL, ERR_INPUT, ERR_LIMIT. */
MUST_USE enum err draft_open(int fd, struct draft *out, struct problem *p);
void draft_drop(struct draft *d);

/* The fields that stay outside, in their order and bytes, without MIME
 * fields and Bcc; MIME-Version is added when it is not there. Line ends as
 * CRLF says. */
MUST_USE enum err compose_outer(const struct draft *d, struct sink *to,
                                bool crlf, struct problem *p);

/* The inner entity: MIME fields, empty line, body, as they are. */
MUST_USE enum err compose_inner(struct draft *d, struct sink *to,
                                struct problem *p);

/* MIME fields and body of a signed entity (multipart/signed, or OPAQUE
 * application/pkcs7-mime) over the draft's inner entity; line ends CRLF or
 * LF. */
MUST_USE enum err compose_signed(struct request *r, struct signer *s,
                                 struct draft *d, bool opaque, bool crlf,
                                 struct sink *to);

#endif
