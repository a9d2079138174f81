/* A file or a folder instead of a command: an outbox to look at, or one that
 * another program empties. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "client/cli/cli.h"
#include "client/mail/sendmail.h"

#define COPY_BYTES 65536

static const char *
path_of(const char *command, const char *kind)
{
    size_t n = strlen(kind);

    return strncmp(command, kind, n) == 0 ? command + n : NULL;
}

bool
file_is_named(const char *command)
{
    return path_of(command, "file:") || path_of(command, "mbox:") ||
           path_of(command, "maildir:");
}

static int
failed(const char *path)
{
    return failure_say(EX_TEMPFAIL, "make room, or correct it in agent.conf",
                       "not sent: %s: %s", path, strerror(errno));
}

/* ---- mbox ---------------------------------------------------------------- */

/* RFC 4155, in its reversible kind: a line that looks like the beginning of a
 * message gets one more '>'. */
static bool
lines_append(FILE *from, FILE *to)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    while ((n = getline(&line, &room, from)) > 0) {
        size_t quotes = strspn(line, ">");

        if (strncmp(line + quotes, "From ", 5) == 0)
            fputc('>', to);
        fwrite(line, 1, (size_t)n, to);
        if (line[n - 1] != '\n')
            fputc('\n', to);
    }
    free(line);
    fputc('\n', to);
    return !ferror(from) && fflush(to) == 0 && !ferror(to) &&
           fsync(fileno(to)) == 0;
}

static int
mbox_append(const char *path, FILE *from)
{
    AUTO(fd)
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    time_t now = time(NULL);
    struct tm tm;
    char date[64];
    off_t before;
    FILE *to;
    bool good;

    if (fd < 0 || fcntl(fd, F_SETLKW, &lock) != 0)
        return failed(path);
    before = lseek(fd, 0, SEEK_END);
    to = fdopen(fd, "a");
    if (before < 0 || !to)
        return failed(path);
    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
    fprintf(to, "From MAILER-DAEMON %s\n", date);
    good = lines_append(from, to);
    if (!good && ftruncate(fd, before) != 0)
        (void)failed(path);
    (void)fd_take(&fd);
    return fclose(to) == 0 && good ? EX_OK : failed(path);
}

/* ---- Maildir ------------------------------------------------------------- */

static bool
all_copy(FILE *from, int to)
{
    uint8_t bytes[COPY_BYTES];
    size_t n;

    while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
        if (!fd_write_all(to, bytes, n))
            return false;
    return !ferror(from) && fsync(to) == 0;
}

static int
maildir_add(const char *path, FILE *from)
{
    static const char *const folders[] = {"", "/tmp", "/new", "/cur"};
    char name[128], before[PATH_MAX], after[PATH_MAX];
    struct timespec now;
    static unsigned number;

    for (size_t i = 0; i < ARRAY_COUNT(folders); i++) {
        snprintf(before, sizeof(before), "%s%s", path, folders[i]);
        if (mkdir(before, 0700) != 0 && errno != EEXIST)
            return failed(before);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, sizeof(name), "%lld.M%ldP%dQ%u.smime-sendmail",
             (long long)now.tv_sec, now.tv_nsec / 1000, (int)getpid(),
             number++);
    snprintf(before, sizeof(before), "%s/tmp/%s", path, name);
    snprintf(after, sizeof(after), "%s/new/%s", path, name);
    {
        AUTO(fd)
        int fd = open(before, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd >= 0 && all_copy(from, fd) && rename(before, after) == 0)
            return EX_OK;
    }
    (void)failed(before);
    (void)unlink(before);
    return EX_TEMPFAIL;
}

/* ---- all ----------------------------------------------------------------- */

int
file_deliver(const char *command, int fd)
{
    const char *path = path_of(command, "maildir:");
    bool is_maildir = path != NULL;
    FILE *from;
    int e, copy;

    if (!path)
        path = path_of(command, "mbox:");
    if (!path)
        path = path_of(command, "file:");
    if (!path || path[0] != '/')
        return failure_say(EX_CONFIG, "give the whole path",
                           "not sent: %s is no path", command);
    is_maildir |= path[strlen(path) - 1] == '/';
    copy = lseek(fd, 0, SEEK_SET) < 0 ? -1 : dup(fd);
    from = copy < 0 ? NULL : fdopen(copy, "r");
    if (!from)
        return failed(path);
    e = is_maildir ? maildir_add(path, from) : mbox_append(path, from);
    fclose(from);
    return e;
}
