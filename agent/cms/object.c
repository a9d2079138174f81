#include "agent/cms/object.h"

#include "agent/base/limits.h"
#include "agent/cms/ber.h"

struct cms_object {
    struct ber ber;
    enum cms_type type;
};

static enum cms_type
type_of(struct slice whole_oid)
{
    struct der d = der_of(whole_oid);
    enum oid oid = oid_find(der_take(&d, TAG_OID));

    if (oid == OID_DATA)
        return CMS_TYPE_DATA;
    if (oid == OID_SIGNED_DATA)
        return CMS_TYPE_SIGNED;
    if (oid == OID_ENVELOPED_DATA)
        return CMS_TYPE_ENVELOPED;
    if (oid == OID_AUTH_ENVELOPED_DATA)
        return CMS_TYPE_AUTH_ENVELOPED;
    if (oid == OID_COMPRESSED_DATA)
        return CMS_TYPE_COMPRESSED;
    return CMS_TYPE_OTHER;
}

/* ContentInfo (RFC 5652 section 3) up to the inside of [0]. */
static enum err
read_beginning(struct cms_object *o, struct problem *p)
{
    AUTO(buf) struct buf name = {0};
    bool is_sequence = false, is_oid = false;
    enum err e;

    if ((e = ber_is(&o->ber, TAG_SEQUENCE, &is_sequence, p)) != ERR_OK)
        return e;
    if (!is_sequence)
        return ber_fail(&o->ber, p, ERR_BAD_MESSAGE, "not a CMS object");
    if ((e = ber_enter(&o->ber, TAG_SEQUENCE, p)) != ERR_OK ||
        (e = ber_is(&o->ber, TAG_OID, &is_oid, p)) != ERR_OK)
        return e;
    if (!is_oid)
        return ber_fail(&o->ber, p, ERR_BAD_MESSAGE, "not a CMS object");
    if ((e = ber_collect(&o->ber, &name, LIMIT_OID_BYTES, p)) != ERR_OK)
        return e;
    o->type = type_of(buf_slice(&name));
    if (o->type == CMS_TYPE_OTHER)
        return ERR_OK;
    return ber_enter(&o->ber, TAG_CONTEXT_CONSTRUCTED, p);
}

enum err
cms_object_open(struct stream *from, struct cms_object **out, struct problem *p)
{
    AUTO(cms_object) struct cms_object *o = mem_new(sizeof(*o));
    enum err e;

    ber_init(&o->ber, from);
    if ((e = read_beginning(o, p)) != ERR_OK)
        return e;
    *out = TAKE(o);
    return ERR_OK;
}

enum cms_type
cms_object_type(const struct cms_object *o)
{
    return o->type;
}

struct ber *
cms_object_ber(struct cms_object *o)
{
    return &o->ber;
}

enum err
cms_object_close(struct cms_object *o, struct problem *p)
{
    enum err e;

    while (o->ber.depth > 0)
        if ((e = ber_leave(&o->ber, p)) != ERR_OK)
            return e;
    return ERR_OK;
}

/* White space and zeros: what transports and paddings add. */
static bool
is_padding(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != '\0' && p[i] != ' ' && (p[i] < '\t' || p[i] > '\r'))
            return false;
    return true;
}

enum err
cms_object_rest(struct cms_object *o, bool *out_something, struct problem *p)
{
    struct ber *b = &o->ber;
    bool something = false;
    enum err e;

    do {
        something |= !is_padding(b->buffer + b->at, b->have - b->at);
        b->at = b->have = 0;
        e = stream_read(b->from, b->buffer, BER_BUFFER_BYTES, &b->have, p);
        /* Letters that are no base64 any more: a text, then. */
        if (e == ERR_BAD_MESSAGE)
            something = true;
        else if (e != ERR_OK)
            return e;
    } while (e == ERR_OK && b->have > 0);
    *out_something = something;
    return ERR_OK;
}

void
cms_object_drop(struct cms_object **o)
{
    if (!*o)
        return;
    ber_drop(&(*o)->ber);
    free(*o);
    *o = NULL;
}
