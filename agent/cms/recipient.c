#include "agent/cms/recipient.h"

#include "agent/base/limits.h"
#include "agent/cms/rsa_params.h"
#include "agent/cms/signer_info.h"
#include "agent/cms/wrap.h"

#define KEY_TRANSPORT TAG_SEQUENCE
#define KEY_AGREEMENT (TAG_CONTEXT_CONSTRUCTED + 1)
#define KEK           (TAG_CONTEXT_CONSTRUCTED + 2)
#define PASSWORD      (TAG_CONTEXT_CONSTRUCTED + 3)
#define OTHER         (TAG_CONTEXT_CONSTRUCTED + 4)

#define ORIGINATOR       TAG_CONTEXT_CONSTRUCTED
#define ORIGINATOR_KEY   (TAG_CONTEXT_CONSTRUCTED + 1)
#define UKM              (TAG_CONTEXT_CONSTRUCTED + 1)
#define RECIPIENT_KEY_ID TAG_CONTEXT_CONSTRUCTED

/* What ECC-CMS-SharedInfo adds to its parts, generously. */
#define SHARED_INFO_OVERHEAD_BYTES 64

static void
read_key_id(struct der *d, uint8_t tag, struct recipient_info *out)
{
    out->key_id = der_take(d, tag);
    if (out->key_id.n == 0 || out->key_id.n > LIMIT_KEY_ID_BYTES)
        d->bad = true;
}

static bool
read_transport_algorithm(struct slice algorithm, struct recipient_info *out)
{
    struct slice parameters;
    struct oaep oaep;
    enum oid oid;

    if (!der_algorithm(algorithm, &oid, &parameters))
        return false;
    if (oid == OID_RSA_ENCRYPTION) {
        out->scheme = SCHEME_RSA_PKCS1;
        return parameters.n == 0;
    }
    if (oid != OID_RSA_OAEP || !oaep_read(parameters, &oaep) ||
        oaep.label.n > LIMIT_OAEP_LABEL_BYTES)
        return false;
    out->scheme = SCHEME_RSA_OAEP;
    out->hash = oaep.hash;
    out->mgf_hash = oaep.mgf_hash;
    out->label = oaep.label;
    return true;
}

static bool
read_key_transport(struct slice body, struct recipient_info *out)
{
    struct der d = der_of(body);
    struct slice algorithm;

    (void)der_take_number(&d);
    if (der_is(&d, TAG_CONTEXT))
        read_key_id(&d, TAG_CONTEXT, out);
    else
        issuer_and_serial_read(&d, &out->issuer, &out->serial);
    algorithm = der_take_whole(&d, TAG_SEQUENCE);
    out->encrypted_key = der_take(&d, TAG_OCTET_STRING);
    if (!der_done(&d))
        return false;
    out->supported = read_transport_algorithm(algorithm, out) &&
                     out->encrypted_key.n <= LIMIT_ENCRYPTED_KEY_BYTES;
    return true;
}

/* OriginatorPublicKey: an ephemeral key; a static one of the sender's
 * certificate (issuer and serial, key identifier) is not supported. */
static bool
read_originator(struct der *d, struct recipient_info *out)
{
    struct der field = der_enter(d, ORIGINATOR), key;
    struct slice algorithm, bits, parameters;
    enum oid oid;

    if (!der_is(&field, ORIGINATOR_KEY))
        return false;
    key = der_enter(&field, ORIGINATOR_KEY);
    algorithm = der_take_whole(&key, TAG_SEQUENCE);
    bits = der_take(&key, TAG_BIT_STRING);
    if (!der_done(&key) || !der_done(&field) || bits.n < 2 || bits.p[0] != 0 ||
        bits.n - 1 > LIMIT_ORIGINATOR_BYTES ||
        !der_algorithm(algorithm, &oid, &parameters) ||
        (oid != OID_EC_PUBLIC_KEY && oid != OID_X25519))
        return false;
    out->originator = slice_of(bits.p + 1, bits.n - 1);
    return true;
}

static bool
read_agreement_algorithm(struct slice algorithm, struct slice ukm,
                         struct buf *shared, struct recipient_info *out)
{
    struct slice wrap, parameters;
    size_t start = shared->len;
    enum oid oid;

    if (!der_algorithm(algorithm, &oid, &wrap) ||
        !agreement_scheme(oid, &out->hash, &out->cofactor, &out->hkdf) ||
        !der_algorithm(wrap, &oid, &parameters) ||
        (out->kek_bytes = wrap_kek_bytes(oid)) == 0)
        return false;
    if (shared->cap - shared->len < wrap.n + ukm.n + SHARED_INFO_OVERHEAD_BYTES)
        bug("shared info without room");
    shared_info_write(wrap, ukm, out->kek_bytes, shared);
    out->shared_info = slice_of(shared->data + start, shared->len - start);
    if (out->hkdf)
        out->salt = ukm;
    return out->shared_info.n <= LIMIT_SHARED_INFO_BYTES;
}

