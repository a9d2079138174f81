#include "agent/fetcher/value.h"

#include "agent/cms/certview.h"
#include "agent/cms/der.h"

void
value_room_drop(struct value_room *room)
{
    signed_data_drop(&room->data);
    digests_drop(&room->digests);
}

bool
value_certificate(struct slice value, struct directory_item *out)
{
    struct cert_view view;

    if (value.n > LIMIT_CERT_BYTES || !cert_view_parse(value, &view))
        return false;
    *out = (struct directory_item){.kind = DIRECTORY_CERTIFICATE};
    out->certificates.item[out->certificates.n++] = value;
    return true;
}

/* ---- userSMIMECertificate ------------------------------------------------ */

static bool
is_signers(struct slice der, const struct signer_info *s)
{
    struct cert_view view;

    if (!cert_view_parse(der, &view))
        return false;
    if (s->issuer.n > 0)
        return slice_equal(view.issuer, s->issuer) &&
               slice_equal(view.serial, s->serial);
    return s->key_id.n > 0 && slice_equal(view.key_id, s->key_id);
}

/* What has no room is left out: a chain that lacks a certificate is not good,
 * and told so. */
static void
add_certificates(const struct signed_data *d, const struct signer_info *s,
                 bool signers, size_t *room, struct slice_list *out)
{
    for (size_t i = 0; i < d->certificate_count; i++) {
        struct slice der = d->certificate[i];

        if ((s && is_signers(der, s)) != signers || der.n > *room ||
            der.n > LIMIT_CERT_BYTES || out->n == LIMIT_ITEM_CERTS)
            continue;
        *room -= der.n;
        out->item[out->n++] = der;
    }
}

static bool
evidence_fits(const struct signer_info *s, const struct signed_data *d)
{
    return s->issuer.n <= LIMIT_NAME_BYTES && s->serial.n <= 64 &&
           s->key_id.n <= 64 && s->digest_algorithm.n <= 256 &&
           s->signature_algorithm.n <= 512 &&
           s->signed_attrs.n <= LIMIT_SIGNED_ATTRS_BYTES &&
           s->signature.n <= 2048 && d->content_type.n <= 32;
}

static void
add_evidence(const struct value_room *room, struct directory_item *out)
{
    const struct signer_info *s = &room->data.signer[0];

    out->sid_issuer = s->issuer;
    out->sid_serial = s->serial;
    out->sid_key_id = s->key_id;
    out->digest_algorithm = s->digest_algorithm;
    out->signature_algorithm = s->signature_algorithm;
    out->signed_attrs = s->signed_attrs;
    out->signature = s->signature;
    out->content_type = room->data.content_type;
    out->content_digest = digests_get(room->digests, s->hash);
}

/* The content is usually absent or empty; whatever it is, it is digested. */
static enum err
read_all(struct slice value, struct value_room *room, struct problem *p)
{
    AUTO(cms_object) struct cms_object *object = NULL;
    AUTO(signed_reader) struct signed_reader *reader = NULL;
    struct stream_memory from;
    enum err e;

    stream_memory_init(&from, value);
    e = cms_object_open(&from.s, &object, p);
    if (e != ERR_OK)
        return e;
    if (cms_object_type(object) != CMS_TYPE_SIGNED)
        return fail(p, ERR_BAD_MESSAGE, "no SignedData");
    e = signed_reader_begin(object, &room->data, &reader, p);
    if (e != ERR_OK)
        return e;
    room->digests = digests_new(room->data.hashes);
    e = stream_pump(signed_reader_content(reader), digests_sink(room->digests),
                    p);
    if (e == ERR_OK)
        e = signed_reader_finish(reader, &room->data, p);
    return e == ERR_OK ? cms_object_close(object, p) : e;
}

enum err
value_smime(struct slice value, struct value_room *room,
            struct directory_item *out, struct problem *p)
{
    size_t bytes = LIMIT_EVIDENCE_BYTES;
    const struct signer_info *signer = NULL;
    enum err e;

    if (value.n > LIMIT_DIRECTORY_VALUE_BYTES)
        return fail(p, ERR_LIMIT, "a value of more than %d bytes",
                    LIMIT_DIRECTORY_VALUE_BYTES);
    e = read_all(value, room, p);
    if (e != ERR_OK)
        return e;
    *out = (struct directory_item){.kind = DIRECTORY_SMIME};
    if (room->data.signer_count > 0)
        signer = &room->data.signer[0];
    add_certificates(&room->data, signer, true, &bytes, &out->certificates);
    add_certificates(&room->data, signer, false, &bytes, &out->certificates);
    if (signer && evidence_fits(signer, &room->data))
        add_evidence(room, out);
    if (out->certificates.n == 0)
        return fail(p, ERR_BAD_MESSAGE, "no certificate in it");
    return ERR_OK;
}
