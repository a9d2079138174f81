/*
 * A copy of the person's takes the place of all contacts, a little at a time:
 * others are answered in between, from what is there until then. One that
 * works is replaced within SQLite, in one transaction, so that other agents
 * that have it open see the new one; nothing is written to it meanwhile. One
 * that is damaged gives its name to the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/keyring/store_internal.h"

#define STEP_PAGES    64
#define STEP_BYTES    ((size_t)256 * 1024)
#define HURRY_STEPS   64 /* 16 MiB: what waits for the disk */
#define OTHERS_MAY_MS 10000

enum stage {
    STAGE_RECEIVES,   /* the copy, into a file beside */
    STAGE_CHECKS,     /* it */
    STAGE_WAITS,      /* until no other agent writes */
    STAGE_SETS_ASIDE, /* what is there */
    STAGE_REPLACES    /* it */
};

struct copying {
    sqlite3 *from, *to;
    sqlite3_backup *pages;
    int file; /* of what is written; -1: none to hurry */
    int steps;
};

struct restore {
    struct store *s;
    enum stage stage;
    int from;
    char *name; /* of the copy that is received */
    int file;   /* it, and the lock on it: one restore at a time */
    char *half; /* what is set aside, until it is whole */
    struct copying aside, back;
    int64_t waits_until;
    struct store_counts counts;
    char *aside_name;
};

/* ---- one database into another ------------------------------------------- */

static enum err
open_one(const char *name, int flags, const char *settings, sqlite3 **out,
         struct problem *p)
{
    if (sqlite3_open_v2(name, out, flags | SQLITE_OPEN_NOMUTEX, NULL) ==
            SQLITE_OK &&
        sqlite3_exec(*out, settings, NULL, NULL, NULL) == SQLITE_OK)
        return ERR_OK;
    return fail(p, ERR_STORE, "%s", sqlite3_errmsg(*out));
}

static enum err
copying_begin(struct copying *c, struct problem *p)
{
    c->pages = sqlite3_backup_init(c->to, "main", c->from, "main");
    return c->pages ? ERR_OK : fail(p, ERR_STORE, "%s", sqlite3_errmsg(c->to));
}

static void
copying_drop(struct copying *c)
{
    (void)sqlite3_backup_finish(c->pages);
    (void)sqlite3_close(c->to);
    (void)sqlite3_close(c->from);
    fd_drop(&c->file);
    *c = (struct copying){.file = -1};
}

