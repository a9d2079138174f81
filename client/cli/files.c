/* Files that travel beside a call, several in one descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define LIMIT_FILES_BYTES (16 * 1024 * 1024) /* the agent takes no more */

static int
file_open(const char *path, bool crl, int *out)
{
    AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int e;

    if (fd < 0 || fstat(fd, &st) != 0)
        return failure_say(EXIT_INPUT, "check the file and its permissions",
                           "%s cannot be read: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return failure_say(EXIT_INPUT, "name the files of it", "%s is a folder",
                           path);
    e = file_want(path, fd, crl);
    if (e == EXIT_DONE)
        *out = fd_take(&fd);
    return e;
}

/* Appends the file and a line end, for PEM that has none of its own. */
static int
file_append(const char *path, bool crl, int to)
{
    AUTO(buf) struct buf bytes = {0};
    AUTO(fd) int fd = -1;
    int e = file_open(path, crl, &fd);
    ssize_t n;

    if (e != EXIT_DONE)
        return e;
    do {
        buf_reserve(&bytes, 65536);
        n = read(fd, bytes.data + bytes.len, 65536);
        if (n > 0)
            bytes.len += (size_t)n;
    } while ((n > 0 && bytes.len <= LIMIT_FILES_BYTES) ||
             (n < 0 && errno == EINTR));
    if (n < 0)
        return failure_say(EXIT_INPUT, "check the file and its permissions",
                           "%s cannot be read: %s", path, strerror(errno));
    buf_add_byte(&bytes, '\n');
    if (bytes.len > LIMIT_FILES_BYTES ||
        !fd_write_all(to, bytes.data, bytes.len))
        return failure_say(EXIT_INPUT, "name a smaller one", "%s is too large",
                           path);
    return EXIT_DONE;
}

static int
files_join(const struct arguments *a, const char *option, int *out)
{
    AUTO(fd) int fd = memfd_create(option, MFD_CLOEXEC);
    const char *path;
    int e = EXIT_DONE;

    if (fd < 0)
        return failure_say(EXIT_FAULT, NULL, "no memory for files: %s",
                           strerror(errno));
    for (size_t i = 0; e == EXIT_DONE && (path = arguments_each(a, option, i));
         i++)
        e = file_append(path, strcmp(option, "crl") == 0, fd);
    if (e != EXIT_DONE)
        return e;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return failure_say(EXIT_FAULT, NULL, "%s", strerror(errno));
    *out = fd_take(&fd);
    return EXIT_DONE;
}

int
call_set_files(struct call *c, const struct arguments *a, const char *option,
               const char *parameter)
{
    const char *first = arguments_each(a, option, 0);
    int fd, e;

    if (!first)
        return EXIT_DONE;
    e = arguments_each(a, option, 1)
            ? files_join(a, option, &fd)
            : file_open(first, strcmp(option, "crl") == 0, &fd);
    if (e != EXIT_DONE)
        return e;
    json_object_set_new(c->parameters, parameter,
                        json_pack("[i]", call_add_fd(c, NULL, fd)));
    return EXIT_DONE;
}
