/*
 * Contacts.Export: the keyring's certificates in the forms of other programs,
 * page by page. Issuers come before the first certificate that needs them, so
 * that whoever reads it can judge them as well.
 */
#include <openssl/evp.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/cms/certs_only.h"
#include "agent/session/channels.h"
#include "agent/session/contacts.h"
#include "agent/session/handed_out.h"
#include "agent/session/output.h"
#include "agent/session/try.h"

enum form { FORM_PEM, FORM_P7C, FORM_VCARD, FORM_LDIF, FORMS };

static const char *const forms[FORMS] = {"pem", "p7c", "vcard", "ldif"};

/* ---- what was written already ---------------------------------------------
 */

/* Half full at most; what is in it are the first octets of SHA-256. */
struct seen {
    uint64_t *slot;
    size_t room, count;
};

static uint64_t *
slot_find(const struct seen *s, uint64_t key)
{
    size_t at = (size_t)key & (s->room - 1);

    while (s->slot[at] != 0 && s->slot[at] != key)
        at = (at + 1) & (s->room - 1);
    return &s->slot[at];
}

static void
seen_grow(struct seen *s)
{
    struct seen larger = {.room = s->room ? 2 * s->room : 256};

    larger.slot = mem_new(larger.room * sizeof(*larger.slot));
    for (size_t i = 0; i < s->room; i++)
        if (s->slot[i] != 0)
            *slot_find(&larger, s->slot[i]) = s->slot[i];
    larger.count = s->count;
    free(s->slot);
    *s = larger;
}

static uint64_t
key_of(struct slice bytes)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    uint64_t key;

    if (EVP_Digest(bytes.p, bytes.n, digest, NULL, EVP_sha256(), NULL) != 1)
        bug("SHA-256 is there");
    memcpy(&key, digest, sizeof(key));
    return key ? key : 1;
}

/* True the first time. */
static bool
seen_add(struct seen *s, struct slice bytes)
{
    uint64_t key = key_of(bytes), *slot;

    if (2 * (s->count + 1) > s->room)
        seen_grow(s);
    slot = slot_find(s, key);
    if (*slot == key)
        return false;
    *slot = key;
    s->count++;
    return true;
}

/* ---- what the keyring gives -----------------------------------------------
 */

struct row {
    struct buf address, name, der, path;
    bool is_first; /* of its address */
};

struct batch {
    struct row row[LIMIT_LIST_ITEMS];
    size_t n;
    struct buf issuer[LIMIT_LIST_ITEMS];
    size_t issuer_count;
};

static void
batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        buf_drop(&batch->row[i].address);
        buf_drop(&batch->row[i].name);
        buf_drop(&batch->row[i].der);
        buf_drop(&batch->row[i].path);
    }
    for (size_t i = 0; i < batch->issuer_count; i++)
        buf_drop(&batch->issuer[i]);
    batch->n = batch->issuer_count = 0;
}

static void
batch_drop(struct batch **batch)
{
    batch_clear(*batch);
    free(*batch);
    *batch = NULL;
}

/* ---- an export ------------------------------------------------------------
 */

struct exporting {
    struct request *r;
    enum form form;
    bool with_issuers;
    struct slice base; /* of ldif's entries */
    bool is_counting;  /* p7c begins with how long it is */
    uint64_t bytes;
    struct sink *to;
    struct seen certificates;
    struct buf text;
    size_t contact_count, certificate_count;
};

static void
exporting_drop(struct exporting *x)
{
    free(x->certificates.slot);
    buf_drop(&x->text);
}

static enum err
text_flush(struct exporting *x)
{
    enum err e = sink_write(x->to, x->text.data, x->text.len, &x->r->problem);

    buf_clear(&x->text);
    return e;
}

static enum err
der_write(struct exporting *x, struct slice der)
{
    x->certificate_count++;
    if (x->form == FORM_PEM) {
        json_t *pem = json_pem("CERTIFICATE", der);

        buf_add_text(&x->text, json_string_value(pem));
        json_decref(pem);
        return text_flush(x);
    }
    x->bytes += der.n;
    return x->is_counting ? ERR_OK
                          : sink_write(x->to, der.p, der.n, &x->r->problem);
}

/* ---- issuers --------------------------------------------------------------
 */

