#include "agent/keyholder/p12_items.h"

#include "agent/base/fd.h"

/* Ten million iterations, and a person who types a password. */
#define OPEN_TIMEOUT_MS 120000
#define NEXT_TIMEOUT_MS 10000

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
    const struct channel_wait wait = {
        .lost = ERR_P12_FORMAT,
        .watch = c->served.fd,
        .timeout_ms = m == MSG_P12_OPEN ? OPEN_TIMEOUT_MS : NEXT_TIMEOUT_MS};
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

static enum err
read_all(struct client *c, const struct import_request *request, int fd,
         struct p12_items *items, struct problem *p)
{
    const struct p12_request open = {.no_mac = request->no_mac != 0,
                                     .has_password =
                                         request->has_password != 0};
    AUTO(frame) struct frame frame;
    struct empty opened;
    bool end = false;
    enum err e;

    frame_init(&frame);
    e = call(c, fd, MSG_P12_OPEN, &open, c->frame.fds, c->frame.fd_count,
             &frame, &opened, p);
    while (e == ERR_OK && !end)
        e = read_item(c, fd, items, &end, p);
    return e;
}

enum err
p12_items_read(struct client *c, const struct import_request *request,
               struct p12_items *out, struct problem *p)
{
    AUTO(fd) int fd = -1;
    enum err e;

    if (c->frame.fd_count != (request->has_password ? 2 : 1))
        return fail(p, ERR_USAGE, "wrong count of descriptors");
    e = broker_spawn(&c->keyholder->broker, HELPER_IMPORTER, &fd, p);
    if (e != ERR_OK)
        return e;
    e = read_all(c, request, fd, out, p);
    if (e == ERR_OK && out->key_count == 0)
        return fail(p, ERR_P12_NO_KEY, NULL);
    return e;
}
