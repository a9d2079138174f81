#include "agent/session/certificates_list.h"

#include <openssl/evp.h>

#include "agent/cms/algorithm.h"
#include "agent/cms/certview.h"

/* ---- the list ------------------------------------------------------------ */

static void
item_drop(struct listed_certificate *c)
{
    buf_drop(&c->der);
    buf_drop(&c->described);
}

void
certificate_list_drop(struct certificate_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        item_drop(&l->item[i]);
    free(l->item);
    *l = (struct certificate_list){0};
}

static bool
digest(struct slice der, enum hash h, uint8_t *out)
{
    unsigned n = 0;

    return EVP_Digest(der.p, der.n, out, &n, hash_md(h), NULL) == 1;
}

static bool
is_wanted(const struct certificate_list *l, const struct listed_certificate *c)
{
    const struct matched m = {.sha1 = c->sha1,
                              .sha256 = c->sha256,
                              .grip = c->has_grip ? c->grip : NULL,
                              .about = &c->about};

    for (size_t i = 0; i < l->pattern_count; i++)
        if (pattern_matches(&l->pattern[i], &m))
            return true;
    return l->pattern_count == 0;
}

void
certificate_list_match(const struct certificate_list *l,
                       struct listed_certificate *c)
{
    c->wanted = is_wanted(l, c);
}

static bool
is_there(const struct certificate_list *l, const uint8_t sha256[32])
{
    for (size_t i = 0; i < l->count; i++)
        if (memcmp(l->item[i].sha256, sha256, 32) == 0)
            return true;
    return false;
}

/* PART of FROM, in its copy. */
static struct slice
moved(const struct buf *copy, struct slice from, struct slice part)
{
    return slice_of(copy->data + (part.p - from.p), part.n);
}

struct listed_certificate *
certificate_list_add(struct certificate_list *l, enum listed_kind kind,
                     struct slice der, struct slice described)
{
    struct listed_certificate c = {.kind = kind};
    struct cert_view v;

    if (!cert_view_parse(der, &v) || !digest(der, HASH_SHA256, c.sha256) ||
        is_there(l, c.sha256) || !digest(der, HASH_SHA1, c.sha1))
        return NULL;
    c.has_grip = key_grip(v.spki, c.grip);
    buf_add_slice(&c.der, der);
    c.issuer = moved(&c.der, der, v.issuer);
    c.subject = moved(&c.der, der, v.subject);
    buf_add_slice(&c.described, described);
    if (c.described.len > 0 &&
        !record_decode(RECORD_description, buf_slice(&c.described), &c.about))
        buf_clear(&c.described);
    c.wanted = is_wanted(l, &c);
    l->item = mem_resize(l->item, (l->count + 1) * sizeof(*l->item));
    l->item[l->count] = c;
    return &l->item[l->count++];
}

const struct listed_certificate *
certificate_list_issuer(const struct certificate_list *l,
                        const struct listed_certificate *c)
{
    if (slice_equal(c->issuer, c->subject))
        return c;
    for (size_t i = 0; i < l->count; i++)
        if (l->item[i].kind >= OF_ISSUER &&
            slice_equal(l->item[i].subject, c->issuer))
            return &l->item[i];
    return NULL;
}
