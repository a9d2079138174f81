#include "agent/cms/oid.h"

#include "agent/base/err.h"

#define OCTETS(bytes)                                                          \
    {                                                                          \
        (const uint8_t *)(bytes), sizeof(bytes) - 1                            \
    }

static const struct slice table[OID_COUNT] = {
#define X(name, bytes) [OID_##name] = OCTETS(bytes),
    OIDS(X)
#undef X
};

struct slice
oid_bytes(enum oid which)
{
    if (which <= OID_UNKNOWN || which >= OID_COUNT)
        bug("an object identifier without octets");
    return table[which];
}

enum oid
oid_find(struct slice body)
{
    for (int i = OID_UNKNOWN + 1; i < OID_COUNT; i++)
        if (slice_equal(table[i], body))
            return (enum oid)i;
    return OID_UNKNOWN;
}