static enum err
issuer_write(struct exporting *x, struct slice der)
{
    struct describe_request q = {.certificates = {1, {der}}};
    struct describe_reply reply;
    struct description d = {0};
    struct slice name;

    if (x->form == FORM_PEM || x->form == FORM_P7C)
        return der_write(x, der);
    TRY(keyring_call(x->r, MSG_DESCRIBE, &q, &reply));
    if (reply.records.n != 1 ||
        !record_decode(RECORD_description, reply.records.item[0], &d))
        return ERR_OK;
    name = d.name.n > 0 ? d.name : d.subject;
    x->certificate_count++;
    if (x->form == FORM_VCARD)
        vcard_write_issuer(&x->text, name, der);
    else
        ldif_write_issuer(&x->text, x->base, name, der);
    return text_flush(x);
}

static enum err
path_write(struct exporting *x, const struct batch *batch,
           const struct row *row)
{
    for (size_t i = 0; i < row->path.len && x->with_issuers; i++) {
        uint8_t at = row->path.data[i];
        struct slice der;

        if (at >= batch->issuer_count)
            return fail(&x->r->problem, ERR_INTERNAL, "an issuer that is none");
        der = buf_slice(&batch->issuer[at]);
        if (seen_add(&x->certificates, der))
            TRY(issuer_write(x, der));
    }
    return ERR_OK;
}

/* ---- contacts -------------------------------------------------------------
 */

/* PEM, p7c: each certificate once, however many addresses it has. */
static enum err
certificates_write(struct exporting *x, const struct batch *batch, size_t first,
                   size_t end)
{
    for (size_t i = first; i < end; i++) {
        const struct row *row = &batch->row[i];

        if (!seen_add(&x->certificates, buf_slice(&row->der)))
            continue;
        TRY(path_write(x, batch, row));
        TRY(der_write(x, buf_slice(&row->der)));
    }
    return ERR_OK;
}

/* vCard, LDIF: one entry for an address, with all its certificates. */
static enum err
entry_write(struct exporting *x, const struct batch *batch, size_t start,
            size_t end)
{
    const struct row *first = &batch->row[start];
    struct slice_list certificates = {0};

    for (size_t i = start; i < end; i++) {
        TRY(path_write(x, batch, &batch->row[i]));
        certificates.item[certificates.n++] = buf_slice(&batch->row[i].der);
    }
    x->certificate_count += certificates.n;
    if (x->form == FORM_VCARD)
        vcard_write(&x->text, buf_slice(&first->address),
                    buf_slice(&first->name), &certificates);
    else
        ldif_write(&x->text, x->base, buf_slice(&first->address),
                   buf_slice(&first->name), &certificates);
    return text_flush(x);
}

static enum err
batch_write(struct exporting *x, const struct batch *batch)
{
    size_t end;

    for (size_t i = 0; i < batch->n; i = end) {
        for (end = i + 1; end < batch->n && !batch->row[end].is_first; end++)
            continue;
        x->contact_count++;
        TRY(x->form == FORM_PEM || x->form == FORM_P7C
                ? certificates_write(x, batch, i, end)
                : entry_write(x, batch, i, end));
    }
    return ERR_OK;
}

/* ---- asking the keyring ---------------------------------------------------
 */

static bool
is_left_out(const struct export_record *c, bool all)
{
    return c->certificate.n == 0 || (!all && (c->state == CONTACT_BLOCKED ||
                                              c->state == CONTACT_REVOKED));
}

/* Copies a reply, for the next call takes it away. ALL: also blocked ones. */
static enum err
batch_take(struct exporting *x, const struct export_reply *reply, bool all,
           struct batch *out)
{
    bool is_first = false;

    batch_clear(out);
    for (size_t i = 0; i < reply->records.n; i++) {
        struct row *row = &out->row[out->n];
        struct export_record c;

        if (!record_decode(RECORD_export_record, reply->records.item[i], &c))
            return fail(&x->r->problem, ERR_INTERNAL,
                        "a malformed export record");
        is_first = is_first || c.first;
        if (is_left_out(&c, all))
            continue;
        *row = (struct row){.is_first = is_first};
        is_first = false;
        buf_add_slice(&row->address, c.address);
        buf_add_slice(&row->name, c.name);
        buf_add_slice(&row->der, c.certificate);
        buf_add_slice(&row->path, c.path);
        out->n++;
    }
    for (size_t i = 0; i < reply->issuers.n; i++)
        buf_add_slice(&out->issuer[out->issuer_count++],
                      reply->issuers.item[i]);
    return ERR_OK;
}

