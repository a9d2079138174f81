#include "agent/keyring/batch.h"

#define RECORD_ROOM                                                            \
    256 /* what a record has beside its certificate and texts                  \
         */

struct batch *
batch_new(struct keyring *k)
{
    struct batch *b = mem_new(sizeof(*b));

    b->k = k;
    buf_reserve(&b->issuer_bytes, LIMIT_ISSUER_BYTES_TOTAL);
    return b;
}

void
batch_take_back(struct batch *b)
{
    struct batch_item *one = &b->item[--b->n];

    buf_drop(&one->bytes);
    buf_drop(&one->described);
}

void
batch_drop(struct batch **b)
{
    if (!*b)
        return;
    while ((*b)->n > 0)
        batch_take_back(*b);
    buf_drop(&(*b)->issuer_bytes);
    free(*b);
    *b = NULL;
}

/* ---- collecting -----------------------------------------------------------
 */

static size_t
issuer_find(const struct batch *b, struct slice der)
{
    size_t i = 0;

    while (i < b->issuers.n && !slice_equal(b->issuers.item[i], der))
        i++;
    return i;
}

/* False when they have no room. */
static bool
issuers_take(struct batch *b, const struct slice_list *found,
             struct batch_item *out)
{
    size_t before = b->issuers.n, bytes_before = b->issuer_bytes.len;

    out->path_n = 0;
    for (size_t i = 0; i < found->n; i++) {
        struct slice der = found->item[i];
        size_t at = issuer_find(b, der);

        if (at == b->issuers.n) {
            struct buf *to = &b->issuer_bytes;

            if (b->n + 1 + at >= LIMIT_LIST_ITEMS ||
                der.n > LIMIT_ISSUER_BYTES_TOTAL - to->len) {
                b->issuers.n = before;
                b->issuer_bytes.len = bytes_before;
                return false;
            }
            buf_add_slice(to, der);
            b->issuers.item[b->issuers.n++] =
                slice_of(to->data + to->len - der.n, der.n);
        }
        out->path[out->path_n++] = (uint8_t)at;
    }
    return true;
}

static void
row_copy(struct batch_item *one)
{
    struct stored *row = &one->row;
    struct slice *const all[] = {
        &row->address,    &row->name,    &row->origin,
        &row->message_id, &row->der,     &row->fingerprint,
        &row->verdict,    &row->subject, &row->issuer};
    size_t n = 1;

    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        n += all[i]->n;
    /* It does not move any more. */
    buf_reserve(&one->bytes, n);
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        size_t at = one->bytes.len;

        buf_add_slice(&one->bytes, *all[i]);
        *all[i] = slice_of(one->bytes.data + at, all[i]->n);
    }
}

static size_t
record_bytes(const struct stored *row)
{
    return row->der.n + row->address.n + row->name.n + RECORD_ROOM;
}

enum err
batch_add(struct batch *b, const struct stored *row, bool *out,
          struct problem *p)
{
    AUTO(buf) struct buf bytes = {0};
    struct slice_list issuers = {0};
    struct batch_item *one = &b->item[b->n];
    enum err e;

    *out = false;
    if (b->n == BATCH_ROWS ||
        (b->n > 0 && record_bytes(row) > LIMIT_CONTACTS_PAGE_BYTES - b->bytes))
        return ERR_OK;
    e = store_issuers(b->k->store, row->certificate, &bytes, &issuers, p);
    *one = (struct batch_item){.row = *row};
    if (e != ERR_OK || !issuers_take(b, &issuers, one))
        return e;
    row_copy(one);
    b->bytes += record_bytes(row);
    b->n++;
    *out = true;
    return ERR_OK;
}

/* ---- judging --------------------------------------------------------------
 */

static void
verdict_take(struct batch *b, struct batch_item *one, struct slice record)
{
    struct description about;

    /* Bytes that changed on the disk may still read as a certificate. */
    if (!record_decode(RECORD_description, record, &about) ||
        !slice_equal(about.fingerprint, one->row.fingerprint))
        return;
    buf_add_slice(&one->described, record);
    one->chain = about.chain;
    revoked_note(b->k, &one->row, &about);
}

static enum err
all_judge(struct batch *b, struct problem *p)
{
    struct describe_request q = {.purpose = 1, .wanted = (uint32_t)b->n};
    struct describe_reply reply;
    enum err e;

    for (size_t i = 0; i < b->n; i++)
        q.certificates.item[q.certificates.n++] = b->item[i].row.der;
    for (size_t i = 0; i < b->issuers.n; i++)
        q.certificates.item[q.certificates.n++] = b->issuers.item[i];
    e = keyring_ask(b->k, MSG_READ_CERTIFICATES, &q, &reply, p);
    for (size_t i = 0; e == ERR_OK && i < b->n && i < reply.records.n; i++)
        verdict_take(b, &b->item[i], reply.records.item[i]);
    return e;
}

/* Those whose descriptions had no room in one answer, and damaged ones. */
static enum err
rest_judge(struct batch *b, struct problem *p)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < b->n && e == ERR_OK; i++) {
        struct batch_item *one = &b->item[i];
        struct description about;

        if (one->described.len > 0)
            continue;
        e = keyring_describe_stored(b->k, &one->row, &one->described, &about,
                                    p);
        one->chain = about.chain;
    }
    return e;
}

enum err
batch_judge(struct batch *b, struct problem *p)
{
    enum err e = b->n > 0 ? all_judge(b, p) : ERR_OK;

    return e == ERR_OK ? rest_judge(b, p) : e;
}
