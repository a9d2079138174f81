/*
 * What one's trust rests on, for a person to look at: anchors, CRLs, and the
 * files that should be one and cannot be read. MSG_LIST_ANCHORS.
 */
#include "agent/validator/validator.h"

/* What one answer may hold; the frame's own overhead is the rest. */
#define LISTED_BYTES (140 * 1024)

static struct slice
text_cut(const char *text, size_t limit)
{
    struct slice s = slice_text(text);

    return slice_of(s.p, s.n < limit ? s.n : limit);
}

static void
anchor_write(struct validator *v, const struct anchor *a, struct buf *store)
{
    AUTO(buf) struct buf described = {0};
    unsigned char *der = NULL;
    int n = i2d_X509(a->x509, &der);
    struct cert *cert =
        certs_find(v->certs, slice_of(der, n > 0 ? (size_t)n : 0));
    struct anchor_record record = {
        .kind = LISTED_ANCHOR,
        .source = text_cut(a->source, LIMIT_TEXT_BYTES),
        .label = text_cut(a->label, LIMIT_LABEL_BYTES),
        .distrust_after = (uint64_t)a->distrust_after};

    if (cert)
        cert_describe(cert, CHAIN_NOT_ASKED, false, &described);
    record.described = buf_slice(&described);
    if (cert)
        record.certificate = slice_of(der, (size_t)n);
    record_encode(RECORD_anchor_record, &record, store);
    OPENSSL_free(der);
}

static uint64_t
time_for_wire(int64_t t)
{
    return t < 0 || t == INT64_MAX ? 0 : (uint64_t)t;
}

static void
crl_write(const struct stored_crl *c, struct buf *store)
{
    char issuer[LIMIT_TEXT_BYTES];
    struct anchor_record record = {.kind = LISTED_CRL,
                                   .source =
                                       text_cut(c->source, LIMIT_TEXT_BYTES),
                                   .this_update = time_for_wire(c->this_update),
                                   .next_update = time_for_wire(c->next_update),
                                   .revoked = c->revoked};

    name_print(X509_CRL_get_issuer(c->crl), issuer, sizeof(issuer));
    record.issuer = slice_text(issuer);
    record_encode(RECORD_anchor_record, &record, store);
}

static void
faulty_write(const struct faulty *f, struct buf *store)
{
    struct anchor_record record = {.kind = LISTED_FAULTY,
                                   .source =
                                       text_cut(f->path, LIMIT_TEXT_BYTES),
                                   .why = text_cut(f->why, LIMIT_TEXT_BYTES)};

    record_encode(RECORD_anchor_record, &record, store);
}

/* Writes number I of all; false at the end. */
static bool
item_write(struct validator *v, size_t i, struct buf *store)
{
    const struct faulty_list *faulty[] = {anchors_faulty(v->anchors),
                                          crls_faulty(v->crls)};

    if (i < anchors_count(v->anchors)) {
        anchor_write(v, anchors_at(v->anchors, i), store);
        return true;
    }
    i -= anchors_count(v->anchors);
    if (i < crls_count(v->crls)) {
        crl_write(crls_at(v->crls, i), store);
        return true;
    }
    i -= crls_count(v->crls);
    for (size_t k = 0; k < ARRAY_COUNT(faulty); i -= faulty[k++]->n)
        if (i < faulty[k]->n) {
            faulty_write(&faulty[k]->item[i], store);
            return true;
        }
    return false;
}

void
validator_list(struct validator *v, uint32_t cursor, struct buf *store,
               struct list_reply *out)
{
    size_t end[LIMIT_LIST_ITEMS], start = 0, n = 0;
    bool more = true;

    *out = (struct list_reply){0};
    buf_clear(store);
    if (cursor == 0)
        validator_refresh(v);
    while (n < LIMIT_LIST_ITEMS) {
        size_t before = store->len;

        more = item_write(v, cursor + n, store);
        if (!more)
            break;
        if (store->len > LISTED_BYTES) {
            store->len = before;
            break;
        }
        end[n++] = store->len;
    }
    for (size_t k = 0; k < n; start = end[k], k++)
        out->records.item[k] = slice_of(store->data + start, end[k] - start);
    out->records.n = n;
    out->next = more ? cursor + (uint32_t)n : 0;
}
