/*
 * When two mail addresses are one (RFC 5321 4.1.2, 5890, 6532, 9598). Used
 * by session, validator and keyring, so that all of them agree. libidn2 only
 * computes: it opens no file and asks no locale here.
 */
#ifndef AGENT_ADDRESS_SAME_H
#define AGENT_ADDRESS_SAME_H

#include "agent/base/err.h"
#include "agent/base/mem.h"

/*
 * Appends ADDRESS in the form that addresses are compared in: ASCII letters
 * in lower case, also in the local part; a local part without quotes it does
 * not need; the domain as A-labels, its Latin, Greek, Cyrillic and Armenian
 * letters in lower case first (RFC 5891 5.2, RFC 9598 5). Nothing else is
 * folded: one who writes a fullwidth letter is not who owns the plain one.
 * What cannot be converted stays as it is.
 */
void address_canonical(struct slice address, struct buf *out);

/* Are both one by that form? */
bool address_equal(struct slice a, struct slice b);

/* Appends PLAIN, a local part without any quotes, in its one form: quoted
 * only if it must be. */
void local_part_write(struct slice plain, struct buf *out);

/* Appends the local part that QUOTED, a whole quoted string, stands for:
 * without quotes when it can be, else with no more of them than it needs.
 * False when QUOTED is none, or holds a control or a byte beyond ASCII. */
MUST_USE bool local_part_unquote(struct slice quoted, struct buf *out);

#endif
