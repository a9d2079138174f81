/*
 * A PKCS#12 file (RFC 7292), walked by hand: its keys as integers, its
 * certificates, and what was noteworthy about it.
 *
 * Runs in smime-importer only, behind its sandbox. Opens nothing, keeps no
 * copy of the password, and wipes what it decrypted when dropped.
 */
#ifndef AGENT_IMPORTER_P12_H
#define AGENT_IMPORTER_P12_H

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/base/secret.h"
#include "agent/wire/records.h"

struct p12;

/* Loads the providers, in library contexts of our own: the legacy one is a
 * file, so this comes before the sandbox. No configuration file is read. */
void p12_warm(void);

/*
 * Reads FILE (borrowed) and gives what is in it. PASSWORD (borrowed) may be
 * NULL or empty: then both readings of "no password" are tried. no_mac: read
 * a file that has no MAC.
 * Errors: ERR_P12_FORMAT (with what the file seems to be), ERR_P12_PASSWORD,
 * ERR_P12_NO_MAC, ERR_P12_NO_KEY, ERR_P12_UNSUPPORTED (named), ERR_LIMIT.
 */
MUST_USE enum err p12_read(struct slice file, const struct secret *password,
                           bool no_mac, struct p12 **out, struct problem *p);

/* Fills the next item: keys, then certificates, then the end (again and
 * again). Slices are valid until the next call. */
void p12_next(struct p12 *p12, struct p12_item *out);

void p12_drop(struct p12 **p12);

#endif
