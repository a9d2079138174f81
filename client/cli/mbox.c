/*
 * mbox in its kinds: mboxo, mboxrd, mboxcl (whose Content-Length is not
 * believed), with LF or CRLF. Memory does not grow with the file, nor with a
 * message or a line of it.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/mailbox.h"

#define PIECE_BYTES  (64 * 1024)   /* longer lines come in pieces */
#define MEMORY_BYTES (1024 * 1024) /* larger messages wait on the disk */

/* ---- a message in the making --------------------------------------------- */

struct making {
    int fd; /* -1: nothing was written yet */
    bool is_on_disk;
    uint64_t written;
    struct buf waiting;
};

static void
making_drop(struct making *m)
{
    fd_drop(&m->fd);
    buf_drop(&m->waiting);
    *m = (struct making){.fd = -1};
}

static bool
bytes_copy(int from, int to)
{
    char piece[PIECE_BYTES];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(from, piece, sizeof(piece), at)) > 0) {
        if (!fd_write_all(to, piece, (size_t)n))
            return false;
        at += n;
    }
    return n == 0;
}

/* A file without a name: it goes with the last descriptor. */
static int
disk_file(void)
{
    const char *folder = getenv("TMPDIR");

    return open(folder && folder[0] ? folder : "/var/tmp",
                O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static bool
making_move(struct making *m)
{
    AUTO(fd) int disk = disk_file();

    if (disk < 0 || (m->fd >= 0 && !bytes_copy(m->fd, disk)))
        return false;
    fd_drop(&m->fd);
    m->fd = fd_take(&disk);
    m->is_on_disk = true;
    return true;
}

/* False with errno. */
static bool
making_flush(struct making *m)
{
    bool is_large = m->written + m->waiting.len > MEMORY_BYTES;

    if (m->fd < 0 && !is_large)
        m->fd = memfd_create("message", MFD_CLOEXEC);
    if (is_large && !m->is_on_disk && !making_move(m))
        return false;
    if (m->fd < 0 || !fd_write_all(m->fd, m->waiting.data, m->waiting.len))
        return false;
    m->written += m->waiting.len;
    m->waiting.len = 0;
    return true;
}

static bool
making_add(struct making *m, const char *p, size_t n)
{
    if (m->waiting.len + n > PIECE_BYTES && !making_flush(m))
        return false;
    buf_add(&m->waiting, p, n);
    return true;
}

/* Makes TO what FROM is so far. */
static bool
making_fork(struct making *from, struct making *to)
{
    *to = (struct making){.fd = -1};
    if (!making_flush(from))
        return false;
    if (from->is_on_disk && !making_move(to))
        return false;
    if (to->fd < 0)
        to->fd = memfd_create("message", MFD_CLOEXEC);
    to->written = from->written;
    return to->fd >= 0 && bytes_copy(from->fd, to->fd);
}

/* ---- "From " lines --------------------------------------------------------
 */

static bool
is_one_of(const char *word, const char *names)
{
    for (; *names; names += 3)
        if (strncmp(word, names, 3) == 0)
            return true;
    return false;
}

/* "Mon Nov 30 09:00" somewhere: writers differ in what is around it. */
static bool
has_date(const char *line, size_t n)
{
    for (size_t i = 0; i + 16 <= n; i++) {
        const char *at = line + i, *clock = at + 10;

        if (!is_one_of(at, "MonTueWedThuFriSatSun") || at[3] != ' ' ||
            !is_one_of(at + 4, "JanFebMarAprMayJunJulAugSepOctNovDec") ||
            at[7] != ' ')
            continue;
        /* The day has one digit, a blank and one, or two. */
        if (*clock == ' ')
            clock++;
        for (int digits = 0; digits < 2; digits++, clock++)
            if (!isdigit((unsigned char)*clock))
                break;
        if (*clock == ':')
            return true;
    }
    return false;
}

static bool
is_from(const char *line, size_t n)
{
    return n >= 5 && memcmp(line, "From ", 5) == 0;
}

/* With a colon next it is a field, in the form of RFC 5322 4.5. */
bool
mbox_begins(const char *text, size_t n)
{
    size_t at = 5;

    if (!is_from(text, n))
        return false;
    while (at < n && (text[at] == ' ' || text[at] == '\t'))
        at++;
    return at == n || text[at] != ':';
}

/* ">From ", ">>From ": how such a line is kept apart from the real ones. */
static bool
is_quoted(const char *line, size_t n)
{
    size_t marks = 0;

    while (marks < n && line[marks] == '>')
        marks++;
    return marks > 0 && is_from(line + marks, n - marks);
}

static bool
is_empty(const char *line, size_t n)
{
    return (n == 1 && line[0] == '\n') ||
           (n == 2 && line[0] == '\r' && line[1] == '\n');
}

/* ---- splitting ------------------------------------------------------------
 */

struct splitter {
    const struct mailbox_visitor *visitor;
    const char *path;
    const struct stat *st;
    bool is_begun, is_mbox;
    bool is_dated; /* its "From " lines have dates: others are text */
    bool after_empty;
    bool is_open, is_skipped, is_stopped;
    char held[3]; /* an empty line, which may belong to the next "From " */
    size_t held_n;
    size_t number;
    uint64_t offset, start, key;
    struct making message, as_stored;
    bool has_quoted;
};

static void
splitter_drop(struct splitter *s)
{
    making_drop(&s->message);
    making_drop(&s->as_stored);
}

static bool
message_hand_over(struct splitter *s)
{
    AUTO(buf) struct buf origin = {0};
    struct mail_found m = {.as_stored = -1,
                           .key = s->key,
                           .bytes = s->offset - s->start,
                           .is_named = false};

    if (!making_flush(&s->message) ||
        (s->has_quoted && !making_flush(&s->as_stored)))
        return false;
    if (lseek(s->message.fd, 0, SEEK_SET) != 0 ||
        (s->has_quoted && lseek(s->as_stored.fd, 0, SEEK_SET) != 0))
        return false;
    buf_add_text(&origin, s->path);
    if (s->is_mbox)
        buf_addf(&origin, ":%zu", s->number);
    m.fd = fd_take(&s->message.fd);
    if (s->has_quoted)
        m.as_stored = fd_take(&s->as_stored.fd);
    m.origin = buf_text(&origin);
    s->is_stopped = !s->visitor->message(s->visitor->context, &m);
    return !s->is_stopped;
}

/* False with errno on failure, or is_stopped. */
static bool
message_end(struct splitter *s)
{
    bool well = true;

    if (s->is_open && !s->is_skipped)
        well = message_hand_over(s);
    splitter_drop(s);
    s->is_open = s->has_quoted = false;
    return well;
}

static void
message_begin(struct splitter *s, const char *line, size_t n)
{
    const struct mailbox_visitor *v = s->visitor;

    s->number++;
    s->is_open = true;
    s->start = s->offset;
    s->key = 0;
    if (s->st) {
        s->key = mailbox_hash(0, &s->st->st_dev, sizeof(s->st->st_dev));
        s->key = mailbox_hash(s->key, &s->st->st_ino, sizeof(s->st->st_ino));
        s->key = mailbox_hash(s->key, &s->offset, sizeof(s->offset));
        s->key = mailbox_hash(s->key, line, n < 200 ? n : 200);
    }
    s->is_skipped =
        s->key != 0 && v->is_done && v->is_done(v->context, s->key, 0);
}

static bool
text_add(struct splitter *s, const char *p, size_t n)
{
    return s->is_skipped ||
           (making_add(&s->message, p, n) &&
            (!s->has_quoted || making_add(&s->as_stored, p, n)));
}

static bool
quoted_add(struct splitter *s, const char *line, size_t n)
{
    if (s->is_skipped)
        return true;
    if (!s->has_quoted && !making_fork(&s->message, &s->as_stored))
        return false;
    s->has_quoted = true;
    return making_add(&s->as_stored, line, n) &&
           making_add(&s->message, line + 1, n - 1);
}

/* By the first line that is not empty: empty ones before the first "From "
 * are of no message. */
static void
kind_find(struct splitter *s, const char *line, size_t n)
{
    s->is_begun = true;
    s->is_mbox = mbox_begins(line, n);
    s->is_dated = s->is_mbox && has_date(line, n);
    if (s->is_mbox) {
        splitter_drop(s);
        s->is_open = false;
        s->number = 0;
    }
}

static bool
is_delimiter(const struct splitter *s, const char *line, size_t n)
{
    return s->is_mbox && s->after_empty && is_from(line, n) &&
           (!s->is_dated || has_date(line, n));
}

/* The beginning of a line; what follows of a long one is text. */
static bool
line_take(struct splitter *s, const char *line, size_t n)
{
    if (!s->is_begun && !is_empty(line, n))
        kind_find(s, line, n);
    if (is_delimiter(s, line, n)) {
        s->held_n = 0;
        s->after_empty = false;
        if (!message_end(s))
            return false;
        message_begin(s, line, n);
        return true;
    }
    if (!s->is_open)
        message_begin(s, line, n);
    if (s->held_n > 0 && !text_add(s, s->held, s->held_n))
        return false;
    s->held_n = 0;
    s->after_empty = is_empty(line, n);
    if (s->is_mbox && s->after_empty) {
        memcpy(s->held, line, n);
        s->held_n = n;
        return true;
    }
    return s->is_mbox && is_quoted(line, n) ? quoted_add(s, line, n)
                                            : text_add(s, line, n);
}

/* Everything in PIECE but an unfinished line, which is moved to its front.
 * A piece that is full without a line's end is given as it is. */
static bool
piece_take(struct splitter *s, char *piece, size_t *n, bool *in_line,
           bool is_last)
{
    size_t at = 0;
    bool well = true;

    while (well && at < *n) {
        char *end = memchr(piece + at, '\n', *n - at);
        size_t length = end ? (size_t)(end - piece) + 1 - at : *n - at;

        if (!end && !is_last && (at > 0 || *n < PIECE_BYTES))
            break;
        well = *in_line ? text_add(s, piece + at, length)
                        : line_take(s, piece + at, length);
        *in_line = !end;
        s->offset += length;
        at += length;
    }
    memmove(piece, piece + at, *n - at);
    *n -= at;
    return well;
}

static bool
stream_split(struct splitter *s, FILE *from)
{
    char *piece = mem_raw(PIECE_BYTES);
    bool in_line = false, well = true;
    size_t n = 0, got;

    do {
        got = fread(piece + n, 1, PIECE_BYTES - n, from);
        n += got;
        well = piece_take(s, piece, &n, &in_line, got == 0);
    } while (well && got > 0);
    free(piece);
    return well;
}

enum mailbox
mbox_visit(FILE *from, const char *path, const struct stat *st,
           const struct mailbox_visitor *v)
{
    AUTO(splitter)
    struct splitter s = {.visitor = v,
                         .path = path,
                         .st = st,
                         .after_empty = true,
                         .message = {.fd = -1},
                         .as_stored = {.fd = -1}};
    bool well;

    errno = 0;
    well = stream_split(&s, from);
    if (well && ferror(from) == 0)
        well = message_end(&s);
    if (s.is_stopped)
        return MAILBOX_STOPPED;
    if (well && ferror(from) == 0)
        return MAILBOX_DONE;
    v->fault(v->context, path, strerror(errno), true);
    return MAILBOX_FAILED;
}

int
mbox_part(int fd, off_t at, uint64_t n)
{
    AUTO(making) struct making m = {.fd = -1};
    char piece[PIECE_BYTES];

    while (n > 0) {
        size_t most = n < sizeof(piece) ? (size_t)n : sizeof(piece);
        ssize_t got = pread(fd, piece, most, at);

        if (got <= 0 || !making_add(&m, piece, (size_t)got))
            return -1;
        at += got;
        n -= (uint64_t)got;
    }
    if (!making_flush(&m) || lseek(m.fd, 0, SEEK_SET) != 0)
        return -1;
    return fd_take(&m.fd);
}
