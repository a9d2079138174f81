/*
 * DER in memory: a reader that latches its first failure, and helpers to
 * write (X.690). For the small parts of CMS objects; bodies go through
 * ber.h. Never follows a length beyond what it was given.
 */
#ifndef AGENT_CMS_DER_H
#define AGENT_CMS_DER_H

#include "agent/base/err.h"
#include "agent/base/mem.h"
#include "agent/cms/oid.h"

enum tag {
    TAG_BOOLEAN = 0x01,
    TAG_INTEGER = 0x02,
    TAG_BIT_STRING = 0x03,
    TAG_OCTET_STRING = 0x04,
    TAG_NULL = 0x05,
    TAG_OID = 0x06,
    TAG_UTC_TIME = 0x17,
    TAG_GENERALIZED_TIME = 0x18,
    TAG_SEQUENCE = 0x30,
    TAG_SET = 0x31,
    TAG_CONTEXT = 0x80,            /* [n] primitive: TAG_CONTEXT + n */
    TAG_CONTEXT_CONSTRUCTED = 0xa0 /* [n] constructed */
};

/* ---- reading ------------------------------------------------------------ */

/* Borrows. Definite lengths of at most four octets, one-octet tags. */
struct der {
    struct slice rest;
    bool bad;
};

static inline struct der
der_of(struct slice bytes)
{
    return (struct der){.rest = bytes};
}

struct der_item {
    uint8_t tag;
    struct slice body;
    struct slice whole;
};

/* The next item; false at the end, and with d->bad when it is malformed. */
bool der_next(struct der *d, struct der_item *out);

/* Is an item with TAG next? */
bool der_is(const struct der *d, uint8_t tag);

/* The body or the whole of the next item, which must have TAG: else empty
 * and d->bad. */
struct slice der_take(struct der *d, uint8_t tag);
struct slice der_take_whole(struct der *d, uint8_t tag);

/* The body as a reader of its own, bad when the item is. */
struct der der_enter(struct der *d, uint8_t tag);

/* A non-negative INTEGER below 2^31; bad otherwise. */
int der_take_number(struct der *d);

/* Nothing wrong and nothing left over? */
static inline bool
der_done(const struct der *d)
{
    return !d->bad && d->rest.n == 0;
}

/* An AlgorithmIdentifier's OID and its parameters (whole; empty when absent
 * or NULL). False when it is none. */
MUST_USE bool der_algorithm(struct slice der, enum oid *oid,
                            struct slice *parameters);

/* ---- writing ------------------------------------------------------------ */

/* Begins an item; give what it returns to der_close after its body. */
size_t der_open(struct buf *out, uint8_t tag);
void der_close(struct buf *out, size_t mark);

void der_put(struct buf *out, uint8_t tag, struct slice body);
void der_put_number(struct buf *out, unsigned value);
void der_put_oid(struct buf *out, enum oid oid);

/* AlgorithmIdentifier with absent parameters. */
void der_put_algorithm(struct buf *out, enum oid oid);

/* Appends ITEMS, sorted, as SET OF under TAG (X.690 11.6). Sorts ITEMS. */
void der_put_set(struct buf *out, uint8_t tag, struct slice *items,
                 size_t count);

/* A header alone: TAG and the length N. OUT has room for 10 octets; gives
 * how many there are. */
size_t der_header(uint8_t tag, uint64_t n, uint8_t *out);

#endif
