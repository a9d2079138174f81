/*
 * Header Protection as it is written (RFC 9788): a copy of the header fields
 * inside, hp="clear" or hp="cipher" at the root of what is protected, and for
 * what is encrypted HP-Outer fields, which say what the sender wrote outside.
 * The Header Confidentiality Policy is hcp_baseline, hcp_shy (RFC 9788 3.2.1,
 * 3.2.2), or hcp_no_confidentiality where nothing is to be hidden. Works on
 * headers in memory; runs in smime-session.
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

/* What the sender's own field F is outside. Of OUTER_OTHER the value is
 * appended to OUT, folded, without a line end behind it. */
enum outer_field {
    OUTER_SAME,
    OUTER_OTHER,
    OUTER_NONE /* it is not there */
};
enum outer_field protect_outer(const struct protect *p,
                               const struct header_field *f, struct buf *out);

/* The value that hcp_shy leaves of an address or date field; false: it is
 * none, or stays as it is. */
bool protect_shy_add(const struct header_field *f, struct buf *out);

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
 * and what else is hidden of what readers show, each in UTF-8 on a line,
 * appended; nothing where nothing is hidden. */
void protect_display_add(const struct protect *p, const struct header *h,
                         struct buf *out);

#endif
