/*
 * Contacts as other programs read them: vCard 4 (RFC 6350) and LDIF (RFC
 * 2849, RFC 4523). Runs in smime-session. Names are foreign text: whatever is
 * in them, they begin no line of their own.
 */
#ifndef AGENT_SESSION_HANDED_OUT_H
#define AGENT_SESSION_HANDED_OUT_H

#include "agent/base/mem.h"
#include "agent/wire/records.h"

/* Appends one contact: its address, its name (may be empty) and all its
 * certificates. BASE: the DN that the entry is below; may be empty. */
void vcard_write(struct buf *out, struct slice address, struct slice name,
                 const struct slice_list *certificates);
void ldif_write(struct buf *out, struct slice base, struct slice address,
                struct slice name, const struct slice_list *certificates);

/* An authority, which has no address. */
void vcard_write_issuer(struct buf *out, struct slice name, struct slice der);
void ldif_write_issuer(struct buf *out, struct slice base, struct slice name,
                       struct slice der);

/* What an LDIF begins with. */
void ldif_write_head(struct buf *out);

#endif
