#include "agent/base/limits.h"
#include "agent/cms/der.h"
#include "agent/cms/enveloped.h"
#include "agent/cms/rsa_params.h"
#include "agent/cms/signed.h"

/* Best first; parameters absent (RFC 8551 section 2.5.2, RFC 5084 4). */
static const enum oid ours[] = {OID_AES256_GCM, OID_AES128_GCM, OID_AES256_CBC,
                                OID_AES128_CBC};

void
capabilities_write(struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    for (size_t i = 0; i < ARRAY_COUNT(ours); i++)
        der_put_algorithm(out, ours[i]);
    der_close(out, mark);
}

void
capabilities_write_cbc(struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    der_put_algorithm(out, OID_AES256_CBC);
    der_put_algorithm(out, OID_AES128_CBC);
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
