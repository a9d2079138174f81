/*
 * What travels between the processes of the agent: every record, once.
 *
 * A record is a list of fields in wire order. The struct that programs use
 * and the table that the codec walks both come from that list, so the two
 * ends cannot drift apart. Every length and count has its limit here; the
 * codec checks it before anything is allocated.
 *
 * In a decoded record slices borrow from the frame. No record holds a PIN
 * or a password: those travel as descriptors.
 */
#ifndef AGENT_WIRE_RECORDS_H
#define AGENT_WIRE_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"

struct slice_list {
    size_t n;
    struct slice item[LIMIT_LIST_ITEMS];
};

/* U32(name) U64(name) BYTES(name, limit) TEXT(name, limit): no NUL inside,
 * LIST(name, limit of one item, most items). */

#define FIELDS_empty(U32, U64, BYTES, TEXT, LIST) U32(unused)

/* ---- broker to its children --------------------------------------------- */

/* A new session's channel comes as the one descriptor. rights is a set of
 * enum right; pid and uid are the client's as the kernel gave them. */
#define FIELDS_attach(U32, U64, BYTES, TEXT, LIST)                             \
    U64(session) U32(rights) U32(pid) U32(uid)

/* Descriptors: the client's connection, keyholder and keyring channel. ahead:
 * no request is there yet. */
#define FIELDS_serve(U32, U64, BYTES, TEXT, LIST)                              \
    U64(session) U32(rights) U32(pid) U32(uid) U32(ahead)

/* unused: no request came in time, the session has read nothing. */
#define FIELDS_handback(U32, U64, BYTES, TEXT, LIST) U32(unused)

/* keyholder asks the broker for a helper (enum helper); the reply carries
 * its end of a channel (importer) or of its stdin and stdout (pinentry). */
/* name: of the module, HELPER_MODULE only, whose end comes along. */
#define FIELDS_spawn(U32, U64, BYTES, TEXT, LIST)                              \
    U32(helper) TEXT(name, LIMIT_LABEL_BYTES)

/* ---- session to keyholder and keyring ----------------------------------- */

/* What this request is about; can only narrow. ops: the most key operations;
 * key: the one signing key (empty: none may sign). The terminal of the
 * caller is for prompts; the keyholder checks that it is the peer's. */
#define FIELDS_narrow(U32, U64, BYTES, TEXT, LIST)                             \
    U32(verb)                                                                  \
    U32(ops)                                                                   \
    BYTES(key, LIMIT_REF_BYTES)                                                \
    TEXT(tty, 256) TEXT(term, 64) TEXT(display, 256) TEXT(locale, 64)

/* Lists are read in pages: cursor 0 first, then what `next` said until it
 * is 0. */
#define FIELDS_page(U32, U64, BYTES, TEXT, LIST) U32(cursor)

#define FIELDS_list_reply(U32, U64, BYTES, TEXT, LIST)                         \
    LIST(records, LIMIT_RECORD_BYTES, LIMIT_LIST_ITEMS) U32(next)

/* One identity (certificate, public or private key with one CKA_ID).
 * type is enum key_type, uses a set of enum key_use, flags of
 * enum key_flag. certificate is empty when there is none; spki is the DER of
 * the SubjectPublicKeyInfo, empty when the token does not tell it. */
#define FIELDS_key_record(U32, U64, BYTES, TEXT, LIST)                         \
    BYTES(ref, LIMIT_REF_BYTES)                                                \
    BYTES(id, 64)                                                              \
    TEXT(label, LIMIT_LABEL_BYTES)                                             \
    TEXT(token, LIMIT_LABEL_BYTES)                                             \
    TEXT(uri, LIMIT_TEXT_BYTES)                                                \
    U32(type)                                                                  \
    U32(bits)                                                                  \
    U32(uses)                                                                  \
    U32(flags)                                                                 \
    BYTES(certificate, LIMIT_CERT_BYTES) BYTES(spki, LIMIT_SPKI_BYTES)

/* flags: set of enum token_flag; tries_left as in struct problem, +1 (so
 * 0 means unknown); kept_s: for how many seconds the PIN is kept at most. */
