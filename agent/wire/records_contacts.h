/*
 * The records about contacts and their history: session to keyring. Part of
 * records.h, which says how they are written down.
 */
#ifndef AGENT_WIRE_RECORDS_CONTACTS_H
#define AGENT_WIRE_RECORDS_CONTACTS_H

#include "agent/base/limits.h"

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
    U32(type)                                                                  \
    U32(bits) U64(preferred) U64(capabilities_time) U32(state)                 \
        TEXT(curve, LIMIT_CURVE_BYTES)

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
    U32(state)                                                                 \
    BYTES(certificate, LIMIT_CERT_BYTES) BYTES(path, LIMIT_LIST_ITEMS)

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
    U32(damaged)                                                               \
    U32(changed)                                                               \
    LIST(changed_some, LIMIT_ADDRESS_BYTES, 8) U32(rotten)                     \
        LIST(rotten_some, LIMIT_ADDRESS_BYTES, 8)

/* clang-format off */
#define RECORDS_OF_CONTACTS(X)                                                 \
    X(address)                                                                 \
    X(fingerprint)                                                             \
    X(stored_request)                                                          \
    X(stored_reply)                                                            \
    X(recipient_reply)                                                         \
    X(why_reply)                                                               \
    X(choice_record)                                                           \
    X(contacts_request)                                                        \
    X(contact_record)                                                          \
    X(export_request)                                                          \
    X(export_reply)                                                            \
    X(export_record)                                                           \
    X(store_request)                                                           \
    X(store_reply)                                                             \
    X(stored_record)                                                           \
    X(change_request)                                                          \
    X(undo_request)                                                            \
    X(history_request)                                                         \
    X(event_record)                                                            \
    X(count_reply)                                                             \
    X(copy_reply)                                                              \
    X(keyring_status)
/* clang-format on */

#endif
