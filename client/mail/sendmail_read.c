/* A message from stdin into a file in memory, and out again without what
 * must not leave. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "client/cli/cli.h"
#include "client/mail/sendmail.h"

#define COPY_BYTES 65536

/* ---- stdin -------------------------------------------------------------- */

static int
memory_failed(void)
{
    return failure_say(EX_TEMPFAIL, "close something, or send less",
                       "there is no memory for the message: %s",
                       strerror(errno));
}

/* Where a line with nothing but a dot begins in TEXT, or its end. *at_line:
 * does TEXT begin a line? */
static size_t
dot_find(struct slice text, bool *at_line, bool *out_found)
{
    for (size_t i = 0; i < text.n; i++) {
        bool ends =
            i + 1 < text.n && (text.p[i + 1] == '\n' ||
                               (i + 2 < text.n && text.p[i + 1] == '\r' &&
                                text.p[i + 2] == '\n'));

        if (*at_line && text.p[i] == '.' && ends) {
            *out_found = true;
            return i;
        }
        *at_line = text.p[i] == '\n';
    }
    return text.n;
}

/* By lines where a dot counts: a line may come in pieces. *out_ended: it said
 * itself where it ends. */
static int
lines_copy(int to, bool *out_ended)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    bool ended = false;
    bool failed = false;

    while (!ended && !failed && (n = getline(&line, &room, stdin)) > 0) {
        bool at_line = true;
        struct slice s = slice_of(line, (size_t)n);

        s.n = dot_find(s, &at_line, &ended);
        failed = !ended && !fd_write_all(to, s.p, s.n);
    }
    free(line);
    *out_ended = ended;
    if (failed)
        return memory_failed();
    return ferror(stdin)
               ? failure_say(EX_TEMPFAIL, NULL,
                             "the message cannot be read: %s", strerror(errno))
               : EX_OK;
}

static int
all_copy(int from, int to)
{
    uint8_t bytes[COPY_BYTES];

    for (;;) {
        ssize_t n = read(from, bytes, sizeof(bytes));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failure_say(EX_TEMPFAIL, NULL,
                               "the message cannot be read: %s",
                               strerror(errno));
        if (n == 0)
            return EX_OK;
        if (!fd_write_all(to, bytes, (size_t)n))
            return memory_failed();
    }
}

/* ---- header -------------------------------------------------------------- */

/* Does the text begin with something that can be a field, or a "From " line,
 * or an empty line? */
static bool
begins_with_header(int fd)
{
    char text[1024];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    size_t name;

    if (n <= 0)
        return false;
    text[n] = '\0';
    if (strncmp(text, "From ", 5) == 0 || text[0] == '\n' ||
        (text[0] == '\r' && text[1] == '\n'))
        return true;
    /* A blank before the colon is an old form that readers take for a field
     * (RFC 5322 4.5): taken for text, a Bcc would leave. */
    name = 0;
    while (text[name] > 0x20 && text[name] < 0x7f && text[name] != ':')
        name++;
    return name > 0 && text[name + strspn(text + name, " \t")] == ':';
}

static bool
parameter_is(const struct content_type *t, const char *name, const char *value)
{
    const char *found = content_type_find(t, name);

    return found && strcasecmp(found, value) == 0;
}

/* An object without smime-type counts as signed only: who wants encryption
 * gets it around it. */
static enum letter_kind
kind_of(const struct header *h)
{
    struct content_type *type = mem_new(sizeof(*type));
    enum smime_kind smime = header_smime_kind(h, type);
    enum letter_kind kind = LETTER_PLAIN;

    if (smime == SMIME_MULTIPART_SIGNED)
        kind = LETTER_SIGNED;
    else if (smime == SMIME_PKCS7)
        kind = parameter_is(type, "smime-type", "enveloped-data") ||
                       parameter_is(type, "smime-type", "authEnveloped-data")
                   ? LETTER_ENCRYPTED
                   : LETTER_SIGNED;
    free(type);
    return kind;
}

static int
header_load(struct letter *l)
{
    AUTO(buf) struct buf rest = {0};
    struct stream_fd from;
    struct problem p = {.code = ERR_OK};
    struct stat st;
    enum err e;

    if (fstat(l->fd, &st) != 0)
        return memory_failed();
    if (!begins_with_header(l->fd))
        return EX_OK; /* all of it is body */
    stream_fd_init(&from, l->fd, 0, -1);
    e = header_read(&from.s, &l->header, &rest, &p);
    if (e != ERR_OK) {
        char text[512];

        problem_text(&p, 0, text, sizeof(text));
        return failure_say(EX_DATAERR, "send it again from your mail program",
                           "not sent: %s", text);
    }
    l->body = from.offset - (off_t)rest.len;
    l->kind = kind_of(&l->header);
    return EX_OK;
}