#define FIELDS_token_record(U32, U64, BYTES, TEXT, LIST)                       \
    TEXT(label, LIMIT_LABEL_BYTES)                                             \
    TEXT(serial, 64)                                                           \
    TEXT(manufacturer, 128)                                                    \
    TEXT(model, 64)                                                            \
    TEXT(module, LIMIT_TEXT_BYTES)                                             \
    TEXT(uri, LIMIT_TEXT_BYTES) U32(flags) U32(tries) U32(kept_s) U32(locks_s)

/* What a call that is still in work is waiting for: enum notice_kind. */
#define FIELDS_notice(U32, U64, BYTES, TEXT, LIST)                             \
    U32(kind) TEXT(token, LIMIT_LABEL_BYTES)

/* reason: enum lock_reason. Answered when all tokens are locked. */
#define FIELDS_lock_now(U32, U64, BYTES, TEXT, LIST) U32(reason)

/* wanted: what is to lock the tokens, a set of enum lock_reason; watched: 1
 * when logind answers, so that it does. */
#define FIELDS_lock_state(U32, U64, BYTES, TEXT, LIST) U32(wanted) U32(watched)

#define FIELDS_key_choice(U32, U64, BYTES, TEXT, LIST)                         \
    BYTES(key, LIMIT_REF_BYTES)

/* The issuers of a key's certificate that its token stores, nearest first,
 * without the root. */
#define FIELDS_chain_reply(U32, U64, BYTES, TEXT, LIST)                        \
    LIST(certificates, LIMIT_CERT_BYTES, 8)

/* scheme: enum scheme; hash: enum hash. data is the digest (for Ed25519 the
 * message itself). The signature of ECDSA comes as DER (RFC 3279 2.2.3).
 * PSS uses MGF1 with the same hash and a salt of the digest's length. */
#define FIELDS_sign_request(U32, U64, BYTES, TEXT, LIST)                       \
    BYTES(key, LIMIT_REF_BYTES)                                                \
    U32(scheme) U32(hash) BYTES(data, LIMIT_SIGNED_ATTRS_BYTES)
#define FIELDS_sign_reply(U32, U64, BYTES, TEXT, LIST) BYTES(signature, 1024)

/* scheme RSA PKCS#1 v1.5 or OAEP (hash, mgf_hash, label). The reply has
 * exactly key_bytes bytes: the content-encryption key, or a random one when
 * the message was at fault (RFC 3218); token faults are errors. key_bytes 0
 * (OAEP only): as long as it is, else ERR_CANNOT_DECRYPT. */
#define FIELDS_unwrap_request(U32, U64, BYTES, TEXT, LIST)                     \
    BYTES(key, LIMIT_REF_BYTES)                                                \
    U32(scheme)                                                                \
    U32(hash)                                                                  \
    U32(mgf_hash) BYTES(label, 512) BYTES(wrapped, 1024) U32(key_bytes)
#define FIELDS_unwrap_reply(U32, U64, BYTES, TEXT, LIST) BYTES(key, 64)
/* MSG_DECRYPT: what the ciphertext holds, of any length, or
 * ERR_CANNOT_DECRYPT: an oracle, which is why so few may fail (oracle.h). */
#define FIELDS_decrypt_reply(U32, U64, BYTES, TEXT, LIST)                      \
    BYTES(plain, LIMIT_PLAIN_BYTES)

/* ECDH (RFC 5753) with a key derivation over hash (kdf: enum kdf; HKDF as in
 * RFC 8418, with salt): peer is the originator's
 * public point, uncompressed (or an X25519 key); info is the DER of
 * ECC-CMS-SharedInfo; kek_bytes 16, 24 or 32. cofactor: the "cofactor"
 * variant of the scheme. Never the raw secret, but on a raw channel with
 * KDF_NONE where agent.conf allows it. A point that is not on the curve is the
 * message's fault and answered with a random key; on a raw channel it is
 * ERR_USAGE. */
#define FIELDS_agree_request(U32, U64, BYTES, TEXT, LIST)                      \
    BYTES(key, LIMIT_REF_BYTES)                                                \
    BYTES(peer, 256)                                                           \
    U32(hash)                                                                  \
    BYTES(info, 1024) U32(kek_bytes) U32(cofactor) U32(kdf) BYTES(salt, 1024)
#define FIELDS_agree_reply(U32, U64, BYTES, TEXT, LIST)                        \
    BYTES(kek, LIMIT_SHARED_BYTES)

