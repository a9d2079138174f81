/*
 * Contacts to hand out: whole addresses, judged as of now all in one question,
 * since an export has tens of thousands of them.
 */
#include <time.h>

#include "agent/address/same.h"
#include "agent/keyring/keyring.h"

#define PAGE_ROWS 40
#define RECORD_ROOM                                                            \
    256 /* what a record has beside its certificate and texts                  \
         */

struct item {
    struct buf bytes; /* what the slices of row borrow from */
    struct stored row;
    bool first;     /* of its address */
    bool described; /* the validator could read it, and it is the one */
    uint32_t chain; /* enum chain */
    uint8_t path[LIMIT_LIST_ITEMS];
    size_t path_n;
};

struct batch {
    struct keyring *k;
    struct item item[PAGE_ROWS];
    size_t n;
    size_t bytes; /* of their records */
    struct slice_list issuers;
    struct buf issuer_bytes; /* reserved: it does not move */
    bool is_cut;             /* one address fills it: its other rows are left */
    bool more;
    enum err e;
    struct problem *p;
};

static void
batch_drop(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++)
        buf_drop(&batch->item[i].bytes);
    buf_drop(&batch->issuer_bytes);
}

/* ---- collecting -----------------------------------------------------------
 */

static void
copy(struct buf *to, struct slice *s)
{
    size_t at = to->len;

    buf_add_slice(to, *s);
    *s = slice_of(to->data ? to->data + at : NULL, s->n);
}

static size_t
issuer_find(const struct batch *batch, struct slice der)
{
    size_t i = 0;

    while (i < batch->issuers.n && !slice_equal(batch->issuers.item[i], der))
        i++;
    return i;
}

/* False when they have no room. */
static bool
issuers_take(struct batch *batch, const struct slice_list *found,
             struct item *out)
{
    size_t before = batch->issuers.n, bytes_before = batch->issuer_bytes.len;

    out->path_n = 0;
    for (size_t i = 0; i < found->n; i++) {
        struct slice der = found->item[i];
        size_t at = issuer_find(batch, der);

        if (at == batch->issuers.n) {
            struct buf *to = &batch->issuer_bytes;

            if (batch->n + 1 + at >= LIMIT_LIST_ITEMS ||
                der.n > LIMIT_ISSUER_BYTES_TOTAL - to->len) {
                batch->issuers.n = before;
                batch->issuer_bytes.len = bytes_before;
                return false;
            }
            buf_add_slice(to, der);
            batch->issuers.item[batch->issuers.n++] =
                slice_of(to->data + to->len - der.n, der.n);
        }
        out->path[out->path_n++] = (uint8_t)at;
    }
    return true;
}

static size_t
record_bytes(const struct stored *row)
{
    return row->der.n + row->address.n + row->name.n + RECORD_ROOM;
}

/* False when it has no room. */
static bool
item_add(struct batch *batch, const struct stored *row, bool first)
{
    AUTO(buf) struct buf bytes = {0};
    struct slice_list issuers = {0};
    struct item *one = &batch->item[batch->n];

    if (batch->n == PAGE_ROWS ||
        (batch->n > 0 &&
         record_bytes(row) > LIMIT_CONTACTS_PAGE_BYTES - batch->bytes))
        return false;
    batch->e = store_issuers(batch->k->store, row->certificate, &bytes,
                             &issuers, batch->p);
    *one = (struct item){.row = *row, .first = first};
    if (batch->e != ERR_OK || !issuers_take(batch, &issuers, one))
        return false;
    buf_reserve(&one->bytes, row->der.n + row->address.n + row->name.n +
                                 row->fingerprint.n + 1);
    copy(&one->bytes, &one->row.der);
    copy(&one->bytes, &one->row.address);
    copy(&one->bytes, &one->row.name);
    copy(&one->bytes, &one->row.fingerprint);
    batch->bytes += record_bytes(row);
    batch->n++;
    return true;
}

/* Addresses are whole; of one that alone has no room, what has. */
static bool
row_take(void *ctx, const struct stored *row)
{
    struct batch *batch = ctx;
    bool first =
        batch->n == 0 ||
        !address_equal(batch->item[batch->n - 1].row.address, row->address);

    if (batch->is_cut) {
        batch->more = first;
        return !first;
    }
    if (item_add(batch, row, first) || batch->e != ERR_OK)
        return batch->e == ERR_OK;
    batch->more = true;
    if (first)
        return false;
    for (size_t last = batch->n; last-- > 0;)
        if (batch->item[last].first && last > 0) {
            while (batch->n > last)
                buf_drop(&batch->item[--batch->n].bytes);
            return false;
        }
    batch->is_cut = true;
    batch->more = false;
    return true;
}

