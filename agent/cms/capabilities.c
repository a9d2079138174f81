#include "agent/base/limits.h"
#include "agent/cms/der.h"
#include "agent/cms/enveloped.h"
#include "agent/cms/rsa_params.h"
#include "agent/cms/signed.h"

/* What chooses among what is written (RFC 8551 section 2.5.2). */
static const enum oid ours[] = {OID_AES256_GCM, OID_AES128_GCM, OID_AES256_CBC,
                                OID_AES128_CBC};

/* All that is read but what is legacy, the best first: a peer takes the first
 * one that it knows. */
static const enum oid readable[] = {
    OID_AES256_GCM, OID_AES192_GCM, OID_AES128_GCM,
    OID_AES256_CBC, OID_AES192_CBC, OID_AES128_CBC,
    OID_AES256_CCM, OID_AES192_CCM, OID_AES128_CCM};

/* RFC 4055 section 4.1, each with its parameters. */
static void
put_oaep(struct buf *out)
{
    static const enum hash hashes[] = {HASH_SHA256, HASH_SHA384, HASH_SHA512};

    for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
        const struct oaep oaep = {.hash = hashes[i], .mgf_hash = hashes[i]};
        size_t mark = der_open(out, TAG_SEQUENCE);

        der_put_oid(out, OID_RSA_OAEP);
        oaep_write(&oaep, out);
        der_close(out, mark);
    }
}

/* RFC 5753 section 7.1: the scheme, its parameter the key wrap. */
static void
put_agreements(struct buf *out)
{
    static const enum oid schemes[] = {OID_STD_DH_SHA256, OID_STD_DH_SHA384,
                                       OID_STD_DH_SHA512};
    static const enum oid wraps[] = {OID_AES256_WRAP, OID_AES128_WRAP};

    for (size_t i = 0; i < ARRAY_COUNT(schemes) * ARRAY_COUNT(wraps); i++) {
        size_t mark = der_open(out, TAG_SEQUENCE);

        der_put_oid(out, schemes[i / ARRAY_COUNT(wraps)]);
        der_put_algorithm(out, wraps[i % ARRAY_COUNT(wraps)]);
        der_close(out, mark);
    }
}

void
capabilities_write(const struct abilities *a, struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    for (size_t i = 0; i < ARRAY_COUNT(readable); i++)
        if (!a->cbc_only || !cipher_is_aead(cipher_of_oid(readable[i])))
            der_put_algorithm(out, readable[i]);
    if (a->oaep && !a->cbc_only)
        put_oaep(out);
    if (a->agreement)
        put_agreements(out);
    der_close(out, mark);
}

/* One SMIMECapability after the other: false at the end, and after as many as
 * are looked at. */
struct capability_list {
    struct der rest;
    int count;
};

static struct capability_list
list_of(struct slice capabilities)
{
    struct der outer = der_of(capabilities);

    return (struct capability_list){.rest = der_enter(&outer, TAG_SEQUENCE)};
}

static bool
list_next(struct capability_list *l, enum oid *oid, struct slice *parameters)
{
    if (l->count++ >= LIMIT_CAPABILITIES || !der_is(&l->rest, TAG_SEQUENCE))
        return false;
    if (!der_algorithm(der_take_whole(&l->rest, TAG_SEQUENCE), oid, parameters))
        *oid = OID_UNKNOWN;
    return true;
}

/* A set of 1 << index in ours; malformed is as good as unknown. */
static unsigned
announced(struct slice capabilities)
{
    struct capability_list l = list_of(capabilities);
    struct slice parameters;
    enum oid oid = OID_UNKNOWN;
    unsigned found = 0;

    while (list_next(&l, &oid, &parameters))
        for (size_t i = 0; i < ARRAY_COUNT(ours); i++)
            if (ours[i] == oid)
                found |= 1u << i;
    return found;
}

enum cipher
capabilities_choose(const struct slice *capabilities, size_t count)
{
    const unsigned gcm256 = 1u << 0, any256 = 1u << 0 | 1u << 2,
                   any128 = 1u << 1 | 1u << 3;
    bool all_gcm = count > 0, some_only_128 = false;

    for (size_t i = 0; i < count; i++) {
        unsigned found = announced(capabilities[i]);

        all_gcm = all_gcm && (found & gcm256);
        some_only_128 |= (found & any128) && !(found & any256);
    }
    if (all_gcm)
        return CIPHER_AES256_GCM;
    return some_only_128 ? CIPHER_AES128_CBC : CIPHER_AES256_CBC;
}

bool
capabilities_announce(struct slice capabilities, enum cipher c)
{
    struct capability_list l = list_of(capabilities);
    struct slice parameters;
    enum oid oid = OID_UNKNOWN;

    while (list_next(&l, &oid, &parameters))
        if (oid != OID_UNKNOWN && cipher_of_oid(oid) == c)
            return true;
    return false;
}

enum hash
capabilities_oaep(struct slice capabilities)
{
    struct capability_list l = list_of(capabilities);
    struct slice parameters;
    enum oid oid = OID_UNKNOWN;
    struct oaep oaep;

    while (list_next(&l, &oid, &parameters))
        if (oid == OID_RSA_OAEP && oaep_read(parameters, &oaep) &&
            oaep.hash == oaep.mgf_hash && oaep.label.n == 0 &&
            (oaep.hash == HASH_SHA256 || oaep.hash == HASH_SHA384 ||
             oaep.hash == HASH_SHA512))
            return oaep.hash;
    return HASH_NONE;
}