/* token: a label, serial or pkcs11: URI; empty: the only one there is (lock:
 * every one). unlock: descriptor 0, when there, gives the PIN's line;
 * last_try: it is tried although a wrong one would block the token. */
#define FIELDS_token_choice(U32, U64, BYTES, TEXT, LIST)                       \
    TEXT(token, LIMIT_TEXT_BYTES) U32(last_try)

/* Descriptors: the .p12, and the password's line when has_password. also_to:
 * a second token for the same keys, or empty. */
#define FIELDS_import_request(U32, U64, BYTES, TEXT, LIST)                     \
    TEXT(token, LIMIT_TEXT_BYTES)                                              \
    TEXT(file, LIMIT_LABEL_BYTES)                                              \
    U32(no_mac) U32(has_password) TEXT(also_to, LIMIT_TEXT_BYTES)

/* One imported identity: already != 0 when it was there before; warning
 * names something odd (legacy encryption, a key without certificate). */
#define FIELDS_import_record(U32, U64, BYTES, TEXT, LIST)                      \
    BYTES(ref, LIMIT_REF_BYTES)                                                \
    BYTES(id, 64)                                                              \
    TEXT(label, LIMIT_LABEL_BYTES)                                             \
    TEXT(token, LIMIT_LABEL_BYTES)                                             \
    U32(already) BYTES(certificate, LIMIT_CERT_BYTES)
#define FIELDS_import_reply(U32, U64, BYTES, TEXT, LIST)                       \
    LIST(records, LIMIT_RECORD_BYTES, 16)                                      \
    U32(chain_certificates) LIST(warnings, LIMIT_TEXT_BYTES, 8)

/* A token and up to two secrets, each a descriptor where has_... says so (in
 * this order), else asked for. init: the SO PIN and the PIN; change: the old
 * and the new PIN; unblock: the PUK and the new PIN. label: init only; there
 * token names an empty one by serial or slot, or is empty. */
#define FIELDS_pin_request(U32, U64, BYTES, TEXT, LIST)                        \
    TEXT(token, LIMIT_TEXT_BYTES)                                              \
    TEXT(label, 32) U32(has_first) U32(has_second)

/* type: enum key_type (RSA, EC), bits: of the modulus or the field. The
 * address goes into the request's subjectAltName, name is the subject's
 * common name (empty: the address). */
#define FIELDS_generate_request(U32, U64, BYTES, TEXT, LIST)                   \
    TEXT(token, LIMIT_TEXT_BYTES)                                              \
    TEXT(address, LIMIT_ADDRESS_BYTES) TEXT(name, 256) U32(type) U32(bits)
/* request: PKCS#10 (RFC 2986), DER. */
#define FIELDS_generate_reply(U32, U64, BYTES, TEXT, LIST)                     \
    BYTES(id, 64) TEXT(token, LIMIT_LABEL_BYTES) BYTES(request, 16384)

/* What a CA returned: at least one certificate is of a key on a token, the
 * others are stored beside it as its chain. The reply is as of an import;
 * a record for each certificate with a key. */
#define FIELDS_install_request(U32, U64, BYTES, TEXT, LIST)                    \
    TEXT(token, LIMIT_TEXT_BYTES) LIST(certificates, LIMIT_CERT_BYTES, 32)

/* half_made: key objects that a write left behind when it was cut off;
 * nameless: private keys without a CKA_ID. Neither: token is the URI of one
 * that a journal waits for, or, with rule, the name of a [key ...] in
 * agent.conf that no key is known to. */
#define FIELDS_check_record(U32, U64, BYTES, TEXT, LIST)                       \
    TEXT(token, LIMIT_TEXT_BYTES) U32(half_made) U32(nameless) U32(rule)

/* What a PKCS#11 module is doing. state: enum module_state; call: where it
 * hangs, ended the process or failed, for so many seconds or with rv, which
 * is called error where it has a name. */
#define FIELDS_module_record(U32, U64, BYTES, TEXT, LIST)                      \
    TEXT(name, LIMIT_LABEL_BYTES)                                              \
    U32(state)                                                                 \
    TEXT(call, LIMIT_LABEL_BYTES)                                              \
    U32(seconds) U32(rv) TEXT(error, LIMIT_LABEL_BYTES) U32(own_process)

