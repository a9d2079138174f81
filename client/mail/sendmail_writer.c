/* Did the program that writes our stdin die before it was done? A pipe ends
 * alike for both. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "client/mail/sendmail.h"

#define MOST_PARENTS 4 /* the tool, and shells between it and us */

/* Is the entry NAME of the folder FDS (/proc/PID/fd) an end of PIPE that is
 * written to? */
static bool
is_write_end(int fds, const char *name, const struct stat *pipe)
{
    struct stat link, target;

    return fstatat(fds, name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
           (link.st_mode & S_IWUSR) != 0 &&
           fstatat(fds, name, &target, 0) == 0 &&
           target.st_dev == pipe->st_dev && target.st_ino == pipe->st_ino;
}

/* Has the process an open descriptor, of PIPE unless that is NULL? */
static bool
has_descriptor(pid_t pid, const struct stat *pipe)
{
    const struct dirent *entry;
    bool found = false;
    char path[64];
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    folder = opendir(path);
    while (folder && !found && (entry = readdir(folder)))
        found = entry->d_name[0] != '.' &&
                (!pipe || is_write_end(dirfd(folder), entry->d_name, pipe));
    if (folder)
        (void)closedir(folder);
    return found;
}

/* 0 when it cannot be told. */
static pid_t
parent_of(pid_t pid)
{
    char path[64], text[512];
    const char *behind;
    int parent = 0;
    AUTO(fd) int fd = -1;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    behind = strrchr(text, ')'); /* of the name, which may hold one */
    if (!behind || sscanf(behind, ") %*c %d", &parent) != 1)
        return 0;
    return (pid_t)parent;
}

void
writer_find(struct writer *out)
{
    struct stat pipe;
    pid_t pid = getppid();

    *out = (struct writer){.fd = -1};
    if (fstat(STDIN_FILENO, &pipe) != 0 || !S_ISFIFO(pipe.st_mode))
        return;
    for (int i = 0; i < MOST_PARENTS && pid > 1; i++, pid = parent_of(pid))
        if (has_descriptor(pid, &pipe)) {
            *out = (struct writer){.pid = pid,
                                   .fd = (int)syscall(SYS_pidfd_open, pid, 0)};
            /* Somebody else may have its number by now. */
            if (!has_descriptor(pid, &pipe))
                writer_drop(out);
            return;
        }
}

/* One that ends closes its descriptors first, and has ended a moment later. */
bool
writer_is_gone(const struct writer *w)
{
    struct pollfd p = {.fd = w->fd, .events = POLLIN};

    return w->fd >= 0 && (poll(&p, 1, 0) == 1 || !has_descriptor(w->pid, NULL));
}

void
writer_drop(struct writer *w)
{
    fd_drop(&w->fd);
}
