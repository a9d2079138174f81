/*
 * Contacts.Import: files that other programs wrote, handed to the keyring a
 * batch at a time. It judges each certificate; what a file says beside it
 * (an address, a name) is at most told.
 */
#include "agent/address/same.h"
#include "agent/base/fd.h"
#include "agent/session/certificate_json.h"
#include "agent/session/channels.h"
#include "agent/session/contacts.h"
#include "agent/session/foreign.h"
#include "agent/session/input.h"
#include "agent/session/try.h"

#define BATCH       48          /* with issuers it fits one message */
#define BATCH_BYTES (96 * 1024) /* ... */

/* One certificate of a batch, and what its file says of it. */
struct item {
    size_t start, n, line;
    json_t *stated;
};

struct importing {
    struct request *r;
    struct store_request q;
    struct buf bytes;
    struct item item[BATCH];
    size_t count;
    /* Authorities seen so far: a certificate may come long behind them. */
    struct buf issuers;
    size_t issuer_end[LIMIT_IMPORT_ISSUERS];
    size_t issuer_count;
    json_t *list;
    size_t counts[LEARNED_FAILED + 1];
    size_t total, authorities;
};

static void
batch_clear(struct importing *i)
{
    for (size_t k = 0; k < i->count; k++)
        json_decref(i->item[k].stated);
    i->count = 0;
    i->bytes.len = 0;
}

static void
importing_drop(struct importing *i)
{
    batch_clear(i);
    buf_drop(&i->bytes);
    buf_drop(&i->issuers);
    json_decref(i->list);
}

/* ---- what became of them --------------------------------------------------
 */

/* All that were stored are counted; the first ones, and those that were not,
 * are told one by one as far as an answer has room. */
static void
told_add(struct importing *i, uint32_t learned, json_t *one)
{
    i->counts[learned]++;
    i->total++;
    if (json_array_size(i->list) < LIMIT_IMPORT_TOLD)
        json_array_append_new(i->list, one);
    else
        json_decref(one);
}

/* The first address that the file states, where the certificate names none
 * of them. */
static json_t *
differing(json_t *stated, const struct description *d)
{
    size_t k;
    json_t *one;

    json_array_foreach(stated, k, one)
    {
        struct slice a = slice_text(json_string_value(one));

        for (size_t n = 0; n < d->addresses.n; n++)
            if (address_equal(a, d->addresses.item[n]))
                return NULL;
    }
    return json_incref(json_array_get(stated, 0));
}

static void
issuer_keep(struct importing *i, struct slice der)
{
    size_t start = 0;

    for (size_t k = 0; k < i->issuer_count; start = i->issuer_end[k++])
        if (slice_equal(
                slice_of(i->issuers.data + start, i->issuer_end[k] - start),
                der))
            return;
    if (i->issuer_count == LIMIT_IMPORT_ISSUERS ||
        i->issuers.len + der.n > LIMIT_ISSUER_BYTES_TOTAL)
        return;
    buf_add_slice(&i->issuers, der);
    i->issuer_end[i->issuer_count++] = i->issuers.len;
}

static enum err
answer_take(struct importing *i, const struct item *item, struct slice record)
{
    struct stored_record s;
    struct description d = {0};
    json_t *one, *other = NULL;
    bool is_issuer;

    if (!record_decode(RECORD_stored_record, record, &s) ||
        s.learned > LEARNED_FAILED)
        return fail(&i->r->problem, ERR_INTERNAL, "a malformed answer");
    if (s.described.n > 0 &&
        record_decode(RECORD_description, s.described, &d)) {
        other = differing(item->stated, &d);
        if (d.is_ca)
            issuer_keep(i, slice_of(i->bytes.data + item->start, item->n));
    }
    one = contacts_stored_json(&s);
    json_object_set_new(one, "line", json_integer((json_int_t)item->line));
    json_object_set_new(one, "stated", other ? other : json_null());
    is_issuer = d.is_ca != 0 && s.learned == LEARNED_NOTHING;
    json_object_set_new(one, "is_issuer", json_boolean(is_issuer));
    i->authorities += is_issuer;
    told_add(i, s.learned, one);
    return ERR_OK;
}

