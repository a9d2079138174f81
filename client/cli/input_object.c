/* A CMS object that stands alone where a mail is expected: an attachment that
 * a mail program has saved, or gives to a mailcap entry. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "client/cli/cli.h"

#define COPY_BYTES 65536

/* DER of a SEQUENCE; no header begins so, for the second byte is no text. */
static bool
is_object(const uint8_t begin[2])
{
    return begin[0] == 0x30 && (begin[1] == 0x80 || begin[1] > 0x81);
}

/* Looks at the first bytes of FD without taking them. */
static bool
begins_as_object(int fd)
{
    uint8_t begin[2] = {0};
    AUTO(fd) int in = -1;
    AUTO(fd) int out = -1;
    int ends[2];

    if (pread(fd, begin, 2, lseek(fd, 0, SEEK_CUR)) == 2)
        return is_object(begin);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    in = ends[0];
    out = ends[1];
    return tee(fd, out, 2, 0) == 2 && read(in, begin, 2) == 2 &&
           is_object(begin);
}

static bool
copy_all(int from, int to)
{
    AUTO(buf) struct buf bytes = {0};
    uint8_t *at = buf_room(&bytes, COPY_BYTES);
    ssize_t n;

    while ((n = read(from, at, COPY_BYTES)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || !fd_write_all(to, at, (size_t)n))
            return false;
    }
    return true;
}

int
call_wrap_object(struct call *c, const char *file)
{
    static const char header[] =
        "MIME-Version: 1.0\n"
        "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\n"
        "Content-Transfer-Encoding: binary\n\n";
    int from = c->fds[0];
    AUTO(fd) int to = -1;
    int e = file_want_mail(file, from);

    if (e != EXIT_DONE || !begins_as_object(from))
        return e;
    to = memfd_create("object", MFD_CLOEXEC);
    if (to < 0 || !fd_write_all(to, header, sizeof(header) - 1) ||
        !copy_all(from, to) || lseek(to, 0, SEEK_SET) != 0)
        return failure_say(EXIT_INPUT, NULL, "the input cannot be read: %s",
                           strerror(errno));
    if (from > STDERR_FILENO)
        close(from);
    c->fds[0] = fd_take(&to);
    return EXIT_DONE;
}
