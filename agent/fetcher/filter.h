/*
 * Search filters with foreign text in them (RFC 4515). Runs in
 * smime-fetcher.
 */
#ifndef AGENT_FETCHER_FILTER_H
#define AGENT_FETCHER_FILTER_H

#include "agent/base/mem.h"

/*
 * Appends VALUE as an assertion value: the octets that have a meaning in a
 * filter, NUL, and all that is not printable ASCII become \hh (RFC 4515
 * section 3), so that whatever an address holds is compared and nothing
 * else.
 */
void filter_escape(struct slice value, struct buf *out);

/* Appends TEMPLATE with each %s replaced by the escaped ADDRESS. */
void filter_fill(const char *template, struct slice address, struct buf *out);

#endif
