#include "agent/session/describe.h"

#include "agent/base/limits.h"

/* Which certificates are asked for in one call. */
struct batch {
    struct describe_request request;
    size_t index[LIMIT_BATCH_ITEMS];
    size_t bytes;
};

static bool
batch_has_room(const struct batch *b, struct slice certificate)
{
    return b->request.certificates.n < LIMIT_BATCH_ITEMS &&
           certificate.n + 4 <= LIMIT_BATCH_BYTES - b->bytes;
}

static enum err
batch_run(struct request *r, struct batch *b, struct buf *out)
{
    struct describe_reply reply;
    size_t n = b->request.certificates.n;
    enum err e;

    if (n == 0)
        return ERR_OK;
    e = keyring_call(r, MSG_DESCRIBE, &b->request, &reply);
    if (e == ERR_OK && reply.records.n != n)
        e = fail(&r->problem, ERR_INTERNAL,
                 "not as many descriptions as certificates");
    for (size_t i = 0; i < n && e == ERR_OK; i++)
        buf_add_slice(&out[b->index[i]], reply.records.item[i]);
    b->request.certificates.n = 0;
    b->bytes = 0;
    return e;
}

enum err
describe_certificates(struct request *r, bool purpose,
                      const struct slice *certificates, size_t n,
                      struct buf *out)
{
    struct batch b = {.request = {.purpose = purpose}};
    enum err e = ERR_OK;

    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        if (certificates[i].n == 0)
            continue;
        if (!batch_has_room(&b, certificates[i]))
            e = batch_run(r, &b, out);
        b.index[b.request.certificates.n] = i;
        b.bytes += certificates[i].n + 4;
        if (!slice_list_add(&b.request.certificates, certificates[i]))
            bug("a batch is larger than a list");
    }
    return e == ERR_OK ? batch_run(r, &b, out) : e;
}
