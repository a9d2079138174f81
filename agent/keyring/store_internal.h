/* Between the files of the store only. */
#ifndef AGENT_KEYRING_STORE_INTERNAL_H
#define AGENT_KEYRING_STORE_INTERNAL_H

#include <sqlite3.h>

#include "agent/keyring/store.h"

/* Every statement there is, prepared once: X(name, SQL). */
#define STORED_COLUMNS                                                         \
    "SELECT c.id, k.id, c.address, k.name, c.origin, c.message_id, k.der,"     \
    " k.capabilities, c.state, c.first_seen, c.last_seen, k.not_before,"       \
    " k.not_after, k.uses, c.person, c.source, c.verdict, c.date,"             \
    " k.fingerprint, k.type, k.bits, k.subject, k.issuer, c.address_key IN"    \
    " (SELECT address_key FROM blocked), k.preferred, k.capabilities_time"     \
    " FROM contact c JOIN certificate k ON k.id = c.certificate "

/* How many a column has, of rows that are not removed: of all, from its index
 * alone, less those of which all rows are, who are few. */
#define COUNT_DISTINCT(column)                                                 \
    "SELECT (SELECT count(DISTINCT " column ") FROM contact)"                  \
    " - (SELECT count(*) FROM (SELECT DISTINCT " column " AS one"              \
    " FROM contact INDEXED BY contact_removed WHERE removed <> 0)"             \
    " WHERE NOT EXISTS (SELECT 1 FROM contact o WHERE o." column " = one"      \
    " AND o.removed = 0))"

