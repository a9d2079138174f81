/* The walk over files and folders; mbox.c splits what holds many mails. */
#include "client/cli/mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"

#define FOLDERS_DEEP 64
#define FNV_BASIS    14695981039346656037U
#define FNV_PRIME    1099511628211U

uint64_t
mailbox_hash(uint64_t hash, const void *p, size_t n)
{
    const unsigned char *bytes = p;

    if (hash == 0)
        hash = FNV_BASIS;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * FNV_PRIME;
    return hash ? hash : 1;
}

void
mail_found_drop(struct mail_found *m)
{
    fd_drop(&m->fd);
    fd_drop(&m->as_stored);
}

/* ---- the walk ------------------------------------------------------------ */

struct place {
    dev_t dev;
    ino_t ino;
};

struct walk {
    const struct mailbox_visitor *v;
    uint64_t *measured; /* not NULL: only sizes are wanted */
    struct place above[FOLDERS_DEEP];
    size_t depth;
    struct place *seen; /* all folders: two ways may lead to one */
    size_t seen_count;
};

static void
walk_drop(struct walk *w)
{
    free(w->seen);
    w->seen = NULL;
}

static enum mailbox
fault_tell(const struct walk *w, const char *path, const char *why)
{
    if (!w->measured)
        w->v->fault(w->v->context, path, why, true);
    return MAILBOX_FAILED;
}

static enum mailbox
worse(enum mailbox a, enum mailbox b)
{
    if (a == MAILBOX_STOPPED || b == MAILBOX_STOPPED)
        return MAILBOX_STOPPED;
    return a == MAILBOX_FAILED ? a : b;
}

static bool
is_place(const struct place *p, const struct stat *st)
{
    return p->dev == st->st_dev && p->ino == st->st_ino;
}

/* ---- files --------------------------------------------------------------- */

/* Some programs write an empty line first. */
static bool
is_mbox(int fd)
{
    char start[1000];
    ssize_t n = pread(fd, start, sizeof(start), 0), at = 0;

    while (at < n && (start[at] == '\n' || start[at] == '\r'))
        at++;
    return n > at && mbox_begins(start + at, (size_t)(n - at));
}

/* Renaming a file, as Maildir does, leaves it the same. */
static uint64_t
file_key(const struct stat *st)
{
    uint64_t key = mailbox_hash(0, &st->st_dev, sizeof(st->st_dev));

    key = mailbox_hash(key, &st->st_ino, sizeof(st->st_ino));
    key = mailbox_hash(key, &st->st_size, sizeof(st->st_size));
    key = mailbox_hash(key, &st->st_mtim.tv_sec, sizeof(st->st_mtim.tv_sec));
    return mailbox_hash(key, &st->st_mtim.tv_nsec, sizeof(st->st_mtim.tv_nsec));
}

static enum mailbox
one_mail(const struct walk *w, int taken, const char *path,
         const struct stat *st, bool is_named)
{
    struct mail_found m = {.fd = taken,
                           .as_stored = -1,
                           .origin = path,
                           .key = file_key(st),
                           .bytes = (uint64_t)st->st_size,
                           .is_named = is_named};

    if (!is_named && w->v->is_done &&
        w->v->is_done(w->v->context, m.key, m.bytes)) {
        mail_found_drop(&m);
        return MAILBOX_DONE;
    }
    return w->v->message(w->v->context, &m) ? MAILBOX_DONE : MAILBOX_STOPPED;
}

/* FD is taken. */
static enum mailbox
fd_visit(const struct walk *w, int taken, const char *path, bool is_named)
{
    AUTO(fd) int fd = taken;
    bool is_file, is_whole;
    const char *packed;
    enum mailbox result;
    off_t at = 0, n = 0;
    struct stat st;
    FILE *from;

    if (fstat(fd, &st) != 0)
        return fault_tell(w, path, strerror(errno));
    is_file = S_ISREG(st.st_mode);
    is_whole = is_file && lseek(fd, 0, SEEK_CUR) == 0;
    packed = is_whole ? mail_file_packed(fd) : NULL;
    if (packed)
        return fault_tell(w, path, packed);
    if (is_whole && mail_file_emlx(fd, &at, &n)) {
        int mail = n > st.st_size - at ? -1 : mbox_part(fd, at, (uint64_t)n);

        return mail < 0 ? fault_tell(w, path, "it ends early")
                        : one_mail(w, mail, path, &st, is_named);
    }
    if (is_whole && !is_mbox(fd))
        return one_mail(w, fd_take(&fd), path, &st, is_named);
    from = fdopen(fd, "r");
    if (!from)
        return fault_tell(w, path, strerror(errno));
    (void)fd_take(&fd);
    result = mbox_visit(from, path, is_whole ? &st : NULL, w->v);
    fclose(from);
    return result;
}

static const char *
kind_of(const struct stat *st)
{
    if (S_ISFIFO(st->st_mode))
        return "it is a FIFO";
    if (S_ISSOCK(st->st_mode))
        return "it is a socket";
    return "it is a device";
}

/* A file of a folder, its kind known to be a file's. Between that and here it
 * may have become a FIFO, which must not hold anybody up. */
static enum mailbox
file_visit(const struct walk *w, int folder, const char *name, const char *path,
           const struct stat *st)
{
    int fd;

    if (w->measured) {
        *w->measured += (uint64_t)st->st_size;
        return MAILBOX_DONE;
    }
    fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fault_tell(w, path, strerror(errno));
    return fd_visit(w, fd, path, false);
}

/* ---- folders ------------------------------------------------------------- */

