/*
 * Contacts to hand out: whole addresses, judged as of now all in one question,
 * since an export has tens of thousands of them.
 */
#include <time.h>

#include "agent/address/same.h"
#include "agent/keyring/batch.h"

struct exporting {
    struct batch *batch;
    bool is_cut; /* one address fills it: its other rows are left */
    bool more;
    enum err e;
    struct problem *p;
};

/* ---- collecting -----------------------------------------------------------
 */

static bool
is_first(const struct batch *b, const struct stored *row)
{
    return b->n == 0 ||
           !address_equal(b->item[b->n - 1].row.address, row->address);
}

/* Of an address that is not there whole nothing stays, unless it is the only
 * one. */
static bool
address_take_back(struct batch *b)
{
    size_t last = b->n - 1;

    while (last > 0 && !b->item[last].first)
        last--;
    if (last == 0)
        return false;
    while (b->n > last)
        batch_take_back(b);
    return true;
}

/* Addresses are whole; of one that alone has no room, what has. */
static bool
row_take(void *ctx, const struct stored *row)
{
    struct exporting *x = ctx;
    bool first = is_first(x->batch, row), added;

    if (x->is_cut) {
        x->more = first;
        return !first;
    }
    x->e = batch_add(x->batch, row, &added, x->p);
    if (x->e != ERR_OK)
        return false;
    if (added) {
        x->batch->item[x->batch->n - 1].first = first;
        return true;
    }
    x->more = true;
    if (first || address_take_back(x->batch))
        return false;
    x->is_cut = true;
    x->more = false;
    return true;
}

/* ---- the answer -----------------------------------------------------------
 */

static void
batch_tell(const struct batch *batch, struct buf *bytes,
           struct export_reply *out)
{
    size_t end[BATCH_ROWS], start = 0;
    int64_t now = (int64_t)time(NULL);

    for (size_t i = 0; i < batch->n; i++) {
        const struct batch_item *one = &batch->item[i];
        const struct export_record record = {
            .first = one->first,
            .address = one->row.address,
            .name = one->row.name,
            .state = keyring_state_now(&one->row, (enum chain)one->chain, now),
            .certificate =
                one->described.len > 0 ? one->row.der : slice_of(NULL, 0),
            .path = {one->path, one->path_n}};

        record_encode(RECORD_export_record, &record, bytes);
        end[i] = bytes->len;
    }
    /* Only now: growing moves the bytes. */
    for (size_t i = 0; i < batch->n; start = end[i], i++)
        out->records.item[i] = slice_of(bytes->data + start, end[i] - start);
    out->records.n = batch->n;
}

static enum err
collect(struct exporting *x, const struct export_request *q)
{
    struct store *s = x->batch->k->store;
    enum err e = q->address.n > 0
                     ? store_contact(s, q->address, row_take, x, x->p)
                     : store_by_address(s, q->cursor, row_take, x, x->p);

    return e == ERR_OK ? x->e : e;
}

enum err
keyring_export(struct keyring *k, const struct export_request *q,
               struct answer_bytes *bytes, struct export_reply *out,
               struct problem *p)
{
    AUTO(batch) struct batch *batch = batch_new(k);
    struct exporting x = {.batch = batch, .p = p};
    enum err e;

    *out = (struct export_reply){0};
    e = collect(&x, q);
    if (e == ERR_OK)
        e = batch_judge(batch, p);
    if (e != ERR_OK)
        return e;
    batch_tell(batch, &bytes->a, out);
    for (size_t i = 0; i < batch->issuers.n; i++)
        out->issuers.item[out->issuers.n++] = batch->issuers.item[i];
    /* They borrow from it until the answer is sent. */
    bytes->b = batch->issuer_bytes;
    batch->issuer_bytes = (struct buf){0};
    if (x.more && batch->n > 0)
        out->next = batch->item[batch->n - 1].row.row;
    return ERR_OK;
}