/* A tool that died in the middle of a multipart leaves its end away; then
 * what was written is not what was meant. */
static int
end_check(const struct letter *l)
{
    const struct header_field *f = header_find(&l->header, "Content-Type", 0);
    struct content_type *type = mem_new(sizeof(*type));
    const char *boundary = NULL;
    char wanted[600], tail[8192];
    off_t size = lseek(l->fd, 0, SEEK_END);
    ssize_t n;
    bool whole;

    if (f && content_type_parse(f->value, type) &&
        strncmp(type->type, "multipart/", 10) == 0)
        boundary = content_type_find(type, "boundary");
    snprintf(wanted, sizeof(wanted), "--%s--", boundary ? boundary : "");
    free(type);
    if (!boundary)
        return EX_OK;
    n = pread(l->fd, tail, sizeof(tail),
              size > (off_t)sizeof(tail) ? size - (off_t)sizeof(tail) : 0);
    whole = n > 0 && memmem(tail, (size_t)n, wanted, strlen(wanted));
    return whole ? EX_OK
                 : failure_say(EX_DATAERR,
                               "send it again: the program that wrote it may "
                               "have ended too early",
                               "not sent: the message ends before its last "
                               "boundary");
}

int
letter_read(const struct sendmail_options *o, struct letter *out)
{
    struct letter l = {.fd = memfd_create("message", MFD_CLOEXEC)};
    AUTO(writer) struct writer writer;
    bool ended = false;
    int e;

    writer_find(&writer);
    if (l.fd < 0)
        return memory_failed();
    e = o->dots_are_text ? all_copy(STDIN_FILENO, l.fd)
                         : lines_copy(l.fd, &ended);
    if (e == EX_OK && !ended && writer_is_gone(&writer))
        e = failure_say(EX_DATAERR, "send it again from your mail program",
                        "not sent: the program that wrote the message ended "
                        "before it was done");
    if (e == EX_OK && lseek(l.fd, 0, SEEK_CUR) == 0)
        e = failure_say(EX_DATAERR, "give a message on standard input",
                        "not sent: the message is empty");
    if (e == EX_OK)
        e = header_load(&l);
    if (e == EX_OK)
        e = end_check(&l);
    if (e != EX_OK) {
        letter_drop(&l);
        return e;
    }
    *out = l;
    return EX_OK;
}

void
letter_drop(struct letter *l)
{
    fd_drop(&l->fd);
    header_drop(&l->header);
    *l = (struct letter){.fd = -1};
}

/* ---- out again ----------------------------------------------------------- */

static bool
must_stay(const struct header_field *f)
{
    return slice_is_nocase(f->name, "Bcc") ||
           slice_is_nocase(f->name, "Resent-Bcc") ||
           slice_is_nocase(f->name, "X-Smime");
}

/* A display name that cannot break out of its field. */
static void
add_from(struct buf *out, const char *name, const char *sender,
         const char *line_end)
{
    buf_add_text(out, "From: ");
    if (name) {
        buf_add_byte(out, '"');
        for (; *name; name++)
            if ((unsigned char)*name >= 0x20 && *name != '"' && *name != '\\' &&
                *name != 0x7f)
                buf_add_byte(out, (uint8_t)*name);
        buf_add_text(out, "\" ");
    }
    buf_addf(out, "<%s>%s", sender, line_end);
}

static void
header_write(const struct letter *l, const struct sendmail_options *o,
             const char *sender, struct buf *out)
{
    const struct header *h = &l->header;
    const char *line_end = h->crlf ? "\r\n" : "\n";

    if (sender && header_count(h, "From") == 0)
        add_from(out, o->full_name, sender, line_end);
    for (size_t i = 0; i < h->count; i++) {
        const struct slice *whole = &h->fields[i].whole;

        if (must_stay(&h->fields[i]))
            continue;
        buf_add_slice(out, *whole);
        if (whole->n == 0 || whole->p[whole->n - 1] != '\n')
            buf_add_text(out, line_end);
    }
    buf_add_text(out, line_end);
}

int
letter_write(const struct letter *l, const struct sendmail_options *o,
             const char *sender, int *out_fd)
{
    AUTO(fd) int fd = memfd_create("message", MFD_CLOEXEC);
    AUTO(buf) struct buf text = {0};
    int e;

    header_write(l, o, sender, &text);
    if (fd < 0 || !fd_write_all(fd, text.data, text.len) ||
        lseek(l->fd, l->body, SEEK_SET) < 0)
        return memory_failed();
    e = all_copy(l->fd, fd);
    if (e != EX_OK)
        return e;
    *out_fd = fd_take(&fd);
    return EX_OK;
}
