/*
 * mbox: whatever is in it, each byte of the file goes into one message, or is
 * a "From " line or the empty line before one; the pieces it is read in make
 * no difference.
 */
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/mailbox.h"
#include "tests/fuzz/mutate.h"

MUTATES_MAIL

struct seen {
    struct buf stored; /* all messages as they are stored, in order */
    struct buf plain;  /* the same with mboxrd's quoting undone */
    size_t count;
};

static void
seen_drop(struct seen *s)
{
    buf_drop(&s->stored);
    buf_drop(&s->plain);
}

static void
fd_add(int fd, struct buf *out)
{
    char piece[512];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0)
        buf_add(out, piece, (size_t)n);
    REQUIRE(n == 0);
}

static bool
on_message(void *context, struct mail_found *m)
{
    struct seen *s = context;
    size_t before = s->plain.len;

    s->count++;
    REQUIRE(m->fd >= 0);
    fd_add(m->fd, &s->plain);
    if (m->as_stored >= 0)
        fd_add(m->as_stored, &s->stored);
    else if (s->plain.len > before)
        buf_add(&s->stored, s->plain.data + before, s->plain.len - before);
    mail_found_drop(m);
    return true;
}

static void
on_fault(void *context, const char *path, const char *why, bool is_lost)
{
    (void)context;
    (void)path;
    (void)is_lost;
    fprintf(stderr, "%s\n", why);
    REQUIRE(why == NULL); /* memory can be read */
}

static void
read_in(struct slice file, size_t buffer, struct seen *out)
{
    const struct mailbox_visitor v = {on_message, NULL, on_fault, out};
    FILE *f = fmemopen((void *)(uintptr_t)file.p, file.n, "r");

    REQUIRE(f != NULL);
    REQUIRE(setvbuf(f, NULL, _IOFBF, buffer) == 0);
    REQUIRE(mbox_visit(f, "box", NULL, &v) == MAILBOX_DONE);
    fclose(f);
}

/* Goes through the file, and takes out of it what is in no message. */
static void
require_whole(struct slice file, struct slice stored, size_t count)
{
    size_t at = 0, lines = 0;

    for (size_t i = 0; i < file.n;) {
        const uint8_t *end = memchr(file.p + i, '\n', file.n - i);
        size_t n = end ? (size_t)(end - file.p) + 1 - i : file.n - i;
        bool same =
            n <= stored.n - at && memcmp(file.p + i, stored.p + at, n) == 0;
        bool is_from = n >= 5 && memcmp(file.p + i, "From ", 5) == 0;

        /* A line that is not the next one of the messages is mbox's own. */
        if (!same) {
            REQUIRE(is_from || file.p[i] == '\n' || file.p[i] == '\r');
            lines += is_from;
        } else {
            at += n;
        }
        i += n;
    }
    REQUIRE(at == stored.n);
    REQUIRE(lines <= count);
}

/* Empty lines before the first one are of no message. */
static bool
holds_mbox(struct slice file)
{
    size_t at = 0;

    while (at < file.n &&
           (file.p[at] == '\n' ||
            (file.p[at] == '\r' && at + 1 < file.n && file.p[at + 1] == '\n')))
        at++;
    return mbox_begins((const char *)file.p + at, file.n - at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice file = slice_of(data, size);
    AUTO(seen) struct seen first = {.count = 0};
    AUTO(seen) struct seen again = {.count = 0};

    if (size == 0)
        return 0;
    read_in(file, 4096, &first);
    read_in(file, 7, &again);
    REQUIRE(first.count == again.count);
    REQUIRE(slice_equal(buf_slice(&first.plain), buf_slice(&again.plain)));
    REQUIRE(slice_equal(buf_slice(&first.stored), buf_slice(&again.stored)));
    REQUIRE(first.plain.len <= first.stored.len);
    if (!holds_mbox(file)) {
        REQUIRE(first.count == 1);
        REQUIRE(slice_equal(buf_slice(&first.plain), file));
    } else {
        require_whole(file, buf_slice(&first.stored), first.count);
    }
    return 0;
}
