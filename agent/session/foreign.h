/*
 * Files of certificates that other programs wrote: PEM, DER, certs-only
 * SignedData, also as a message (RFC 8551 3.8), vCard (RFC 2426, RFC 6350),
 * LDIF (RFC 2849). Runs in smime-session: nothing here looks into a
 * certificate, and an address that a file claims is only ever compared with
 * what its certificate names.
 */
#ifndef AGENT_SESSION_FOREIGN_H
#define AGENT_SESSION_FOREIGN_H

#include "agent/session/lines.h"
#include "agent/wire/records.h"

/* One that was found. BYTES is a certificate, a SignedData of them, or PEM or
 * base64 of either. STATED: the addresses the file gives its holder; empty
 * where it gives none. LINE: where it is, 0 in a binary file. */
struct foreign_found {
    struct slice bytes;
    const struct slice_list *stated;
    size_t line;
};

/* An error ends the reading. */
struct foreign_sink {
    enum err (*found)(void *context, const struct foreign_found *f,
                      struct problem *p);
    /* Something that says it is a certificate and is not read, and why. */
    enum err (*bad)(void *context, size_t line, const char *why,
                    struct problem *p);
    void *context;
};

/* Reads any of them, by what is in it. What lies beside certificates (other
 * keys, other attributes, text) is passed over. Errors: ERR_BAD_CERTIFICATE
 * for what is none of them, ERR_LIMIT for a binary file over
 * LIMIT_BUNDLE_FILE_BYTES, those of the stream and of the sink. */
MUST_USE enum err foreign_read(struct stream *from,
                               const struct foreign_sink *to,
                               struct problem *p);

/* ---- entry.c: a card or directory entry in the making -------------------- */

struct entry {
    struct buf bytes;
    size_t end[LIMIT_ENTRY_CERTIFICATES], line[LIMIT_ENTRY_CERTIFICATES];
    size_t count;
    struct buf texts;
    size_t text_end[LIMIT_ENTRY_ADDRESSES];
    size_t text_count;
    size_t started; /* its line */
};
void entry_drop(struct entry *e);

/* Further ones are passed over: nothing rests on them. */
void entry_add_address(struct entry *e, struct slice address);

/* Takes base64 with blanks between; or the bytes as they are. What is too
 * much, or no base64, goes to the sink as bad. */
MUST_USE enum err entry_add_base64(struct entry *e, struct slice text,
                                   size_t line, const struct foreign_sink *to,
                                   struct problem *p);
MUST_USE enum err entry_add_bytes(struct entry *e, struct slice bytes,
                                  size_t line, const struct foreign_sink *to,
                                  struct problem *p);

/* Appends what base64 TEXT says, blanks in it passed over, its padding may
 * miss. False when it is none. */
bool entry_decode(struct slice text, struct buf *out);

/* Hands over what it holds and empties it. */
MUST_USE enum err entry_end(struct entry *e, const struct foreign_sink *to,
                            struct problem *p);

/* ---- vcard.c, ldif.c ----------------------------------------------------- */

MUST_USE enum err vcard_read(struct stream *from, const struct foreign_sink *to,
                             struct problem *p);
MUST_USE enum err ldif_read(struct stream *from, const struct foreign_sink *to,
                            struct problem *p);

#endif
