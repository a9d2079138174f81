#include "agent/cms/signer_info.h"

#include "agent/base/limits.h"

#define SIGNED_ATTRS   TAG_CONTEXT_CONSTRUCTED
#define UNSIGNED_ATTRS (TAG_CONTEXT_CONSTRUCTED + 1)

enum err
signer_info_collect(struct ber *b, struct buf *out, size_t limit,
                    struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = ber_enter(b, TAG_SEQUENCE, p)) != ERR_OK)
        return e;
    for (;;) {
        if ((e = ber_peek(b, &h, p)) != ERR_OK)
            return e;
        if (!h)
            return ber_leave(b, p);
        if (h->tag == UNSIGNED_ATTRS)
            e = ber_skip(b, p);
        else
            e = ber_collect(b, out, limit, p);
        if (e != ERR_OK)
            return e;
    }
}

static void
read_issuer_and_serial(struct der *d, struct slice *issuer,
                       struct slice *serial)
{
    struct der name = der_enter(d, TAG_SEQUENCE);

    *issuer = der_take_whole(&name, TAG_SEQUENCE);
    *serial = der_take(&name, TAG_INTEGER);
    d->bad |= !der_done(&name) || serial->n == 0;
}

void
issuer_and_serial_read(struct der *d, struct slice *issuer,
                       struct slice *serial)
{
    read_issuer_and_serial(d, issuer, serial);
    d->bad |= issuer->n > LIMIT_ISSUER_BYTES || serial->n > LIMIT_SERIAL_BYTES;
}

void
issuer_and_serial_write(uint8_t tag, struct slice issuer, struct slice serial,
                        struct buf *out)
{
    size_t mark = der_open(out, tag);

    buf_add_slice(out, issuer);
    der_put(out, TAG_INTEGER, serial);
    der_close(out, mark);
}

static void
read_sid(struct der *d, struct signer_info *out)
{
    if (der_is(d, TAG_CONTEXT)) {
        out->key_id = der_take(d, TAG_CONTEXT);
        d->bad |= out->key_id.n == 0;
        return;
    }
    read_issuer_and_serial(d, &out->issuer, &out->serial);
}

/* What the other processes take of each field. */
static enum err
check_lengths(const struct signer_info *s, size_t number, struct problem *p)
{
    const struct {
        const char *name;
        size_t n, limit;
    } field[] = {
        {"issuer", s->issuer.n, LIMIT_ISSUER_BYTES},
        {"serial number", s->serial.n, LIMIT_SERIAL_BYTES},
        {"key identifier", s->key_id.n, LIMIT_KEY_ID_BYTES},
        {"digest algorithm", s->digest_algorithm.n,
         LIMIT_DIGEST_ALGORITHM_BYTES},
        {"signature algorithm", s->signature_algorithm.n,
         LIMIT_SIGNATURE_ALGORITHM_BYTES},
        {"signed attributes", s->signed_attrs.n, LIMIT_ATTRS_BYTES},
        {"signature", s->signature.n, LIMIT_SIGNATURE_BYTES},
    };

    for (size_t i = 0; i < ARRAY_COUNT(field); i++)
        if (field[i].n > field[i].limit)
            return fail(p, ERR_LIMIT, "signer %zu: more than %zu bytes of %s",
                        number, field[i].limit, field[i].name);
    return ERR_OK;
}

enum err
signer_info_parse(uint8_t *fields, size_t n, size_t number,
                  struct signer_info *out, struct problem *p)
{
    struct der d = der_of(slice_of(fields, n));
    struct signer_info s = {0};
    enum err e;

    (void)der_take_number(&d); /* version: says nothing the sid does not */
    read_sid(&d, &s);
    s.digest_algorithm = der_take_whole(&d, TAG_SEQUENCE);
    if (der_is(&d, SIGNED_ATTRS)) {
        size_t at = n - d.rest.n;

        s.signed_attrs = der_take_whole(&d, SIGNED_ATTRS);
        if (!d.bad)
            fields[at] = TAG_SET; /* RFC 5652 section 5.4 */
    }
    s.signature_algorithm = der_take_whole(&d, TAG_SEQUENCE);
    s.signature = der_take(&d, TAG_OCTET_STRING);
    if (!der_done(&d))
        return fail(p, ERR_BAD_MESSAGE, "signer %zu is malformed", number);
    if ((e = check_lengths(&s, number, p)) != ERR_OK)
        return e;
    s.hash = hash_from_algorithm(s.digest_algorithm);
    *out = s;
    return ERR_OK;
}
