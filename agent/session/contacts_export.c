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

/* ---- an export ------------------------------------------------------------
 */

struct exporting {
    struct request *r;
    enum form form;
    bool with_issuers;
    bool is_counting; /* p7c begins with how long it is */
    uint64_t bytes;
    struct sink *to;
    struct seen certificates, addresses;
    struct buf text;
    size_t contact_count, certificate_count;
};

static void
exporting_drop(struct exporting *x)
{
    free(x->certificates.slot);
    free(x->addresses.slot);
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
        ldif_write_issuer(&x->text, name, der);
    return text_flush(x);
}

/* The reply borrows from the frame of the next call: a copy. */
static enum err
issuers_write(struct exporting *x, struct slice fingerprint)
{
    struct fingerprint q = {.fingerprint = fingerprint};
    AUTO(buf) struct buf bytes = {0};
    size_t n[LIMIT_LIST_ITEMS], at = 0;
    struct list_reply reply;

    if (!x->with_issuers)
        return ERR_OK;
    TRY(keyring_call(x->r, MSG_CONTACT_ISSUERS, &q, &reply));
    for (size_t i = 0; i < reply.records.n; i++) {
        n[i] = reply.records.item[i].n;
        buf_add_slice(&bytes, reply.records.item[i]);
    }
    for (size_t i = 0, count = reply.records.n; i < count; at += n[i++]) {
        struct slice der = slice_of(bytes.data + at, n[i]);

        if (seen_add(&x->certificates, der))
            TRY(issuer_write(x, der));
    }
    return ERR_OK;
}

/* ---- contacts -------------------------------------------------------------
 */

struct row {
    struct buf address, name, der;
    uint8_t fingerprint[32];
    bool is_blocked;
};

struct rows {
    struct row item[LIMIT_LIST_ITEMS];
    size_t n;
};

static void
rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        buf_drop(&rows->item[i].address);
        buf_drop(&rows->item[i].name);
        buf_drop(&rows->item[i].der);
    }
    rows->n = 0;
}

/* Copies a reply, for the next call takes it away. */
static enum err
rows_take(struct exporting *x, const struct list_reply *reply, struct rows *out)
{
    rows_clear(out);
    for (size_t i = 0; i < reply->records.n; i++) {
        struct row *row = &out->item[out->n];
        struct contact_record c;
        unsigned n = sizeof(row->fingerprint);

        if (!record_decode(RECORD_contact_record, reply->records.item[i], &c))
            return fail(&x->r->problem, ERR_INTERNAL,
                        "a malformed contact record");
        *row = (struct row){.is_blocked = c.state == CONTACT_BLOCKED ||
                                          c.state == CONTACT_REVOKED};
        buf_add_slice(&row->address, c.address);
        buf_add_slice(&row->name, c.name);
        buf_add_slice(&row->der, c.certificate);
        if (EVP_Digest(c.certificate.p, c.certificate.n, row->fingerprint, &n,
                       EVP_sha256(), NULL) != 1)
            bug("SHA-256 is there");
        out->n++;
    }
    return ERR_OK;
}

static enum err
row_issuers(struct exporting *x, const struct row *row)
{
    return issuers_write(x,
                         slice_of(row->fingerprint, sizeof(row->fingerprint)));
}

/* As the keyring tells addresses apart, as far as ASCII goes. */
static bool
address_is_new(struct exporting *x, const struct row *row)
{
    AUTO(buf) struct buf folded = {0};

    for (size_t i = 0; i < row->address.len; i++) {
        uint8_t c = row->address.data[i];

        buf_add_byte(&folded, c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c);
    }
    return seen_add(&x->addresses, buf_slice(&folded));
}

/* PEM, p7c: each certificate once, however many addresses it has. */
static enum err
certificates_write(struct exporting *x, const struct rows *rows, bool all)
{
    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->item[i];

        if (row->is_blocked && !all)
            continue;
        x->contact_count += address_is_new(x, row);
        if (!seen_add(&x->certificates, buf_slice(&row->der)))
            continue;
        TRY(row_issuers(x, row));
        TRY(der_write(x, buf_slice(&row->der)));
    }
    return ERR_OK;
}

/* vCard, LDIF: one entry for an address, with all its certificates. */
static enum err
entry_write(struct exporting *x, const struct rows *rows, bool all)
{
    struct slice_list certificates = {0};
    const struct row *first = NULL;

    for (size_t i = 0; i < rows->n; i++) {
        const struct row *row = &rows->item[i];

        if (row->is_blocked && !all)
            continue;
        TRY(row_issuers(x, row));
        first = first ? first : row;
        certificates.item[certificates.n++] = buf_slice(&row->der);
    }
    if (!first)
        return ERR_OK;
    x->contact_count++;
    x->certificate_count += certificates.n;
    if (x->form == FORM_VCARD)
        vcard_write(&x->text, buf_slice(&first->address),
                    buf_slice(&first->name), &certificates);
    else
        ldif_write(&x->text, buf_slice(&first->address),
                   buf_slice(&first->name), &certificates);
    return text_flush(x);
}

static enum err
address_write(struct exporting *x, struct slice address, bool all)
{
    struct address q = {.address = address};
    struct rows *rows;
    struct list_reply reply;
    enum err e = keyring_call(x->r, MSG_CONTACT_FIND, &q, &reply);

    if (e != ERR_OK)
        return e;
    if (reply.records.n == 0) {
        char shown[LIMIT_ADDRESS_BYTES * 4 + 1];

        text_escape(address, shown, sizeof(shown));
        e = fail(&x->r->problem, ERR_NO_CONTACT, NULL);
        problem_set_subject(&x->r->problem, shown);
        return e;
    }
    rows = mem_new(sizeof(*rows));
    e = rows_take(x, &reply, rows);
    if (e == ERR_OK)
        e = x->form == FORM_PEM || x->form == FORM_P7C
                ? certificates_write(x, rows, all)
                : entry_write(x, rows, all);
    rows_clear(rows);
    free(rows);
    return e;
}

static enum err
page_write(struct exporting *x, const struct rows *page)
{
    if (x->form == FORM_PEM || x->form == FORM_P7C)
        return certificates_write(x, page, false);
    for (size_t i = 0; i < page->n; i++)
        if (address_is_new(x, &page->item[i]))
            TRY(address_write(x, buf_slice(&page->item[i].address), false));
    return ERR_OK;
}

static enum err
all_write(struct exporting *x)
{
    struct contacts_request q = {.cursor = 0};
    struct rows *page = mem_new(sizeof(*page));
    struct list_reply reply;
    enum err e;

    do {
        e = keyring_call(x->r, MSG_CONTACTS, &q, &reply);
        if (e == ERR_OK) {
            q.cursor = reply.next;
            e = rows_take(x, &reply, page);
        }
        if (e == ERR_OK)
            e = page_write(x, page);
    } while (e == ERR_OK && q.cursor != 0);
    rows_clear(page);
    free(page);
    return e;
}

static enum err
wanted_write(struct exporting *x)
{
    const json_t *list = json_object_get(x->r->parameters, "addresses");
    const json_t *one;
    size_t i;

    if (json_array_size(list) == 0)
        return all_write(x);
    json_array_foreach(list, i, one)
    {
        struct slice address = slice_text(json_string_value(one));

        TRY(address_write(x, address, true));
    }
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
