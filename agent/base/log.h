/*
 * Logging of processes (libraries don't log): one line on stderr, which is
 * the journal under systemd. Foreign text passes through text_escape.
 */
#ifndef AGENT_BASE_LOG_H
#define AGENT_BASE_LOG_H

#include "agent/base/err.h"
#include "agent/base/mem.h"

enum log_level { LOG_ERROR_LEVEL = 3, LOG_NOTE_LEVEL = 5, LOG_DEBUG_LEVEL = 7 };

/* Names this process in every line, e.g. "keyholder". Borrows the text.
 * Debug lines are written only when SMIME_AGENT_DEBUG is set. */
void log_open(const char *process);
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A problem with its request: "request 12: NoKey: no usable key for ..." */
void log_problem(const char *what, const struct problem *p);

/* Copies foreign text so that it is one harmless line: control, bidi and
 * invalid UTF-8 bytes become \xHH, at most LIMIT bytes of text, "..." when
 * cut. OUT has SIZE bytes and is always terminated. */
void text_escape(struct slice text, char *out, size_t size);

/* Hex, lower case; OUT has room for 2 * n + 1 bytes. */
void text_hex(struct slice bytes, char *out);
/* The reverse; false when TEXT is not hex of at most SIZE bytes. */
bool text_unhex(const char *text, uint8_t *out, size_t size, size_t *out_len);

#endif
