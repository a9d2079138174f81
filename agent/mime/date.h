/*
 * The time in a Date field, read and written. Runs in smime-session.
 */
#ifndef AGENT_MIME_DATE_H
#define AGENT_MIME_DATE_H

#include <time.h>

#include "agent/base/err.h"
#include "agent/base/mem.h"

/* date-time of RFC 5322 3.3 and 4.3: false for what is no time, and without a
 * zone that any place has. VALUE is that of a header field, still folded. */
MUST_USE bool date_read(struct slice value, time_t *out);
/* The same in UTC; false when there is no such year. */
MUST_USE bool date_write(time_t when, struct buf *out);

#endif
