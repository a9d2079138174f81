/*
 * Mail addresses as certificates name them. Runs in smime-validator; it
 * compares, it never resolves or converts: an A-label and its U-label are
 * two different domains here.
 */
#ifndef AGENT_VALIDATOR_ADDRESS_H
#define AGENT_VALIDATOR_ADDRESS_H

#include "agent/base/err.h"
#include "agent/base/mem.h"

/* Could this be an addr-spec? One @, a local part without quotes or blanks,
 * a domain of letters, digits, hyphens and dots; no NUL, no control. With
 * UTF8 also well-formed characters beyond ASCII, but none that are invisible
 * or turn the direction of text (RFC 8398). */
bool address_is_plausible(struct slice s, bool utf8);

/* ASCII letters count the same in either case, in the local part too. */
bool address_equal(struct slice a, struct slice b);

#endif
