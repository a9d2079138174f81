/*
 * RecipientInfos (RFC 5652 section 6.2): read as they come, written for a
 * certificate. Runs in smime-session.
 */
#ifndef AGENT_CMS_RECIPIENT_H
#define AGENT_CMS_RECIPIENT_H

#include "agent/cms/ber.h"
#include "agent/cms/enveloped.h"

struct recipients {
    struct recipient_info *list;
    size_t count;
    struct buf bytes;  /* the RecipientInfos, one behind the other */
    struct buf shared; /* ECC-CMS-SharedInfos */
};

/* The SET OF RecipientInfo that comes next. Errors: ERR_BAD_MESSAGE,
 * ERR_LIMIT. An algorithm that is not known is not an error. */
MUST_USE enum err recipients_read(struct ber *b, struct recipients *out,
                                  struct problem *p);
void recipients_drop(struct recipients *r);

/* Appends a RecipientInfo for the N-th recipient (from 1, for messages) that
 * carries KEY; *agreed is set for a key agreement. Errors:
 * ERR_BAD_CERTIFICATE, ERR_UNSUPPORTED. */
MUST_USE enum err recipient_write(const struct envelope_recipient *r, size_t n,
                                  struct slice key, struct buf *out,
                                  bool *agreed, struct problem *p);

#endif
