#include "agent/validator/certs.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "agent/cms/algorithm.h"
#include "agent/validator/address.h"
#include "agent/validator/bounds.h"

struct certs {
    struct cert slot[LIMIT_CACHED_CERTS];
    /* Of each slot, side by side, so that looking takes few cache lines: the
     * beginning of its fingerprint, and when it was asked for (0: empty). */
    uint64_t tag[LIMIT_CACHED_CERTS];
    uint64_t used[LIMIT_CACHED_CERTS];
    uint64_t clock;
};

struct certs *
certs_new(void)
{
    return mem_new(sizeof(struct certs));
}

static void
slot_clear(struct certs *c, size_t i)
{
    X509_free(c->slot[i].x509);
    facts_drop(&c->slot[i].facts);
    c->slot[i] = (struct cert){0};
    c->used[i] = 0;
}

void
certs_drop(struct certs **c)
{
    if (!*c)
        return;
    for (size_t i = 0; i < LIMIT_CACHED_CERTS; i++)
        slot_clear(*c, i);
    free(*c);
    *c = NULL;
}

/* The one that was not asked for the longest; an empty one, if there is. */
static size_t
oldest_find(const struct certs *c)
{
    size_t oldest = 0;

    for (size_t i = 1; i < LIMIT_CACHED_CERTS; i++)
        if (c->used[i] < c->used[oldest])
            oldest = i;
    return oldest;
}

/* The slot of this hash, or one that is empty. */
static size_t
slot_for(struct certs *c, const uint8_t *fingerprint)
{
    uint64_t tag;
    size_t oldest;

    memcpy(&tag, fingerprint, sizeof(tag));
    for (size_t i = 0; i < LIMIT_CACHED_CERTS; i++)
        if (c->tag[i] == tag && c->used[i] != 0 &&
            memcmp(c->slot[i].fingerprint, fingerprint, 32) == 0)
            return i;
    oldest = oldest_find(c);
    slot_clear(c, oldest);
    c->tag[oldest] = tag;
    return oldest;
}

void
certs_make_room(struct certs *c)
{
    slot_clear(c, oldest_find(c));
}

struct cert *
certs_find(struct certs *c, struct slice der)
{
    const uint8_t *p = der.p;
    uint8_t fingerprint[32];
    struct cert *s;
    size_t i;

    if (der.n == 0 || der.n > LIMIT_CERT_BYTES ||
        EVP_Digest(der.p, der.n, fingerprint, NULL, hash_md(HASH_SHA256),
                   NULL) != 1)
        return NULL;
    i = slot_for(c, fingerprint);
    s = &c->slot[i];
    if (!s->x509) {
        s->x509 = d2i_X509(NULL, &p, (long)der.n);
        if (!s->x509 || p != der.p + der.n) {
            slot_clear(c, i);
            ERR_clear_error();
            return NULL;
        }
        memcpy(s->fingerprint, fingerprint, 32);
        s->key = X509_get0_pubkey(s->x509);
        s->bounded = cert_is_bounded(s->x509, s->key);
        ERR_clear_error();
    }
    c->used[i] = ++c->clock;
    return s;
}

const struct facts *
cert_facts(struct cert *cert)
{
    if (!cert->facts)
        cert->facts = facts_read(cert->x509, cert->key);
    return cert->facts;
}

bool
cert_names_address(struct cert *cert, struct slice address)
{
    const struct facts *f = cert_facts(cert);

    for (size_t i = 0; i < f->address_count; i++)
        if (address_equal(slice_text(f->addresses[i]), address))
            return true;
    return false;
}

static uint64_t
time_for_wire(int64_t t)
{
    return t < 0 ? 0 : (uint64_t)t;
}

void
cert_describe(struct cert *cert, enum chain chain, bool cleared,
              struct buf *out)
{
    const struct facts *f = cert_facts(cert);
    struct description d = {
        .subject = slice_text(f->subject),
        .issuer = slice_text(f->issuer),
        .name = slice_text(f->name),
        .serial = slice_text(f->serial),
        .fingerprint = slice_of(cert->fingerprint, 32),
        .key_hash = slice_of(f->key_hash, 32),
        .not_before = time_for_wire(f->not_before),
        .not_after = time_for_wire(f->not_after),
        .uses = f->uses,
        .type = f->type,
        .bits = f->bits,
        .chain = chain,
        .is_ca = f->is_ca,
        .more_addresses = f->more_addresses,
        .cleared = cleared,
        .curve = slice_text(f->curve),
    };

    for (size_t i = 0; i < f->address_count; i++)
        if (!slice_list_add(&d.addresses, slice_text(f->addresses[i])))
            bug("more addresses than a list holds");
    record_encode(RECORD_description, &d, out);
}
