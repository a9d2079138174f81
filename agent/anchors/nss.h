/*
 * The roots that NSS trusts for mail, read out of its built-in module by
 * PKCS#11. Runs in smime-anchors, once; logs in nowhere, writes nothing into
 * the module, and looks at public objects only.
 */
#ifndef AGENT_ANCHORS_NSS_H
#define AGENT_ANCHORS_NSS_H

#include "agent/base/err.h"
#include "agent/base/mem.h"

/* Where a module is looked for when none is named, best first; NULL ends
 * the list. */
extern const char *const nss_places[];

struct nss;

/* Loads the module at PATH: code of it runs from here on. False (said on the
 * log) when that cannot be done or it is no PKCS#11 module. */
MUST_USE bool nss_load(const char *path, struct nss **out);
void nss_drop(struct nss **n);

/* Appends every root that is a trusted delegator for mail, with its distrust
 * time, as a whole list (list.h). False, and OUT as it was, when the module
 * fails. *count: how many. */
MUST_USE bool nss_list(struct nss *n, struct buf *out, size_t *count);

/* "YYMMDDHHMMSSZ" or "YYYYMMDDHHMMSSZ", as the module has its distrust
 * times, in seconds since 1970. False for anything else: a root with a time
 * that cannot be read is left out. */
MUST_USE bool nss_time(struct slice text, uint64_t *out);

#endif
