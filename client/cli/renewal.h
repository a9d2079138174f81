/*
 * Which of one's keys, as io.smimeagent.Keys.List tells of them, are the same,
 * and which certificate another one has taken the place of. Runs in smime.
 */
#ifndef CLIENT_CLI_RENEWAL_H
#define CLIENT_CLI_RENEWAL_H

#include <jansson.h>
#include <stdbool.h>

bool list_has(json_t *list, const char *text);

/* Every text of the list NAME of A is in that of B. */
bool keys_cover(json_t *a, json_t *b, const char *name);

/* Cards number their keys alike: it is the public key that tells, where it is
 * known. */
bool key_is_same(json_t *a, json_t *b);

/* One of KEYS is the same key with a certificate that was issued later, for
 * the same addresses, and ends later than that of KEY. */
bool key_has_newer(json_t *keys, json_t *key);

#endif
