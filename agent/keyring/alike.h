/*
 * Addresses that look like another: what people would read as the same text
 * has one skeleton (UTS #39 section 4). A small part of its table: Latin
 * beside Cyrillic and Greek, digits, fullwidth letters, and pairs that run
 * together. Runs in smime-keyring; it only computes.
 */
#ifndef AGENT_KEYRING_ALIKE_H
#define AGENT_KEYRING_ALIKE_H

#include "agent/base/mem.h"

/* Appends the skeleton of an address: its canonical form, the domain in
 * letters, each character that looks like an ASCII one as that one. */
void alike_write(struct slice address, struct buf *out);

/* Does one part of it, between dots and the @, hold letters of more than one
 * of Latin, Greek and Cyrillic? */
bool alike_mixes(struct slice address);

#endif