/* ---- importer to keyholder ---------------------------------------------- */

/* What to read: descriptors are the .p12 and the password's line (when
 * has_password; else the file is tried with no password at all). */
#define FIELDS_p12_request(U32, U64, BYTES, TEXT, LIST)                        \
    U32(no_mac) U32(has_password)
/* kind: enum p12_item. A key comes as big-endian integers in their PKCS#11
 * order: RSA n e d p q dp dq qinv; EC: parameters (DER OID), point
 * (uncompressed), value; certificates as DER in value 0. end: what was
 * noteworthy in label. */
#define FIELDS_p12_item(U32, U64, BYTES, TEXT, LIST)                           \
    U32(kind)                                                                  \
    U32(type)                                                                  \
    U32(bits)                                                                  \
    TEXT(label, LIMIT_LABEL_BYTES)                                             \
    BYTES(spki, 2048)                                                          \
    LIST(value, LIMIT_CERT_BYTES, 8)                                           \
    U32(key_usage)                                                             \
    BYTES(subject, LIMIT_NAME_BYTES)                                           \
    BYTES(issuer, LIMIT_NAME_BYTES) BYTES(serial, 64) U32(is_ca)

/* ---- session to keyring, keyring to validator --------------------------- */

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
    TEXT(origin, LIMIT_TEXT_BYTES) U32(trust) U64(first_seen) U32(source)

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
    BYTES(capabilities, 4096) BYTES(encryption_certificate, LIMIT_CERT_BYTES)  \
        BYTES(encryption_described, LIMIT_RECORD_BYTES)                        \
            LIST(issuers, LIMIT_CERT_BYTES, 10) U64(revoked_at)                \
                LIST(issuer_names, 32, 10) LIST(wanted, 32, 10)                \
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
    U32(type) U32(bits) U32(chain) U32(is_ca) U32(more_addresses) U32(cleared)

/* purpose 1: also build the chain for e-mail at `at` (0: now). One
 * description record for each of the first `wanted` certificates (0: of all);
 * empty for one that cannot be read. The others are only issuers. */
#define FIELDS_describe_request(U32, U64, BYTES, TEXT, LIST)                   \
    LIST(certificates, LIMIT_CERT_BYTES, LIMIT_LIST_ITEMS)                     \
    U64(at) U32(purpose) U32(wanted)
#define FIELDS_describe_reply(U32, U64, BYTES, TEXT, LIST)                     \
    LIST(records, LIMIT_RECORD_BYTES, LIMIT_LIST_ITEMS)

/* state: enum recipient. certificate: the one to encrypt to; capabilities:
 * the SMIMECapabilities it announced (DER, may be empty). reason names why
 * there is none ("expired on ...", "no certificate", ...). changed: 1 when it
 * differs from what was known. source: enum contact_source, and origin as in
 * contact_record. */
#define FIELDS_address(U32, U64, BYTES, TEXT, LIST)                            \
    TEXT(address, LIMIT_ADDRESS_BYTES)
/* SHA-256 of the certificate. */
#define FIELDS_fingerprint(U32, U64, BYTES, TEXT, LIST) BYTES(fingerprint, 32)
/* kind: enum stored_kind. Read in pages, as lists are. */
#define FIELDS_stored_request(U32, U64, BYTES, TEXT, LIST) U32(kind) U32(cursor)
#define FIELDS_stored_reply(U32, U64, BYTES, TEXT, LIST)                       \
    LIST(certificates, LIMIT_CERT_BYTES, LIMIT_LIST_ITEMS) U32(next)
#define FIELDS_recipient_reply(U32, U64, BYTES, TEXT, LIST)                    \
    U32(state)                                                                 \
    BYTES(certificate, LIMIT_CERT_BYTES)                                       \
    BYTES(capabilities, 4096)                                                  \
    TEXT(reason, LIMIT_TEXT_BYTES)                                             \
    BYTES(described, LIMIT_RECORD_BYTES)                                       \
    U32(changed) U32(source) TEXT(origin, LIMIT_TEXT_BYTES)

/* Every certificate of an address, newest first, and why it is chosen or is
 * not; reason: why none is. uses, type, bits as in a description; preferred,
 * capabilities_time: dates of the holder's mail that named it to encrypt to,
 * that announced its capabilities (0: none did). */