#define STATEMENTS(X)                                                          \
    X(BEGIN, "BEGIN IMMEDIATE")                                                \
    X(COMMIT, "COMMIT")                                                        \
    X(ROLLBACK, "ROLLBACK")                                                    \
    X(FIND_CERTIFICATE,                                                        \
      "SELECT id, capabilities_time, capabilities, preferred, der = ?2"        \
      " FROM certificate"                                                      \
      " WHERE fingerprint = ?1")                                               \
    X(ADD_CERTIFICATE,                                                         \
      "INSERT INTO certificate(fingerprint, der, not_before, not_after,"       \
      " uses, type, bits, key_hash, subject, issuer, name, serial,"            \
      " capabilities, capabilities_time)"                                      \
      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)")               \
    X(SET_CAPABILITIES,                                                        \
      "UPDATE certificate SET capabilities = ?2, capabilities_time = ?3"       \
      " WHERE id = ?1")                                                        \
    X(SET_DER, "UPDATE certificate SET der = ?2 WHERE id = ?1")                \
    X(PREFER, "UPDATE certificate SET preferred = ?2"                          \
              " WHERE id = ?1 AND preferred < ?2")                             \
    X(RESTORE_PREFERRED,                                                       \
      "UPDATE certificate SET preferred = ?2 WHERE fingerprint = ?1")          \
    X(MOVED, "SELECT 1 FROM certificate own JOIN contact c ON c.certificate"   \
             " = own.id JOIN contact o ON o.address_key = c.address_key"       \
             " JOIN certificate k ON k.id = o.certificate WHERE own.id = ?1"   \
             " AND c.removed = 0 AND o.removed = 0 AND k.id <> own.id"         \
             " AND (k.uses & own.uses & 6) <> 0"                               \
             " AND max(k.not_before, k.preferred) <= ?3"                       \
             " AND max(k.not_before, k.preferred) > max(own.not_before, ?2)"   \
             " LIMIT 1")                                                       \
    X(FIND_ISSUER, "SELECT id FROM issuer WHERE der = ?1"                      \
                   " AND (?2 IS NULL OR name IS ?2)")                          \
    X(ADD_ISSUER, "INSERT INTO issuer(der, name) VALUES(?1, ?2)"               \
                  " ON CONFLICT(der) DO UPDATE SET name = excluded.name"       \
                  " RETURNING id")                                             \
    X(ISSUERS_NAMED, "SELECT der FROM issuer WHERE name = ?1"                  \
                     " ORDER BY id DESC LIMIT ?2")                             \
    X(FIRST_SEEN, "SELECT min(c.first_seen) FROM contact c"                    \
                  " JOIN certificate k ON k.id = c.certificate"                \
                  " WHERE k.fingerprint = ?1 AND c.sender_seen <> 0"           \
                  " AND c.removed = 0"                                         \
                  " HAVING count(*) > 0")                                      \
    X(CLEAR_ISSUERS, "DELETE FROM certificate_issuer WHERE certificate = ?1")  \
    X(LINK_ISSUER,                                                             \
      "INSERT INTO certificate_issuer(certificate, position, issuer)"          \
      " VALUES(?1, ?2, ?3)")                                                   \
    X(ISSUERS,                                                                 \
      "SELECT i.der FROM certificate_issuer l JOIN issuer i"                   \
      " ON i.id = l.issuer WHERE l.certificate = ?1 ORDER BY l.position")      \
    X(FIND_CONTACT,                                                            \
      "SELECT id, last_seen, sender_seen, state, person, removed, source"      \
      " FROM contact WHERE address_key = ?1 AND certificate = ?2")             \
    X(FIND_OTHERS,                                                             \
      "SELECT k.not_before, k.not_after, k.type, k.bits, k.issuer"             \
      " FROM contact c JOIN certificate k ON k.id = c.certificate"             \
      " WHERE c.address_key = ?1 AND k.id <> ?2 AND c.removed = 0"             \
      " AND c.person <> 4 AND (k.uses & ?3) <> 0")                             \
    X(ADD_CONTACT,                                                             \
      "INSERT INTO contact(address_key, address, certificate, state,"          \
      " first_seen, last_seen, origin, message_id, sender_seen, source,"       \
      " verdict, date, alike)"                                                 \
      " VALUES(?1,?2,?3,?4,?5,?5,?6,?7,?8,?9,?10,?11,nullif(?12,?1))")         \
    X(ALIKE,                                                                   \
      "SELECT address FROM contact WHERE (?2 <> ?1 AND address_key = ?2"       \
      " OR alike = ?2 AND address_key <> ?1) AND removed = 0 LIMIT 1")         \
    X(SENDER,                                                                  \
      "SELECT EXISTS(SELECT 1 FROM blocked WHERE address_key = ?1),"           \
      " EXISTS(SELECT 1 FROM contact WHERE (?2 <> ?1 AND address_key = ?2"     \
      " OR alike = ?2 AND address_key <> ?1) AND removed = 0),"                \
      " EXISTS(SELECT 1 FROM blocked) OR EXISTS(SELECT 1 FROM contact"         \
      " WHERE person = 4)")                                                    \
    X(REVIVE_CONTACT,                                                          \
      "UPDATE contact SET state = ?2, first_seen = ?3, last_seen = ?3,"        \
      " origin = ?4, message_id = ?5, sender_seen = ?6, source = ?7,"          \
      " verdict = ?8, date = ?9, person = 0, removed = 0 WHERE id = ?1")       \
    X(SEE_CONTACT, "UPDATE contact SET last_seen = max(last_seen, ?2),"        \
                   " sender_seen = max(sender_seen, ?3) WHERE id = ?1")        \
    X(PROVE_CONTACT,                                                           \
      "UPDATE contact SET state = ?2, source = ?3, origin = ?4,"               \
      " message_id = ?5, verdict = ?6, date = ?7 WHERE id = ?1")               \
    X(SET_CONTACT, "UPDATE contact SET state = ?2, person = ?3, removed = ?4"  \
                   " WHERE id = ?1")                                           \
    X(ADD_EVENT,                                                               \
      "INSERT INTO event(time, address_key, fingerprint, what, origin,"        \
      " action, contact, before_state, before_person, before_removed, saved,"  \
      " saved_time) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)")           \
    X(KEEP_FORMER,                                                             \
      "INSERT INTO former SELECT ?1, source, sender_seen, origin, message_id," \
      " verdict, date, first_seen FROM contact WHERE id = ?2")                 \
    X(RESTORE_FORMER,                                                          \
      "UPDATE contact SET (source, sender_seen, origin, message_id, verdict,"  \
      " date, first_seen) = (SELECT source, sender_seen, origin, message_id,"  \
      " verdict, date, first_seen FROM former WHERE event = ?2)"               \
      " WHERE id = ?1 AND EXISTS (SELECT 1 FROM former WHERE event = ?2)")     \
    X(LAST_ACTION, "SELECT max(action) FROM event")                            \
    X(LAST_DONE, "SELECT action FROM event WHERE action > 0 AND undone = 0"    \
                 " AND what <> 'undone' ORDER BY action DESC LIMIT 1")         \
    X(EVENTS_OF, "SELECT id, time, address_key, fingerprint, what, origin,"    \
                 " action, contact, before_state, before_person,"              \
                 " before_removed, saved, saved_time, undone FROM event"       \
                 " WHERE action = ?1 ORDER BY id DESC")                        \
    X(HISTORY, "SELECT id, time, address_key, fingerprint, what, origin,"      \
               " action, contact, before_state, before_person,"                \
               " before_removed, saved, saved_time, undone FROM event"         \
               " WHERE id < ?1 ORDER BY id DESC")                              \
    X(HISTORY_OF, "SELECT id, time, address_key, fingerprint, what, origin,"   \
                  " action, contact, before_state, before_person,"             \
                  " before_removed, saved, saved_time, undone FROM event"      \
                  " WHERE address_key = ?2 AND id < ?1 ORDER BY id DESC")      \
    X(EVENTS_UNDONE, "UPDATE event SET undone = ?2 WHERE action = ?1")         \
    X(ROWS_OF, "SELECT c.id, c.state, c.person, k.fingerprint, k.uses,"        \
               " k.id, c.sender_seen, c.address FROM contact c"                \
               " JOIN certificate k ON k.id = c.certificate"                   \
               " WHERE c.address_key = ?1 AND c.removed = 0")                  \
    X(ROWS_OF_CERTIFICATE,                                                     \
      "SELECT c.id, c.state, c.person, k.fingerprint, k.uses, k.id,"           \
      " c.sender_seen, c.address FROM contact c JOIN certificate k"            \
      " ON k.id = c.certificate WHERE k.id = ?1 AND c.removed = 0")            \
    X(REMOVE_ROW, "UPDATE contact SET removed = ?2 WHERE id = ?1")             \
    X(FORGET_DATES,                                                            \
      "UPDATE certificate SET preferred = 0, capabilities = x'',"              \
      " capabilities_time = 0 WHERE id = (SELECT certificate FROM contact"     \
      " WHERE id = ?1) AND NOT EXISTS (SELECT 1 FROM contact c"                \
      " WHERE c.certificate = certificate.id AND c.removed = 0)")              \
    X(RESTORE_CAPABILITIES,                                                    \
      "UPDATE certificate SET capabilities = ?2, capabilities_time = ?3"       \
      " WHERE fingerprint = ?1")                                               \
    X(BLOCK, "INSERT OR IGNORE INTO blocked(address_key, time) VALUES(?1,?2)") \
    X(UNBLOCK, "DELETE FROM blocked WHERE address_key = ?1")                   \
    X(IS_BLOCKED, "SELECT 1 FROM blocked WHERE address_key = ?1")              \
    X(IS_SETTLED,                                                              \
      "SELECT 1 FROM event AS e WHERE e.address_key = ?1 AND e.contact = ?2"   \
      " AND e.what = 'settled' AND e.before_state = 3 AND e.undone = 0"        \
      " AND NOT EXISTS (SELECT 1 FROM event AS l WHERE l.address_key = ?1"     \
      " AND l.contact = ?2 AND l.what = 'pinned' AND l.id > e.id)")            \
    X(CERTIFICATE_BLOCKED, "SELECT 1 FROM contact c JOIN certificate k"        \
                           " ON k.id = c.certificate WHERE k.fingerprint = ?1" \
                           " AND c.person = 4 AND c.removed = 0 LIMIT 1")      \
    X(CONTACTS, STORED_COLUMNS "WHERE c.id > ?1 AND c.removed = 0"             \
                               " ORDER BY c.id")                               \
    X(CONTACTS_BY_ADDRESS,                                                     \
      STORED_COLUMNS "WHERE c.address_key > coalesce((SELECT address_key"      \
                     " FROM contact WHERE id = ?1), '') AND c.removed = 0"     \
                     " ORDER BY c.address_key, c.person = 2 DESC,"             \
                     " c.source = 2, max(k.not_before, k.preferred) DESC,"     \
                     " c.id DESC")                                             \
    X(CONTACTS_BY_CERTIFICATE,                                                 \
      STORED_COLUMNS "WHERE k.id > ?1 AND c.removed = 0 ORDER BY k.id")        \
    X(CONTACTS_FOUND,                                                          \
      STORED_COLUMNS "JOIN search ON search.rowid = c.id"                      \
                     " WHERE search MATCH ?2 AND search.rowid > ?1"            \
                     " AND c.removed = 0 ORDER BY search.rowid")               \
    X(INDEXED, "SELECT value FROM progress WHERE name = 'searchable'")         \
    X(SET_INDEXED, "UPDATE progress SET value = ?1 WHERE name = 'searchable'") \
    X(LAST_ROW, "SELECT max(id) FROM contact")                                 \
    X(INDEX_ROWS,                                                              \
      "INSERT INTO search(rowid, text) SELECT c.id, c.address || char(10)"     \
      " || k.name || char(10) || k.subject || char(10) || k.issuer"            \
      " || char(10) || hex(k.fingerprint) FROM contact c"                      \
      " JOIN certificate k ON k.id = c.certificate"                            \
      " WHERE c.id > ?1 AND c.id <= ?2 ORDER BY c.id")                         \
    X(WALK_CERTIFICATES,                                                       \
      "SELECT * FROM certificate WHERE id > ?1 ORDER BY id LIMIT ?2")          \
    X(WALK_CONTACTS,                                                           \
      "SELECT * FROM contact WHERE id > ?1 ORDER BY id LIMIT ?2")              \
    X(WALK_EVENTS, "SELECT * FROM event WHERE id > ?1 ORDER BY id LIMIT ?2")   \
    X(WALK_ISSUERS, "SELECT * FROM issuer WHERE id > ?1 ORDER BY id LIMIT ?2") \
    X(CONTACT, STORED_COLUMNS "WHERE c.address_key = ?1 AND c.removed = 0"     \
                              " ORDER BY c.person = 2 DESC, c.source = 2,"     \
                              " max(k.not_before, k.preferred) DESC,"          \
                              " c.id DESC")                                    \
    X(STORED_CERTIFICATES, "SELECT id, der FROM certificate WHERE id > ?1"     \
                           " AND EXISTS (SELECT 1 FROM contact c WHERE"        \
                           " c.certificate = certificate.id"                   \
                           " AND c.removed = 0) ORDER BY id LIMIT ?2")         \
    X(STORED_ISSUERS, "SELECT id, der FROM issuer WHERE id > ?1"               \
                      " ORDER BY id LIMIT ?2")                                 \
    X(HOLDERS, STORED_COLUMNS "WHERE k.fingerprint = ?1 AND c.removed = 0"     \
                              " ORDER BY c.id")                                \
    X(CHANGED, "SELECT address FROM contact"                                   \
               " WHERE state = 3 AND person = 0 AND removed = 0 ORDER BY id")  \
    X(DIRECTORY_SEEN,                                                          \
      "SELECT min(last_seen) FROM contact WHERE address_key = ?1"              \
      " AND source = 2 AND removed = 0 HAVING count(*) > 0")                   \
    X(DIRECTORY_GONE,                                                          \
      "SELECT c.id, c.state, k.fingerprint FROM contact c JOIN certificate k"  \
      " ON k.id = c.certificate WHERE c.address_key = ?1 AND c.source = 2"     \
      " AND c.person = 0 AND c.removed = 0 AND c.last_seen < ?2 LIMIT 1")      \
    X(NOT_MARKED, "SELECT c.id, c.state, c.person, c.sender_seen, c.address"   \
                  " FROM contact c JOIN certificate k ON k.id = c.certificate" \
                  " WHERE k.fingerprint = ?1 AND c.removed = 0"                \
                  " AND (c.state = 6) <> ?2 LIMIT 1")                          \
    X(COUNT_CONTACTS, COUNT_DISTINCT("address_key"))                           \
    X(COUNT_CERTIFICATES, COUNT_DISTINCT("certificate"))                       \
    X(PURGE_CERTIFICATES,                                                      \
      "DELETE FROM certificate WHERE id IN (SELECT certificate FROM contact"   \
      " WHERE removed <> 0 AND removed < ?1) AND NOT EXISTS (SELECT 1"         \
      " FROM contact o WHERE o.certificate = certificate.id"                   \
      " AND (o.removed = 0 OR o.removed >= ?1))")                              \
    X(PURGE_CONTACTS, "DELETE FROM contact WHERE removed <> 0 AND removed < "  \
                      "?1")

