/*
 * The first start: contacts.db has its name only when it is whole and on the
 * disk. So an empty one is never the beginning of one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/keyring/store_internal.h"

#define LOCK_WAIT_MS 5000
#define LOCK_STEP_NS (10L * 1000 * 1000)

void
name_drop(char **name)
{
    free(*name);
    *name = NULL;
}

char *
store_name_beside(const struct store *s, const char *what)
{
    AUTO(buf) struct buf text = {0};

    buf_addf(&text, "%s.%s", s->path, what);
    return mem_text(buf_slice(&text));
}

/* ---- one at a time --------------------------------------------------------
 */

static int
folder_open(const struct store *s)
{
    const char *slash = strrchr(s->path, '/');
    AUTO(buf) struct buf folder = {0};

    buf_addf(&folder, "%.*s", slash ? (int)(slash - s->path + 1) : 1,
             slash ? s->path : ".");
    return open(buf_text(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

enum err
store_folder_lock(const struct store *s, int *out, struct problem *p)
{
    const struct timespec step = {.tv_nsec = LOCK_STEP_NS};
    AUTO(fd) int folder = folder_open(s);
    int64_t end = clock_ms() + LOCK_WAIT_MS;

    if (folder < 0)
        return fail(p, ERR_STORE, "the folder of %s: %s", s->path,
                    strerror(errno));
    while (flock(folder, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail(p, ERR_STORE, "the folder of %s: %s", s->path,
                        strerror(errno));
        if (clock_ms() > end)
            return fail(p, ERR_STORE, "another agent copies %s", s->path);
        nanosleep(&step, NULL);
    }
    *out = fd_take(&folder);
    return ERR_OK;
}

/* ---- a new one ------------------------------------------------------------
 */

/* In NAME, in one file, and on the disk. */
static bool
schema_write(struct store *s, const char *name)
{
    bool written;

    if (sqlite3_open_v2(name, &s->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                            SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        written = store_fault_of_sqlite(s);
    else
        written = store_migrate(s, false);
    if (sqlite3_close(s->db) != SQLITE_OK && written)
        written = store_fault_set(s, "a new file that does not end");
    s->db = NULL;
    return written;
}

/* A log that an earlier one left is no part of it: SQLite would add it. */
static bool
leftovers_remove(const struct store *s)
{
    AUTO(buf) struct buf log = {0}, index = {0};

    buf_addf(&log, "%s-wal", s->path);
    buf_addf(&index, "%s-shm", s->path);
    return (unlink(buf_text(&log)) == 0 || errno == ENOENT) &&
           (unlink(buf_text(&index)) == 0 || errno == ENOENT);
}

static bool
is_absent(const struct store *s)
{
    struct stat st;

    return lstat(s->path, &st) != 0 && errno == ENOENT;
}

bool
store_make(struct store *s)
{
    AUTO(name) char *half = store_name_beside(s, "copying");
    struct problem p = {0};
    AUTO(fd) int folder = -1;

    if (!is_absent(s))
        return true;
    if (store_folder_lock(s, &folder, &p) != ERR_OK)
        return store_fault_set(s, p.detail);
    if (!is_absent(s))
        return true; /* another agent was faster */
    store_file_clear(half);
    if (schema_write(s, half) && leftovers_remove(s) &&
        rename(half, s->path) == 0 && fsync(folder) == 0)
        return true;
    if (!s->fault[0])
        store_fault_set(s, strerror(errno));
    store_file_clear(half);
    return false;
}
