/*
 * A copy of the whole file before its form changes, made beside contacts.db,
 * whole or not at all, under a name of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/keyring/store_internal.h"

#define COPY_PAGES 256

char *
store_name_new(const struct store *s, const char *what)
{
    time_t now = time(NULL);
    struct tm tm = {0};
    char text[96], date[32];
    struct stat st;

    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm);
    for (int i = 1;; i++) {
        char *name;

        if (i == 1)
            snprintf(text, sizeof(text), "%s-%s", what, date);
        else
            snprintf(text, sizeof(text), "%s-%s-%d", what, date, i);
        name = store_name_beside(s, text);
        if (lstat(name, &st) != 0)
            return name;
        free(name);
    }
}

void
store_file_clear_beside(const char *name)
{
    static const char *const endings[] = {"-wal", "-shm", "-journal"};

    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        AUTO(buf) struct buf one = {0};

        buf_addf(&one, "%s%s", name, endings[i]);
        (void)unlink(buf_text(&one));
    }
}

void
store_file_clear(const char *name)
{
    (void)unlink(name);
    store_file_clear_beside(name);
}

/* ---- within SQLite ------------------------------------------------------ */

static enum err
pages_copy(sqlite3 *from, sqlite3 *to, struct problem *p)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc = SQLITE_ERROR;

    if (!b)
        return fail(p, ERR_STORE, "%s", sqlite3_errmsg(to));
    do {
        rc = sqlite3_backup_step(b, COPY_PAGES);
    } while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED);
    rc = sqlite3_backup_finish(b);
    return rc == SQLITE_OK ? ERR_OK
                           : fail(p, ERR_STORE, "%s", sqlite3_errstr(rc));
}

/* NAME is there only when all of it is, and on the disk. */
static enum err
copy_to(struct store *s, const char *name, struct problem *p)
{
    AUTO(name) char *half = store_name_beside(s, "copying");
    AUTO(fd) int lock = -1;
    sqlite3 *to = NULL;
    enum err e = store_folder_lock(s, &lock, p);

    if (e != ERR_OK)
        return e;
    store_file_clear(half);
    if (sqlite3_open_v2(half, &to,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                            SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        e = fail(p, ERR_STORE, "%s", sqlite3_errmsg(to));
    else
        e = pages_copy(s->db, to, p);
    if (sqlite3_close(to) != SQLITE_OK && e == ERR_OK)
        e = fail(p, ERR_STORE, "a copy that does not end");
    if (e == ERR_OK && rename(half, name) != 0)
        e = fail(p, ERR_STORE, "%s: %s", name, strerror(errno));
    if (e != ERR_OK)
        store_file_clear(half);
    return e;
}

enum err
store_copy_beside(struct store *s, const char *what, char **out,
                  struct problem *p)
{
    char *name = store_name_new(s, what);
    enum err e = copy_to(s, name, p);

    if (e != ERR_OK) {
        free(name);
        return e;
    }
    log_note("%s: a copy is kept as %s", s->path, name);
    *out = name;
    return ERR_OK;
}
