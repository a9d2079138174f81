/*
 * Opening the store: settings, schema and its migrations, the check, the
 * statements.
 */
#include <stdio.h>
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
};

static const char *const sql_of[STATEMENT_COUNT] = {
#define X(name, sql) [STATEMENT_##name] = sql,
    STATEMENTS(X)
#undef X
};

static bool
damaged(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

static bool
fault(struct store *s, const char *what)
{
    snprintf(s->fault, sizeof(s->fault), "%s", what);
    log_error("%s: %s", s->path, s->fault);
    return false;
}

static bool
fault_of_sqlite(struct store *s)
{
    char text[LIMIT_FACT_BYTES];

    snprintf(text, sizeof(text), "%s%s",
             damaged(sqlite3_errcode(s->db)) ? "contact keyring damaged: " : "",
             sqlite3_errmsg(s->db));
    return fault(s, text);
}

static bool
run_script(struct store *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           fault_of_sqlite(s);
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
                         "PRAGMA cache_size = -8192;"
                         "PRAGMA journal_mode = WAL;"
                         "PRAGMA synchronous = FULL;"
                         "PRAGMA journal_size_limit = 8388608;"
                         "PRAGMA foreign_keys = ON;"
                         "PRAGMA trusted_schema = OFF;");
}

static bool
is_whole(struct store *s)
{
    char *answer = pragma_read(s, "PRAGMA quick_check(1)");
    bool whole = answer && strcmp(answer, "ok") == 0;
    char text[LIMIT_FACT_BYTES];

    if (!whole) {
        snprintf(text, sizeof(text), "contact keyring damaged: %.180s",
                 answer ? answer : sqlite3_errmsg(s->db));
        fault(s, text);
    }
    free(answer);
    return whole;
}

static bool
migrate(struct store *s)
{
    char *answer = pragma_read(s, "PRAGMA user_version");
    long version;
    char set[64];

    if (!answer)
        return fault_of_sqlite(s);
    version = strtol(answer, NULL, 10);
    free(answer);
    if (version < 0 || version > (long)ARRAY_COUNT(migrations))
        return fault(s, "contacts.db was made by a newer version");
    for (; version < (long)ARRAY_COUNT(migrations); version++) {
        snprintf(set, sizeof(set), "PRAGMA user_version = %ld; COMMIT;",
                 version + 1);
        if (!run_script(s, "BEGIN IMMEDIATE;") ||
            !run_script(s, migrations[version]) || !run_script(s, set))
            return false;
    }
    return true;
}

static bool
statements_prepare(struct store *s)
{
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(s->db, sql_of[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &s->statement[i], NULL) != SQLITE_OK)
            return fault_of_sqlite(s);
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

struct store *
store_open(const char *path)
{
    struct store *s = mem_new(sizeof(*s));

    s->path = mem_text(slice_text(path));
    sqlite3_soft_heap_limit64(32 * 1024 * 1024);
    temporary_folder_set(path);
    if (sqlite3_open_v2(path, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                            SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        fault_of_sqlite(s);
        return s;
    }
    if (settings_apply(s) && is_whole(s) && migrate(s))
        statements_prepare(s);
    return s;
}

void
store_drop(struct store **s)
{
    if (!*s)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize((*s)->statement[i]);
    sqlite3_close((*s)->db);
    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory = NULL;
    free((*s)->path);
    free(*s);
    *s = NULL;
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
