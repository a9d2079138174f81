#include "agent/cms/rsa_params.h"

#include "agent/cms/der.h"

#define HASH_FIELD    TAG_CONTEXT_CONSTRUCTED
#define MASK_FIELD    (TAG_CONTEXT_CONSTRUCTED + 1)
#define THIRD_FIELD   (TAG_CONTEXT_CONSTRUCTED + 2)
#define TRAILER_FIELD (TAG_CONTEXT_CONSTRUCTED + 3)

static enum hash
read_hash(struct slice algorithm, struct der *d)
{
    enum hash h = hash_from_algorithm(algorithm);

    /* With SHAKE, RSA has no parameters (RFC 8702 3.2.1). */
    if (h == HASH_NONE || h == HASH_SHAKE256)
        d->bad = true;
    return h;
}

static enum hash
read_hash_field(struct der *d)
{
    struct der field;
    struct slice algorithm;

    if (!der_is(d, HASH_FIELD))
        return HASH_SHA1;
    field = der_enter(d, HASH_FIELD);
    algorithm = der_take_whole(&field, TAG_SEQUENCE);
    d->bad |= !der_done(&field);
    return read_hash(algorithm, d);
}

static enum hash
read_mask_field(struct der *d)
{
    struct slice algorithm, parameters = {0};
    struct der field;
    enum oid oid = OID_UNKNOWN;

    if (!der_is(d, MASK_FIELD))
        return HASH_SHA1;
    field = der_enter(d, MASK_FIELD);
    algorithm = der_take_whole(&field, TAG_SEQUENCE);
    if (!der_done(&field) || !der_algorithm(algorithm, &oid, &parameters) ||
        oid != OID_MGF1)
        d->bad = true;
    return read_hash(parameters, d);
}

static int
read_number_field(struct der *d, uint8_t tag, int otherwise)
{
    struct der field;
    int value;

    if (!der_is(d, tag))
        return otherwise;
    field = der_enter(d, tag);
    value = der_take_number(&field);
    d->bad |= !der_done(&field);
    return value;
}

bool
pss_read(struct slice parameters, struct signature_algorithm *out)
{
    struct der outer = der_of(parameters);
    struct der d = der_enter(&outer, TAG_SEQUENCE);
    struct signature_algorithm a = {.scheme = SCHEME_RSA_PSS};

    a.hash = read_hash_field(&d);
    a.mgf_hash = read_mask_field(&d);
    a.salt_bytes = read_number_field(&d, THIRD_FIELD, 20);
    if (read_number_field(&d, TRAILER_FIELD, 1) != 1 || !der_done(&d) ||
        !der_done(&outer))
        return false;
    *out = a;
    return true;
}

/* pSourceAlgorithm: pSpecified with the label. */
static struct slice
read_label_field(struct der *d)
{
    struct slice algorithm, parameters = {0};
    struct der field, label;
    enum oid oid = OID_UNKNOWN;

    if (!der_is(d, THIRD_FIELD))
        return slice_of(NULL, 0);
    field = der_enter(d, THIRD_FIELD);
    algorithm = der_take_whole(&field, TAG_SEQUENCE);
    if (!der_done(&field) || !der_algorithm(algorithm, &oid, &parameters) ||
        oid != OID_P_SPECIFIED)
        d->bad = true;
    label = der_of(parameters);
    parameters = der_take(&label, TAG_OCTET_STRING);
    d->bad |= !der_done(&label);
    return parameters;
}

bool
oaep_read(struct slice parameters, struct oaep *out)
{
    struct der outer = der_of(parameters);
    struct der d;
    struct oaep a;

    if (parameters.n == 0) {
        *out = (struct oaep){HASH_SHA1, HASH_SHA1, {0}};
        return true;
    }
    d = der_enter(&outer, TAG_SEQUENCE);
    a.hash = read_hash_field(&d);
    a.mgf_hash = read_mask_field(&d);
    a.label = read_label_field(&d);
    /* No token decrypts with the newer ones. */
    if (!der_done(&d) || !der_done(&outer) || a.hash > HASH_MD5 ||
        a.mgf_hash > HASH_MD5)
        return false;
    *out = a;
    return true;
}

/* Inside these parameters NULL stands for absent: RFC 4055 section 2.1. */
static void
write_hash(enum hash h, struct buf *out)
{
    AUTO(buf) struct buf algorithm = {0};
    struct der outer, d;
    size_t mark;

    hash_write_algorithm(h, &algorithm);
    outer = der_of(buf_slice(&algorithm));
    d = der_enter(&outer, TAG_SEQUENCE);
    mark = der_open(out, TAG_SEQUENCE);
    buf_add_slice(out, der_take_whole(&d, TAG_OID));
    der_put(out, TAG_NULL, slice_of(NULL, 0));
    der_close(out, mark);
}

static void
write_hash_and_mask(enum hash h, enum hash mgf, struct buf *out)
{
    size_t field = der_open(out, HASH_FIELD), algorithm;

    write_hash(h, out);
    der_close(out, field);
    field = der_open(out, MASK_FIELD);
    algorithm = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, OID_MGF1);
    write_hash(mgf, out);
    der_close(out, algorithm);
    der_close(out, field);
}

void
pss_write(const struct signature_algorithm *a, struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE), field;

    write_hash_and_mask(a->hash, a->mgf_hash, out);
    field = der_open(out, THIRD_FIELD);
    der_put_number(out, (unsigned)a->salt_bytes);
    der_close(out, field);
    der_close(out, mark);
}

void
oaep_write(const struct oaep *a, struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    write_hash_and_mask(a->hash, a->mgf_hash, out);
    der_close(out, mark);
}