enum statement {
#define X(name, sql) STATEMENT_##name,
    STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};

/* ---- store_recall.c ---- */

#define RECALLED_COUNT 64

struct recalled {
    struct known_sender sender;
    uint64_t changes; /* of the store, up to then */
    int64_t since;    /* clock_ms, before it was asked */
    size_t n;         /* 0: nothing is noted here */
    uint8_t address[LIMIT_ADDRESS_BYTES];
};

/* Of a file that is another one now. */
void store_forget(struct store *s);
/* Gives what was noted lately; false: it has to be asked. */
bool store_recall(struct store *s, struct slice address,
                  struct known_sender *out);
void store_note(struct store *s, struct slice address,
                const struct known_sender *sender, int64_t since);

struct store {
    sqlite3 *db;
    sqlite3_stmt *statement[STATEMENT_COUNT];
    char *path;
    char fault[LIMIT_FACT_BYTES]; /* not empty: answers nothing */
    bool is_damaged;              /* that is why */
    int64_t action;               /* of this transaction; 0: none yet */
    bool pending;                 /* a transaction is open: store_keep */
    uint64_t losses;              /* how often pending ones were lost */
    int64_t settled;              /* changes that contacts.db has itself */
    bool is_copy;                 /* opened by store_open_copy */
    bool is_replaced;             /* by a restore: nothing is written */
    bool is_checking;             /* see store_check.c */
    size_t walk;
    int64_t walked;
    struct recalled recalled[RECALLED_COUNT];
};

