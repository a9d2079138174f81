#include "agent/base/limits.h"
#include "agent/cms/der.h"
#include "agent/cms/enveloped.h"
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

/* A set of 1 << index in ours; malformed is as good as unknown. */
static unsigned
announced(struct slice capabilities)
{
    struct der outer = der_of(capabilities);
    struct der list = der_enter(&outer, TAG_SEQUENCE);
    unsigned found = 0;

    for (int n = 0; n < LIMIT_CAPABILITIES && der_is(&list, TAG_SEQUENCE);
         n++) {
        struct der d = der_enter(&list, TAG_SEQUENCE);
        enum oid oid = oid_find(der_take(&d, TAG_OID));

        for (size_t i = 0; i < ARRAY_COUNT(ours); i++)
            if (ours[i] == oid)
                found |= 1u << i;
    }
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
