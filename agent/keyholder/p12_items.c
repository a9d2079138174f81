#include "agent/keyholder/p12_items.h"

#include <fcntl.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/keyholder/prompt.h"

static void
item_init(struct item *i)
{
    memset(i, 0, sizeof(*i));
    frame_init(&i->frame);
}

static void
item_drop(struct item *i)
{
    frame_drop(&i->frame);
}

void
p12_items_drop(struct p12_items *items)
{
    for (size_t i = 0; i < items->key_count; i++)
        item_drop(&items->key[i]);
    for (size_t i = 0; i < items->certificate_count; i++)
        item_drop(&items->certificate[i]);
    items->key_count = items->certificate_count = 0;
}

bool
p12_items_pair(const struct item *key, const struct item *certificate)
{
    return key->record.spki.n > 0 &&
           slice_equal(key->record.spki, certificate->record.spki);
}

/* An importer that ends before it answered was killed by its limits or its
 * sandbox: the file is to blame. */
static enum err
call(struct client *c, int fd, enum message m, const void *request,
     const int *fds, int fd_count, struct frame *frame, void *reply,
     struct problem *p)
{
    const struct channel_wait wait = {.lost = ERR_P12_FORMAT,
                                      .watch = c->served.fd,
                                      .timeout_ms = m == MSG_P12_OPEN
                                                        ? LIMIT_P12_OPEN_MS
                                                        : LIMIT_P12_NEXT_MS};
    struct problem q = {0};
    enum err e =
        channel_call(fd, m, request, fds, fd_count, &wait, frame, reply, &q);

    if (e == ERR_OK)
        return ERR_OK;
    if (e == ERR_TOKEN_BUSY || (e == ERR_P12_FORMAT && !q.detail[0]))
        return fail(p, ERR_P12_FORMAT, "its reader gave up");
    return (*p = q).code;
}

/* The importer is sandboxed because it may be taken over: its words are
 * checked before they are used. */
static bool
is_sane(const struct p12_item *r)
{
    if (r->kind == P12_CERTIFICATE)
        return r->value.n == 1 && r->value.item[0].n > 0;
    if (r->type == KEY_RSA) {
        for (size_t i = 0; i < 8; i++)
            if (r->value.n != 8 || r->value.item[i].n == 0)
                return false;
        return true;
    }
    return r->value.n == 3 && r->value.item[1].n > 0 &&
           r->value.item[2].n > 0 &&
           (r->type != KEY_EC || r->value.item[0].n > 0);
}

/* Where the next item goes, by its kind; NULL: too many, or no such kind. */
static struct item *
place_for(struct p12_items *items, uint32_t kind)
{
    if (kind == P12_KEY && items->key_count < LIMIT_ITEM_KEYS)
        return &items->key[items->key_count++];
    if (kind == P12_CERTIFICATE &&
        items->certificate_count < LIMIT_ITEM_CERTIFICATES)
        return &items->certificate[items->certificate_count++];
    return NULL;
}

static enum err
read_item(struct client *c, int fd, struct p12_items *items, bool *out_end,
          struct problem *p)
{
    struct item *place;
    struct item next;
    enum err e;

    item_init(&next);
    e = call(c, fd, MSG_P12_NEXT, NULL, NULL, 0, &next.frame, &next.record, p);
    *out_end = e == ERR_OK && next.record.kind == P12_END;
    if (*out_end && next.record.label.n > 0)
        memcpy(items->warning, next.record.label.p, next.record.label.n);
    if (e != ERR_OK || *out_end) {
        item_drop(&next);
        return e;
    }
    place = is_sane(&next.record) ? place_for(items, next.record.kind) : NULL;
    if (!place) {
        item_drop(&next);
        return fail(p, ERR_P12_FORMAT, "its reader gave up");
    }
    *place = next; /* moves: slices point into the frame's own memory */
    return ERR_OK;
}

/* PASSWORD: the descriptor of its line, or -1. */
static enum err
read_all(struct client *c, const struct import_request *request, int password,
         int fd, struct p12_items *items, struct problem *p)
{
    const struct p12_request open = {.no_mac = request->no_mac != 0,
                                     .has_password = password >= 0};
    const int fds[2] = {c->frame.fds[0], password};
    AUTO(frame) struct frame frame;
    struct empty opened;
    bool end = false;
    enum err e;

    frame_init(&frame);
    e = call(c, fd, MSG_P12_OPEN, &open, fds, password >= 0 ? 2 : 1, &frame,
             &opened, p);
    while (e == ERR_OK && !end)
        e = read_item(c, fd, items, &end, p);
    return e;
}

/* One attempt, by an importer of its own. */
static enum err
read_once(struct client *c, const struct import_request *request, int password,
          struct p12_items *items, struct problem *p)
{
    AUTO(fd) int fd = -1;
    enum err e = broker_spawn(&c->keyholder->broker, HELPER_IMPORTER, &fd, p);

    return e == ERR_OK ? read_all(c, request, password, fd, items, p) : e;
}

/* ---- a password that the person is asked for --------------------------- */

/* The line as a descriptor; the pipe holds it without anybody reading. -1:
 * there are no descriptors left. */
static int
line_of(const struct secret *password)
{
    struct slice s = secret_slice(password);
    AUTO(fd) int in = -1;
    AUTO(fd) int out = -1;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    out = ends[0];
    in = ends[1];
    if (!fd_write_all(in, s.p, s.n) || !fd_write_all(in, "\n", 1))
        return -1;
    return fd_take(&out);
}

static enum err
ask_line(struct client *c, const struct import_request *request,
         const char *error, int *out, struct problem *p)
{
    AUTO(secret) struct secret *password = NULL;
    enum err e = prompt_password(c, request->file, error, &password, p);

    if (e != ERR_OK)
        return e;
    *out = line_of(password);
    return *out >= 0 ? ERR_OK : fail(p, ERR_INTERNAL, "no pipe");
}

/* START: where the client's file begins. */
static enum err
read_asking(struct client *c, const struct import_request *request, off_t start,
            struct p12_items *items, struct problem *p)
{
    unsigned most = c->keyholder->config.pin_prompts;
    const char *error = NULL;

    for (unsigned i = 0;; i++) {
        AUTO(fd) int line = -1;
        enum err e;

        if (start < 0 || lseek(c->frame.fds[0], start, SEEK_SET) != start)
            return fail(p, ERR_P12_PASSWORD,
                        "none was given, and a pipe cannot be read twice");
        if ((e = ask_line(c, request, error, &line, p)) != ERR_OK)
            return e;
        p12_items_drop(items);
        e = read_once(c, request, line, items, p);
        if (e != ERR_P12_PASSWORD || i + 1 >= most)
            return e;
        error = "Wrong password";
    }
}

enum err
p12_items_read(struct client *c, const struct import_request *request,
               struct p12_items *out, struct problem *p)
{
    bool given = request->has_password != 0;
    off_t start;
    enum err e;

    if (c->frame.fd_count != (given ? 2 : 1))
        return fail(p, ERR_USAGE, "wrong count of descriptors");
    start = lseek(c->frame.fds[0], 0, SEEK_CUR);
    e = read_once(c, request, given ? c->frame.fds[1] : -1, out, p);
    if (e == ERR_P12_PASSWORD && !given)
        e = read_asking(c, request, start, out, p);
    if (e == ERR_OK && out->key_count == 0)
        return fail(p, ERR_P12_NO_KEY, NULL);
    return e;
}