#define FIELDS_why_reply(U32, U64, BYTES, TEXT, LIST)                          \
    U32(state)                                                                 \
    TEXT(reason, LIMIT_TEXT_BYTES)                                             \
    LIST(records, LIMIT_RECORD_BYTES, LIMIT_LIST_ITEMS)
#define FIELDS_choice_record(U32, U64, BYTES, TEXT, LIST)                      \
    U32(chosen)                                                                \
    TEXT(reason, LIMIT_LABEL_BYTES)                                            \
    BYTES(fingerprint, 32)                                                     \
    TEXT(subject, LIMIT_TEXT_BYTES)                                            \
    TEXT(issuer, LIMIT_TEXT_BYTES)                                             \
    U64(not_before)                                                            \
    U64(not_after)                                                             \
    U32(uses)                                                                  \
    U32(type) U32(bits) U64(preferred) U64(capabilities_time) U32(state)

/* match: part of an address or name; search: part of an address, name,
 * subject (so of an organisation), issuer or fingerprint; empty: any. limit:
 * most records of the answer (0: as many as fit). */
#define FIELDS_contacts_request(U32, U64, BYTES, TEXT, LIST)                   \
    U32(cursor)                                                                \
    TEXT(match, LIMIT_ADDRESS_BYTES)                                           \
    TEXT(search, LIMIT_ADDRESS_BYTES) U32(limit)
/* One certificate of one contact. state: enum contact_state; source: enum
 * contact_source; verdict: what it rested on, in words; date: of the message
 * (its signing time), 0: it has none. resembles: another contact that it
 * looks like; mixed: 1 when it mixes scripts. Both only of one address. */
#define FIELDS_contact_record(U32, U64, BYTES, TEXT, LIST)                     \
    TEXT(address, LIMIT_ADDRESS_BYTES)                                         \
    TEXT(name, LIMIT_LABEL_BYTES)                                              \
    U32(state)                                                                 \
    U64(first_seen)                                                            \
    U64(last_seen)                                                             \
    TEXT(origin, LIMIT_TEXT_BYTES)                                             \
    TEXT(message_id, LIMIT_TEXT_BYTES)                                         \
    U32(can_encrypt)                                                           \
    BYTES(certificate, LIMIT_CERT_BYTES)                                       \
    BYTES(described, LIMIT_RECORD_BYTES)                                       \
    U32(source)                                                                \
    TEXT(verdict, LIMIT_LABEL_BYTES)                                           \
    U64(date) TEXT(resembles, LIMIT_ADDRESS_BYTES) U32(mixed)

/* Contacts to hand out, in the order of their addresses. cursor: behind this
 * row; address: or only this one. */
#define FIELDS_export_request(U32, U64, BYTES, TEXT, LIST)                     \
    U32(cursor) TEXT(address, LIMIT_ADDRESS_BYTES)
/* Whole addresses: an export_record for each certificate, and the issuers kept
 * with any of them, each once. next: the cursor, 0 after the last. */
#define FIELDS_export_reply(U32, U64, BYTES, TEXT, LIST)                       \
    LIST(records, LIMIT_RECORD_BYTES, LIMIT_LIST_ITEMS)                        \
    LIST(issuers, LIMIT_CERT_BYTES, LIMIT_LIST_ITEMS) U32(next)
/* first: 1 when it is the first of its address. state: enum contact_state.
 * certificate: empty when its stored bytes are damaged. path: an octet for
 * each issuer kept with it, nearest first: which one of the reply's. */
#define FIELDS_export_record(U32, U64, BYTES, TEXT, LIST)                      \
    U32(first)                                                                 \
    TEXT(address, LIMIT_ADDRESS_BYTES)                                         \
    TEXT(name, LIMIT_LABEL_BYTES)                                              \
    U32(state) BYTES(certificate, LIMIT_CERT_BYTES) BYTES(path, LIMIT_LIST_ITEMS)

/*
 * Certificates that were handed over, to be judged by the validator and
 * stored with where they came from: from a file (CONTACT_IMPORT) or a
 * directory. Each may be an issuer of the others, which is then not stored as
 * a contact. address: only for this one (a directory was asked for it);
 * empty: for all that each names. date: of the file or entry, 0: unknown.
 * vouched: SHA-256 of one that the person has compared and vouches for (may
 * be empty): it is pinned, also when no anchor vouches for it.
 * Signed evidence (a message, a userSMIMECertificate) is a verify_request.
 */