/* ---- judging --------------------------------------------------------------
 */

static void
verdict_take(struct batch *batch, struct item *one,
             const struct description *about)
{
    one->described = true;
    one->chain = about->chain;
    revoked_note(batch->k, &one->row, about);
}

static enum err
batch_judge(struct batch *batch, struct problem *p)
{
    struct describe_request q = {.purpose = 1, .wanted = (uint32_t)batch->n};
    struct describe_reply reply;
    enum err e;

    for (size_t i = 0; i < batch->n; i++)
        q.certificates.item[q.certificates.n++] = batch->item[i].row.der;
    for (size_t i = 0; i < batch->issuers.n; i++)
        q.certificates.item[q.certificates.n++] = batch->issuers.item[i];
    e = keyring_ask(batch->k, MSG_READ_CERTIFICATES, &q, &reply, p);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < batch->n && i < reply.records.n; i++) {
        struct item *one = &batch->item[i];
        struct description about;

        /* Bytes that changed on the disk may still read as a certificate. */
        if (record_decode(RECORD_description, reply.records.item[i], &about) &&
            slice_equal(about.fingerprint, one->row.fingerprint))
            verdict_take(batch, one, &about);
    }
    return ERR_OK;
}

/* Those whose descriptions had no room in one answer, and damaged ones. */
static enum err
rest_judge(struct batch *batch, struct problem *p)
{
    for (size_t i = 0; i < batch->n; i++) {
        AUTO(buf) struct buf bytes = {0};
        struct item *one = &batch->item[i];
        struct description about;
        enum err e;

        if (one->described)
            continue;
        e = keyring_describe_stored(batch->k, &one->row, &bytes, &about, p);
        if (e != ERR_OK)
            return e;
        one->described = bytes.len > 0;
        one->chain = about.chain;
    }
    return ERR_OK;
}

/* ---- the answer -----------------------------------------------------------
 */

static void
batch_tell(const struct batch *batch, struct buf *bytes,
           struct export_reply *out)
{
    size_t end[PAGE_ROWS], start = 0;
    int64_t now = (int64_t)time(NULL);

    for (size_t i = 0; i < batch->n; i++) {
        const struct item *one = &batch->item[i];
        const struct export_record record = {
            .first = one->first,
            .address = one->row.address,
            .name = one->row.name,
            .state = keyring_state_now(&one->row, (enum chain)one->chain, now),
            .certificate = one->described ? one->row.der : slice_of(NULL, 0),
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
batch_fill(struct batch *batch, const struct export_request *q,
           struct problem *p)
{
    enum err e;

    buf_reserve(&batch->issuer_bytes, LIMIT_ISSUER_BYTES_TOTAL);
    e = q->address.n > 0
            ? store_contact(batch->k->store, q->address, row_take, batch, p)
            : store_by_address(batch->k->store, q->cursor, row_take, batch, p);
    if (e == ERR_OK)
        e = batch->e;
    if (e != ERR_OK || batch->n == 0)
        return e;
    e = batch_judge(batch, p);
    return e == ERR_OK ? rest_judge(batch, p) : e;
}

enum err
keyring_export(struct keyring *k, const struct export_request *q,
               struct answer_bytes *bytes, struct export_reply *out,
               struct problem *p)
{
    struct batch *batch = mem_new(sizeof(*batch));
    enum err e;

    batch->k = k;
    batch->p = p;
    *out = (struct export_reply){0};
    e = batch_fill(batch, q, p);
    if (e == ERR_OK) {
        batch_tell(batch, &bytes->a, out);
        for (size_t i = 0; i < batch->issuers.n; i++) {
            out->issuers.item[i] = batch->issuers.item[i];
            out->issuers.n++;
        }
        /* They borrow from it until the answer is sent. */
        bytes->b = batch->issuer_bytes;
        batch->issuer_bytes = (struct buf){0};
        if (batch->more)
            out->next = batch->item[batch->n - 1].row.row;
    }
    batch_drop(batch);
    free(batch);
    return e;
}
