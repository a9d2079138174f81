/* Between store_open.c, store.c and store_learn.c only. */
#ifndef AGENT_KEYRING_STORE_INTERNAL_H
#define AGENT_KEYRING_STORE_INTERNAL_H

#include <sqlite3.h>

#include "agent/keyring/store.h"

/* Every statement there is, prepared once: X(name, SQL). */
#define STORED_COLUMNS                                                         \
    "SELECT c.id, k.id, c.address, k.name, c.origin, c.message_id, k.der,"     \
    " k.capabilities, c.state, c.first_seen, c.last_seen, k.not_before,"       \
    " k.not_after, k.uses"                                                     \
    " FROM contact c JOIN certificate k ON k.id = c.certificate "

#define STATEMENTS(X)                                                          \
    X(BEGIN, "BEGIN IMMEDIATE")                                                \
    X(COMMIT, "COMMIT")                                                        \
    X(ROLLBACK, "ROLLBACK")                                                    \
    X(FIND_CERTIFICATE,                                                        \
      "SELECT id, capabilities_time FROM certificate WHERE fingerprint = ?1")  \
    X(ADD_CERTIFICATE,                                                         \
      "INSERT INTO certificate(fingerprint, der, not_before, not_after,"       \
      " uses, type, bits, key_hash, subject, issuer, name, serial,"            \
      " capabilities, capabilities_time)"                                      \
      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)")               \
    X(SET_CAPABILITIES,                                                        \
      "UPDATE certificate SET capabilities = ?2, capabilities_time = ?3"       \
      " WHERE id = ?1")                                                        \
    X(ADD_ISSUER, "INSERT INTO issuer(der, name) VALUES(?1, ?2)"               \
                  " ON CONFLICT(der) DO UPDATE SET name = excluded.name")      \
    X(ISSUERS_NAMED, "SELECT der FROM issuer WHERE name = ?1"                  \
                     " ORDER BY id DESC LIMIT ?2")                             \
    X(FIRST_SEEN, "SELECT min(c.first_seen) FROM contact c"                    \
                  " JOIN certificate k ON k.id = c.certificate"                \
                  " WHERE k.fingerprint = ?1 AND c.sender_seen <> 0"           \
                  " HAVING count(*) > 0")                                      \
    X(CLEAR_ISSUERS, "DELETE FROM certificate_issuer WHERE certificate = ?1")  \
    X(LINK_ISSUER,                                                             \
      "INSERT INTO certificate_issuer(certificate, position, issuer)"          \
      " SELECT ?1, ?2, id FROM issuer WHERE der = ?3")                         \
    X(ISSUERS,                                                                 \
      "SELECT i.der FROM certificate_issuer l JOIN issuer i"                   \
      " ON i.id = l.issuer WHERE l.certificate = ?1 ORDER BY l.position")      \
    X(FIND_CONTACT, "SELECT id, last_seen, sender_seen FROM contact"           \
                    " WHERE address_key = ?1 AND certificate = ?2")            \
    X(FIND_CONFLICT,                                                           \
      "SELECT 1 FROM contact c JOIN certificate k ON k.id = c.certificate"     \
      " WHERE c.address_key = ?1 AND k.id <> ?2 AND k.not_before <= ?3"        \
      " AND k.not_after >= ?3 AND (k.uses & ?4) <> 0"                          \
      " AND (k.key_hash <> ?5 OR k.issuer <> ?6) LIMIT 1")                     \
    X(ADD_CONTACT,                                                             \
      "INSERT INTO contact(address_key, address, certificate, state,"          \
      " first_seen, last_seen, origin, message_id, sender_seen)"               \
      " VALUES(?1,?2,?3,?4,?5,?5,?6,?7,?8)")                                   \
    X(SEE_CONTACT, "UPDATE contact SET last_seen = max(last_seen, ?2),"        \
                   " sender_seen = max(sender_seen, ?3) WHERE id = ?1")        \
    X(ADD_EVENT,                                                               \
      "INSERT INTO event(time, address_key, fingerprint, what, origin)"        \
      " VALUES(?1,?2,?3,?4,?5)")                                               \
    X(CONTACTS,                                                                \
      STORED_COLUMNS "WHERE c.id > ?1 AND (?2 = ''"                            \
                     " OR instr(c.address_key, ?2) > 0"                        \
                     " OR instr(lower(k.name), ?2) > 0) ORDER BY c.id")        \
    X(CONTACT, STORED_COLUMNS "WHERE c.address_key = ?1"                       \
                              " ORDER BY k.not_before DESC, c.id DESC")        \
    X(HOLDERS, STORED_COLUMNS "WHERE k.fingerprint = ?1 ORDER BY c.id")        \
    X(STORED_CERTIFICATES, "SELECT id, der FROM certificate WHERE id > ?1"     \
                           " ORDER BY id LIMIT ?2")                            \
    X(STORED_ISSUERS, "SELECT id, der FROM issuer WHERE id > ?1"               \
                      " ORDER BY id LIMIT ?2")                                 \
    X(COUNT_CONTACTS, "SELECT count(DISTINCT address_key) FROM contact")       \
    X(COUNT_CERTIFICATES, "SELECT count(*) FROM certificate")                  \
    X(COUNT_ROWS, "SELECT count(*) FROM contact WHERE address_key = ?1")       \
    X(REMOVE_CERTIFICATES,                                                     \
      "DELETE FROM certificate WHERE id IN"                                    \
      " (SELECT certificate FROM contact WHERE address_key = ?1)"              \
      " AND NOT EXISTS (SELECT 1 FROM contact o"                               \
      " WHERE o.certificate = certificate.id AND o.address_key <> ?1)")        \
    X(REMOVE_CONTACT, "DELETE FROM contact WHERE address_key = ?1")

enum statement {
#define X(name, sql) STATEMENT_##name,
    STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENT_COUNT];
    char *path;
    char fault[LIMIT_FACT_BYTES]; /* not empty: answers nothing */
};

/* ERR_STORE with what SQLite says. */
enum err store_fail(struct store *s, struct problem *p);

/* ERR_STORE when the store has a fault. */
MUST_USE enum err store_check(const struct store *s, struct problem *p);

/* The statement, reset and without bindings. */
sqlite3_stmt *store_statement(struct store *s, enum statement which);

/* Runs a statement that gives no row, and resets it. */
MUST_USE enum err store_run(struct store *s, sqlite3_stmt *st,
                            struct problem *p);

/* Runs one and takes the first column of its first row; *found says whether
 * there was one. */
MUST_USE enum err store_number(struct store *s, sqlite3_stmt *st, bool *found,
                               int64_t *out, struct problem *p);

MUST_USE enum err store_begin(struct store *s, struct problem *p);
/* Ends a transaction: commits when E is ERR_OK, else rolls back; gives E or
 * why the commit failed. */
MUST_USE enum err store_end(struct store *s, enum err e, struct problem *p);

void bind_text(sqlite3_stmt *st, int n, struct slice s);
void bind_blob(sqlite3_stmt *st, int n, struct slice s);
/* Binds an address with ASCII folded: how it is looked up. */
void bind_folded(sqlite3_stmt *st, int n, struct slice s);

#endif
