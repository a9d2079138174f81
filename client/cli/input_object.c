/* A CMS object that stands alone where a mail is expected: an attachment that
 * a mail program has saved, or gives to a mailcap entry. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "client/cli/cli.h"
#include "client/cli/mailbox.h"

#define COPY_BYTES  65536
#define BEGIN_BYTES 80 /* of a file: more than any line looked for */
#define END_BYTES   512

enum form { FORM_NONE, FORM_BINARY, FORM_BASE64, FORM_PEM };

static bool
starts_with(struct slice s, const char *text)
{
    size_t n = strlen(text);

    return s.n >= n && memcmp(s.p, text, n) == 0;
}

static bool
is_blank(const char *s, size_t n)
{
    while (n > 0 && isspace((unsigned char)s[n - 1]))
        n--;
    return n == 0;
}

/* RFC 7468 8 and 9; the others are gpgsm's. */
static const char *const labels[] = {
    "CMS-----", "PKCS7-----", "PKCS #7 SIGNED DATA-----", "SIGNED MESSAGE-----",
    "ENCRYPTED MESSAGE-----"};

/* How long the marker is, "-----BEGIN " or "-----END " and a label, that S
 * begins with; 0: none. */
static size_t
marker_length(struct slice s, const char *which)
{
    size_t n = strlen(which);

    for (size_t i = 0; starts_with(s, which) && i < ARRAY_COUNT(labels); i++)
        if (starts_with(slice_of(s.p + n, s.n - n), labels[i]))
            return n + strlen(labels[i]);
    return 0;
}

/* A text on the line of the marker would be lost. */
static bool
is_pem(struct slice s)
{
    size_t n = marker_length(s, "-----BEGIN ");
    const uint8_t *lf = memchr(s.p, '\n', s.n);

    return n > 0 && lf &&
           is_blank((const char *)s.p + n, (size_t)(lf - s.p) - n);
}

/* The octets whose base64 S begins with. False when it is none. */
static bool
base64_begin(struct slice s, uint8_t out[BEGIN_BYTES], size_t *out_n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    size_t count = 0;

    *out_n = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] ? strchr(letters, s.p[i]) : NULL;

        if (isspace(s.p[i]))
            continue;
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - letters);
        count++;
        for (int shift = 16; count % 4 == 0 && shift >= 0; shift -= 8)
            out[(*out_n)++] = (uint8_t)(bits >> shift);
    }
    return true;
}

/* Does S begin as a ContentInfo of more than 127 octets, or without a length,
 * whose type is one of CMS (RFC 5652, RFC 3274, RFC 5083)? A text may begin as
 * its base64 does, and a certificate. */
static bool
is_content_info(struct slice s)
{
    static const uint8_t pkcs[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01};
    size_t at = 2;

    if (s.n < 2 || s.p[0] != 0x30 || s.p[1] < 0x80)
        return false;
    at += s.p[1] - 0x80U;
    if (at + 2 + sizeof(pkcs) >= s.n || s.p[at] != 0x06 ||
        memcmp(s.p + at + 2, pkcs, sizeof(pkcs)) != 0)
        return false;
    at += 2 + sizeof(pkcs);
    return s.p[at] == 0x07 || s.p[at] == 0x09;
}

static bool
is_base64(struct slice s)
{
    uint8_t octets[BEGIN_BYTES];
    size_t n;

    return starts_with(s, "MI") && s.n == BEGIN_BYTES &&
           base64_begin(s, octets, &n) && is_content_info(slice_of(octets, n));
}

/* DER of a SEQUENCE begins with what no header does: the second byte is no
 * text. */
static enum form
form_of(struct slice s)
{
    if (s.n > 1 && s.p[0] == 0x30 && (s.p[1] == 0x80 || s.p[1] > 0x81))
        return FORM_BINARY;
    if (is_pem(s))
        return FORM_PEM;
    return is_base64(s) ? FORM_BASE64 : FORM_NONE;
}

/* Looks at the first bytes of FD without taking them. */
static struct slice
look(int fd, uint8_t begin[BEGIN_BYTES])
{
    AUTO(fd) int in = -1;
    AUTO(fd) int out = -1;
    int ends[2];
    ssize_t n = pread(fd, begin, BEGIN_BYTES, lseek(fd, 0, SEEK_CUR));

    if (n < 0 && pipe2(ends, O_CLOEXEC) == 0) {
        in = ends[0];
        out = ends[1];
        if (tee(fd, out, BEGIN_BYTES, 0) > 0)
            n = read(in, begin, BEGIN_BYTES);
    }
    return slice_of(begin, n > 0 ? (size_t)n : 0);
}

