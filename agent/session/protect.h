/*
 * Header Protection as it is written (RFC 9788): a copy of the header fields
 * inside, hp="clear" or hp="cipher" at the root of what is protected, and for
 * what is encrypted HP-Outer fields, which say what the sender wrote outside.
 * The Header Confidentiality Policy is hcp_baseline (RFC 9788 3.2.1), or
 * hcp_no_confidentiality where nothing is to be hidden. Works on headers in
 * memory; runs in smime-session.
 */
#ifndef AGENT_SESSION_PROTECT_H
#define AGENT_SESSION_PROTECT_H

#include "agent/mime/header.h"
#include "agent/session/policy.h"

struct protect {
    enum header_protection how;
    bool encrypts;
    bool legacy_display;
};

/* hp="clear": nothing was encrypted, so nothing is confidential. */
bool protect_is_on(const struct protect *p);

/* What the sender's own field F is outside. */
enum outer_field {
    OUTER_SAME,
    OUTER_HIDDEN, /* protect_hidden stands in its place */
    OUTER_NONE    /* it is not there */
};
enum outer_field protect_outer(const struct protect *p,
                               const struct header_field *f);
#define PROTECT_HIDDEN_SUBJECT "Subject: [...]"

/* Bcc is never written (RFC 5322 3.6.3), Content-Length is a mailbox's word on
 * another body, HP-Outer has no meaning outside. */
bool field_is_dropped(const struct header_field *f);
/* MIME-Version and Content-*: of the body, not of the message (RFC 9787). */
bool field_is_structural(const struct header_field *f);

/* Appends the protected fields of the message's header H and the HP-Outer
 * fields, lines ended by CRLF. False when one of them may not survive its
 * transport (safe_field.h). */
bool protect_fields_add(const struct protect *p, const struct header *h,
                        struct buf *out);

/* Appends the Content-Type field F, NULL for text/plain, with the parameter
 * hp, or without one that is there where nothing is protected. */
void protect_type_add(const struct protect *p, const struct header_field *f,
                      struct buf *out);

/* What a reader that does not know of all this is to be shown: "Subject: ...",
 * in UTF-8 and without a line end, appended; nothing where nothing is hidden.
 */
void protect_display_add(const struct protect *p, const struct header *h,
                         struct buf *out);

#endif