/* What a contact's row was before a change; absent: not there. */
struct before {
    bool there;
    int64_t state, person, removed;
};

/* One thing that happened to an address or to one of its certificates. */
struct event {
    int64_t time;
    struct slice address;
    struct slice fingerprint; /* empty: all of the address */
    const char *what;
    struct slice origin;
    int64_t contact; /* the row; 0: none */
    struct before before;
    struct slice saved; /* capabilities before */
    int64_t saved_time; /* their date, or that of the preference */
    bool keeps_row;     /* what the row rests on is kept, to be as it is now */
    bool is_news;       /* nobody's change: there is nothing to take back */
};

/* Appends it to the history, under the number of this transaction. */
MUST_USE enum err store_event(struct store *s, const struct event *event,
                              struct problem *p);

MUST_USE enum err store_contact_set(struct store *s, int64_t contact,
                                    int64_t state, int64_t person,
                                    int64_t removed, struct problem *p);

/* ---- store_decide.c ---- */

/* Within a transaction: pins a certificate of the address. */
MUST_USE enum err store_pin(struct store *s, struct slice address,
                            struct slice fingerprint, int64_t now,
                            struct problem *p);

/* ---- store_certificate.c ---- */

/* Within a transaction. Adds the certificate's row; *id is its. */
MUST_USE enum err store_certificate_add(struct store *s, const struct lesson *l,
                                        int64_t *id, struct problem *p);