#define FIELDS_store_request(U32, U64, BYTES, TEXT, LIST)                      \
    LIST(certificates, LIMIT_CERT_BYTES, LIMIT_LIST_ITEMS)                     \
    U32(source)                                                                \
    TEXT(address, LIMIT_ADDRESS_BYTES)                                         \
    TEXT(origin, LIMIT_TEXT_BYTES)                                             \
    TEXT(message_id, LIMIT_TEXT_BYTES) U64(date) BYTES(vouched, 32)
/* A stored_record for each certificate, in its order. learned: enum learned;
 * reason: why nothing was learned; described: empty when it cannot be read. */
#define FIELDS_store_reply(U32, U64, BYTES, TEXT, LIST)                        \
    LIST(records, LIMIT_RECORD_BYTES, LIMIT_LIST_ITEMS)
#define FIELDS_stored_record(U32, U64, BYTES, TEXT, LIST)                      \
    U32(learned)                                                               \
    TEXT(reason, LIMIT_TEXT_BYTES) BYTES(described, LIMIT_RECORD_BYTES)

/* What the person decides about a contact: enum contact_change. fingerprint
 * (SHA-256): of one certificate; empty: of the address, which only blocking
 * and taking back can be. Answered with a list of contact records. */
#define FIELDS_change_request(U32, U64, BYTES, TEXT, LIST)                     \
    TEXT(address, LIMIT_ADDRESS_BYTES) BYTES(fingerprint, 32) U32(change)

/* The last COUNT changes that are not undone yet; at most so many as fit into
 * an answer, which lists what was undone as event records. */
#define FIELDS_undo_request(U32, U64, BYTES, TEXT, LIST) U32(count)

/* The newest first; cursor 0, then what `next` said. address: empty: all. */
#define FIELDS_history_request(U32, U64, BYTES, TEXT, LIST)                    \
    U32(cursor) TEXT(address, LIMIT_ADDRESS_BYTES) U32(limit)
/* action: what belongs together has one number (and is undone together);
 * what: a word; undone: 1 when it was taken back; undoable: 1 when it can
 * be. */
#define FIELDS_event_record(U32, U64, BYTES, TEXT, LIST)                       \
    U32(event)                                                                 \
    U32(action)                                                                \
    U64(time)                                                                  \
    TEXT(what, 32)                                                             \
    TEXT(address, LIMIT_ADDRESS_BYTES)                                         \
    BYTES(fingerprint, 32)                                                     \
    TEXT(origin, LIMIT_TEXT_BYTES) U32(undone) U32(undoable)

/* ---- session to keyholder: the password of a directory --------------------
 */

/* Whom one logs in at, and as whom; for the prompt. */
#define FIELDS_password_request(U32, U64, BYTES, TEXT, LIST)                   \
    TEXT(server, LIMIT_TEXT_BYTES) TEXT(name, LIMIT_TEXT_BYTES)

/* ---- keyring, broker and fetcher ----------------------------------------- */

/* The keyring wants a smime-fetcher, unless an answer of this age is young
 * enough for agent.conf. The broker answers with the same ticket: the channel
 * of one and its deadline, or why there is none (enum directory_state; OK:
 * young enough). */
#define FIELDS_fetch(U32, U64, BYTES, TEXT, LIST) U32(ticket) U64(age_s)
#define FIELDS_fetcher(U32, U64, BYTES, TEXT, LIST)                            \
    U32(ticket)                                                                \
    U32(state) U64(timeout_s) TEXT(detail, LIMIT_TEXT_BYTES)

#define FIELDS_directory_search(U32, U64, BYTES, TEXT, LIST)                   \
    LIST(addresses, LIMIT_ADDRESS_BYTES, LIMIT_DIRECTORY_ADDRESSES)

/* One value that the directory has for the address number ADDRESS. kind: enum
 * directory_kind; the rest is empty but for a SignedData with a signer, and is
 * as in verify_request. */
