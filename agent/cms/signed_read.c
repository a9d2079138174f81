#include "agent/base/limits.h"
#include "agent/cms/ber.h"
#include "agent/cms/signed.h"
#include "agent/cms/signer_info.h"

#define CONTENT_FIELD      TAG_CONTEXT_CONSTRUCTED
#define CERTIFICATES_FIELD TAG_CONTEXT_CONSTRUCTED
#define CRLS_FIELD         (TAG_CONTEXT_CONSTRUCTED + 1)

/* Where in the tail a part lies: the tail may move while it grows. */
struct part {
    size_t at;
    size_t n;
};

struct signed_reader {
    struct stream content;
    struct cms_object *object;
    struct ber_string string;
    bool has_content;
    bool at_end;
    struct part certificate[LIMIT_CERTIFICATES];
    size_t certificate_count;
    struct part signer[LIMIT_SIGNERS];
    size_t signer_count;
};

static enum err
content_read(struct stream *s, uint8_t *out, size_t size, size_t *got,
             struct problem *p)
{
    struct signed_reader *r = (struct signed_reader *)s;
    enum err e;

    *got = 0;
    if (r->at_end)
        return ERR_OK;
    if ((e = ber_string_read(&r->string, out, size, got, p)) != ERR_OK)
        return e;
    r->at_end = *got == 0;
    return ERR_OK;
}

/* digestAlgorithms: unknown ones are left out. */
static unsigned
hashes_of(struct slice set)
{
    struct der outer = der_of(set);
    struct der d = der_enter(&outer, TAG_SET);
    struct der_item item;
    unsigned hashes = 0;

    while (der_next(&d, &item)) {
        enum hash h = hash_from_algorithm(item.whole);

        if (h != HASH_NONE)
            hashes |= 1u << h;
    }
    return hashes;
}

/* version, digestAlgorithms and eContentType into the head. */
static enum err
read_head(struct ber *b, struct signed_data *out, struct problem *p)
{
    struct der d;
    struct slice set;
    bool is_version = false;
    enum err e;

    if ((e = ber_enter(b, TAG_SEQUENCE, p)) != ERR_OK ||
        (e = ber_is(b, TAG_INTEGER, &is_version, p)) != ERR_OK)
        return e;
    if (!is_version)
        return ber_fail(b, p, ERR_BAD_MESSAGE, "SignedData has no version");
    if ((e = ber_skip(b, p)) != ERR_OK ||
        (e = ber_collect(b, &out->head, LIMIT_HEAD_BYTES, p)) != ERR_OK ||
        (e = ber_enter(b, TAG_SEQUENCE, p)) != ERR_OK ||
        (e = ber_collect(b, &out->head, LIMIT_HEAD_BYTES, p)) != ERR_OK)
        return e;
    d = der_of(buf_slice(&out->head));
    set = der_take_whole(&d, TAG_SET);
    out->content_type = der_take(&d, TAG_OID);
    if (!der_done(&d) || out->content_type.n > LIMIT_CONTENT_TYPE_BYTES)
        return ber_fail(b, p, ERR_BAD_MESSAGE,
                        "SignedData begins with something else");
    out->hashes = hashes_of(set);
    return ERR_OK;
}

/* PKCS #7 allowed any type inside [0]; CMS an OCTET STRING (RFC 5652 5.2.1). */
static enum err
open_content(struct signed_reader *r, struct ber *b, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = ber_is(b, CONTENT_FIELD, &r->has_content, p)) != ERR_OK ||
        !r->has_content)
        return e;
    if ((e = ber_enter(b, CONTENT_FIELD, p)) != ERR_OK ||
        (e = ber_peek(b, &h, p)) != ERR_OK)
        return e;
    if (!h || (h->tag & ~0x20) != TAG_OCTET_STRING)
        return ber_fail(b, p, ERR_UNSUPPORTED,
                        "signed content that is no OCTET STRING");
    return ber_string_begin(&r->string, b, TAG_OCTET_STRING, p);
}

enum err
signed_reader_begin(struct cms_object *o, struct signed_data *out,
                    struct signed_reader **reader, struct problem *p)
{
    AUTO(signed_reader) struct signed_reader *r = mem_new(sizeof(*r));
    AUTO(signed_data) struct signed_data read = {0};
    struct ber *b = cms_object_ber(o);
    enum err e;

    if (cms_object_type(o) != CMS_TYPE_SIGNED)
        bug("reading something else as SignedData");
    r->object = o;
    r->content.read = content_read;
    if ((e = read_head(b, &read, p)) != ERR_OK ||
        (e = open_content(r, b, p)) != ERR_OK)
        return e;
    r->at_end = !r->has_content;
    read.has_content = r->has_content;
    *out = read;
    read = (struct signed_data){0};
    *reader = TAKE(r);
    return ERR_OK;
}

struct stream *
signed_reader_content(struct signed_reader *r)
{
    return &r->content;
}

static enum err
keep_certificate(struct signed_reader *r, struct ber *b, struct buf *tail,
                 struct problem *p)
{
    struct part *part = &r->certificate[r->certificate_count];
    enum err e;

    if (r->certificate_count == LIMIT_CERTIFICATES)
        return ber_over(b, p, LIMIT_CERTIFICATES, "certificates");
    part->at = tail->len;
    if ((e = ber_copy(b, tail, LIMIT_SIGNED_TAIL_BYTES, p)) != ERR_OK)
        return e;
    part->n = tail->len - part->at;
    if (part->n > LIMIT_CERTIFICATE_BYTES)
        tail->len = part->at;
    else
        r->certificate_count++;
    return ERR_OK;
}

/* CertificateSet: only plain certificates are kept (RFC 5652 10.2.2). */
static enum err
read_certificates(struct signed_reader *r, struct ber *b, struct buf *tail,
                  struct problem *p)
{
    enum err e;

