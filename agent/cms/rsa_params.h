/*
 * The parameters of RSASSA-PSS and RSAES-OAEP (RFC 4055, RFC 8017 appendix
 * A.2), with all their defaults. Runs in smime-session and smime-validator.
 */
#ifndef AGENT_CMS_RSA_PARAMS_H
#define AGENT_CMS_RSA_PARAMS_H

#include "agent/cms/algorithm.h"

struct oaep {
    enum hash hash;
    enum hash mgf_hash;
    struct slice label;
};

/* PARAMETERS is the whole SEQUENCE. False when malformed or of an unknown
 * hash, mask or source. */
MUST_USE bool pss_read(struct slice parameters,
                       struct signature_algorithm *out);
/* Empty PARAMETERS are all defaults: SHA-1. */
MUST_USE bool oaep_read(struct slice parameters, struct oaep *out);

/* Appends the SEQUENCE, each field explicit: some readers do not know the
 * defaults. */
void pss_write(const struct signature_algorithm *a, struct buf *out);
void oaep_write(const struct oaep *a, struct buf *out); /* no label */

#endif
