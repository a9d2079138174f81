/*
 * Files that hold certificates or CRLs: PEM with whatever text around it, or
 * DER, one after the other in any mixture. Runs in smime-validator; trusts
 * nothing and keeps nothing.
 */
#ifndef AGENT_VALIDATOR_ARMOUR_H
#define AGENT_VALIDATOR_ARMOUR_H

#include "agent/base/err.h"
#include "agent/base/mem.h"

enum armoured {
    ARMOURED_CERTIFICATE,
    ARMOURED_CRL /* and certificates beside it, of whoever issued it */
};

struct armour_reader {
    struct slice rest;
    enum armoured want;
    struct buf der; /* the last one of PEM */
    bool broken;    /* something that looks like one cannot be read */
};

/* Borrows BYTES. */
void armour_init(struct armour_reader *r, enum armoured want,
                 struct slice bytes);
void armour_drop(struct armour_reader *r);

/*
 * Gives the DER of the next one (borrowed until the next call); false at the
 * end. PEM of another kind is passed over: "TRUSTED CERTIFICATE" carries
 * settings of its own, and keys have no place here.
 */
MUST_USE bool armour_next(struct armour_reader *r, struct slice *out);

#endif
