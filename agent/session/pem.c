#include "agent/session/pem.h"

#include <openssl/evp.h>

#include "agent/cms/object.h"
#include "agent/cms/signed.h"

#define LINE_CHARS 64

/* ---- writing ----------------------------------------------------------- */

json_t *
json_pem(const char *label, struct slice der)
{
    AUTO(buf) struct buf text = {0};
    uint8_t *base64 = mem_new(der.n / 3 * 4 + 8);
    size_t n = (size_t)EVP_EncodeBlock(base64, der.p, (int)der.n);
    json_t *out;

    buf_addf(&text, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < n; at += LINE_CHARS) {
        buf_add(&text, base64 + at, n - at < LINE_CHARS ? n - at : LINE_CHARS);
        buf_add_byte(&text, '\n');
    }
    buf_addf(&text, "-----END %s-----\n", label);
    out = json_string(buf_text(&text));
    free(base64);
    return out;
}

/* ---- reading ----------------------------------------------------------- */

void
certificate_bundle_drop(struct certificate_bundle *b)
{
    buf_drop(&b->bytes);
    b->count = 0;
}

/* Places until all is there: the bytes move as they grow. */
struct gathering {
    struct buf bytes;
    size_t start[LIMIT_BUNDLE_CERTIFICATES], n[LIMIT_BUNDLE_CERTIFICATES];
    size_t count;
};

/* ContentInfo begins with an OID, a certificate with another SEQUENCE. */
static bool
is_content_info(struct slice s)
{
    size_t head = s.n > 1 && s.p[1] > 0x80 ? 2 + (s.p[1] & 0x7fU) : 2;

    return s.n > head && s.p[0] == 0x30 && s.p[head] == 0x06;
}

static enum err
gather(struct gathering *g, struct slice der, struct problem *p)
{
    if (g->count == LIMIT_BUNDLE_CERTIFICATES || der.n > LIMIT_CERT_BYTES)
        return fail(p, ERR_LIMIT, "at most %d certificates of %d KiB",
                    LIMIT_BUNDLE_CERTIFICATES, LIMIT_CERT_BYTES / 1024);
    if (is_content_info(der))
        return fail(p, ERR_BAD_CERTIFICATE, "among others");
    g->start[g->count] = g->bytes.len;
    g->n[g->count++] = der.n;
    buf_add_slice(&g->bytes, der);
    return ERR_OK;
}

/* The whole length of the DER element at the start of S; 0: there is none. */
static size_t
element_bytes(struct slice s)
{
    size_t n = 0, head = 2;

    if (s.n < 2 || s.p[0] != 0x30)
        return 0;
    if (s.p[1] < 0x80) {
        n = s.p[1];
    } else {
        size_t count = s.p[1] & 0x7f;

        if (count == 0 || count > 3 || s.n < 2 + count)
            return 0;
        for (size_t i = 0; i < count; i++)
            n = n << 8 | s.p[2 + i];
        head += count;
    }
    return n > s.n - head ? 0 : head + n;
}

static enum err
read_signed(struct cms_object *o, struct gathering *g, struct problem *p)
{
    struct signed_reader *reader = NULL;
    struct signed_data data = {0};
    uint8_t sink[512];
    size_t got = 1;
    enum err e = signed_reader_begin(o, &data, &reader, p);

    while (e == ERR_OK && got > 0)
        e = stream_read(signed_reader_content(reader), sink, sizeof(sink), &got,
                        p);
    if (e == ERR_OK)
        e = signed_reader_finish(reader, &data, p);
    for (size_t i = 0; e == ERR_OK && i < data.certificate_count; i++)
        e = gather(g, data.certificate[i], p);
    signed_reader_drop(&reader);
    signed_data_drop(&data);
    return e;
}

static enum err
gather_signed(struct gathering *g, struct slice der, struct problem *p)
{
    struct stream_memory memory;
    struct cms_object *o = NULL;
    struct problem why = {0};
    enum err e;

    stream_memory_init(&memory, der);
    e = cms_object_open(&memory.s, &o, &why);
    if (e == ERR_OK && cms_object_type(o) != CMS_TYPE_SIGNED)
        e = fail(&why, ERR_BAD_MESSAGE, "not a list of certificates");
    if (e == ERR_OK)
        e = read_signed(o, g, &why);
    cms_object_drop(&o);
    if (e == ERR_OK || e == ERR_LIMIT)
        return e == ERR_OK ? e : (*p = why).code;
    return fail(p, ERR_BAD_CERTIFICATE, "%s", why.detail);
}

