/*
 * The records about certificates, signatures and what one's trust rests on:
 * session to keyring, keyring to validator. Part of records.h, which says how
 * they are written down.
 */
#ifndef AGENT_WIRE_RECORDS_VERDICT_H
#define AGENT_WIRE_RECORDS_VERDICT_H

#include "agent/base/limits.h"

/*
 * One SignerInfo and what its signature covers. Only content_digest,
 * from, and message_id are the session's word; everything else is evidence
 * that the validator checks itself.
 *   sid            issuer and serialNumber (sid_issuer, sid_serial: the
 *                  INTEGER's content octets) or sid_key_id
 *   signed_attrs   the DER of the SET OF (tag 0x31); empty when absent, then
 *                  the signature is over the content itself
 *   digest_algorithm, signature_algorithm   AlgorithmIdentifier, DER
 *   content_type   the eContentType's OID content octets
 *   certificates   as found in the message, any order
 *   from           mailboxes of From; empty: no header was seen
 *   sender         the mailbox of Sender, when there is one
 *   at             seconds since 1970 to judge at; 0: now, and the signing
 *                  time where that is in the past
 *   learn          enum learning: store the certificate when the verdict
 *                  allows it
 *   covers         1: the signature covers the whole message
 *   header_flags   set of enum header_flag that the session saw
 *   origin         provenance for people: a file, "open", ...
 *   trust          set by the keyring: the name of what it has lent to the
 *                  validator for this request; 0: nothing
 *   first_seen     set by the keyring: when the signer's certificate was first
 *                  seen in a good message; 0: it was not, or nobody asked
 *   source         set by the keyring: enum contact_source
 *   crls           as found in the message: they may revoke, and clear nobody
 */
#define FIELDS_verify_request(U32, U64, BYTES, TEXT, LIST)                     \
    BYTES(sid_issuer, LIMIT_NAME_BYTES)                                        \
    BYTES(sid_serial, 64)                                                      \
    BYTES(sid_key_id, 64)                                                      \
    BYTES(digest_algorithm, 256)                                               \
    BYTES(signature_algorithm, 512)                                            \
    BYTES(signed_attrs, LIMIT_SIGNED_ATTRS_BYTES)                              \
    BYTES(signature, 2048)                                                     \
    BYTES(content_digest, 64)                                                  \
    BYTES(content_type, 32)                                                    \
    LIST(certificates, LIMIT_CERT_BYTES, 48)                                   \
    LIST(from, LIMIT_ADDRESS_BYTES, 8)                                         \
    TEXT(sender, LIMIT_ADDRESS_BYTES)                                          \
    U64(at)                                                                    \
    U32(learn)                                                                 \
    U32(covers)                                                                \
    U32(header_flags)                                                          \
    TEXT(message_id, LIMIT_TEXT_BYTES)                                         \
    TEXT(origin, LIMIT_TEXT_BYTES) U32(trust) U64(first_seen) U32(source)      \
        LIST(crls, LIMIT_MESSAGE_CRL_BYTES, LIMIT_MESSAGE_CRLS)

/*
 * The verdict on one signer. good is 1 only when every field below is what
 * it must be. integrity, chain, sender, strength, learned: the enums of
 * agent/wire/values.h. reasons: machine words ("expired", "untrusted-issuer",
 * ...), each explained once in the manual. judged_at: the time, and
 * time_source: enum time_source. encryption_certificate: another one of the
 * signer's that mail to them is to be encrypted to (RFC 8551 2.5.3); empty:
 * none. preference: enum preference, which one a signed attribute names.
 * issuers: the intermediates of the signer's chain, nearest first, and
 * issuer_names: the SHA-256 of the subject of each, DER. wanted: the same of
 * issuers that would have to be known to find a chain.
 */
#define FIELDS_verify_reply(U32, U64, BYTES, TEXT, LIST)                       \
    U32(good)                                                                  \
    U32(integrity)                                                             \
    U32(chain)                                                                 \
    U32(sender)                                                                \
    U32(strength)                                                              \
    U32(learned)                                                               \
    U32(revocation)                                                            \
    U32(time_source)                                                           \
    U64(judged_at)                                                             \
    U64(signing_time)                                                          \
    LIST(reasons, 128, 16)                                                     \
    BYTES(certificate, LIMIT_CERT_BYTES)                                       \
    BYTES(described, LIMIT_RECORD_BYTES)                                       \
    TEXT(digest_name, 64)                                                      \
    TEXT(signature_name, 64)                                                   \
    BYTES(capabilities, 4096)                                                  \
    BYTES(encryption_certificate, LIMIT_CERT_BYTES)                            \
    BYTES(encryption_described, LIMIT_RECORD_BYTES)                            \
    LIST(issuers, LIMIT_CERT_BYTES, 10)                                        \
    U64(revoked_at) LIST(issuer_names, 32, 10) LIST(wanted, 32, 10)            \
        U32(preference)

/* Anchors and CRLs that count for one request only, and the certificates to
 * check: kind is enum trust_kind, bytes (PEM or DER) are appended to what
 * came before. To the validator they come under a name. */
#define FIELDS_trust_part(U32, U64, BYTES, TEXT, LIST)                         \
    U32(kind) BYTES(bytes, LIMIT_TRUST_CHUNK_BYTES)
