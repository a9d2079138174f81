/*
 * Certificates whose bytes changed on the disk: no damage to SQLite, which
 * has no sums of what it keeps. While nothing else is to be done all are
 * looked through once; the validator says whose fingerprint they have.
 */
#include "agent/keyring/keyring.h"

#define STEP_ROWS  40
#define STEP_BYTES ((size_t)96 * 1024)

struct rows {
    int64_t last; /* the row of a certificate that was seen last */
    int64_t id[STEP_ROWS];
    uint8_t fingerprint[STEP_ROWS][32];
    size_t n, most;
    bool more;
    struct buf bytes; /* reserved: it does not move */
    struct slice der[STEP_ROWS];
    struct buf address; /* of the first */
};

static void
rows_drop(struct rows *rows)
{
    buf_drop(&rows->bytes);
    buf_drop(&rows->address);
}

/* One that no certificate can be is told by an empty one, which none is. */
static bool
row_take(void *ctx, const struct stored *row)
{
    struct rows *rows = ctx;
    bool odd = row->der.n > LIMIT_CERT_BYTES || row->fingerprint.n != 32;
    struct slice der = odd ? slice_of(NULL, 0) : row->der;

    if (row->certificate == rows->last)
        return true; /* one of several addresses */
    rows->more = rows->n == rows->most || der.n > STEP_BYTES - rows->bytes.len;
    if (rows->more)
        return false;
    if (rows->n == 0)
        buf_add_slice(&rows->address, row->address);
    buf_add_slice(&rows->bytes, der);
    rows->der[rows->n] =
        slice_of(rows->bytes.data + rows->bytes.len - der.n, der.n);
    if (!odd)
        memcpy(rows->fingerprint[rows->n], row->fingerprint.p, 32);
    rows->id[rows->n++] = rows->last = row->certificate;
    return true;
}

static enum err
rows_read(struct keyring *k, int64_t behind, size_t most, struct rows *out,
          struct problem *p)
{
    out->most = most;
    out->last = behind;
    buf_reserve(&out->bytes, STEP_BYTES);
    return store_by_certificate(k->store, behind, row_take, out, p);
}

/* WHOLE[i]: the validator reads it as the one it was stored as. */
static enum err
rows_compare(struct keyring *k, const struct rows *rows, bool *whole,
             struct problem *p)
{
    struct describe_request q = {.purpose = 0};
    struct describe_reply reply;
    enum err e;

    for (size_t i = 0; i < rows->n; i++)
        q.certificates.item[q.certificates.n++] = rows->der[i];
    e = keyring_ask(k, MSG_READ_CERTIFICATES, &q, &reply, p);
    for (size_t i = 0; i < rows->n && e == ERR_OK; i++) {
        struct description about;

        whole[i] =
            i < reply.records.n &&
            record_decode(RECORD_description, reply.records.item[i], &about) &&
            slice_equal(about.fingerprint, slice_of(rows->fingerprint[i], 32));
    }
    return e;
}

/* Alone, since the answer to many may have had no room; *is stays false when
 * it is gone, or was mended. ADDRESS: one of its holders. */
static enum err
one_look(struct keyring *k, int64_t id, struct buf *address, bool *is,
         struct problem *p)
{
    AUTO(rows) struct rows rows = {0};
    bool whole = true;
    enum err e = rows_read(k, id - 1, 1, &rows, p);

    *is = false;
    if (e != ERR_OK || rows.n == 0 || rows.id[0] != id)
        return e;
    e = rows_compare(k, &rows, &whole, p);
    *is = e == ERR_OK && !whole;
    if (*is)
        buf_add_slice(address, buf_slice(&rows.address));
    return e;
}

static enum err
step(struct keyring *k, struct problem *p)
{
    AUTO(rows) struct rows rows = {0};
    AUTO(buf) struct buf ignored = {0};
    struct rotten *r = &k->rotten;
    bool whole[STEP_ROWS];
    enum err e = rows_read(k, r->seen, STEP_ROWS, &rows, p);

    if (e == ERR_OK && rows.n > 0)
        e = rows_compare(k, &rows, whole, p);
    for (size_t i = 0; i < rows.n && e == ERR_OK; i++) {
        bool is = false;

        if (!whole[i])
            e = one_look(k, rows.id[i], &ignored, &is, p);
        if (is && r->n < ARRAY_COUNT(r->id))
            r->id[r->n++] = rows.id[i];
    }
    r->seen = rows.last;
    r->done = e != ERR_OK || !rows.more;
    return e;
}

bool
rotten_step(struct keyring *k)
{
    struct problem p = {0};

    if (k->rotten.done || k->validator < 0)
        return false;
    return step(k, &p) == ERR_OK && !k->rotten.done;
}

enum err
rotten_tell(struct keyring *k, struct buf *bytes, struct slice_list *out,
            uint32_t *out_count, struct problem *p)
{
    size_t end[ROTTEN_SHOWN], shown = 0;
    enum err e = ERR_OK;

    for (size_t i = 0; i < k->rotten.n && e == ERR_OK; i++) {
        AUTO(buf) struct buf address = {0};
        bool is = false;

        e = one_look(k, k->rotten.id[i], &address, &is, p);
        *out_count += is;
        if (is && shown < ROTTEN_SHOWN) {
            buf_add_slice(bytes, buf_slice(&address));
            end[shown++] = bytes->len;
        }
    }
    /* Only now: growing moves the bytes. */
    for (size_t i = 0, start = 0; i < shown; start = end[i++])
        out->item[out->n++] = slice_of(bytes->data + start, end[i] - start);
    return e;
}
