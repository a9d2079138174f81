/*
 * One SignerInfo (RFC 5652 section 5.3): from the stream into memory, and
 * from memory into slices. Runs in smime-session; verifies nothing.
 */
#ifndef AGENT_CMS_SIGNER_INFO_H
#define AGENT_CMS_SIGNER_INFO_H

#include "agent/cms/ber.h"
#include "agent/cms/signed.h"

/* Appends the fields of the next SignerInfo to OUT, one behind the other,
 * without the unsigned attributes. */
MUST_USE enum err signer_info_collect(struct ber *b, struct buf *out,
                                      size_t limit, struct problem *p);

/* Reads what signer_info_collect made. FIELDS are N octets at P, borrowed;
 * signed attributes are re-tagged in place. Errors, where NUMBER says which
 * signer: ERR_BAD_MESSAGE when they are not a SignerInfo, ERR_LIMIT when a
 * field is longer than any real one. */
MUST_USE enum err signer_info_parse(uint8_t *fields, size_t n, size_t number,
                                    struct signer_info *out, struct problem *p);

/* issuerAndSerialNumber, where D stands. */
void issuer_and_serial_read(struct der *d, struct slice *issuer,
                            struct slice *serial);
void issuer_and_serial_write(uint8_t tag, struct slice issuer,
                             struct slice serial, struct buf *out);

#endif
