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

/* What was wrong with the directory's answer, on stderr. */
void contacts_directory_say(json_t *directory);

/* A title and what belongs to it, in lines under each other; nothing where
 * VALUE is empty. */
void contacts_field_say(size_t indent, const char *title, const char *value);

/* contacts show --why. */
int contacts_why(const struct arguments *a);

/* "AB12 CD34 ..." of a fingerprint in hexadecimal; 128 bytes are enough for
 * SHA-256. */
void fingerprint_groups(const char *hex, char *out, size_t size);

#define FINGERPRINT_DIGITS 64

/* As people type it (colons and blanks between the digits, either case), into
 * small digits alone; false when it is none, or too short to tell one from
 * another. */
bool fingerprint_clean(const char *text, char out[FINGERPRINT_DIGITS + 1]);

/* Hands a file to the agent; VOUCHED (may be NULL): the fingerprint of the
 * one to be pinned. On another exit code why not has been said. */
int contacts_file_import(const struct arguments *a, const char *path,
                         const char *vouched, json_t **out);

/* Behind an import of FILE that gave REPLY: shows what is in it, asks, and
 * pins. */
int contacts_vouch(const struct arguments *a, const char *file, json_t *reply);

/* Lines of events, as contacts history shows them. */
void contacts_events_say(json_t *events, bool with_address);

#endif
