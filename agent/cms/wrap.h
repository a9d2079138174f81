/*
 * Key-encryption keys: AES key wrap (RFC 3394), 3DES key wrap to read old
 * mail (RFC 3217), and what is put into the key derivation before it (RFC
 * 5753). Runs in smime-session; the private half
 * of an agreement is never here.
 */
#ifndef AGENT_CMS_WRAP_H
#define AGENT_CMS_WRAP_H

#include "agent/base/limits.h"
#include "agent/cms/algorithm.h"
#include "agent/cms/oid.h"

/* AES key wrap of KEY (a multiple of 8 octets, at most 64) with KEK. */
MUST_USE bool kek_wrap(struct slice kek, struct slice key, struct buf *out);

/* The KEK's octets for a wrap algorithm, or 0. */
size_t wrap_kek_bytes(enum oid wrap);

/* The key derivation of an agreement scheme: X9.63 (RFC 5753 section 7.1.4),
 * or HKDF (RFC 8418 section 2.2). */
MUST_USE bool agreement_scheme(enum oid oid, enum hash *hash, bool *cofactor,
                               bool *hkdf);

/* ECC-CMS-SharedInfo (RFC 5753 section 7.2); WRAP_ALGORITHM as it stands in
 * the message, UKM may be empty. */
void shared_info_write(struct slice wrap_algorithm, struct slice ukm,
                       size_t kek_bytes, struct buf *out);

#endif
