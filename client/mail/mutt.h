/*
 * smime-mutt: what mutt and NeoMutt run in the place of openssl ("classic"
 * S/MIME). The files that mutt believes keys and certificates to be are only
 * names here: the path's last part is an address, an id or a fingerprint.
 */
#ifndef CLIENT_MAIL_MUTT_H
#define CLIENT_MAIL_MUTT_H

#include "client/cli/cli.h"

extern const struct command mutt_sign, mutt_encrypt, mutt_decrypt, mutt_verify,
    mutt_verify_opaque, mutt_pk7out, mutt_get_cert, mutt_get_signer_cert,
    mutt_get_cert_email, mutt_import_cert, mutt_index;

/* ---- mutt.c ---------------------------------------------------------------
 */

/* mutt asks for a passphrase first, whatever the key is, and writes it to us:
 * it is read and forgotten, so that mutt's write does not fail. */
void passphrase_skip(void);

/* The last part of a path: the name of a key or certificate. */
const char *name_of_path(const char *path);

/* ---- mutt_index.c -------------------------------------------------------- */

/* Writes both .index files anew from keys and contacts: EXIT_DONE, or said
 * and the exit code. */
int index_write(void);

/* The certificate whose SHA-256 fingerprint begins with HEX, among one's own
 * keys and the contacts; false: none, or several. OUT_KEY, when not NULL, gets
 * the URI of one's own key, or "". */
bool fingerprint_find(const char *hex, char out[65], char *out_key,
                      size_t key_size);

/* ---- mutt_object.c ------------------------------------------------------- */

/* The CMS object of a mail (the signature of a multipart/signed, or all of an
 * application/pkcs7-mime), or FILE itself when it is one, in a file in
 * memory. EXIT_DONE, or said and the exit code. */
int object_extract(const char *file, int *out_fd);

#endif