/* Else the end would wait for all of it. */
static enum err
copying_step(struct copying *c, bool *done, struct problem *p)
{
    int rc = sqlite3_backup_step(c->pages, STEP_PAGES);

    if (c->file >= 0 && ++c->steps % HURRY_STEPS == 0)
        (void)sync_file_range(c->file, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return ERR_OK;
    *done = true;
    rc = sqlite3_backup_finish(c->pages);
    c->pages = NULL;
    return rc == SQLITE_OK ? ERR_OK
                           : fail(p, ERR_STORE, "%s", sqlite3_errstr(rc));
}

/* ---- the copy ------------------------------------------------------------ */

enum err
store_restore_begin(struct store *s, int from, struct restore **out,
                    struct problem *p)
{
    AUTO(restore) struct restore *r = mem_new(sizeof(*r));

    *r = (struct restore){.s = s, .from = from, .file = -1};
    r->aside.file = r->back.file = -1;
    if (from < 0)
        return fail(p, ERR_USAGE, "no descriptor came along");
    r->name = store_name_beside(s, "restoring");
    r->half = store_name_beside(s, "setting-aside");
    r->file = open(
        r->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (r->file < 0)
        return fail(p, ERR_STORE, "%s: %s", r->name, strerror(errno));
    if (flock(r->file, LOCK_EX | LOCK_NB) != 0) {
        fd_drop(&r->file);
        return fail(p, ERR_STORE, "another restore is under way");
    }
    store_file_clear_beside(r->name);
    if (ftruncate(r->file, 0) != 0)
        return fail(p, ERR_STORE, "%s: %s", r->name, strerror(errno));
    *out = TAKE(r);
    return ERR_OK;
}

void
restore_drop(struct restore **r)
{
    if (!*r)
        return;
    copying_drop(&(*r)->aside);
    copying_drop(&(*r)->back);
    /* One that was refused leaves the other's word as it is. */
    if ((*r)->stage >= STAGE_SETS_ASIDE) {
        (*r)->s->is_replaced = false;
        store_forget((*r)->s);
    }
    if ((*r)->file >= 0) {
        store_file_clear((*r)->name);
        store_file_clear((*r)->half);
    }
    fd_drop(&(*r)->file);
    fd_drop(&(*r)->from);
    free((*r)->name);
    free((*r)->half);
    free((*r)->aside_name);
    free(*r);
    *r = NULL;
}

static enum err
receive_step(struct restore *r, struct problem *p)
{
    struct pollfd fd = {.fd = r->from, .events = POLLIN};
    AUTO(buf) struct buf bytes = {0};
    ssize_t n;

    if (poll(&fd, 1, LIMIT_CONTACTS_STEP_MS) != 1)
        return ERR_OK;
    n = read(r->from, buf_room(&bytes, STEP_BYTES), STEP_BYTES);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN
                   ? ERR_OK
                   : fail(p, ERR_INPUT, "%s", strerror(errno));
    if (n > 0 && !fd_write_all(r->file, bytes.data, (size_t)n))
        return fail(p, ERR_STORE, "%s", strerror(errno));
    (void)sync_file_range(r->file, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (n > 0)
        return ERR_OK;
    if (fsync(r->file) != 0)
        return fail(p, ERR_STORE, "%s: %s", r->name, strerror(errno));
    r->stage = STAGE_CHECKS;
    return ERR_OK;
}

/* Is it a whole contact keyring, of no newer version? It is brought up to
 * date. */
static enum err
candidate_check(struct restore *r, struct problem *p)
{
    struct store *candidate = store_open_copy(r->name);
    enum err e = store_check(candidate, p);

    if (e != ERR_OK) {
        AUTO(buf) struct buf why = {0};

        buf_add_text(&why, candidate->fault);
        *p = (struct problem){0};
        e = fail(p, ERR_BAD_COPY, "%s", buf_text(&why));
    }
    if (e == ERR_OK)
        e = store_count(candidate, &r->counts, p);
    store_drop(&candidate);
    return e;
}

/* ---- one that is damaged ------------------------------------------------- */

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

static enum err
replace_damaged(struct restore *r, struct problem *p)
{
    struct store *s = r->s;
    enum err e;

    r->aside_name = store_name_new(s, "damaged");
    store_close(s);
    e = set_aside(s, r->aside_name, p);
    if (e == ERR_OK && rename(r->name, s->path) != 0)
        e = fail(p, ERR_STORE, "%s: %s", s->path, strerror(errno));
    if (e != ERR_OK)
        store_file_clear(r->name);
    /* To close it later would take SQLite's own locks away (POSIX fcntl). */
    fd_drop(&r->file);
    store_reopen(s);
    return e == ERR_OK ? store_check(s, p) : e;
}

/* ---- one that works ------------------------------------------------------ */

static enum err
check_step(struct restore *r, bool *done, struct problem *p)
{
    struct problem ignored = {0};
    enum err e = candidate_check(r, p);

    if (e != ERR_OK)
        return e;
    if (store_check(r->s, &ignored) != ERR_OK) {
        *done = true;
        return replace_damaged(r, p);
    }
    r->stage = STAGE_WAITS;
    r->waits_until = clock_ms() + OTHERS_MAY_MS;
    e = open_one(r->name, SQLITE_OPEN_READWRITE, "", &r->back.from, p);
    /* What the transaction holds goes to its log, not to memory; it is
     * emptied when nobody asks. */
    if (e == ERR_OK)
        e = open_one(r->s->path, SQLITE_OPEN_READWRITE,
                     "PRAGMA mmap_size = 0; PRAGMA synchronous = FULL;"
                     "PRAGMA wal_autocheckpoint = 0;",
                     &r->back.to, p);
    return e == ERR_OK ? copying_begin(&r->back, p) : e;
}

static enum err
aside_begin(struct restore *r, struct problem *p)
{
    enum err e;

    store_file_clear(r->half);
    e = store_snapshot_open(r->s, &r->aside.from, p);
    /* Nobody knows its name: it needs no journal. */
    if (e == ERR_OK)
        e = open_one(r->half, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                     "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;",
                     &r->aside.to, p);
    if (e == ERR_OK)
        e = copying_begin(&r->aside, p);
    return e;
}

/* From here on nobody writes, and everybody reads. */
static enum err
wait_step(struct restore *r, struct problem *p)
{
    enum err e = store_keep(r->s, p);
    int rc;

    if (e != ERR_OK)
        return e;
    rc = sqlite3_backup_step(r->back.pages, 0);
    if (rc == SQLITE_BUSY && clock_ms() < r->waits_until)
        return ERR_OK;
    if (rc == SQLITE_BUSY)
        return fail(p, ERR_STORE, "another agent writes to %s", r->s->path);
    if (rc != SQLITE_OK)
        return fail(p, ERR_STORE, "%s", sqlite3_errstr(rc));
    r->s->is_replaced = true;
    r->stage = STAGE_SETS_ASIDE;
    return aside_begin(r, p);
}

/* It has its name only when all of it is on the disk. */
static enum err
aside_end(struct restore *r, struct problem *p)
{
    AUTO(fd) int file = -1;

    copying_drop(&r->aside);
    file = open(r->half, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fsync(file) != 0)
        return fail(p, ERR_STORE, "%s: %s", r->half, strerror(errno));
    r->aside_name = store_name_new(r->s, "replaced");
    if (rename(r->half, r->aside_name) != 0)
        return fail(p, ERR_STORE, "%s: %s", r->aside_name, strerror(errno));
    log_note("%s: a copy is kept as %s", r->s->path, r->aside_name);
    return ERR_OK;
}

/* An open file of SQLite's that is written to: to hurry it. */
static int
writing_open(const char *name, const char *ending)
{
    AUTO(buf) struct buf text = {0};

    buf_addf(&text, "%s%s", name, ending);
    return open(buf_text(&text), O_RDONLY | O_CLOEXEC);
}

static enum err
aside_step(struct restore *r, struct problem *p)
{
    bool whole = false;
    enum err e;

    if (r->aside.file < 0)
        r->aside.file = writing_open(r->half, "");
    e = copying_step(&r->aside, &whole, p);
    if (e == ERR_OK && whole) {
        e = aside_end(r, p);
        r->stage = STAGE_REPLACES;
    }
    return e;
}

static enum err
replace_step(struct restore *r, bool *done, struct problem *p)
{
    enum err e;

    if (r->back.file < 0)
        r->back.file = writing_open(r->s->path, "-wal");
    e = copying_step(&r->back, done, p);
    if (!*done)
        return e;
    copying_drop(&r->back);
    r->s->is_replaced = false;
    store_forget(r->s);
    store_settle_again(r->s);
    return e;
}

enum err
store_restore_step(struct restore *r, struct store_counts *out, bool *done,
                   struct problem *p)
{
    enum err e = ERR_OK;

    *done = false;
    switch (r->stage) {
    case STAGE_RECEIVES:
        e = receive_step(r, p);
        break;
    case STAGE_CHECKS:
        e = check_step(r, done, p);
        break;
    case STAGE_WAITS:
        e = wait_step(r, p);
        break;
    case STAGE_SETS_ASIDE:
        e = aside_step(r, p);
        break;
    case STAGE_REPLACES:
        e = replace_step(r, done, p);
        break;
    }
    *out = r->counts;
    return e;
}

const char *
restore_aside(const struct restore *r)
{
    return r->aside_name;
}
