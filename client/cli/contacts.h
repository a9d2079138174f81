/*
 * The parts of `smime contacts`: one file for each, with its own options.
 */
#ifndef CLIENT_CLI_CONTACTS_H
#define CLIENT_CLI_CONTACTS_H

#include "client/cli/cli.h"

/* Calls METHOD of io.smimeagent.Contacts on the mail socket with one
 * parameter (VALUE may be NULL); as call_run. */
int contacts_get(const char *method, const char *parameter, const char *value,
                 json_t **out);

/* contacts show --why. */
int contacts_why(const struct arguments *a);

/* "AB12 CD34 ..." of a fingerprint in hexadecimal; 128 bytes are enough for
 * SHA-256. */
void fingerprint_groups(const char *hex, char *out, size_t size);

/* Lines of events, as contacts history shows them. */
void contacts_events_say(json_t *events, bool with_address);

#endif
