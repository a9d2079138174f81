/*
 * Opening the store: settings, schema and its migrations, the check, the
 * statements.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "agent/base/log.h"
#include "agent/keyring/store_internal.h"

/* user_version N was made by the first N scripts; never change one that was
 * released, add one. */
static const char *const migrations[] = {
    "CREATE TABLE certificate("
    " id INTEGER PRIMARY KEY, fingerprint BLOB NOT NULL UNIQUE,"
    " der BLOB NOT NULL, not_before INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL, uses INTEGER NOT NULL,"
    " type INTEGER NOT NULL, bits INTEGER NOT NULL, key_hash BLOB NOT NULL,"
    " subject TEXT NOT NULL, issuer TEXT NOT NULL, name TEXT NOT NULL,"
    " serial TEXT NOT NULL, capabilities BLOB NOT NULL,"
    " capabilities_time INTEGER NOT NULL);"
    "CREATE TABLE issuer(id INTEGER PRIMARY KEY, der BLOB NOT NULL UNIQUE);"
    "CREATE TABLE certificate_issuer("
    " certificate INTEGER NOT NULL REFERENCES certificate(id)"
    " ON DELETE CASCADE, position INTEGER NOT NULL,"
    " issuer INTEGER NOT NULL REFERENCES issuer(id),"
    " PRIMARY KEY(certificate, position)) WITHOUT ROWID;"
    "CREATE TABLE contact("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, address_key TEXT NOT NULL,"
    " address TEXT NOT NULL, certificate INTEGER NOT NULL"
    " REFERENCES certificate(id) ON DELETE CASCADE, state INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,"
    " origin TEXT NOT NULL, message_id TEXT NOT NULL,"
    " sender_seen INTEGER NOT NULL, UNIQUE(address_key, certificate));"
    "CREATE INDEX contact_certificate ON contact(certificate);"
    "CREATE TABLE event("
    " id INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " address_key TEXT NOT NULL, fingerprint BLOB NOT NULL,"
    " what TEXT NOT NULL, origin TEXT NOT NULL);"
    "CREATE INDEX event_address ON event(address_key);",
    /* SHA-256 of the subject, DER; of rows from before it comes when they are
     * learned again. */
    "ALTER TABLE issuer ADD COLUMN name BLOB;"
    "CREATE INDEX issuer_name ON issuer(name);",
    /* What the person decided (0, CONTACT_PINNED or CONTACT_BLOCKED), where
     * it came from, when it was removed; events that can be undone, with what
     * a row was before (NULL: it was not there). A good message of its
     * holder is what makes a contact verified. */
    "ALTER TABLE contact ADD COLUMN person INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contact ADD COLUMN source INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contact ADD COLUMN verdict TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE contact ADD COLUMN date INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE contact ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;"
    "UPDATE contact SET state = 1 WHERE state = 0 AND sender_seen <> 0;"
    "CREATE INDEX contact_removed ON contact(removed) WHERE removed <> 0;"
    "ALTER TABLE event ADD COLUMN action INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN contact INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN before_state INTEGER;"
    "ALTER TABLE event ADD COLUMN before_person INTEGER;"
    "ALTER TABLE event ADD COLUMN before_removed INTEGER;"
    "ALTER TABLE event ADD COLUMN saved BLOB;"
    "ALTER TABLE event ADD COLUMN saved_time INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE event ADD COLUMN undone INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX event_action ON event(action);"
    "CREATE TABLE blocked(address_key TEXT PRIMARY KEY,"
    " time INTEGER NOT NULL) WITHOUT ROWID;",
    /* The date of the holder's mail that named it to encrypt to. */
    "ALTER TABLE certificate ADD COLUMN preferred INTEGER NOT NULL DEFAULT 0;",
    /* The index for searches, and how far it goes; the contacts that wait for
     * the person. */
    "CREATE VIRTUAL TABLE search USING fts5(text, content='', columnsize=0,"
    " detail=none, tokenize='trigram');"
    "CREATE TABLE progress(name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "INSERT INTO progress VALUES('searchable', 0);"
    "CREATE INDEX contact_changed ON contact(id)"
    " WHERE state = 3 AND person = 0 AND removed = 0;",
    /* How the address reads (alike.h), where that is not its key. */
    "ALTER TABLE contact ADD COLUMN alike TEXT;"
    "CREATE INDEX contact_alike ON contact(alike) WHERE alike IS NOT NULL;",
    /* What a contact's row rested on before an event. */
    "CREATE TABLE former(event INTEGER PRIMARY KEY, source INTEGER NOT NULL,"
    " sender_seen INTEGER NOT NULL, origin TEXT NOT NULL,"
    " message_id TEXT NOT NULL, verdict TEXT NOT NULL, date INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL);",
    /* Most people have blocked no certificate: that is seen at once. */
    "CREATE INDEX contact_blocked ON contact(id) WHERE person = 4;",
};