/* Replaces bytes that are no longer those of their fingerprint: the validator
 * has taken it from the lesson's. */
MUST_USE enum err store_certificate_mend(struct store *s,
                                         const struct lesson *l, int64_t id,
                                         struct problem *p);
/* The issuers that were good last time, when the lesson has any. */
MUST_USE enum err store_issuers_set(struct store *s, const struct lesson *l,
                                    int64_t id, struct problem *p);

/* ---- store_renew.c ---- */

/* What the row of a certificate says before a lesson. */
struct known {
    bool found;
    int64_t id;
    int64_t capabilities_time;
    struct buf capabilities;
    int64_t preferred;
    bool rotten; /* its bytes are no longer those of the fingerprint */
};

/* What a mail renewed of a certificate that is known, and how it was. A mail
 * that only dates anew what is known would fill the history: it is written
 * down where it goes with what is news, or moves another certificate away. */
struct renewal {
    bool announced, preferred;
    int64_t announced_before, preferred_before;
};

bool store_announces(const struct lesson *l, const struct known *known);
bool store_prefers(const struct lesson *l, const struct known *known);
/* Within a transaction: write what is newer; OUT is what they renewed. */
MUST_USE enum err store_capabilities_set(struct store *s,
                                         const struct lesson *l,
                                         const struct known *known,
                                         struct renewal *out,
                                         struct problem *p);
