/*
 * A strict reader of DER, for the few structures that libcrypto has no
 * strict parser for: signed attributes. Runs in smime-validator on hostile
 * bytes; borrows everything.
 */
#ifndef AGENT_VALIDATOR_STRICT_H
#define AGENT_VALIDATOR_STRICT_H

#include "agent/base/err.h"
#include "agent/base/mem.h"

enum {
    DER_INTEGER = 0x02,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERAL_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31
};

struct strict {
    uint8_t tag;
    struct slice value;
    struct slice whole; /* with tag and length */
};

/* Takes one element off the front of REST. false (REST untouched) for the
 * end, long-form tags, indefinite and non-minimal lengths (X.690 10.1), or
 * what is cut short. */
MUST_USE bool strict_next(struct slice *rest, struct strict *out);

/* The same, and it must have TAG. */
MUST_USE bool strict_take(struct slice *rest, uint8_t tag, struct slice *value);

/* UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 and RFC 5652 11.3 want
 * them (seconds, no fraction, Z), in seconds since 1970. */
MUST_USE bool strict_time(const struct strict *d, int64_t *out);

#endif
