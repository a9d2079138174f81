/*
 * The decrypted content of an EnvelopedData or AuthEnvelopedData as a
 * stream. Runs in smime-session. One answer for everything that can be wrong
 * with key and ciphertext: whoever sees two can decrypt (RFC 3218, EFAIL).
 */
#ifndef AGENT_CMS_DECRYPT_H
#define AGENT_CMS_DECRYPT_H

#include "agent/base/secret.h"
#include "agent/cms/ber.h"
#include "agent/cms/enveloped.h"

struct decryption;

/* Borrows O, which stands in the encrypted content STRING behind the octets
 * FIRST, which are borrowed too, and KEY only during the call. */
MUST_USE enum err
decryption_new(struct cms_object *o, const struct ber_string *string,
               struct slice first, const struct cipher_algorithm *a,
               struct slice key, struct decryption **out, struct problem *p);
/* Is what the ciphertext FIRST decrypts to under KEY the beginning of a MIME
 * entity, printable ASCII and line ends? Only to choose among keys of one's
 * own that no certificate tells apart. Of CCM it is never said. */
MUST_USE bool decryption_looks_right(struct slice first,
                                     const struct cipher_algorithm *a,
                                     struct slice key);
struct stream *decryption_stream(struct decryption *d);
void decryption_drop(struct decryption **d);

#endif