static bool
has_folder(int folder, const char *name)
{
    struct stat st;

    return fstatat(folder, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* Two of the three: empty ones get lost in copies, and a folder of mails may
 * have a subfolder that is called "new". */
static bool
is_maildir(int folder)
{
    return has_folder(folder, "cur") + has_folder(folder, "new") +
               has_folder(folder, "tmp") >=
           2;
}

static bool
has_mails(int folder)
{
    return has_folder(folder, "cur") || has_folder(folder, "new");
}

/* Maildir++ hides its subfolders behind a dot; other hidden ones are a
 * program's own. */
static bool
is_mail_folder(int folder, const char *name, bool in_maildir)
{
    int fd;
    bool is;

    if (name[0] != '.')
        return !in_maildir || strcmp(name, "tmp") != 0;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    is = fd >= 0 && has_mails(fd);
    fd_drop(&fd);
    return is;
}

static enum mailbox folder_visit(struct walk *w, int taken, const char *path);

static enum mailbox
subfolder_visit(struct walk *w, int folder, const char *name, const char *path)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return fault_tell(w, path, strerror(errno));
    return folder_visit(w, fd, path);
}

/* A program may have taken it away since: then it is no fault. */
static enum mailbox
missing_tell(const struct walk *w, int folder, const char *name,
             const char *path)
{
    const char *why = errno == ENOENT  ? "it is a link to nothing"
                      : errno == ELOOP ? "it is a link to itself"
                                       : strerror(errno);
    struct stat st;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return MAILBOX_DONE;
    return fault_tell(w, path, why);
}

/* What lies beside cur and new is the bookkeeping of programs. */
static enum mailbox
entry_visit(struct walk *w, int folder, const char *name, const char *path,
            bool in_maildir)
{
    struct stat st;

    if (fstatat(folder, name, &st, 0) != 0)
        return name[0] == '.' ? MAILBOX_DONE
                              : missing_tell(w, folder, name, path);
    if (S_ISDIR(st.st_mode))
        return is_mail_folder(folder, name, in_maildir)
                   ? subfolder_visit(w, folder, name, path)
                   : MAILBOX_DONE;
    if (name[0] == '.' || in_maildir)
        return MAILBOX_DONE;
    return S_ISREG(st.st_mode) ? file_visit(w, folder, name, path, &st)
                               : fault_tell(w, path, kind_of(&st));
}

/* True: there is nothing in it that is not visited already. */
static bool
is_seen(const struct walk *w, const struct stat *st)
{
    for (size_t i = 0; i < w->seen_count; i++)
        if (is_place(&w->seen[i], st))
            return true;
    return false;
}

static enum mailbox
entries_visit(struct walk *w, DIR *folder, const char *path)
{
    bool in_maildir = is_maildir(dirfd(folder));
    enum mailbox result = MAILBOX_DONE;
    struct dirent *entry;

    errno = 0;
    while (result != MAILBOX_STOPPED && (entry = readdir(folder)) != NULL) {
        AUTO(buf) struct buf file = {0};

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        buf_addf(&file, "%s/%s", path, entry->d_name);
        result = worse(result, entry_visit(w, dirfd(folder), entry->d_name,
                                           buf_text(&file), in_maildir));
        errno = 0;
    }
    return errno == 0 ? result
                      : worse(result, fault_tell(w, path, strerror(errno)));
}

/* FD is taken. A loop of links leads to a folder whose mails are read anyway:
 * it is told, and hinders nothing. */
static enum mailbox
folder_visit(struct walk *w, int taken, const char *path)
{
    AUTO(fd) int fd = taken;
    enum mailbox result;
    struct stat st;
    DIR *folder;

    if (fstat(fd, &st) != 0)
        return fault_tell(w, path, strerror(errno));
    for (size_t i = 0; i < w->depth; i++)
        if (is_place(&w->above[i], &st)) {
            if (!w->measured)
                w->v->fault(w->v->context, path,
                            "a link back to a folder above it, passed over",
                            false);
            return MAILBOX_DONE;
        }
    if (is_seen(w, &st))
        return MAILBOX_DONE;
    if (w->depth == FOLDERS_DEEP)
        return fault_tell(w, path, "too many folders in each other");
    folder = fdopendir(fd);
    if (!folder)
        return fault_tell(w, path, strerror(errno));
    (void)fd_take(&fd);
    w->above[w->depth++] = (struct place){st.st_dev, st.st_ino};
    w->seen = mem_resize(w->seen, (w->seen_count + 1) * sizeof(*w->seen));
    w->seen[w->seen_count++] = w->above[w->depth - 1];
    result = entries_visit(w, folder, path);
    w->depth--;
    closedir(folder);
    return result;
}

/* ---- what the person named ----------------------------------------------- */

static enum mailbox
named_visit(struct walk *w, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    AUTO(buf) struct buf folder = {0};
    AUTO(fd) int fd = -1;
    struct stat st;

    fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                  : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return fault_tell(w, path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return fd_visit(w, fd_take(&fd), is_stdin ? "stdin" : path, true);
    buf_add_text(&folder, path);
    while (folder.len > 1 && folder.data[folder.len - 1] == '/')
        folder.len--;
    return folder_visit(w, fd_take(&fd), buf_text(&folder));
}

enum mailbox
mailbox_visit(const char *path, const struct mailbox_visitor *v)
{
    AUTO(walk) struct walk w = {.v = v};

    return named_visit(&w, path);
}

uint64_t
mailbox_measure(const char *path)
{
    uint64_t bytes = 0;
    AUTO(walk) struct walk w = {.measured = &bytes};
    struct stat st;

    if (strcmp(path, "-") == 0 || stat(path, &st) != 0)
        return 0;
    if (S_ISDIR(st.st_mode))
        (void)named_visit(&w, path);
    else if (S_ISREG(st.st_mode))
        bytes = (uint64_t)st.st_size;
    return bytes;
}
