/*
 * Foreign values as JSON: texts that may not be UTF-8, times, hex. Runs in
 * smime-session. Every function gives a new reference.
 */
#ifndef AGENT_SESSION_JSON_TEXT_H
#define AGENT_SESSION_JSON_TEXT_H

#include <jansson.h>

#include "agent/base/mem.h"
#include "agent/wire/records.h"

/* Valid UTF-8 as it is; else, or with a NUL inside, escaped (text_escape). */
json_t *json_text(struct slice text);

/* A list of texts. */
json_t *json_texts(const struct slice_list *list);

/* Seconds since 1970; what no JSON integer holds becomes the largest. */
json_t *json_time(uint64_t seconds);

/* Lower-case hex of at most 64 bytes. */
json_t *json_hex(struct slice bytes);

#endif
