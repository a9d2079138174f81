/*
 * Certificates described by the validator, through the keyring. Runs in
 * smime-session, which itself reads no certificate.
 */
#ifndef AGENT_SESSION_DESCRIBE_H
#define AGENT_SESSION_DESCRIBE_H

#include "agent/session/session.h"

/* Describes N certificates: OUT has N empty buffers, each gets the encoded
 * description, or stays empty where there is no certificate or it cannot be
 * read. purpose: with the chain judged now. Errors: those of keyring_call;
 * OUT may then be filled in part. */
MUST_USE enum err describe_certificates(struct request *r, bool purpose,
                                        const struct slice *certificates,
                                        size_t n, struct buf *out);

#endif
