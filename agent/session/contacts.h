/*
 * What the methods of io.smimeagent.Contacts share. Runs in smime-session.
 */
#ifndef AGENT_SESSION_CONTACTS_H
#define AGENT_SESSION_CONTACTS_H

#include "agent/session/pem.h"
#include "agent/session/session.h"

/* The contact records of REPLY as {"contacts": []}. Errors: ERR_INTERNAL. */
MUST_USE enum err contacts_json(struct request *r,
                                const struct list_reply *reply,
                                bool with_certificate, json_t **out);

/* The word of an enum contact_state. */
const char *contact_state_word(uint32_t state);

/* The parameter NAME: SHA-256 in 64 hexadecimal digits; *n is 0 when it was
 * not given. Errors: ERR_USAGE. */
MUST_USE enum err contacts_fingerprint(struct request *r, const char *name,
                                       uint8_t bytes[32], size_t *n);

/* The type Stored. */
json_t *contacts_stored_json(const struct stored_record *s);

/* Hands certificates to the keyring, in as many messages as it takes, with
 * where they are from (ADDRESS: for it alone; may be empty), and appends the
 * type Stored for each to LIST. */
MUST_USE enum err contacts_store(struct request *r,
                                 const struct certificate_bundle *bundle,
                                 enum contact_source source,
                                 struct slice address, struct slice origin,
                                 json_t *list);

#endif
