/*
 * What a person may call a key by: its id or the beginning of it, or a URI
 * (RFC 7512). Text only; runs in sessions and in the client, which asks before
 * it has a key removed and so must mean the same one.
 */
#ifndef AGENT_BASE_KEY_NAME_H
#define AGENT_BASE_KEY_NAME_H

#include <stdbool.h>

#define KEY_NAME_LEAST_DIGITS 4 /* of an id that is not given as a whole */

enum key_name {
    KEY_NAME_OTHER,
    KEY_NAME_BEGINS, /* the id begins so */
    KEY_NAME_WHOLE,  /* the whole id, however short, or a URI */
};

/* How WANTED names the key of this id (hex), URI and label. A URI names it
 * when it is this URI, or has its id or label and nothing that contradicts;
 * what would load a module or carry a PIN names nothing. */
enum key_name key_name_of(const char *wanted, const char *id, const char *uri,
                          const char *label);

/* It begins like a pkcs11: URI; whether it is one that can be read is for
 * key_name_of. */
bool key_name_is_uri(const char *wanted);

#endif