static enum err
batch_send(struct importing *i)
{
    struct store_reply reply;
    size_t before = i->issuer_count, start = 0;

    if (i->count == 0)
        return ERR_OK;
    i->q.certificates = (struct slice_list){0};
    for (size_t k = 0; k < before; start = i->issuer_end[k++])
        i->q.certificates.item[i->q.certificates.n++] =
            slice_of(i->issuers.data + start, i->issuer_end[k] - start);
    for (size_t k = 0; k < i->count; k++)
        i->q.certificates.item[i->q.certificates.n++] =
            slice_of(i->bytes.data + i->item[k].start, i->item[k].n);
    TRY(keyring_call(i->r, MSG_CONTACT_STORE, &i->q, &reply));
    if (reply.records.n != before + i->count)
        return fail(&i->r->problem, ERR_INTERNAL, "a malformed answer");
    for (size_t k = 0; k < i->count; k++)
        TRY(answer_take(i, &i->item[k], reply.records.item[before + k]));
    batch_clear(i);
    return ERR_OK;
}

/* ---- what is in the file --------------------------------------------------
 */

static enum err
certificate_add(struct importing *i, struct slice der,
                const struct foreign_found *f)
{
    struct item *item;

    if (i->count == BATCH || i->bytes.len + der.n > BATCH_BYTES)
        TRY(batch_send(i));
    item = &i->item[i->count++];
    *item = (struct item){.start = i->bytes.len,
                          .n = der.n,
                          .line = f->line,
                          .stated = json_texts(f->stated)};
    buf_add_slice(&i->bytes, der);
    return ERR_OK;
}

static enum err
on_bad(void *context, size_t line, const char *why, struct problem *p)
{
    struct importing *i = context;

    (void)p;
    told_add(i, LEARNED_NOTHING,
             json_pack("{s:s, s:s, s:n, s:I, s:n, s:b}", "result", "nothing",
                       "reason", why, "certificate", "line", (json_int_t)line,
                       "stated", "is_issuer", 0));
    return ERR_OK;
}

static enum err
on_found(void *context, const struct foreign_found *f, struct problem *p)
{
    AUTO(certificate_bundle) struct certificate_bundle bundle = {0};
    struct importing *i = context;
    struct problem why = {0};
    enum err e = certificate_bundle_read(f->bytes, &bundle, &why);

    if (e == ERR_BAD_CERTIFICATE || e == ERR_LIMIT) {
        char text[LIMIT_FACT_BYTES];

        problem_text(&why, 0, text, sizeof(text));
        return on_bad(context, f->line, text, p);
    }
    for (size_t k = 0; e == ERR_OK && k < bundle.count; k++)
        e = certificate_add(i, bundle.item[k], f);
    if (e != ERR_OK)
        *p = i->r->problem;
    return e;
}

static enum err
file_read_all(struct importing *i, int fd)
{
    const struct foreign_sink to = {on_found, on_bad, i};
    struct stream_fd from;
    struct problem p = {0};
    enum err e;

    stream_fd_init(&from, fd, -1, -1);
    e = foreign_read(&from.s, &to, &p);
    if (e != ERR_OK) {
        i->r->problem = p;
        return e;
    }
    TRY(batch_send(i));
    return i->total > 0 ? ERR_OK
                        : fail(&i->r->problem, ERR_BAD_CERTIFICATE,
                               "there is none in it");
}

enum err
contacts_import(struct request *r, json_t **out)
{
    AUTO(importing)
    struct importing i = {
        .r = r,
        .q = {.source = CONTACT_IMPORT,
              .address = slice_text(request_text(r, "address")),
              .origin = slice_text(request_text(r, "origin")),
              .date = (uint64_t)request_number(r, "date", 0)}};
    uint8_t vouched[32];
    size_t vouched_n;
    int taken = -1;

    i.list = json_array();
    TRY(request_fd(r, "input", &taken));
    AUTO(fd) int fd = taken;

    TRY(contacts_fingerprint(r, "vouched", vouched, &vouched_n));
    i.q.vouched = slice_of(vouched, vouched_n);
    TRY(session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0)));
    TRY(file_read_all(&i, fd));
    *out = json_pack(
        "{s:O, s:I, s:I, s:I, s:I, s:I, s:I}", "stored", i.list, "total",
        (json_int_t)i.total, "new", (json_int_t)i.counts[LEARNED_NEW], "known",
        (json_int_t)i.counts[LEARNED_KNOWN], "changed",
        (json_int_t)i.counts[LEARNED_CHANGED], "not_stored",
        (json_int_t)(i.counts[LEARNED_NOTHING] + i.counts[LEARNED_FAILED]),
        "issuers", (json_int_t)i.authorities);
    return ERR_OK;
}
