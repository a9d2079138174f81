/*
 * The records about directories (LDAP): of the keyring, the broker, the
 * fetcher and the sessions that ask; one of the keyholder, for the password.
 * Part of records.h, which says how they are written down.
 */
#ifndef AGENT_WIRE_RECORDS_DIRECTORY_H
#define AGENT_WIRE_RECORDS_DIRECTORY_H

#include "agent/base/limits.h"

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
/* clang-format on */

#endif
