/*
 * What an entry's values hold: a certificate (RFC 4523), or a SignedData that
 * brings certificates and its signer's capabilities (RFC 2798 2.8). Runs in
 * smime-fetcher; decides nothing about trust: the validator does.
 */
#ifndef AGENT_FETCHER_VALUE_H
#define AGENT_FETCHER_VALUE_H

#include "agent/cms/signed.h"
#include "agent/wire/records.h"

/* Owns what the item borrows. */
struct value_room {
    struct signed_data data;
    struct digests *digests;
};
void value_room_drop(struct value_room *room);

/* userCertificate: one Certificate, DER. False when it is none in outline, or
 * too long. Borrows VALUE. */
MUST_USE bool value_certificate(struct slice value, struct directory_item *out);

/* userSMIMECertificate: its certificates, the signer's first, as many as
 * LIMIT_EVIDENCE_BYTES hold, and what the validator needs to check its
 * signature. Only the first signer counts: a person signs for himself. Errors:
 * ERR_BAD_MESSAGE, ERR_LIMIT, ERR_UNSUPPORTED. Borrows from ROOM. */
MUST_USE enum err value_smime(struct slice value, struct value_room *room,
                              struct directory_item *out, struct problem *p);

#endif
