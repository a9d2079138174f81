/*
 * Which key somebody means: mail tools name keys in all ways there are.
 */
#ifndef CLIENT_MAIL_CHOOSE_KEY_H
#define CLIENT_MAIL_CHOOSE_KEY_H

#include "client/cli/cli.h"

/*
 * Sets `key` or `from` of a Sign call: an address, "Name <address>", the
 * beginning of an id in hex, a fingerprint of the certificate (SHA-1 or
 * SHA-256, with colons, blanks or 0x too), or a pkcs11: URI. EXIT_DONE, or
 * said and the exit code.
 */
int call_set_key(struct call *c, const char *wanted);

/* Appends the hex digits of TEXT in lower case, without a leading 0x, colons,
 * blanks and a '!' at the end; false when there is anything else. */
bool hex_read(const char *text, char *out, size_t size);

#endif