#define FIELDS_lent_trust(U32, U64, BYTES, TEXT, LIST)                         \
    U32(name) U32(kind) BYTES(bytes, LIMIT_TRUST_CHUNK_BYTES)

/* Judges the chain of the certificate that was sent before. purpose: enum
 * purpose; address: that it has to name, or empty; at: 0 is now; policies:
 * the initial set as dotted numbers (empty: any), policy_flags of
 * enum policy_flag (RFC 5280 6.1.1). known: set by the keyring, issuers
 * that may help; certificate: set by the keyring, judged in place of the one
 * that was sent before (empty: that one). */
#define FIELDS_check_request(U32, U64, BYTES, TEXT, LIST)                      \
    U32(purpose)                                                               \
    TEXT(address, LIMIT_ADDRESS_BYTES)                                         \
    U64(at)                                                                    \
    LIST(policies, LIMIT_POLICY_BYTES, LIMIT_CHECK_POLICIES)                   \
    U32(policy_flags)                                                          \
    U32(trust)                                                                 \
    LIST(known, LIMIT_CERT_BYTES, 16) BYTES(certificate, LIMIT_CERT_BYTES)
/* As in verify_reply. path: descriptions, the certificate first, as far as
 * it was found; anchor: where the last one is from, when the chain is ok. */
#define FIELDS_check_reply(U32, U64, BYTES, TEXT, LIST)                        \
    U32(good)                                                                  \
    U32(chain)                                                                 \
    U32(strength)                                                              \
    U32(sender)                                                                \
    U32(revocation)                                                            \
    U32(time_source)                                                           \
    U64(judged_at)                                                             \
    U64(revoked_at)                                                            \
    LIST(reasons, 128, 16)                                                     \
    LIST(path, LIMIT_RECORD_BYTES, 12)                                         \
    TEXT(anchor, LIMIT_TEXT_BYTES)                                             \
    LIST(wanted, 32, 10)                                                       \
    LIST(issuers, LIMIT_CERT_BYTES, 10) LIST(issuer_names, 32, 10)

/* What one's trust rests on. kind: enum listed. source is its file, or "NSS".
 * Of an anchor: label, distrust_after (as in agent/anchors/list.h) and
 * described. Of a CRL: issuer, this_update, next_update (0: it does not say),
 * and how many it names. Of a file that cannot be read: why. */
#define FIELDS_anchor_record(U32, U64, BYTES, TEXT, LIST)                      \
    U32(kind)                                                                  \
    TEXT(source, LIMIT_TEXT_BYTES)                                             \
    TEXT(label, LIMIT_LABEL_BYTES)                                             \
    U64(distrust_after)                                                        \
    BYTES(described, LIMIT_RECORD_BYTES)                                       \
    TEXT(issuer, LIMIT_TEXT_BYTES)                                             \
    U64(this_update)                                                           \
    U64(next_update)                                                           \
    U32(revoked)                                                               \
    TEXT(why, LIMIT_TEXT_BYTES) BYTES(certificate, LIMIT_CERT_BYTES)

/* What a certificate says, as the validator read it. uses: set of
 * enum key_use that keyUsage and extendedKeyUsage leave for mail.
 * addresses: rfc822Name, SmtpUTF8Mailbox, emailAddress; each once.
 * chain: enum chain at the time asked for, as an e-mail certificate.
 * key_hash: SHA-256 of the SubjectPublicKeyInfo. */
#define FIELDS_description(U32, U64, BYTES, TEXT, LIST)                        \
    LIST(addresses, LIMIT_ADDRESS_BYTES, 32)                                   \
    TEXT(subject, LIMIT_TEXT_BYTES)                                            \
    TEXT(issuer, LIMIT_TEXT_BYTES)                                             \
    TEXT(name, LIMIT_LABEL_BYTES)                                              \
    TEXT(serial, 80)                                                           \
    BYTES(fingerprint, 32)                                                     \
    BYTES(key_hash, 32)                                                        \
    U64(not_before)                                                            \
    U64(not_after)                                                             \
    U32(uses)                                                                  \
    U32(type)                                                                  \
    U32(bits) U32(chain) U32(is_ca) U32(more_addresses) U32(cleared)           \
        TEXT(curve, LIMIT_CURVE_BYTES)

/* purpose 1: also build the chain for e-mail at `at` (0: now). One
 * description record for each of the first `wanted` certificates (0: of all);
 * empty for one that cannot be read. The others are only issuers. */
#define FIELDS_describe_request(U32, U64, BYTES, TEXT, LIST)                   \
    LIST(certificates, LIMIT_CERT_BYTES, LIMIT_LIST_ITEMS)                     \
    U64(at) U32(purpose) U32(wanted)
#define FIELDS_describe_reply(U32, U64, BYTES, TEXT, LIST)                     \
    LIST(records, LIMIT_RECORD_BYTES, LIMIT_LIST_ITEMS)

/* clang-format off */
#define RECORDS_OF_VERDICT(X)                                                  \
    X(verify_request)                                                          \
    X(verify_reply)                                                            \
    X(trust_part)                                                              \
    X(lent_trust)                                                              \
    X(check_request)                                                           \
    X(check_reply)                                                             \
    X(anchor_record)                                                           \
    X(description)                                                             \
    X(describe_request)                                                        \
    X(describe_reply)
/* clang-format on */

#endif
