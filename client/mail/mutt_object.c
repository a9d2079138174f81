/* Finds the CMS object in a mail that the person reads: no more than its
 * place is looked at here, what is in it is the agent's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/mime/header.h"
#include "agent/mime/multipart.h"
#include "agent/mime/transfer.h"
#include "client/mail/mutt.h"

#define OBJECT_BYTES (64 * 1024 * 1024)

static int
refuse(const struct problem *p)
{
    char text[512];

    problem_text(p, 0, text, sizeof(text));
    return failure_say(EXIT_INPUT, "give a message that is signed", "%s", text);
}

/* The body FIRST and FROM, without its transfer encoding. */
static enum err
body_read(const struct header *h, struct slice first, struct stream *from,
          struct buf *out, struct problem *p)
{
    AUTO(buf) struct buf raw = {0};
    struct stream_memory memory;
    struct base64_reader *reader;
    enum err e;

    buf_add_slice(&raw, first);
    e = stream_read_all(from, OBJECT_BYTES, &raw, p);
    if (e != ERR_OK)
        return e;
    if (header_transfer(h) != TRANSFER_BASE64) {
        buf_add_slice(out, buf_slice(&raw));
        return ERR_OK;
    }
    stream_memory_init(&memory, buf_slice(&raw));
    reader = base64_reader_new(&memory.s);
    e = stream_read_all(base64_reader_stream(reader), OBJECT_BYTES, out, p);
    base64_reader_drop(&reader);
    return e;
}

/* The part that is the signature; a multipart/signed has one behind the
 * first (RFC 1847 2.1). */
static enum err
signature_read(struct slice first, struct stream *from, const char *boundary,
               struct buf *out, struct problem *p)
{
    struct multipart *m = multipart_new(first, from, boundary);
    enum part_event event = PART_BEGIN;
    enum err e = ERR_OK;

    while (e == ERR_OK && event == PART_BEGIN && out->len == 0) {
        struct content_type *type = mem_new(sizeof(*type));
        AUTO(buf) struct buf rest = {0};
        struct header h = {0};

        e = multipart_next(m, &event, p);
        if (e == ERR_OK && event == PART_BEGIN)
            e = header_read(multipart_part(m), &h, &rest, p);
        if (e == ERR_OK && event == PART_BEGIN &&
            header_smime_kind(&h, type) == SMIME_PKCS7)
            e = body_read(&h, buf_slice(&rest), multipart_part(m), out, p);
        header_drop(&h);
        free(type);
    }
    multipart_drop(&m);
    return e;
}

static enum err
mail_read(int fd, struct buf *out, struct problem *p)
{
    struct content_type *type = mem_new(sizeof(*type));
    AUTO(buf) struct buf rest = {0};
    struct stream_fd from;
    struct header h = {0};
    const char *boundary;
    enum err e;

    stream_fd_init(&from, fd, 0, -1);
    e = header_read(&from.s, &h, &rest, p);
    if (e == ERR_OK) {
        enum smime_kind kind = header_smime_kind(&h, type);

        boundary = content_type_find(type, "boundary");
        if (kind == SMIME_PKCS7)
            e = body_read(&h, buf_slice(&rest), &from.s, out, p);
        else if (kind == SMIME_MULTIPART_SIGNED && boundary)
            e = signature_read(buf_slice(&rest), &from.s, boundary, out, p);
    }
    header_drop(&h);
    free(type);
    return e;
}

/* DER begins so, and no mail does; neither does PEM. */
static bool
is_object(int fd)
{
    uint8_t begin[16] = {0};
    ssize_t n = pread(fd, begin, sizeof(begin), 0);

    return n > 11 && ((begin[0] == 0x30 && begin[1] >= 0x80) ||
                      memcmp(begin, "-----BEGIN ", 11) == 0);
}

int
object_extract(const char *file, int *out_fd)
{
    AUTO(fd) int from = open(file, O_RDONLY | O_CLOEXEC);
    AUTO(fd) int to = memfd_create("object", MFD_CLOEXEC);
    AUTO(buf) struct buf object = {0};
    struct problem p = {.code = ERR_OK};

    if (from < 0 || to < 0)
        return failure_say(EXIT_INPUT, "check the file and its permissions",
                           "%s cannot be read: %s", file, strerror(errno));
    if (is_object(from)) {
        *out_fd = fd_take(&from);
        return EXIT_DONE;
    }
    if (mail_read(from, &object, &p) != ERR_OK)
        return refuse(&p);
    if (object.len == 0)
        return failure_say(EXIT_INPUT, "give a message that is signed",
                           "this message has no signature as a whole");
    if (!fd_write_all(to, object.data, object.len) ||
        lseek(to, 0, SEEK_SET) != 0)
        return failure_say(EXIT_FAULT, NULL, "no memory: %s", strerror(errno));
    *out_fd = fd_take(&to);
    return EXIT_DONE;
}