MUST_USE enum err store_preferred_set(struct store *s, const struct lesson *l,
                                      const struct known *known,
                                      struct renewal *out, struct problem *p);
/* After all N lessons: only then it is known whether anything was news. */
MUST_USE enum err store_renewals_note(struct store *s,
                                      const struct lesson *lessons,
                                      const struct renewal *renewed, size_t n,
                                      struct problem *p);

/* ---- store_open.c ---- */

/* Closes the file; store_reopen opens what is there then. */
void store_close(struct store *s);
void store_reopen(struct store *s);
/* A copy that came from elsewhere: looked through whole, and brought up to
 * date. Never gives NULL; store_drop. */
struct store *store_open_copy(const char *path);
void store_statements_reset(struct store *s);
/* Brings the form of what is open up to date. COPIED_FIRST: a file that has
 * something in it is copied before. False, with the fault set, on failure. */
MUST_USE bool store_migrate(struct store *s, bool copied_first);
/* Set the fault, and give false. */
bool store_fault_set(struct store *s, const char *what);
bool store_fault_of_sqlite(struct store *s);

/* ---- store_make.c ---- */

/* Makes the file when there is none: whole, or not at all. False, with the
 * fault set, when it cannot. */
MUST_USE bool store_make(struct store *s);
/* The only one who makes a file beside the store, until *out (given) is
 * closed. Errors: ERR_STORE when another agent is at it for long. */
MUST_USE enum err store_folder_lock(const struct store *s, int *out,
                                    struct problem *p);
/* The store's path with ".WHAT" behind it. Gives. */
char *store_name_beside(const struct store *s, const char *what);
/* Removes the database NAME with what SQLite keeps beside one: what a kill left
 * there would be taken for a part of the next of that name. */
void store_file_clear(const char *name);
/* Only what is beside it. */
void store_file_clear_beside(const char *name);
/* For AUTO(name). */
void name_drop(char **name);

/* ---- store_copy.c ---- */

