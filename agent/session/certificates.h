/*
 * Which certificates of a SignedData go to the validator with one of its
 * signers, and in which order. Runs in smime-session; it looks at names and
 * numbers alone, whether a certificate is worth anything is not decided here.
 */
#ifndef AGENT_SESSION_CERTIFICATES_H
#define AGENT_SESSION_CERTIFICATES_H

#include "agent/cms/signed.h"
#include "agent/wire/records.h"

/*
 * The signer's own first, then its issuers by name, nearest first, then the
 * others as they come: the order in a message is its sender's, and whoever
 * is listed behind many others is to be judged like anybody else. At most
 * LIMIT_EVIDENCE_BYTES together. True when any was left out. Borrows from D.
 */
MUST_USE bool certificates_choose(const struct signed_data *d,
                                  const struct signer_info *s,
                                  struct slice_list *out);

#endif
