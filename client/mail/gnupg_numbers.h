/*
 * The numbers that GnuPG's status lines use for algorithms (libgcrypt's).
 */
#ifndef CLIENT_MAIL_GNUPG_NUMBERS_H
#define CLIENT_MAIL_GNUPG_NUMBERS_H

#include <stdbool.h>

/* KEY as the agent writes it ("RSA 3072"); 0: unknown. */
int gnupg_key_number(const char *key, bool signs);
/* DIGEST as the agent writes it ("SHA-256"); 0: unknown. */
int gnupg_digest_number(const char *digest);

#endif