    if ((e = ber_enter(b, CERTIFICATES_FIELD, p)) != ERR_OK)
        return e;
    for (size_t n = 0;; n++) {
        const struct ber_header *h = NULL;

        if ((e = ber_peek(b, &h, p)) != ERR_OK)
            return e;
        if (!h)
            return ber_leave(b, p);
        if (n == LIMIT_CHOICES)
            return ber_over(b, p, LIMIT_CHOICES, "certificates");
        if (h->tag == TAG_SEQUENCE)
            e = keep_certificate(r, b, tail, p);
        else
            e = ber_skip(b, p);
        if (e != ERR_OK)
            return e;
    }
}

/* RevocationInfoChoices: what is no CRL of a usual size is passed over, and
 * so is what cannot be read (RFC 5652 10.2.1). */
static enum err
read_crls(struct ber *b, struct buf *kept, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = ber_peek(b, &h, p)) != ERR_OK)
        return e;
    if (!h->indefinite)
        return h->length <= LIMIT_MESSAGE_CRL_BYTES
                   ? ber_copy(b, kept, SIZE_MAX, p)
                   : ber_skip(b, p);
    if ((e = ber_enter(b, CRLS_FIELD, p)) != ERR_OK)
        return e;
    for (;;) {
        bool fits;

        if ((e = ber_peek(b, &h, p)) != ERR_OK)
            return e;
        if (!h)
            return ber_leave(b, p);
        fits = h->tag == TAG_SEQUENCE && !h->indefinite &&
               h->length <= LIMIT_MESSAGE_CRL_BYTES &&
               h->length + kept->len <= LIMIT_MESSAGE_CRL_BYTES;
        e = fits ? ber_copy(b, kept, SIZE_MAX, p) : ber_skip(b, p);
        if (e != ERR_OK)
            return e;
    }
}

static enum err
read_signers(struct signed_reader *r, struct ber *b, struct buf *tail,
             struct problem *p)
{
    enum err e;

    if ((e = ber_enter(b, TAG_SET, p)) != ERR_OK)
        return e;
    for (;;) {
        const struct ber_header *h = NULL;
        struct part *part = &r->signer[r->signer_count];

        if ((e = ber_peek(b, &h, p)) != ERR_OK)
            return e;
        if (!h)
            return ber_leave(b, p);
        if (r->signer_count == LIMIT_SIGNERS)
            return ber_over(b, p, LIMIT_SIGNERS, "signers");
        part->at = tail->len;
        e = signer_info_collect(b, tail, LIMIT_SIGNED_TAIL_BYTES, p);
        if (e != ERR_OK)
            return e;
        part->n = tail->len - part->at;
        r->signer_count++;
    }
}

static enum err
read_tail(struct signed_reader *r, struct ber *b, struct signed_data *out,
          struct problem *p)
{
    struct buf *tail = &out->tail;
    bool here = false;
    enum err e;

    /* Out of [0], when there was one, and of encapContentInfo. */
    if ((r->has_content && (e = ber_leave(b, p)) != ERR_OK) ||
        (e = ber_leave(b, p)) != ERR_OK ||
        (e = ber_is(b, CERTIFICATES_FIELD, &here, p)) != ERR_OK)
        return e;
    if (here && (e = read_certificates(r, b, tail, p)) != ERR_OK)
        return e;
    if ((e = ber_is(b, CRLS_FIELD, &here, p)) != ERR_OK ||
        (here && (e = read_crls(b, &out->crls, p)) != ERR_OK))
        return e;
    return read_signers(r, b, tail, p);
}

static void
split_crls(struct signed_data *out)
{
    struct der d = der_of(buf_slice(&out->crls));
    struct der_item item;

    if (der_is(&d, CRLS_FIELD))
        d = der_enter(&d, CRLS_FIELD);
    while (out->crl_count < LIMIT_MESSAGE_CRLS && der_next(&d, &item))
        if (item.tag == TAG_SEQUENCE && item.whole.n <= LIMIT_MESSAGE_CRL_BYTES)
            out->crl[out->crl_count++] = item.whole;
}

/* The tail no longer moves: parts become slices. */
static enum err
split_tail(const struct signed_reader *r, struct signed_data *out,
           struct problem *p)
{
    uint8_t *bytes = out->tail.data;
    enum err e = ERR_OK;

    for (size_t i = 0; i < r->certificate_count; i++)
        out->certificate[i] =
            slice_of(bytes + r->certificate[i].at, r->certificate[i].n);
    for (size_t i = 0; i < r->signer_count && e == ERR_OK; i++)
        e = signer_info_parse(bytes ? bytes + r->signer[i].at : NULL,
                              r->signer[i].n, i + 1, &out->signer[i], p);
    if (e != ERR_OK)
        return e;
    out->certificate_count = r->certificate_count;
    out->signer_count = r->signer_count;
    return ERR_OK;
}

enum err
signed_reader_finish(struct signed_reader *r, struct signed_data *out,
                     struct problem *p)
{
    struct ber *b = cms_object_ber(r->object);
    enum err e;

    if (!r->at_end)
        bug("signed content was not read to its end");
    out->content_empty = r->has_content && r->string.total == 0;
    if ((e = read_tail(r, b, out, p)) != ERR_OK ||
        (e = cms_object_close(r->object, p)) != ERR_OK)
        return e;
    split_crls(out);
    return split_tail(r, out, p);
}

void
signed_reader_drop(struct signed_reader **r)
{
    free(*r);
    *r = NULL;
}

void
signed_data_drop(struct signed_data *d)
{
    buf_drop(&d->crls);
    buf_drop(&d->tail);
    buf_drop(&d->head);
    *d = (struct signed_data){0};
}
