/*
 * Is the file whole? A small one is looked through at the start. A large one
 * would take seconds: it is read row by row, a little whenever nothing else
 * is to be done, and answers meanwhile.
 */
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
    static const char heading[] = "*** in database main ***\n";

    if (s->fault[0])
        return;
    if (strncmp(what, heading, strlen(heading)) == 0)
        what += strlen(heading);
    snprintf(s->fault, sizeof(s->fault), "%.500s", what);
    s->is_damaged = true;
    log_error("%s: damaged: %s", s->path, s->fault);
}

/* ---- before it is opened ------------------------------------------------- */

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
    if (S_ISREG(st.st_mode) && st.st_size > 0)
        return true;
    /* SQLite would begin anew in an empty one, and delete the log beside it.
     * A new one has its name when it is whole (store_make.c): this one lost
     * what was in it, to a crash, a full disk or a copy that ended early. */
    store_damage(s, S_ISREG(st.st_mode)   ? "it is empty (0 bytes) and was not"
                    : S_ISDIR(st.st_mode) ? "it is a folder"
                                          : "it is a FIFO or a device: take it "
                                            "away");
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
    if (sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(1)", -1, &st, NULL) ==
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