/* May more bytes of a pipe show that it is PEM or base64? */
static bool
is_cut(struct slice s)
{
    return s.n > 0 && s.n < BEGIN_BYTES && (s.p[0] == '-' || s.p[0] == 'M') &&
           !memchr(s.p, ':', s.n);
}

/* Reads the line that FROM begins with, a byte at a time: what follows it is
 * left there. */
static bool
pass_line(int from)
{
    char c;
    ssize_t n;

    do {
        n = read(from, &c, 1);
    } while ((n == 1 && c != '\n') || (n < 0 && errno == EINTR));
    return n >= 0;
}

/* Cuts off the line that ends a PEM block, and nothing else: what is behind
 * it is for the agent to tell. */
static bool
cut_end_line(int fd)
{
    char end[END_BYTES + 1] = {0};
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > END_BYTES ? size - END_BYTES : 0;
    ssize_t n = pread(fd, end, END_BYTES, from);
    const char *at = n > 0 ? strstr(end, "\n-----END ") : NULL;
    struct slice line;
    size_t marker;

    if (!at)
        return size >= 0;
    line = slice_of(at + 1, (size_t)(end + n - at) - 1);
    marker = marker_length(line, "-----END ");
    if (marker == 0 || !is_blank(at + 1 + marker, line.n - marker))
        return true;
    return ftruncate(fd, from + (at - end) + 1) == 0;
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

static void
replace(int *fd, int by)
{
    if (*fd > STDERR_FILENO)
        close(*fd);
    *fd = by;
}

static int
unreadable(void)
{
    return failure_say(EXIT_INPUT, NULL, "the input cannot be read: %s",
                       strerror(errno));
}

/* The form of what *FD holds, which may be replaced by a copy: then what is
 * there can be looked at again. */
static bool
form_look(int *fd, enum form *out)
{
    uint8_t begin[BEGIN_BYTES];
    struct slice s = look(*fd, begin);

    if (is_cut(s) && lseek(*fd, 0, SEEK_CUR) < 0) {
        AUTO(fd) int copy = memfd_create("input", MFD_CLOEXEC);

        if (copy < 0 || !copy_all(*fd, copy) || lseek(copy, 0, SEEK_SET) != 0)
            return false;
        replace(fd, fd_take(&copy));
        s = look(*fd, begin);
    }
    *out = form_of(s);
    return true;
}

/* Apple Mail's files have a line before the mail, and a list behind it. */
static int
take_emlx(int *fd)
{
    off_t at, n;
    int mail;

    if (lseek(*fd, 0, SEEK_CUR) != 0 || !mail_file_emlx(*fd, &at, &n))
        return EXIT_DONE;
    mail = mbox_part(*fd, at, (uint64_t)n);
    if (mail < 0)
        return failure_say(EXIT_INPUT, "get it again, whole",
                           "the mail of Apple Mail (.emlx) ends early");
    replace(fd, mail);
    return EXIT_DONE;
}

int
call_wrap_object(struct call *c, const char *file)
{
    /* The agent sees base64 all the same. */
    static const char header[] =
        "MIME-Version: 1.0\n"
        "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\n"
        "Content-Transfer-Encoding: binary\n\n";
    AUTO(fd) int to = -1;
    enum form form;
    int e = file_want_mail(file, c->fds[0]);

    if (e != EXIT_DONE)
        return e;
    if ((e = take_emlx(&c->fds[0])) != EXIT_DONE)
        return e;
    if (!form_look(&c->fds[0], &form))
        return unreadable();
    if (form == FORM_NONE)
        return EXIT_DONE;
    to = memfd_create("object", MFD_CLOEXEC);
    if (to < 0 || !fd_write_all(to, header, sizeof(header) - 1) ||
        (form == FORM_PEM && !pass_line(c->fds[0])) ||
        !copy_all(c->fds[0], to) || (form == FORM_PEM && !cut_end_line(to)) ||
        lseek(to, 0, SEEK_SET) != 0)
        return unreadable();
    replace(&c->fds[0], fd_take(&to));
    return EXIT_DONE;
}