#define FIELDS_directory_item(U32, U64, BYTES, TEXT, LIST)                     \
    U32(address)                                                               \
    U32(kind)                                                                  \
    TEXT(dn, LIMIT_TEXT_BYTES)                                                 \
    LIST(certificates, LIMIT_CERT_BYTES, LIMIT_ITEM_CERTS)                     \
    BYTES(sid_issuer, LIMIT_NAME_BYTES)                                        \
    BYTES(sid_serial, 64)                                                      \
    BYTES(sid_key_id, 64)                                                      \
    BYTES(digest_algorithm, 256)                                               \
    BYTES(signature_algorithm, 512)                                            \
    BYTES(signed_attrs, LIMIT_SIGNED_ATTRS_BYTES)                              \
    BYTES(signature, 2048) BYTES(content_digest, 64) BYTES(content_type, 32)

/* Descriptor 0, when has_password: the password's line. dry: only look for
 * the entry. The entry is the one that is found by the address; of several
 * the one that bind_dn names. */
#define FIELDS_directory_write(U32, U64, BYTES, TEXT, LIST)                    \
    TEXT(address, LIMIT_ADDRESS_BYTES)                                         \
    TEXT(bind_dn, LIMIT_TEXT_BYTES)                                            \
    U32(has_password)                                                          \
    U32(dry)                                                                   \
    BYTES(certificate, LIMIT_CERT_BYTES)                                       \
    BYTES(smime, LIMIT_DIRECTORY_VALUE_BYTES)

/* The end of what a fetcher says. server: the URL of who answered. Of a
 * write: the entry, and what was in it before. */
#define FIELDS_directory_outcome(U32, U64, BYTES, TEXT, LIST)                  \
    U32(state)                                                                 \
    TEXT(server, LIMIT_TEXT_BYTES)                                             \
    TEXT(detail, LIMIT_FACT_BYTES)                                             \
    TEXT(dn, LIMIT_TEXT_BYTES)                                                 \
    TEXT(bind_dn, LIMIT_TEXT_BYTES)                                            \
    U32(values) U32(has_certificate) U32(has_smime)

/* Session to keyring: asks the directory for these addresses; forced: however
 * young what is kept of it is; without any address: whether it answers. state:
 * enum directory_state. reasons: for each address why nothing was learned, or
 * empty. */
#define FIELDS_directory_ask(U32, U64, BYTES, TEXT, LIST)                      \
    LIST(addresses, LIMIT_ADDRESS_BYTES, LIMIT_DIRECTORY_ADDRESSES)            \
    U32(forced)
#define FIELDS_directory_answer(U32, U64, BYTES, TEXT, LIST)                   \
    U32(state)                                                                 \
    TEXT(server, LIMIT_TEXT_BYTES)                                             \
    TEXT(detail, LIMIT_FACT_BYTES)                                             \
    LIST(reasons, LIMIT_TEXT_BYTES, LIMIT_DIRECTORY_ADDRESSES)

#define FIELDS_count_reply(U32, U64, BYTES, TEXT, LIST) U32(count)

/* A copy that was written or put in place: what is in it; aside: where that
 * is which was there before (restoring). */
#define FIELDS_copy_reply(U32, U64, BYTES, TEXT, LIST)                         \
    U32(contacts) U32(certificates) TEXT(aside, LIMIT_TEXT_BYTES)

/* fault: why the contacts answer nothing, or empty; damaged: 1 when only a
 * copy helps. changed: how many addresses wait for the person, and some of
 * them; rotten: how many certificates have bytes that are not theirs any more,
 * and the address of some. */
#define FIELDS_keyring_status(U32, U64, BYTES, TEXT, LIST)                     \
    U32(contacts)                                                              \
    U32(certificates)                                                          \
    U32(anchors)                                                               \
    TEXT(path, LIMIT_TEXT_BYTES)                                               \
    LIST(anchor_folders, LIMIT_TEXT_BYTES, 8)                                  \
    TEXT(fault, LIMIT_TEXT_BYTES)                                              \
    U32(damaged) U32(changed) LIST(changed_some, LIMIT_ADDRESS_BYTES, 8)       \
    U32(rotten) LIST(rotten_some, LIMIT_ADDRESS_BYTES, 8)

/* Every record there is: X(name). One a line, so that what is added at the
 * same time does not collide. */
