#include "client/cli/mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"

static enum mailbox
unreadable(const char *path, const char *why)
{
    (void)failure_say(EXIT_INPUT, NULL, "%s cannot be read: %s", path, why);
    return MAILBOX_FAILED;
}

/* ---- mbox and streams ---------------------------------------------------- */

struct splitter {
    mailbox_visitor *visit;
    void *context;
    const char *path;
    bool is_mbox;
    int fd; /* the message in the making; -1: none */
    size_t number;
};

static void
splitter_drop(struct splitter *s)
{
    fd_drop(&s->fd);
}

/* Hands the message over; false: the visitor has enough. */
static bool
message_end(struct splitter *s)
{
    AUTO(buf) struct buf origin = {0};

    if (s->fd < 0)
        return true;
    if (lseek(s->fd, 0, SEEK_SET) != 0)
        return false;
    buf_add_text(&origin, s->path);
    if (s->is_mbox)
        buf_addf(&origin, ":%zu", s->number);
    return s->visit(s->context, fd_take(&s->fd), buf_text(&origin));
}

static bool
message_begin(struct splitter *s)
{
    s->number++;
    s->fd = memfd_create("message", MFD_CLOEXEC);
    return s->fd >= 0;
}

/* False with errno on failure, with errno 0 when the visitor has enough. */
static bool
line_take(struct splitter *s, const char *line, size_t n, bool after_empty)
{
    bool is_from = n >= 5 && memcmp(line, "From ", 5) == 0;

    errno = 0;
    if (s->number == 0)
        s->is_mbox = is_from;
    if (s->is_mbox && is_from && after_empty)
        return message_end(s) && message_begin(s);
    if (s->fd < 0 && !message_begin(s))
        return false;
    return fd_write_all(s->fd, line, n);
}

static bool
is_empty_line(const char *line, ssize_t n)
{
    return (n == 1 && line[0] == '\n') ||
           (n == 2 && line[0] == '\r' && line[1] == '\n');
}

/* Splits a stream; a first line other than "From " makes it one message. */
static enum mailbox
stream_visit(FILE *from, const char *path, mailbox_visitor *visit,
             void *context)
{
    AUTO(splitter)
    struct splitter s = {
        .visit = visit, .context = context, .path = path, .fd = -1};
    bool after_empty = true;
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    bool well = true;

    errno = 0;
    while (well && (n = getline(&line, &room, from)) > 0) {
        well = line_take(&s, line, (size_t)n, after_empty);
        after_empty = is_empty_line(line, n);
    }
    free(line);
    if (ferror(from) || (!well && errno != 0))
        return unreadable(path, strerror(errno));
    if (!well || !message_end(&s))
        return MAILBOX_STOPPED;
    return MAILBOX_DONE;
}

/* ---- files and folders
 * -------------------------------------------------------- */

static bool
is_mbox(int fd)
{
    char start[5];

    return pread(fd, start, sizeof(start), 0) == (ssize_t)sizeof(start) &&
           memcmp(start, "From ", sizeof(start)) == 0;
}

/* FD is taken. */
static enum mailbox
fd_visit(int taken, const char *path, mailbox_visitor *visit, void *context)
{
    AUTO(fd) int fd = taken;
    enum mailbox result;
    struct stat st;
    FILE *from;

    if (fstat(fd, &st) != 0)
        return unreadable(path, strerror(errno));
    if (S_ISREG(st.st_mode) && lseek(fd, 0, SEEK_CUR) == 0 && !is_mbox(fd))
        return visit(context, fd_take(&fd), path) ? MAILBOX_DONE
                                                  : MAILBOX_STOPPED;
    from = fdopen(fd, "r");
    if (!from)
        return unreadable(path, strerror(errno));
    (void)fd_take(&fd);
    result = stream_visit(from, path, visit, context);
    fclose(from);
    return result;
}

/* The regular files of a folder, not those below it. */
static enum mailbox
folder_visit(const char *path, mailbox_visitor *visit, void *context)
{
    enum mailbox result = MAILBOX_DONE;
    DIR *folder = opendir(path);
    struct dirent *entry;

    if (!folder)
        return unreadable(path, strerror(errno));
    while (result != MAILBOX_STOPPED && (entry = readdir(folder)) != NULL) {
        AUTO(buf) struct buf file = {0};
        struct stat st;
        enum mailbox one;
        int fd;

        if (entry->d_name[0] == '.' ||
            fstatat(dirfd(folder), entry->d_name, &st, 0) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        buf_addf(&file, "%s/%s", path, entry->d_name);
        fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
        one = fd < 0 ? unreadable(buf_text(&file), strerror(errno))
                     : fd_visit(fd, buf_text(&file), visit, context);
        if (one != MAILBOX_DONE)
            result = one;
    }
    closedir(folder);
    return result;
}

/* PATH/NAME when it is a folder: then *found is set and it is visited. */
static enum mailbox
subfolder_visit(const char *path, const char *name, mailbox_visitor *visit,
                void *context, bool *found)
{
    AUTO(buf) struct buf sub = {0};
    struct stat st;

    buf_addf(&sub, "%s/%s", path, name);
    if (stat(buf_text(&sub), &st) != 0 || !S_ISDIR(st.st_mode))
        return MAILBOX_DONE;
    *found = true;
    return folder_visit(buf_text(&sub), visit, context);
}

static enum mailbox
any_folder_visit(const char *path, mailbox_visitor *visit, void *context)
{
    bool is_maildir = false;
    enum mailbox seen, unseen;

    seen = subfolder_visit(path, "cur", visit, context, &is_maildir);
    if (seen == MAILBOX_STOPPED)
        return seen;
    unseen = subfolder_visit(path, "new", visit, context, &is_maildir);
    if (!is_maildir)
        return folder_visit(path, visit, context);
    return seen == MAILBOX_FAILED && unseen == MAILBOX_DONE ? seen : unseen;
}

enum mailbox
mailbox_visit(const char *path, mailbox_visitor *visit, void *context)
{
    AUTO(fd) int fd = -1;
    struct stat st;

    if (strcmp(path, "-") == 0)
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    else
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return unreadable(path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return any_folder_visit(path, visit, context);
    return fd_visit(fd_take(&fd), strcmp(path, "-") == 0 ? "stdin" : path,
                    visit, context);
}
