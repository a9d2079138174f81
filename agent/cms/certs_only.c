#include "agent/cms/certs_only.h"

#include "agent/cms/ber.h"
#include "agent/cms/object.h"

#define HEADER_BYTES 10 /* tag and length, at most */

/* ---- reading ------------------------------------------------------------- */

static enum err
one_read(struct ber *b, const struct ber_header *h, certs_only_visit *visit,
         void *context, size_t *passed_over, struct problem *p)
{
    AUTO(buf) struct buf der = {0};
    enum err e;

    /* CertificateChoices (RFC 5652 10.2.2): others have a context tag. */
    if (h->tag != TAG_SEQUENCE ||
        (!h->indefinite && h->length > LIMIT_CERTIFICATE_BYTES)) {
        (*passed_over)++;
        return ber_skip(b, p);
    }
    e = ber_copy(b, &der, LIMIT_CERTIFICATE_BYTES + HEADER_BYTES, p);
    return e == ERR_OK ? visit(context, buf_slice(&der), p) : e;
}

static enum err
all_read(struct ber *b, certs_only_visit *visit, void *context,
         size_t *passed_over, struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e = ber_enter(b, TAG_CONTEXT_CONSTRUCTED, p);

    while (e == ERR_OK && (e = ber_peek(b, &h, p)) == ERR_OK && h)
        e = one_read(b, h, visit, context, passed_over, p);
    return e == ERR_OK ? ber_leave(b, p) : e;
}

enum err
certs_only_read(struct stream *from, certs_only_visit *visit, void *context,
                size_t *passed_over, struct problem *p)
{
    struct cms_object *o = NULL;
    struct ber *b;
    bool some = false;
    enum err e = cms_object_open(from, &o, p);

    *passed_over = 0;
    if (e == ERR_OK && cms_object_type(o) != CMS_TYPE_SIGNED)
        e = fail(p, ERR_BAD_MESSAGE, "not a list of certificates");
    b = e == ERR_OK ? cms_object_ber(o) : NULL;
    if (e == ERR_OK)
        e = ber_enter(b, TAG_SEQUENCE, p);
    /* version, digestAlgorithms, encapContentInfo */
    for (int i = 0; e == ERR_OK && i < 3; i++)
        e = ber_skip(b, p);
    if (e == ERR_OK)
        e = ber_is(b, TAG_CONTEXT_CONSTRUCTED, &some, p);
    if (e == ERR_OK && some)
        e = all_read(b, visit, context, passed_over, p);
    cms_object_drop(&o);
    return e;
}

/* ---- writing ------------------------------------------------------------- */

/* From the inside out: each length counts what is inside. */
struct outline {
    uint8_t bytes[128];
    size_t at; /* what is written lies behind it */
};

static void
put(struct outline *o, const void *p, size_t n)
{
    o->at -= n;
    memcpy(o->bytes + o->at, p, n);
}

static void
put_header(struct outline *o, uint8_t tag, uint64_t n)
{
    uint8_t header[HEADER_BYTES];
    size_t length = der_header(tag, n, header);

    put(o, header, length);
}

static uint64_t
written(const struct outline *o)
{
    return sizeof(o->bytes) - o->at;
}

enum err
certs_only_begin(struct sink *to, uint64_t bytes, struct problem *p)
{
    /* version 1, no digestAlgorithms, id-data without content */
    static const uint8_t head[] = {0x02, 0x01, 0x01, 0x31, 0x00, 0x30,
                                   0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
                                   0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
    static const uint8_t signed_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 0x01, 0x07, 0x02};
    const uint64_t end = 2; /* no signerInfos */
    struct outline o = {.at = sizeof(o.bytes)};

    put_header(&o, TAG_CONTEXT_CONSTRUCTED, bytes);
    put(&o, head, sizeof(head));
    put_header(&o, TAG_SEQUENCE, written(&o) + bytes + end);
    put_header(&o, TAG_CONTEXT_CONSTRUCTED, written(&o) + bytes + end);
    put(&o, signed_data, sizeof(signed_data));
    put_header(&o, TAG_SEQUENCE, written(&o) + bytes + end);
    return sink_write(to, o.bytes + o.at, sizeof(o.bytes) - o.at, p);
}

enum err
certs_only_end(struct sink *to, struct problem *p)
{
    static const uint8_t none[] = {0x31, 0x00};

    return sink_write(to, none, sizeof(none), p);
}