/* One element of DER or BER, of either kind. */
static enum err
gather_binary(struct gathering *g, struct slice der, struct problem *p)
{
    size_t n = element_bytes(der);

    if (is_content_info(der))
        return gather_signed(g, der, p);
    if (n == 0 || n != der.n)
        return fail(p, ERR_BAD_CERTIFICATE, NULL);
    return gather(g, der, p);
}

/* Base64 with line breaks; false when it is something else. */
static bool
decode(struct slice text, struct buf *out)
{
    EVP_ENCODE_CTX *c = EVP_ENCODE_CTX_new();
    int n = 0, last = 0;
    bool good;

    buf_clear(out);
    buf_reserve(out, text.n + 80);
    EVP_DecodeInit(c);
    good = c && EVP_DecodeUpdate(c, out->data, &n, text.p, (int)text.n) >= 0 &&
           EVP_DecodeFinal(c, out->data + n, &last) >= 0;
    EVP_ENCODE_CTX_free(c);
    if (good)
        out->len = (size_t)n + (size_t)last;
    return good && out->len > 0;
}

static struct slice
cut(struct slice s, const uint8_t *from)
{
    return slice_of(from, s.n - (size_t)(from - s.p));
}

static const uint8_t *
find(struct slice s, const char *text)
{
    return s.n ? memmem(s.p, s.n, text, strlen(text)) : NULL;
}

static bool
begins(struct slice s, const char *text)
{
    return s.n >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

/* Blocks of other kinds (a key, a CRL) are passed over. */
static bool
is_wanted(struct slice label)
{
    static const char *const labels[] = {
        "CERTIFICATE-----", "X509 CERTIFICATE-----", "PKCS7-----",
        "PKCS #7 SIGNED DATA-----", "CMS-----"};

    for (size_t i = 0; i < ARRAY_COUNT(labels); i++)
        if (begins(label, labels[i]))
            return true;
    return false;
}

static enum err
gather_pem(struct gathering *g, struct slice text, struct problem *p)
{
    static const char begin[] = "-----BEGIN ", end[] = "-----END ";
    AUTO(buf) struct buf der = {0};
    const uint8_t *at;

    while ((at = find(text, begin)) != NULL) {
        struct slice label = cut(text, at + strlen(begin));
        const uint8_t *line = memchr(label.p, '\n', label.n);
        const uint8_t *stop = find(label, end);
        enum err e = ERR_OK;

        if (!line || !stop || stop < line)
            return fail(p, ERR_BAD_CERTIFICATE, "a PEM block without its end");
        if (is_wanted(label)) {
            if (!decode(slice_of(line, (size_t)(stop - line)), &der))
                return fail(p, ERR_BAD_CERTIFICATE, "a damaged PEM block");
            e = gather_binary(g, buf_slice(&der), p);
        }
        if (e != ERR_OK)
            return e;
        text = cut(text, stop + strlen(end));
    }
    return ERR_OK;
}

enum err
certificate_bundle_read(struct slice file, struct certificate_bundle *out,
                        struct problem *p)
{
    struct gathering g = {0};
    AUTO(buf) struct buf der = {0};
    enum err e;

    if (find(file, "-----BEGIN "))
        e = gather_pem(&g, file, p);
    else if (begins(file, "MI") && decode(file, &der))
        e = gather_binary(&g, buf_slice(&der), p);
    else
        e = gather_binary(&g, file, p);
    if (e == ERR_OK && g.count == 0)
        e = fail(p, ERR_BAD_CERTIFICATE, "there is none in it");
    if (e != ERR_OK) {
        buf_drop(&g.bytes);
        return e;
    }
    out->bytes = g.bytes;
    out->count = g.count;
    for (size_t i = 0; i < g.count; i++)
        out->item[i] = slice_of(g.bytes.data + g.start[i], g.n[i]);
    return ERR_OK;
}