static const char *const sql_of[STATEMENT_COUNT] = {
#define X(name, sql) [STATEMENT_##name] = sql,
    STATEMENTS(X)
#undef X
};

/* SQLITE_ERROR: what its own header or schema says makes no sense. */
static bool
damaged(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ||
           (rc & 0xff) == SQLITE_ERROR;
}

bool
store_fault_set(struct store *s, const char *what)
{
    snprintf(s->fault, sizeof(s->fault), "%s", what);
    log_error("%s: %s", s->path, s->fault);
    return false;
}

bool
store_fault_of_sqlite(struct store *s)
{
    int why = sqlite3_system_errno(s->db);
    char text[LIMIT_FACT_BYTES];

    if (damaged(sqlite3_errcode(s->db))) {
        store_damage(s, sqlite3_errmsg(s->db));
        return false;
    }
    snprintf(text, sizeof(text), "%.300s%s%s", sqlite3_errmsg(s->db),
             why ? ": " : "", why ? strerror(why) : "");
    return store_fault_set(s, text);
}

static bool
run_script(struct store *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           store_fault_of_sqlite(s);
}

/* One value of a PRAGMA as text, or NULL. */
static char *
pragma_read(struct store *s, const char *sql)
{
    sqlite3_stmt *st = NULL;
    char *out = NULL;

    if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW)
        out = mem_text(slice_of(sqlite3_column_text(st, 0),
                                (size_t)sqlite3_column_bytes(st, 0)));
    sqlite3_finalize(st);
    return out;
}

/* FULL: what was acknowledged survives a loss of power. */
static bool
settings_apply(struct store *s)
{
    sqlite3_busy_timeout(s->db, 5000);
    sqlite3_extended_result_codes(s->db, 1);
    return run_script(s, "PRAGMA mmap_size = 0;"
                         "PRAGMA cache_size = -16384;"
                         "PRAGMA journal_mode = WAL;"
                         "PRAGMA synchronous = FULL;"
                         "PRAGMA wal_autocheckpoint = 4000;"
                         "PRAGMA journal_size_limit = 16777216;"
                         "PRAGMA foreign_keys = ON;"
                         "PRAGMA trusted_schema = OFF;") &&
           store_grams_extend(s);
}

static bool
version_read(struct store *s, long *out)
{
    char *answer = pragma_read(s, "PRAGMA user_version");

    if (!answer)
        return store_fault_of_sqlite(s);
    *out = strtol(answer, NULL, 10);
    free(answer);
    if (*out < 0 || *out > (long)ARRAY_COUNT(migrations))
        return store_fault_set(s, "contacts.db was made by a newer version");
    return true;
}

/* One step. Two agents may come to it at once: only within the transaction
 * is it certain which one is next. */
static bool
migrate_once(struct store *s, bool *done)
{
    char set[64];
    long version = 0;

    if (!run_script(s, "BEGIN IMMEDIATE;"))
        return false;
    if (!version_read(s, &version))
        return false;
    *done = version == (long)ARRAY_COUNT(migrations);
    if (*done)
        return run_script(s, "COMMIT;");
    snprintf(set, sizeof(set), "PRAGMA user_version = %ld; COMMIT;",
             version + 1);
    return run_script(s, migrations[version]) && run_script(s, set);
}

/* A file that has something in it is copied first. */
bool
store_migrate(struct store *s, bool copied_first)
{
    struct problem p = {0};
    char *name = NULL, what[32];
    bool done = false;
    long version = 0;

    if (!version_read(s, &version))
        return false;
    if (version == (long)ARRAY_COUNT(migrations))
        return true;
    snprintf(what, sizeof(what), "version%ld", version);
    if (version > 0 && copied_first &&
        store_copy_beside(s, what, &name, &p) != ERR_OK)
        return store_fault_set(
            s, "there is no room for a copy of contacts.db, which is "
               "kept before its form changes");
    free(name);
    while (!done)
        if (!migrate_once(s, &done))
            return false;
    return true;
}

/* ---- where it is ----------------------------------------------------------
 */

const char *
store_filesystem_fault(long type)
{
    static const struct {
        long type;
        const char *fault;
    } list[] = {{0x6969, "NFS"},
                {0x517b, "SMB"},
                {(long)0xff534d42, "CIFS"},
                {(long)0xfe534d42, "SMB"},
                {0x5346414f, "AFS"},
                {0x73757245, "Coda"},
                {0x564c, "NCP"},
                {0x01021997, "9P"},
                {0x00c36400, "Ceph"},
                {0x7461636f, "OCFS2"},
                {0x01161970, "GFS2"},
                {0x0bd00bd0, "Lustre"}};

    for (size_t i = 0; i < ARRAY_COUNT(list); i++)
        if ((uint32_t)list[i].type == (uint32_t)type)
            return list[i].fault;
    return NULL;
}

/* SQLite in WAL mode shares memory between its users, which no two machines
 * do: it would be damaged. */
