#include "agent/importer/serve.h"

#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/log.h"
#include "agent/base/stream.h"
#include "agent/importer/p12.h"
#include "agent/wire/channel.h"

struct importer {
    struct served served;
    struct frame frame;
    struct p12 *p12;
};

static void
importer_drop(struct importer *i)
{
    p12_drop(&i->p12);
    frame_drop(&i->frame);
}

static enum err
open_file(struct importer *i, const struct p12_request *request,
          struct problem *p)
{
    AUTO(secret) struct secret *password = NULL;
    AUTO(buf) struct buf file = {0};
    struct stream_fd stream;
    enum err e;

    if (i->frame.fd_count != (request->has_password ? 2 : 1))
        return fail(p, ERR_USAGE, "wrong count of descriptors");
    stream_fd_init(&stream, i->frame.fds[0], -1, -1);
    e = stream_read_all(&stream.s, LIMIT_P12_BYTES, &file, p);
    if (e != ERR_OK)
        return e;
    if (request->has_password) {
        e = secret_read(i->frame.fds[1], LIMIT_SECRET_MS, &password, p);
        if (e != ERR_OK)
            return e;
    }
    return p12_read(buf_slice(&file), password, request->no_mac != 0, &i->p12,
                    p);
}

static bool
answer_open(struct importer *i, const struct p12_request *request)
{
    struct problem p = {0};

    if (open_file(i, request, &p) != ERR_OK)
        return channel_refuse(i->served.fd, MSG_P12_OPEN, &p);
    return channel_reply(i->served.fd, MSG_P12_OPEN, NULL, NULL, 0);
}

static bool
answer_next(struct importer *i)
{
    struct problem p = {0};
    struct p12_item item;

    if (!i->p12) {
        (void)fail(&p, ERR_USAGE, "no file was opened");
        return channel_refuse(i->served.fd, MSG_P12_NEXT, &p);
    }
    p12_next(i->p12, &item);
    return channel_reply(i->served.fd, MSG_P12_NEXT, &item, NULL, 0);
}

static bool
answer(struct importer *i, enum message m, const union any_record *request)
{
    return m == MSG_P12_OPEN ? answer_open(i, &request->p12_request)
                             : answer_next(i);
}

bool
importer_serve(int fd)
{
    AUTO(importer)
    struct importer i = {.served = {.fd = fd, .self = PROCESS_IMPORTER}};
    union any_record request;
    enum message m = MSG_NONE;

    frame_init(&i.frame);
    for (;;) {
        switch (channel_receive(&i.served, &i.frame, &m, &request)) {
        case RECEIVED_REQUEST:
            if (m != MSG_P12_OPEN && m != MSG_P12_NEXT)
                return false;
            if (!answer(&i, m, &request))
                return true;
            break;
        case RECEIVED_REFUSED:
            break;
        case RECEIVED_EOF:
            return true;
        case RECEIVED_BROKEN:
            return false;
        }
    }
}
