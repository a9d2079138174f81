/*
 * The one type for PINs, passwords and content-encryption keys: locked in
 * memory, left out of core dumps, wiped by drop. No function turns it into
 * text, and none logs it.
 */
#ifndef AGENT_BASE_SECRET_H
#define AGENT_BASE_SECRET_H

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"

struct secret;

/* Gives an empty secret with room for LIMIT_SECRET_BYTES. A forked child
 * finds it empty. */
struct secret *secret_new(void);

/* False when RLIMIT_MEMLOCK did not let it be locked: it works, but it may
 * be swapped out. */
bool secret_is_locked(const struct secret *s);

/* Gives a secret that holds a copy of N bytes (N at most the limit, else
 * bug()); the caller wipes its own copy. */
struct secret *secret_copy(const void *p, size_t n);

/* Reads the first line of FD (without its newline, CR LF counts as one)
 * byte by byte, so that nothing behind it is consumed; at most
 * LIMIT_SECRET_BYTES, within timeout_ms. Errors: ERR_INPUT (unreadable, too
 * long, deadline, the end before any byte). An empty line is an empty
 * secret; the end of the input ends the line. */
MUST_USE enum err secret_read(int fd, int timeout_ms, struct secret **out,
                              struct problem *p);

/* The bytes, borrowed; valid until drop or the next write. */
struct slice secret_slice(const struct secret *s);

/* Room for SIZE bytes to be filled by a callee; sets the length. */
uint8_t *secret_room(struct secret *s, size_t size);

void secret_drop(struct secret **s);

/* Wipes memory in a way the compiler keeps. */
void wipe(void *p, size_t n);

#endif