/* A name beside the store that says what and when, and that nothing has yet.
 * Gives. */
char *store_name_new(const struct store *s, const char *what);

/* Copies the file beside itself, as contacts.db.WHAT-TIME; *out is that name
 * (given). */
MUST_USE enum err store_copy_beside(struct store *s, const char *what,
                                    char **out, struct problem *p);

/* ---- store_backup.c ---- */

/* Opens the store once more (also on failure): nothing that another
 * connection, or agent, writes is seen any more. */
MUST_USE enum err store_snapshot_open(const struct store *s, sqlite3 **out,
                                      struct problem *p);

/* ---- store_compare.c ---- */

/* Another issuer, a shorter key, or a time without any certificate: shown,
 * not hidden. One certificate to sign and one to encrypt are no change. ID:
 * the certificate's own row. */
MUST_USE enum err store_has_changed(struct store *s, const struct lesson *l,
                                    struct slice address, int64_t id, bool *out,
                                    struct problem *p);

/* ---- store_search.c ---- */

/* Within a transaction: brings the index closer when very much is behind. */
MUST_USE enum err store_index_backlog(struct store *s, struct problem *p);
/* Indexes some rows; false: all are. */
bool store_index_step(struct store *s);

/* Characters in a row that the index holds. */
#define GRAM 3
/* How many characters TEXT has. */
size_t gram_characters(struct slice text);

/* ---- store_gram.c ---- */

/* From now on the index finds what is shorter than GRAM, too. False, with the
 * fault set, when SQLite cannot. */
MUST_USE bool store_grams_extend(struct store *s);

/* ---- store_check.c ---- */

/* From now on nothing is answered, nor written: WHAT is wrong. */
void store_damage(struct store *s, const char *what);
/* False, with the fault set, when what has its name is no file, or was
 * emptied: SQLite would not say so. */
MUST_USE bool store_is_file(struct store *s);
/* False, with the fault set, when the file is not whole. */
MUST_USE bool store_check_begin(struct store *s);
/* Reads some rows; false: all were. */
bool store_check_step(struct store *s);

/* Runs VISIT on each row of a statement with STORED_COLUMNS. */
MUST_USE enum err store_visit_rows(struct store *s, sqlite3_stmt *st,
                                   store_visit *visit, void *ctx,
                                   struct problem *p);

/* ERR_STORE with what SQLite says. */
enum err store_fail(struct store *s, struct problem *p);

/* ERR_STORE when the store has a fault. */
MUST_USE enum err store_check(const struct store *s, struct problem *p);

/* The statement, reset and without bindings. */
sqlite3_stmt *store_statement(struct store *s, enum statement which);

/* What was kept goes into contacts.db itself once more. */
void store_settle_again(struct store *s);

/* Runs a statement that gives no row, and resets it. */
MUST_USE enum err store_run(struct store *s, sqlite3_stmt *st,
                            struct problem *p);

/* Runs one and takes the first column of its first row; *found says whether
 * there was one. */
MUST_USE enum err store_number(struct store *s, sqlite3_stmt *st, bool *found,
                               int64_t *out, struct problem *p);

/* The same of a time: 0 when there was none. */
MUST_USE enum err store_moment(struct store *s, sqlite3_stmt *st, int64_t *out,
                               struct problem *p);

MUST_USE enum err store_begin(struct store *s, struct problem *p);
/* Ends a transaction: commits when E is ERR_OK, else rolls back; gives E or
 * why the commit failed. */
MUST_USE enum err store_end(struct store *s, enum err e, struct problem *p);

/* Column N of the row, borrowed until the next step. */
struct slice column(sqlite3_stmt *st, int n);

void bind_text(sqlite3_stmt *st, int n, struct slice s);
void bind_blob(sqlite3_stmt *st, int n, struct slice s);
/* Binds an address with ASCII folded: how it is looked up. */
void bind_folded(sqlite3_stmt *st, int n, struct slice s);

#endif