/* clang-format off */
#define RECORDS_OF_DIRECTORY(X)                                                \
    X(password_request)                                                        \
    X(fetch)                                                                   \
    X(fetcher)                                                                 \
    X(directory_search)                                                        \
    X(directory_item)                                                          \
    X(directory_write)                                                         \
    X(directory_outcome)                                                       \
    X(directory_ask)                                                           \
    X(directory_answer)
#define RECORDS_OF_CONTACTS(X)                                                 \
    X(store_request)                                                           \
    X(store_reply)                                                             \
    X(stored_record)                                                           \
    X(copy_reply)                                                              \
    X(why_reply)                                                               \
    X(choice_record)                                                           \
    X(change_request)                                                          \
    X(export_request)                                                          \
    X(export_reply)                                                            \
    X(export_record)                                                           \
    X(undo_request)                                                            \
    X(history_request)                                                         \
    X(event_record)
#define RECORDS(X)                                                             \
    X(empty)                                                                   \
    X(attach)                                                                  \
    X(serve)                                                                   \
    X(handback)                                                                \
    X(spawn)                                                                   \
    X(narrow)                                                                  \
    X(page)                                                                    \
    X(list_reply)                                                              \
    X(key_record)                                                              \
    X(token_record)                                                            \
    X(key_choice)                                                              \
    X(chain_reply)                                                             \
    X(sign_request)                                                            \
    X(sign_reply)                                                              \
    X(unwrap_request)                                                          \
    X(unwrap_reply)                                                            \
    X(decrypt_reply)                                                           \
    X(agree_request)                                                           \
    X(agree_reply)                                                             \
    X(token_choice)                                                            \
    X(import_request)                                                          \
    X(import_record)                                                           \
    X(import_reply)                                                            \
    X(pin_request)                                                             \
    X(generate_request)                                                        \
    X(generate_reply)                                                          \
    X(install_request)                                                         \
    X(check_record)                                                            \
    X(module_record)                                                           \
    X(p12_request)                                                             \
    X(p12_item)                                                                \
    X(verify_request)                                                          \
    X(verify_reply)                                                            \
    X(description)                                                             \
    X(describe_request)                                                        \
    X(describe_reply)                                                          \
    X(address)                                                                 \
    X(recipient_reply)                                                         \
    X(contacts_request)                                                        \
    X(contact_record)                                                          \
    X(count_reply)                                                             \
    X(keyring_status)                                                          \
    X(trust_part)                                                              \
    X(lent_trust)                                                              \
    X(check_request)                                                           \
    X(check_reply)                                                             \
    X(notice)                                                                  \
    X(lock_now)                                                                \
    X(lock_state)                                                              \
    X(anchor_record)                                                           \
    X(fingerprint)                                                             \
    X(stored_request)                                                          \
    X(stored_reply)                                                            \
    RECORDS_OF_DIRECTORY(X)                                                    \
    RECORDS_OF_CONTACTS(X)
/* clang-format on */

#define RECORD_U32(name)               uint32_t name;
#define RECORD_U64(name)               uint64_t name;
#define RECORD_BYTES(name, limit)      struct slice name;
#define RECORD_TEXT(name, limit)       struct slice name;
#define RECORD_LIST(name, limit, most) struct slice_list name;
#define RECORD_STRUCT(record)                                                  \
    struct record {                                                            \
        FIELDS_##record(RECORD_U32, RECORD_U64, RECORD_BYTES, RECORD_TEXT,     \
                        RECORD_LIST)                                           \
    };
RECORDS(RECORD_STRUCT)
#undef RECORD_STRUCT

enum record {
#define RECORD_NUMBER(name) RECORD_##name,
    RECORDS(RECORD_NUMBER)
#undef RECORD_NUMBER
        RECORD_COUNT
};

/* The size of a record's struct, for the codec and for tests. */
size_t record_size(enum record which);

/* Appends the encoding of RECORD to OUT. A field over its limit is bug():
 * whoever fills a record checks foreign input first. */
void record_encode(enum record which, const void *record, struct buf *out);

/* Reads BYTES into RECORD (record_size bytes); slices borrow from BYTES.
 * Nothing may be left over. Gives false for anything malformed; RECORD is
 * then zeroed. */
MUST_USE bool record_decode(enum record which, struct slice bytes,
                            void *record);

/* Appends one item to a list; false when it is full. */
MUST_USE bool slice_list_add(struct slice_list *list, struct slice item);

#endif
