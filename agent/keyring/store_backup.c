/*
 * A copy of all contacts for the person, made a little at a time: others are
 * answered in between. First SQLite copies what is there at the beginning,
 * whatever is learned meanwhile, into a file that has no name any more, so
 * that no end leaves it behind; then that goes to the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/keyring/store_internal.h"

#define STEP_PAGES 64
#define STEP_BYTES ((size_t)256 * 1024)
#define UNWRITTEN  ((off_t)16 * 1024 * 1024) /* what waits for the disk */

struct backup {
    struct store *s;
    sqlite3 *from, *to;
    sqlite3_backup *pages; /* NULL: these are copied */
    int copy;              /* reads what SQLite wrote */
    int out;
    bool is_file; /* OUT */
    off_t written;
    struct store_counts counts;
};

/* ---- beginning ----------------------------------------------------------- */

enum err
store_snapshot_open(const struct store *s, sqlite3 **out, struct problem *p)
{
    if (sqlite3_open_v2(s->path, out,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK &&
        sqlite3_busy_timeout(*out, 5000) == SQLITE_OK &&
        sqlite3_exec(*out,
                     "PRAGMA mmap_size = 0; BEGIN;"
                     "SELECT count(*) FROM sqlite_schema;",
                     NULL, NULL, NULL) == SQLITE_OK)
        return ERR_OK;
    return fail(p, ERR_STORE, "%s", sqlite3_errmsg(*out));
}

/* Nobody sees it: it needs no journal, and what becomes of it is
 * brought to the disk. */
static enum err
copy_open(struct backup *b, struct problem *p)
{
    AUTO(name) char *name = store_name_beside(b->s, "copying");
    AUTO(fd) int lock = -1;
    enum err e = store_folder_lock(b->s, &lock, p);

    if (e != ERR_OK)
        return e;
    store_file_clear(name);
    if (sqlite3_open_v2(name, &b->to,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                            SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(b->to,
                     "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;",
                     NULL, NULL, NULL) != SQLITE_OK)
        e = fail(p, ERR_STORE, "%s", sqlite3_errmsg(b->to));
    else if ((b->copy = open(name, O_RDONLY | O_CLOEXEC)) < 0)
        e = fail(p, ERR_STORE, "%s: %s", name, strerror(errno));
    (void)unlink(name);
    return e;
}

static enum err
begin(struct backup *b, struct problem *p)
{
    enum err e = store_keep(b->s, p);

    if (e == ERR_OK)
        e = store_snapshot_open(b->s, &b->from, p);
    if (e == ERR_OK)
        e = store_count(b->s, &b->counts, p);
    if (e == ERR_OK)
        e = copy_open(b, p);
    if (e != ERR_OK)
        return e;
    b->pages = sqlite3_backup_init(b->to, "main", b->from, "main");
    return b->pages ? ERR_OK : fail(p, ERR_STORE, "%s", sqlite3_errmsg(b->to));
}

enum err
store_backup_begin(struct store *s, int to, struct backup **out,
                   struct problem *p)
{
    AUTO(backup) struct backup *b = mem_new(sizeof(*b));
    struct stat st;
    enum err e;

    *b = (struct backup){.s = s, .copy = -1, .out = to};
    if (to < 0 || fstat(to, &st) != 0)
        return fail(p, ERR_USAGE, "no descriptor came along");
    b->is_file = S_ISREG(st.st_mode);
    e = begin(b, p);
    if (e == ERR_OK)
        *out = TAKE(b);
    return e;
}

void
backup_drop(struct backup **b)
{
    if (!*b)
        return;
    (void)sqlite3_backup_finish((*b)->pages);
    (void)sqlite3_close((*b)->to);
    (void)sqlite3_close((*b)->from);
    store_settle_again((*b)->s);
    fd_drop(&(*b)->copy);
    fd_drop(&(*b)->out);
    free(*b);
    *b = NULL;
}

/* ---- a step -------------------------------------------------------------- */

static enum err
pages_step(struct backup *b, struct problem *p)
{
    int rc = sqlite3_backup_step(b->pages, STEP_PAGES);

    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return ERR_OK;
    rc = sqlite3_backup_finish(b->pages);
    b->pages = NULL;
    /* However slowly the copy is taken, the log may be emptied now. */
    (void)sqlite3_close(b->from);
    b->from = NULL;
    store_settle_again(b->s);
    if (sqlite3_close(b->to) != SQLITE_OK && rc == SQLITE_OK)
        return fail(p, ERR_STORE, "a copy that does not end");
    b->to = NULL;
    if (rc == SQLITE_FULL)
        return fail(p, ERR_STORE,
                    "a backup needs room for a second copy beside %s for a "
                    "while",
                    b->s->path);
    return rc == SQLITE_OK ? ERR_OK
                           : fail(p, ERR_STORE, "%s", sqlite3_errstr(rc));
}

/* How much can be written now; no reader of a pipe holds up the others. */
static size_t
room(const struct backup *b)
{
    struct pollfd fd = {.fd = b->out, .events = POLLOUT};

    if (b->is_file)
        return STEP_BYTES;
    return poll(&fd, 1, LIMIT_CONTACTS_STEP_MS) == 1 ? PIPE_BUF : 0;
}

/* The disk begins with what was written, and what is older is waited for:
 * else the end would wait for all of it. */
static void
disk_hurry(const struct backup *b, off_t n)
{
    (void)sync_file_range(b->out, b->written, n, SYNC_FILE_RANGE_WRITE);
    if (b->written >= UNWRITTEN)
        (void)sync_file_range(b->out, b->written - UNWRITTEN, n,
                              SYNC_FILE_RANGE_WAIT_BEFORE |
                                  SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
}

static enum err
bytes_step(struct backup *b, bool *done, struct problem *p)
{
    AUTO(buf) struct buf bytes = {0};
    size_t most = room(b);
    ssize_t n;

    if (most == 0)
        return ERR_OK;
    n = read(b->copy, buf_room(&bytes, most), most);
    if (n < 0 && errno == EINTR)
        return ERR_OK;
    if (n < 0)
        return fail(p, ERR_STORE, "%s", strerror(errno));
    if (n > 0 && !fd_write_all(b->out, bytes.data, (size_t)n))
        return fail(p, ERR_OUTPUT, "%s", strerror(errno));
    *done = n == 0;
    if (n == 0 && fsync(b->out) != 0 && errno != EINVAL && errno != EROFS)
        return fail(p, ERR_OUTPUT, "%s", strerror(errno));
    disk_hurry(b, n);
    b->written += n;
    return ERR_OK;
}

enum err
store_backup_step(struct backup *b, struct store_counts *out, bool *done,
                  struct problem *p)
{
    *done = false;
    *out = b->counts;
    return b->pages ? pages_step(b, p) : bytes_step(b, done, p);
}
