/*
 * Mailboxes in header fields (RFC 5322 3.4, RFC 6532) and what deceives
 * about them. Runs in smime-session on hostile mail.
 */
#ifndef AGENT_MIME_ADDRESS_H
#define AGENT_MIME_ADDRESS_H

#include "agent/address/same.h"
#include "agent/base/limits.h"
#include "agent/mime/header.h"

struct mailbox {
    char address[LIMIT_MAILBOX_BYTES + 1]; /* addr-spec without comments */
    char *name; /* display name and comments, encoded words decoded to UTF-8,
                   or NULL; owned by the list */
    bool hidden_at; /* some readers see a commercial at in the name's bytes:
                       UTF-8 that is longer than it needs, a charset they guess
                     */
};

struct mailbox_list {
    struct mailbox *item;
    size_t count;
    bool malformed; /* something could not be read: trust none of it */
    bool group;     /* group syntax was used */
    /* Obsolete forms that readers take for different things (RFC 5322 4.4):
     * a route, an empty item, blanks or comments inside an addr-spec. */
    bool obsolete;
};

/* Parses one field's value. Never fails: what cannot be read sets
 * malformed (also NUL, control characters, more than the limits). */
void mailbox_list_parse(struct slice value, struct mailbox_list *out);
void mailbox_list_drop(struct mailbox_list *l);

/* True when the display name or a comment deceives: it decodes to or holds
 * something that looks like an address other than the mailbox itself, or
 * control or bidi characters. `"a@x" <a@x>` is honest. */
bool mailbox_is_deceiving(const struct mailbox *m);

/* Appends TEXT with encoded words (RFC 2047; UTF-8, ISO-8859-1, US-ASCII,
 * windows-1252; others stay as they are) decoded to UTF-8. */
void encoded_word_decode(struct slice text, struct buf *out);

/* A plausible addr-spec: one @, no blanks or controls, within limits. */
bool address_is_plausible(struct slice a);

#endif