static bool
is_local(struct store *s)
{
    AUTO(buf) struct buf folder = {0};
    const char *slash = strrchr(s->path, '/');
    char text[LIMIT_FACT_BYTES];
    struct statfs fs;
    const char *type;

    buf_add_slice(&folder,
                  slash ? slice_of(s->path, (size_t)(slash - s->path + 1))
                        : slice_text("."));
    if (statfs(buf_text(&folder), &fs) != 0)
        return true; /* opening it will say why */
    type = store_filesystem_fault((long)fs.f_type);
    if (!type)
        return true;
    snprintf(text, sizeof(text),
             "contacts.db cannot be on a network file system (%s): set "
             "XDG_DATA_HOME to a local folder",
             type);
    return store_fault_set(s, text);
}

static bool
statements_prepare(struct store *s)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(s->db, sql_of[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &s->statement[i], NULL) != SQLITE_OK)
            return store_fault_of_sqlite(s);
    return true;
}

/* SQLite's temporary files go beside the database: the sandbox leaves no
 * other place. */
static void
temporary_folder_set(const char *path)
{
    const char *slash = strrchr(path, '/');

    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory =
        slash ? sqlite3_mprintf("%.*s", (int)(slash - path), path)
              : sqlite3_mprintf(".");
}

/* ---- opening and closing --------------------------------------------------
 */

static void
open_file(struct store *s, bool copied_first)
{
    if (!store_make(s) || !store_is_file(s))
        return;
    if (sqlite3_open_v2(s->path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        store_fault_of_sqlite(s);
        return;
    }
    if (settings_apply(s) && store_check_begin(s) &&
        store_migrate(s, copied_first))
        statements_prepare(s);
}

void
store_reopen(struct store *s)
{
    s->fault[0] = '\0';
    s->is_damaged = false;
    if (is_local(s))
        open_file(s, true);
}

struct store *
store_open(const char *path)
{
    struct store *s = mem_new(sizeof(*s));

    s->path = mem_text(slice_text(path));
    sqlite3_soft_heap_limit64(32 * 1024 * 1024);
    temporary_folder_set(path);
    store_reopen(s);
    return s;
}

/* What came from elsewhere is looked through whole, however large. */
static bool
is_whole(struct store *s)
{
    char *answer = pragma_read(s, "PRAGMA integrity_check(1)");
    bool whole = answer && strcmp(answer, "ok") == 0;

    if (!whole)
        store_damage(s, answer ? answer : sqlite3_errmsg(s->db));
    free(answer);
    return whole;
}

static bool
answers(struct store *s, const char *sql, const char *wanted)
{
    char *answer = pragma_read(s, sql);
    bool does = answer && strcmp(answer, wanted) == 0;

    free(answer);
    return does;
}

/* A contact keyring has these tables from the first version on, and nothing
 * that acts by itself: a trigger would change what is learned later. */
static bool
is_keyring(struct store *s)
{
    return (answers(s,
                    "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
                    " AND name IN ('certificate', 'contact', 'issuer',"
                    " 'event')",
                    "4") ||
            store_fault_set(s, "it is no copy of a contact keyring")) &&
           (answers(s,
                    "SELECT count(*) FROM sqlite_schema"
                    " WHERE type IN ('trigger', 'view')",
                    "0") ||
            store_fault_set(s, "it has triggers or views, which no contact "
                               "keyring has"));
}

struct store *
store_open_copy(const char *path)
{
    struct store *s = mem_new(sizeof(*s));

    s->path = mem_text(slice_text(path));
    s->is_copy = true;
    if (sqlite3_open_v2(path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        store_fault_of_sqlite(s);
    else if (run_script(s, "PRAGMA trusted_schema = OFF;") && is_whole(s) &&
             is_keyring(s) && settings_apply(s) && store_migrate(s, false) &&
             run_script(s, "PRAGMA journal_mode = DELETE;"))
        statements_prepare(s);
    return s;
}

void
store_close(struct store *s)
{
    struct problem p = {0};

    if (store_keep(s, &p) != ERR_OK && !s->fault[0])
        log_problem("closing the contacts", &p);
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(s->statement[i]);
        s->statement[i] = NULL;
    }
    sqlite3_close(s->db);
    s->db = NULL;
    s->pending = false;
    s->is_checking = false;
    store_forget(s);
}

void
store_statements_reset(struct store *s)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_reset(s->statement[i]);
}

void
store_drop(struct store **s)
{
    if (!*s)
        return;
    store_close(*s);
    if (!(*s)->is_copy) {
        sqlite3_free(sqlite3_temp_directory);
        sqlite3_temp_directory = NULL;
    }
    free((*s)->path);
    free(*s);
    *s = NULL;
}

bool
store_is_damaged(const struct store *s)
{
    return s->is_damaged;
}

const char *
store_fault(const struct store *s)
{
    return s->fault[0] ? s->fault : NULL;
}

const char *
store_path(const struct store *s)
{
    return s->path;
}
