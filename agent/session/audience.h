/*
 * Everyone a message is encrypted to: those named by address or certificate,
 * and oneself. All have a usable certificate, or one answer names each that
 * has none. Runs in smime-session.
 */
#ifndef AGENT_SESSION_AUDIENCE_H
#define AGENT_SESSION_AUDIENCE_H

#include "agent/cms/enveloped.h"
#include "agent/session/directory.h"
#include "agent/session/session.h"

/* Owns copies of certificates. */
struct audience {
    struct envelope_recipient *recipient;
    struct slice *capabilities; /* of the contacts among them */
    const char **contact;       /* what each was named by, borrowed */
    size_t contacts;
    struct buf *bytes; /* one for each certificate, one for capabilities */
    size_t count;
    size_t room;
    json_t *names;
    struct buf missing;        /* "a@x (why), b@y (why)" */
    struct wanted_list wanted; /* of whom the directory may know more */
    json_t *warnings;
};
void audience_drop(struct audience *a);

/* Those in the request's `to` (addresses) and `certificates` (SHA-256
 * fingerprints in hex; of one's own keys also SHA-1). OUT is a zeroed one.
 * Errors: ERR_USAGE for none or too many, ERR_NO_RECIPIENT. */
MUST_USE enum err audience_gather(struct request *r, struct own_keys *keys,
                                  struct audience *out);

/* Adds oneself as FROM (NULL: any of one's addresses): whoever cannot read
 * what he sent has lost it. Errors: ERR_NO_KEY. */
MUST_USE enum err audience_add_self(struct request *r, struct own_keys *keys,
                                    const char *from, struct audience *a);

/* The content cipher, and how each RSA key is encrypted to: what the request
 * asks for, else agent.conf, else what the contacts have announced. Who has
 * not announced an AEAD that is asked for is named in a warning. Errors:
 * ERR_ALGORITHM. */
MUST_USE enum err audience_choose(struct request *r, struct audience *a,
                                  enum cipher *out);

#endif
