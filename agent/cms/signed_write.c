#include "agent/cms/certview.h"
#include "agent/cms/der.h"
#include "agent/cms/segments.h"
#include "agent/cms/signed.h"
#include "agent/cms/signer_info.h"

#define CERTIFICATES_FIELD TAG_CONTEXT_CONSTRUCTED
#define SIGNED_ATTRS       TAG_CONTEXT_CONSTRUCTED

/* BER with indefinite lengths up to the first segment, in three pieces:
 * ContentInfo and SignedData, [digestAlgorithms], encapContentInfo. */
static const char begin_before[] = "\x30\x80\x06\x09" PKCS "\x01\x07\x02"
                                   "\xa0\x80\x30\x80\x02\x01\x01";
static const char begin_after[] =
    "\x30\x80\x06\x09" PKCS "\x01\x07\x01\xa0\x80\x24\x80";
static const uint8_t end_of_contents[6];

struct signed_writer {
    struct sink *to;
    enum hash hash;
    struct segments segments;
};

static void
put_digest_algorithms(enum hash hash, struct buf *out)
{
    size_t mark = der_open(out, TAG_SET);

    hash_write_algorithm(hash, out);
    der_close(out, mark);
}

struct certificate_list {
    struct slice item[LIMIT_CERTIFICATES];
    size_t n;
};

static void
list_add(struct certificate_list *l, struct slice certificate)
{
    for (size_t i = 0; i < l->n; i++)
        if (slice_equal(l->item[i], certificate))
            return;
    if (certificate.n > 0 && l->n < LIMIT_CERTIFICATES)
        l->item[l->n++] = certificate;
}

/* The signer's, that to encrypt to, and the chain; each once. */
static void
put_certificates(const struct signer_spec *spec, struct buf *out)
{
    struct certificate_list l = {.n = 0};

    list_add(&l, spec->certificate);
    list_add(&l, spec->encryption);
    for (size_t i = 0; i < spec->chain_count; i++)
        list_add(&l, spec->chain[i]);
    if (l.n > 0)
        der_put_set(out, CERTIFICATES_FIELD, l.item, l.n);
}

/* SignerInfo version 1: issuerAndSerialNumber (RFC 5652 section 5.3). */
static enum err
put_signer(const struct signer_spec *spec, struct slice signed_attrs,
           struct slice signature, struct buf *out, struct problem *p)
{
    struct cert_view cert;
    size_t set, mark, attrs;

    if (!cert_view_parse(spec->certificate, &cert))
        return fail(p, ERR_BAD_CERTIFICATE, "the signer's");
    if (signed_attrs.n == 0 || signed_attrs.p[0] != TAG_SET)
        bug("signed attributes without their tag");
    set = der_open(out, TAG_SET);
    mark = der_open(out, TAG_SEQUENCE);
    der_put_number(out, 1);
    issuer_and_serial_write(TAG_SEQUENCE, cert.issuer, cert.serial, out);
    hash_write_algorithm(spec->hash, out);
    attrs = out->len;
    buf_add_slice(out, signed_attrs);
    out->data[attrs] = SIGNED_ATTRS;
    signature_write_algorithm(&spec->signature, out);
    der_put(out, TAG_OCTET_STRING, signature);
    der_close(out, mark);
    der_close(out, set);
    return ERR_OK;
}

enum err
signed_write_detached(const struct signer_spec *spec, struct slice signed_attrs,
                      struct slice signature, struct buf *out,
                      struct problem *p)
{
    AUTO(buf) struct buf object = {0};
    size_t info, content, data;
    enum err e;

    info = der_open(&object, TAG_SEQUENCE);
    der_put_oid(&object, OID_SIGNED_DATA);
    content = der_open(&object, TAG_CONTEXT_CONSTRUCTED);
    data = der_open(&object, TAG_SEQUENCE);
    der_put_number(&object, 1);
    put_digest_algorithms(spec->hash, &object);
    der_put_algorithm(&object, OID_DATA); /* encapContentInfo looks alike */
    put_certificates(spec, &object);
    e = put_signer(spec, signed_attrs, signature, &object, p);
    if (e != ERR_OK)
        return e;
    der_close(&object, data);
    der_close(&object, content);
    der_close(&object, info);
    buf_add_slice(out, buf_slice(&object));
    return ERR_OK;
}

/* ---- with the content inside ----------------------------------------------
 */

struct signed_writer *
signed_writer_new(struct sink *to, enum hash hash)
{
    struct signed_writer *w = mem_new(sizeof(*w));

    w->to = to;
    w->hash = hash;
    segments_init(&w->segments, to);
    return w;
}

enum err
signed_writer_begin(struct signed_writer *w, struct problem *p)
{
    AUTO(buf) struct buf head = {0};

    buf_add(&head, begin_before, sizeof(begin_before) - 1);
    put_digest_algorithms(w->hash, &head);
    buf_add(&head, begin_after, sizeof(begin_after) - 1);
    return sink_write(w->to, head.data, head.len, p);
}

struct sink *
signed_writer_content(struct signed_writer *w)
{
    return &w->segments.sink;
}

enum err
signed_writer_end(struct signed_writer *w, const struct signer_spec *spec,
                  struct slice signed_attrs, struct slice signature,
                  struct problem *p)
{
    AUTO(buf) struct buf tail = {0};
    enum err e;

    if (spec->hash != w->hash)
        bug("a signer with another digest than was announced");
    if ((e = segments_flush(&w->segments, p)) != ERR_OK)
        return e;
    /* Out of the string, [0] and encapContentInfo. */
    buf_add(&tail, end_of_contents, 6);
    put_certificates(spec, &tail);
    if ((e = put_signer(spec, signed_attrs, signature, &tail, p)) != ERR_OK)
        return e;
    buf_add(&tail, end_of_contents, 6);
    return sink_write(w->to, tail.data, tail.len, p);
}

void
signed_writer_drop(struct signed_writer **w)
{
    if (!*w)
        return;
    segments_drop(&(*w)->segments);
    free(*w);
    *w = NULL;
}
