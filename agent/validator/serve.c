#include <errno.h>
#include <poll.h>
#include <time.h>

#include "agent/base/log.h"
#include "agent/validator/validator.h"
#include "agent/wire/channel.h"

/* What one answer may hold; the frame's own overhead is the rest. */
#define LIMIT_DESCRIBED_BYTES (140 * 1024)

void
validator_init(struct validator *v, const char *const *folders)
{
    *v = (struct validator){.anchors = anchors_new(folders),
                            .certs = certs_new(),
                            .chains = chains_new()};
}

void
validator_drop(struct validator *v)
{
    anchors_drop(&v->anchors);
    certs_drop(&v->certs);
    chains_drop(&v->chains);
    buf_drop(&v->described);
    buf_drop(&v->encryption_described);
}

static enum chain
mail_chain(struct validator *v, struct cert *cert, struct cert *const *all,
           size_t n, int64_t at)
{
    enum chain chain =
        chain_judge(v->chains, v->anchors, cert, all, n, at).chain;

    return chain == CHAIN_OK && cert_facts(cert)->uses == 0 ? CHAIN_PURPOSE
                                                            : chain;
}

void
validator_describe(struct validator *v, const struct describe_request *q,
                   struct buf *store, struct describe_reply *out)
{
    int64_t at =
        q->at == 0 || q->at > INT64_MAX ? (int64_t)time(NULL) : (int64_t)q->at;
    struct cert *certs[LIMIT_LIST_ITEMS];
    size_t end[LIMIT_LIST_ITEMS], start = 0, n = q->certificates.n;

    *out = (struct describe_reply){0};
    buf_clear(store);
    anchors_refresh(v->anchors);
    for (size_t i = 0; i < n; i++)
        certs[i] = certs_find(v->certs, q->certificates.item[i]);
    for (size_t i = 0; i < n; i++) {
        size_t before = store->len;

        if (certs[i]) {
            cert_describe(certs[i],
                          q->purpose ? mail_chain(v, certs[i], certs, n, at)
                                     : CHAIN_NOT_ASKED,
                          store);
            if (store->len > LIMIT_DESCRIBED_BYTES)
                store->len = before;
        }
        end[i] = store->len;
    }
    /* Only now: growing moves the bytes. */
    for (size_t i = 0; i < n; start = end[i], i++)
        out->records.item[i] = slice_of(store->data + start, end[i] - start);
    out->records.n = n;
}

static bool
answer_anchors(struct validator *v, int fd)
{
    struct keyring_status status = {0};
    const char *const *folders = anchors_folders(v->anchors);

    anchors_refresh(v->anchors);
    status.anchors = (uint32_t)anchors_count(v->anchors);
    for (size_t i = 0; folders[i] && i < LIMIT_ANCHOR_FOLDERS; i++)
        if (strlen(folders[i]) <= LIMIT_TEXT_BYTES)
            status.anchor_folders.item[status.anchor_folders.n++] =
                slice_text(folders[i]);
    return channel_reply(fd, MSG_ANCHORS, &status, NULL, 0);
}

static bool
answer(struct validator *v, int fd, enum message m,
       const union any_record *request)
{
    struct verify_reply verdict;
    struct describe_reply described;
    AUTO(buf) struct buf store = {0};

    if (m == MSG_JUDGE) {
        validator_judge(v, &request->verify_request, &verdict);
        return channel_reply(fd, m, &verdict, NULL, 0);
    }
    if (m == MSG_READ_CERTIFICATES) {
        validator_describe(v, &request->describe_request, &store, &described);
        return channel_reply(fd, m, &described, NULL, 0);
    }
    if (m == MSG_ANCHORS)
        return answer_anchors(v, fd);
    log_error("a message that is not for the validator");
    return false;
}

void
validator_serve(struct validator *v, int control, int channel)
{
    struct served s = {.fd = channel, .self = PROCESS_VALIDATOR};
    struct pollfd fds[2] = {{.fd = control, .events = POLLIN},
                            {.fd = channel, .events = POLLIN}};
    struct frame frame;
    bool going = true;

    frame_init(&frame);
    while (going) {
        union any_record request;
        enum message m;

        if (poll(fds, 2, -1) < 0) {
            going = errno == EINTR;
            continue;
        }
        /* The broker says nothing more: whatever comes is the end. */
        if (fds[0].revents)
            break;
        if (!fds[1].revents)
            continue;
        switch (channel_receive(&s, &frame, &m, &request)) {
        case RECEIVED_REQUEST:
            going = answer(v, channel, m, &request);
            break;
        case RECEIVED_REFUSED:
            break;
        case RECEIVED_EOF:
        case RECEIVED_BROKEN:
            going = false;
            break;
        }
    }
    frame_drop(&frame);
}