static struct slice
read_ukm(struct der *d)
{
    struct der field;
    struct slice ukm;

    if (!der_is(d, UKM))
        return slice_of(NULL, 0);
    field = der_enter(d, UKM);
    ukm = der_take(&field, TAG_OCTET_STRING);
    d->bad |= !der_done(&field);
    return ukm;
}

/* RecipientEncryptedKey. */
static bool
read_encrypted_key(struct der *list, struct recipient_info *out)
{
    struct der d = der_enter(list, TAG_SEQUENCE);

    if (der_is(&d, RECIPIENT_KEY_ID)) {
        struct der id = der_enter(&d, RECIPIENT_KEY_ID);

        read_key_id(&id, TAG_OCTET_STRING, out); /* date and other follow */
        d.bad |= id.bad;
    } else {
        issuer_and_serial_read(&d, &out->issuer, &out->serial);
    }
    out->encrypted_key = der_take(&d, TAG_OCTET_STRING);
    if (out->encrypted_key.n > LIMIT_ENCRYPTED_KEY_BYTES)
        out->supported = false;
    return der_done(&d);
}

static bool
recipients_add(struct recipients *r, const struct recipient_info *info)
{
    if (r->count == LIMIT_RECIPIENTS)
        return false;
    if ((r->count & (r->count - 1)) == 0) /* 0, 1, 2, 4, 8: full */
        r->list = mem_resize(r->list,
                             (r->count ? 2 * r->count : 1) * sizeof(*r->list));
    r->list[r->count++] = *info;
    return true;
}

static enum err
too_many(struct problem *p)
{
    return fail(p, ERR_LIMIT, "more than %d recipients", LIMIT_RECIPIENTS);
}

static enum err
malformed(struct problem *p)
{
    return fail(p, ERR_BAD_MESSAGE, "a recipient is malformed");
}

static enum err
read_key_agreement(struct recipients *r, struct slice body, struct problem *p)
{
    struct recipient_info common = {.kind = RECIPIENT_KEY_AGREEMENT};
    struct der d = der_of(body), keys;
    struct slice algorithm, ukm;
    bool known;

    (void)der_take_number(&d);
    known = read_originator(&d, &common);
    ukm = read_ukm(&d);
    algorithm = der_take_whole(&d, TAG_SEQUENCE);
    keys = der_enter(&d, TAG_SEQUENCE);
    if (!der_done(&d))
        return malformed(p);
    common.supported =
        known && read_agreement_algorithm(algorithm, ukm, &r->shared, &common);
    while (der_is(&keys, TAG_SEQUENCE)) {
        struct recipient_info info = common;

        if (!read_encrypted_key(&keys, &info))
            return malformed(p);
        if (!recipients_add(r, &info))
            return too_many(p);
    }
    return der_done(&keys) ? ERR_OK : malformed(p);
}

static enum err
read_one(struct recipients *r, const struct der_item *item, struct problem *p)
{
    struct recipient_info info = {0};

    if (item->tag == KEY_AGREEMENT)
        return read_key_agreement(r, item->body, p);
    if (item->tag == KEY_TRANSPORT) {
        info.kind = RECIPIENT_KEY_TRANSPORT;
        if (!read_key_transport(item->body, &info))
            return malformed(p);
    } else if (item->tag == KEK) {
        info.kind = RECIPIENT_KEK;
    } else if (item->tag == PASSWORD) {
        info.kind = RECIPIENT_PASSWORD;
    } else if (item->tag == OTHER) {
        info.kind = RECIPIENT_OTHER;
    } else {
        return malformed(p);
    }
    return recipients_add(r, &info) ? ERR_OK : too_many(p);
}

static enum err
collect_all(struct ber *b, struct recipients *r, size_t *count,
            struct problem *p)
{
    const struct ber_header *h = NULL;
    enum err e;

    if ((e = ber_enter(b, TAG_SET, p)) != ERR_OK)
        return e;
    for (*count = 0;; ++*count) {
        if ((e = ber_peek(b, &h, p)) != ERR_OK)
            return e;
        if (!h)
            return ber_leave(b, p);
        if (*count == LIMIT_RECIPIENTS)
            return too_many(p);
        e = ber_collect(b, &r->bytes, LIMIT_RECIPIENT_BYTES, p);
        if (e != ERR_OK)
            return e;
    }
}

enum err
recipients_read(struct ber *b, struct recipients *out, struct problem *p)
{
    struct der_item item;
    struct der d;
    size_t count = 0;
    enum err e;

    if ((e = collect_all(b, out, &count, p)) != ERR_OK)
        return e;
    /* All the room at once: slices borrow from it. */
    buf_reserve(&out->shared,
                out->bytes.len + count * SHARED_INFO_OVERHEAD_BYTES);
    d = der_of(buf_slice(&out->bytes));
    while (der_next(&d, &item))
        if ((e = read_one(out, &item, p)) != ERR_OK)
            return e;
    return der_done(&d) ? ERR_OK : malformed(p);
}

void
recipients_drop(struct recipients *r)
{
    free(r->list);
    buf_drop(&r->bytes);
    buf_drop(&r->shared);
    *r = (struct recipients){0};
}
