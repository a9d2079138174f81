/*
 * AES-GCM whose additional data come last: AuthEnvelopedData puts authAttrs
 * behind the ciphertext (RFC 5083 section 2.1), GCM wants them first. The
 * tag is linear in them, so their share is added afterwards. Runs in
 * smime-session.
 */
#ifndef AGENT_CMS_LATE_AAD_H
#define AGENT_CMS_LATE_AAD_H

#include "agent/cms/algorithm.h"

/* XORs into TAG (TAG_BYTES at most 16) the difference between the tag of
 * CIPHERTEXT_BYTES of ciphertext with AAD and the one without. False when
 * libcrypto fails. */
MUST_USE bool gcm_tag_without_aad(struct slice key, struct slice aad,
                                  uint64_t ciphertext_bytes, uint8_t *tag,
                                  size_t tag_bytes);

#endif
