/*
 * Copies of the whole file: before its form changes, and one that takes its
 * place. A copy is made beside contacts.db, whole or not at all; what is
 * replaced is set aside under a name of its own and never overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/keyring/store_internal.h"

#define COPY_PAGES 256
#define COPY_BYTES ((size_t)64 * 1024)

/* A name that says what and when, and that nothing has yet. Gives. */
static char *
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
store_file_clear(const char *name)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};

    for (size_t i = 0; i < ARRAY_COUNT(endings); i++) {
        AUTO(buf) struct buf one = {0};

        buf_addf(&one, "%s%s", name, endings[i]);
        (void)unlink(buf_text(&one));
    }
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

/* ---- back ---------------------------------------------------------------- */

static enum err
bytes_copy(int from, int to, struct problem *p)
{
    uint8_t *bytes = mem_new(COPY_BYTES);
    enum err e = ERR_OK;
    ssize_t n;

    while (e == ERR_OK && (n = read(from, bytes, COPY_BYTES)) != 0) {
        if (n < 0 && errno != EINTR)
            e = fail(p, ERR_INPUT, "%s", strerror(errno));
        else if (n > 0 && !fd_write_all(to, bytes, (size_t)n))
            e = fail(p, ERR_STORE, "%s", strerror(errno));
    }
    free(bytes);
    return e;
}

static enum err
receive(int from, const char *name, struct problem *p)
{
    AUTO(fd) int to = -1;
    enum err e;

    store_file_clear(name);
    to = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return fail(p, ERR_STORE, "%s: %s", name, strerror(errno));
    e = bytes_copy(from, to, p);
    if (e == ERR_OK && fsync(to) != 0)
        e = fail(p, ERR_STORE, "%s: %s", name, strerror(errno));
    return e;
}

/* Is NAME a whole contact keyring, of no newer version? It is brought up to
 * date. */
static enum err
candidate_check(const char *name, struct store_counts *out, struct problem *p)
{
    struct store *candidate = store_open_copy(name);
    enum err e = store_check(candidate, p);

    if (e != ERR_OK) {
        AUTO(buf) struct buf why = {0};

        buf_add_text(&why, candidate->fault);
        *p = (struct problem){0};
        e = fail(p, ERR_BAD_COPY, "%s", buf_text(&why));
    }
    if (e == ERR_OK)
        e = store_count(candidate, out, p);
    store_drop(&candidate);
    return e;
}

/* The files that SQLite keeps beside a database follow it, or go. The file has
 * both names until another takes the first one: at no moment is there none,
 * which would be taken for a keyring that nobody has begun yet. */
static enum err
set_aside(struct store *s, const char *name, struct problem *p)
{
    AUTO(buf) struct buf from = {0}, to = {0};

    buf_addf(&from, "%s-wal", s->path);
    buf_addf(&to, "%s-wal", name);
    if (link(s->path, name) != 0 && rename(s->path, name) != 0 &&
        errno != ENOENT)
        return fail(p, ERR_STORE, "%s: %s", name, strerror(errno));
    if (rename(buf_text(&from), buf_text(&to)) != 0 && errno != ENOENT)
        return fail(p, ERR_STORE, "%s: %s", buf_text(&to), strerror(errno));
    buf_clear(&from);
    buf_addf(&from, "%s-shm", s->path);
    (void)unlink(buf_text(&from));
    return ERR_OK;
}

/* One that works is replaced within SQLite: other agents that have it open
 * see the new one. */
static enum err
replace_working(struct store *s, const char *with, char **aside,
                struct problem *p)
{
    sqlite3 *from = NULL;
    enum err e = store_copy_beside(s, "replaced", aside, p);

    if (e != ERR_OK)
        return e;
    store_statements_reset(s);
    if (sqlite3_open_v2(with, &from, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        e = fail(p, ERR_STORE, "%s", sqlite3_errmsg(from));
    else
        e = pages_copy(from, s->db, p);
    (void)sqlite3_close(from);
    (void)unlink(with);
    return e;
}

static enum err
replace_damaged(struct store *s, const char *with, char **aside,
                struct problem *p)
{
    char *name = store_name_new(s, "damaged");
    enum err e;

    store_close(s);
    e = set_aside(s, name, p);
    if (e == ERR_OK && rename(with, s->path) != 0)
        e = fail(p, ERR_STORE, "%s: %s", s->path, strerror(errno));
    store_reopen(s);
    if (e != ERR_OK) {
        free(name);
        return e;
    }
    *aside = name;
    return store_check(s, p);
}

enum err
store_restore(struct store *s, int from, struct store_counts *out, char **aside,
              struct problem *p)
{
    AUTO(name) char *name = store_name_beside(s, "restoring");
    struct problem ignored = {0};
    enum err e = ERR_OK;

    if (!s->fault[0])
        e = store_keep(s, p);
    if (e == ERR_OK)
        e = receive(from, name, p);
    if (e == ERR_OK)
        e = candidate_check(name, out, p);
    if (e == ERR_OK)
        e = store_check(s, &ignored) == ERR_OK
                ? replace_working(s, name, aside, p)
                : replace_damaged(s, name, aside, p);
    store_file_clear(name);
    return e;
}
