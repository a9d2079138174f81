/*
 * Writing S/MIME entities: what stays outside, what goes inside, the signed
 * and encrypted bodies. Constant memory; works into any sink. One pass, but
 * for a large file that turns out not to be what it was taken for.
 */
#ifndef AGENT_SESSION_COMPOSE_H
#define AGENT_SESSION_COMPOSE_H

#include "agent/session/input.h"
#include "agent/session/protect.h"
#include "agent/session/signer.h"

/* A message or MIME entity that was handed over, its header read. */
struct draft {
    struct input input;
    struct entity entity;
    bool whole;             /* a message: its fields stay outside */
    bool crlf;              /* line ends of the input, and so of the result */
    struct protect protect; /* what RFC 9788 adds; set by who composes */
    off_t begins;           /* in the input; -1: it can be read once only */
    bool hopes;             /* what seven_bit.h says of these three */
    bool begin_again;
    const char *unsafe;
};

/* Takes FD. Errors: ERR_NOT_MAIL, ERR_INPUT, ERR_LIMIT. */
MUST_USE enum err draft_open(int fd, struct draft *out, struct problem *p);
void draft_drop(struct draft *d);

/* After a failure with begin_again: as it was, and nothing is hoped any more.
 * Errors: ERR_INPUT when the input has changed. */
MUST_USE enum err draft_rewind(struct draft *d, struct problem *p);

/* What R asks for, or agent.conf, about the header of D. Errors: those of
 * policy_of. */
MUST_USE enum err draft_protect(struct request *r, bool encrypts,
                                struct draft *d);

/* The fields that stay outside, in their order and bytes, without MIME
 * fields, Bcc, and what is to be hidden; MIME-Version is added when it is not
 * there. Line ends as CRLF says. */
MUST_USE enum err compose_outer(const struct draft *d, struct sink *to,
                                bool crlf, struct problem *p);

/* The inner entity in canonical form: protected fields, MIME fields, empty
 * line, body, as they are where no mail system would change them, else encoded
 * (seven_bit.h). */
MUST_USE enum err compose_inner(struct draft *d, struct sink *to,
                                struct problem *p);

/* Adds to WARNINGS what the person should know of what was composed. */
void compose_warn(const struct draft *d, json_t *warnings);

/* MIME fields and body of a signed entity (multipart/signed, or OPAQUE
 * application/pkcs7-mime) over the draft's inner entity; line ends CRLF or
 * LF. */
MUST_USE enum err compose_signed(struct request *r, struct signer *s,
                                 struct draft *d, bool opaque, bool crlf,
                                 struct sink *to);

#endif