static enum err
contact_missing(struct exporting *x, struct slice address)
{
    char shown[LIMIT_ADDRESS_BYTES * 4 + 1];
    enum err e = fail(&x->r->problem, ERR_NO_CONTACT, NULL);

    text_escape(address, shown, sizeof(shown));
    problem_set_subject(&x->r->problem, shown);
    return e;
}

/* One address, or (empty) all. */
static enum err
batches_write(struct exporting *x, struct slice address)
{
    struct export_request q = {.address = address};
    AUTO(batch) struct batch *batch = mem_new(sizeof(*batch));
    struct export_reply reply;

    do {
        TRY(keyring_call(x->r, MSG_CONTACTS_EXPORT, &q, &reply));
        if (address.n > 0 && reply.records.n == 0)
            return contact_missing(x, address);
        q.cursor = reply.next;
        TRY(batch_take(x, &reply, address.n > 0, batch));
        TRY(batch_write(x, batch));
    } while (q.cursor != 0);
    return ERR_OK;
}

static enum err
wanted_write(struct exporting *x)
{
    const json_t *list = json_object_get(x->r->parameters, "addresses");
    const json_t *one;
    size_t i;

    if (json_array_size(list) == 0)
        return batches_write(x, slice_of(NULL, 0));
    json_array_foreach(list, i, one)
        TRY(batches_write(x, slice_text(json_string_value(one))));
    return ERR_OK;
}

/* ---- the whole ------------------------------------------------------------
 */

/* Twice, for its beginning says how long it is. Between the two the keyring
 * may have changed: then it is no list. */
static enum err
p7c_write(struct exporting *x)
{
    AUTO(exporting)
    struct exporting counting = {.r = x->r,
                                 .form = x->form,
                                 .with_issuers = x->with_issuers,
                                 .is_counting = true};

    TRY(wanted_write(&counting));
    TRY(certs_only_begin(x->to, counting.bytes, &x->r->problem));
    TRY(wanted_write(x));
    if (x->bytes != counting.bytes)
        return fail(&x->r->problem, ERR_INTERNAL,
                    "the contacts changed meanwhile; try again");
    return certs_only_end(x->to, &x->r->problem);
}

static enum err
form_read(struct request *r, enum form *out)
{
    const char *word = request_text(r, "format");

    *out = FORM_PEM;
    for (unsigned i = 0; word && i < FORMS; i++)
        if (strcmp(word, forms[i]) == 0) {
            *out = (enum form)i;
            return ERR_OK;
        }
    return word
               ? fail(&r->problem, ERR_USAGE, "format: pem, p7c, vcard or ldif")
               : ERR_OK;
}

enum err
contacts_export(struct request *r, json_t **out)
{
    AUTO(exporting) struct exporting x = {.r = r};
    AUTO(output) struct output *o = NULL;
    int taken = -1;

    TRY(form_read(r, &x.form));
    x.with_issuers = !request_flag(r, "no_issuers");
    x.base = slice_text(request_text(r, "base"));
    if (x.base.n > 0 && x.form != FORM_LDIF)
        return fail(&r->problem, ERR_USAGE, "base: of ldif only");
    TRY(request_fd(r, "output", &taken));
    AUTO(fd) int fd = taken;

    TRY(session_narrow(r, VERB_LOOK, 0, slice_of(NULL, 0)));
    TRY(output_open(fd_take(&fd), &r->session->scratch, &o, &r->problem));
    x.to = output_sink(o);
    if (x.form == FORM_LDIF)
        ldif_write_head(&x.text);
    TRY(x.form == FORM_P7C ? p7c_write(&x) : wanted_write(&x));
    TRY(text_flush(&x));
    TRY(output_commit(o, &r->problem));
    *out = json_pack("{s:I, s:I}", "contacts", (json_int_t)x.contact_count,
                     "certificates", (json_int_t)x.certificate_count);
    return ERR_OK;
}
