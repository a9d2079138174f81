/*
 * The records between the broker and its children, and those about keys and
 * tokens: of the keyholder, the importer and the sessions that ask them. Part
 * of records.h, which says how they are written down.
 */
#ifndef AGENT_WIRE_RECORDS_KEYS_H
#define AGENT_WIRE_RECORDS_KEYS_H

#include "agent/base/limits.h"

/* ---- broker to its children --------------------------------------------- */

/* A new session's channel comes as the first descriptor; the keyring's second
 * is where the session narrows itself. rights is a set of enum right; pid and
 * uid are the client's as the kernel gave them. */
#define FIELDS_attach(U32, U64, BYTES, TEXT, LIST)                             \
    U64(session) U32(rights) U32(pid) U32(uid)

/* Descriptors: the client's connection, keyholder and keyring channel, and
 * where it narrows itself for the keyring. ahead: no request is there yet.
 * has_keyholder: else its end of the channel waits for MSG_KEYHOLDER. */
#define FIELDS_serve(U32, U64, BYTES, TEXT, LIST)                              \
    U64(session) U32(rights) U32(pid) U32(uid) U32(ahead) U32(has_keyholder)

/* unused: no request came in time, the session has read nothing. keys: it
 * has asked the keyholder, so the next one of this client will, too. */
#define FIELDS_handback(U32, U64, BYTES, TEXT, LIST) U32(unused) U32(keys)

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

/* Why keys may be there all the same that nobody knows: a module that does not
 * answer, in words; empty: all have answered. */
#define FIELDS_silence(U32, U64, BYTES, TEXT, LIST) TEXT(why, 512)

/* What a PKCS#11 module is doing. state: enum module_state; call: where it
 * hangs, ended the process or failed, for so many seconds or with rv, which
 * is called error where it has a name; token: whose keys could not be read
 * for it. */
#define FIELDS_module_record(U32, U64, BYTES, TEXT, LIST)                      \
    TEXT(name, LIMIT_LABEL_BYTES)                                              \
    U32(state)                                                                 \
    TEXT(call, LIMIT_LABEL_BYTES)                                              \
    U32(seconds)                                                               \
    U32(rv)                                                                    \
    TEXT(error, LIMIT_LABEL_BYTES) U32(own_process)                            \
        TEXT(token, LIMIT_LABEL_BYTES)

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

/* clang-format off */
#define RECORDS_OF_KEYS(X)                                                     \
    X(attach)                                                                  \
    X(serve)                                                                   \
    X(handback)                                                                \
    X(spawn)                                                                   \
    X(narrow)                                                                  \
    X(key_record)                                                              \
    X(token_record)                                                            \
    X(notice)                                                                  \
    X(lock_now)                                                                \
    X(lock_state)                                                              \
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
    X(silence)                                                                 \
    X(module_record)                                                           \
    X(p12_request)                                                             \
    X(p12_item)
/* clang-format on */

#endif
