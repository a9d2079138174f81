/*
 * BER pulled out of a stream, one header at a time (X.690): definite and
 * indefinite lengths, any size, constant memory, bounded depth. Runs in
 * smime-session on hostile mail; every length is checked against what its
 * enclosing element has left.
 *
 * The first error is final: each later call gives it again. What lies behind
 * the outermost element is never read by meaning: mail transports append to
 * base64, so trailing octets are ignored.
 */
#ifndef AGENT_CMS_BER_H
#define AGENT_CMS_BER_H

#include "agent/base/limits.h"
#include "agent/base/stream.h"
#include "agent/cms/der.h"

#define BER_BUFFER_BYTES (16 * 1024)

struct ber_header {
    uint8_t tag; /* the first identifier octet */
    uint8_t id[6];
    size_t id_len;
    bool indefinite;
    uint64_t length; /* 0 when indefinite */
};

/* end is where the element ends at the latest: its own end, or that of the
 * nearest enclosing element with a definite length. */
struct ber_level {
    bool indefinite;
    bool ended;
    uint64_t end;
};

struct ber {
    struct stream *from;
    uint8_t *buffer;
    size_t at;
    size_t have;
    uint64_t position;
    struct ber_level level[LIMIT_BER_DEPTH];
    size_t depth;
    bool has_peeked;
    struct ber_header peeked;
    struct problem failed;
};

/* Borrows FROM. */
void ber_init(struct ber *b, struct stream *from);
void ber_drop(struct ber *b);

/* Latches and gives an error; an earlier one wins. */
enum err ber_fail(struct ber *b, struct problem *p, enum err e,
                  const char *detail);

/* ... ERR_LIMIT: "more than LIMIT WHAT". */
enum err ber_over(struct ber *b, struct problem *p, size_t limit,
                  const char *what);

/* The next element of the current level, not consumed; *out is NULL at the
 * level's end. Errors, here and below: ERR_BAD_MESSAGE, and those of the
 * stream. */
MUST_USE enum err ber_peek(struct ber *b, const struct ber_header **out,
                           struct problem *p);

/* Sets *out when the next element has TAG. */
MUST_USE enum err ber_is(struct ber *b, uint8_t tag, bool *out,
                         struct problem *p);

/* Goes into the next element, which must be TAG (constructed). */
MUST_USE enum err ber_enter(struct ber *b, uint8_t tag, struct problem *p);
/* Goes out of the current level, whose end must have been reached. */
MUST_USE enum err ber_leave(struct ber *b, struct problem *p);

/* Some of the octets, at least one, at most SIZE (not 0). */
MUST_USE enum err ber_octets(struct ber *b, uint8_t *out, size_t size,
                             size_t *got, struct problem *p);

/* ---- whole elements (ber_copy.c) ------------------------------------------
 */

/* Passes over the next element, whatever it is. */
MUST_USE enum err ber_skip(struct ber *b, struct problem *p);

/* Appends the next element to OUT with definite, shortest lengths and plain
 * OCTET STRINGs; OUT may grow to at most LIMIT bytes: ERR_LIMIT. */
MUST_USE enum err ber_collect(struct ber *b, struct buf *out, size_t limit,
                              struct problem *p);

/* As ber_collect, but the body octet by octet as it came when its length is
 * definite: for what somebody signed. */
MUST_USE enum err ber_copy(struct ber *b, struct buf *out, size_t limit,
                           struct problem *p);

/* ---- an OCTET STRING of any form and size ----------------------------------
 */

struct ber_string {
    struct ber *b;
    unsigned nested;
    uint64_t left;  /* of the current segment */
    uint64_t total; /* handed out so far */
    bool done;
};

/* The next element, whose tag must be TAG or its constructed form (TAG is
 * the primitive one); segments inside are universal OCTET STRINGs. */
MUST_USE enum err ber_string_begin(struct ber_string *s, struct ber *b,
                                   uint8_t tag, struct problem *p);
/* *got == 0 at its end. */
MUST_USE enum err ber_string_read(struct ber_string *s, uint8_t *out,
                                  size_t size, size_t *got, struct problem *p);

#endif
