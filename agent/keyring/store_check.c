/*
 * Is the file whole? A small one is looked through at the start. A large one
 * would take seconds: it is read row by row, a little whenever nothing else
 * is to be done, and answers meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/base/log.h"
#include "agent/keyring/store_internal.h"

#define CHECK_STEP 200

/* Every column of every table, so that every page is read: X(statement). */
static const enum statement walks[] = {
    STATEMENT_WALK_CERTIFICATES, STATEMENT_WALK_CONTACTS, STATEMENT_WALK_EVENTS,
    STATEMENT_WALK_ISSUERS};

void
store_damage(struct store *s, const char *what)
{
    if (s->fault[0])
        return;
    snprintf(s->fault, sizeof(s->fault), "%.500s", what);
    s->is_damaged = true;
    log_error("%s: damaged: %s", s->path, s->fault);
}

/* ---- before it is opened ------------------------------------------------- */

/* What is beside an empty contacts.db and says that there was more in it: a
 * log, which SQLite would delete, or a copy that was kept. Gives, or NULL. */
static char *
trace_find(const struct store *s)
{
    const char *slash = strrchr(s->path, '/');
    const char *name = slash ? slash + 1 : s->path;
    AUTO(buf) struct buf folder = {0}, log = {0};
    size_t n = strlen(name);
    struct dirent *one;
    char *found = NULL;
    struct stat st;
    DIR *list;

    buf_addf(&log, "%s-wal", s->path);
    if (stat(buf_text(&log), &st) == 0 && st.st_size > 0)
        return mem_text(buf_slice(&log));
    buf_addf(&folder, "%.*s", slash ? (int)(slash - s->path + 1) : 1,
             slash ? s->path : ".");
    list = opendir(buf_text(&folder));
    while (list && !found && (one = readdir(list)))
        if (strncmp(one->d_name, name, n) == 0 && one->d_name[n] == '.' &&
            strchr(one->d_name + n, '-'))
            found = mem_text(slice_text(one->d_name));
    if (list)
        closedir(list);
    return found;
}

/* A disk that was full, or a copy that ended early, leaves such a file; so
 * does the very first start when it is killed. */
static bool
is_emptied(struct store *s)
{
    char *trace = trace_find(s), text[LIMIT_FACT_BYTES];

    if (!trace)
        return false;
    snprintf(text, sizeof(text),
             "it is empty (0 bytes) and was not: there is %.300s", trace);
    store_damage(s, text);
    free(trace);
    return true;
}

bool
store_is_file(struct store *s)
{
    struct stat st;

    if (stat(s->path, &st) != 0) {
        if (errno != ENOENT || lstat(s->path, &st) != 0)
            return true; /* a new one, or opening it will say why */
        store_damage(s, "it is a link to nothing: take it away");
        return false;
    }
    if (S_ISREG(st.st_mode))
        return st.st_size > 0 || !is_emptied(s);
    store_damage(s, S_ISDIR(st.st_mode)
                        ? "it is a folder"
                        : "it is a FIFO or a device: take it away");
    return false;
}

/* ---- what is in it ------------------------------------------------------- */

static bool
is_small(const struct store *s)
{
    struct stat st;

    return stat(s->path, &st) != 0 || st.st_size <= LIMIT_CHECKED_BYTES;
}

bool
store_check_begin(struct store *s)
{
    sqlite3_stmt *st = NULL;
    bool whole = false;
    const char *answer = NULL;

    s->walk = 0;
    s->walked = 0;
    s->is_checking = !is_small(s);
    if (s->is_checking)
        return true;
    if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL) ==
            SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW) {
        answer = (const char *)sqlite3_column_text(st, 0);
        whole = answer && strcmp(answer, "ok") == 0;
    }
    if (!whole)
        store_damage(s, answer ? answer : sqlite3_errmsg(s->db));
    sqlite3_finalize(st);
    return whole;
}

/* Reads all of a row. */
static void
row_read(sqlite3_stmt *st)
{
    for (int i = 0; i < sqlite3_column_count(st); i++)
        if (sqlite3_column_type(st, i) == SQLITE_BLOB)
            (void)sqlite3_column_blob(st, i);
        else
            (void)sqlite3_column_text(st, i);
}

bool
store_check_step(struct store *s)
{
    sqlite3_stmt *st;
    int rows = 0, rc;

    if (!s->is_checking || s->fault[0])
        return false;
    st = store_statement(s, walks[s->walk]);
    sqlite3_bind_int64(st, 1, s->walked);
    sqlite3_bind_int64(st, 2, CHECK_STEP);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        row_read(st);
        s->walked = sqlite3_column_int64(st, 0);
        rows++;
    }
    if ((rc & 0xff) == SQLITE_CORRUPT)
        store_damage(s, sqlite3_errmsg(s->db));
    sqlite3_reset(st);
    if (rows < CHECK_STEP) {
        s->walk++;
        s->walked = 0;
    }
    s->is_checking = s->walk < ARRAY_COUNT(walks) && !s->fault[0];
    return s->is_checking;
}
