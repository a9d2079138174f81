/*
 * Mail addresses as certificates name them. Runs in smime-validator; when
 * two of them are one says agent/address.
 */
#ifndef AGENT_VALIDATOR_ADDRESS_H
#define AGENT_VALIDATOR_ADDRESS_H

#include "agent/address/same.h"

/* Appends the addr-spec that S is, its local part with no more quotes than
 * it needs. False when it cannot be one: no or several @, blanks outside
 * quotes, a domain of other than letters, digits, hyphens and dots, a NUL or
 * a control. With UTF8 also well-formed characters beyond ASCII, but none
 * that are invisible or turn the direction of text (RFC 9598). */
MUST_USE bool address_read(struct slice s, bool utf8, struct buf *out);

#endif
