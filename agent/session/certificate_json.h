/*
 * What the validator said of a certificate, as the client protocol's type
 * Certificate. Runs in smime-session, which itself reads no certificate.
 */
#ifndef AGENT_SESSION_CERTIFICATE_JSON_H
#define AGENT_SESSION_CERTIFICATE_JSON_H

#include <jansson.h>

#include "agent/session/json_text.h"
#include "agent/wire/records.h"

/* Gives the type Certificate (io.smimeagent.Mail). */
json_t *certificate_json(const struct description *d);

/* The same of an encoded description; NULL when it is empty or malformed. */
json_t *certificate_json_read(struct slice described);

/* The same with what programs that know it by its bytes want: sha1, and der
 * as base64. NULL without DER. */
json_t *certificate_json_whole(struct slice described, struct slice der);

/* A key's kind for people: "RSA-3072", "P-256", "secp256k1", "Ed25519",
 * "unknown". CURVE: its name, "" or empty when nobody knows it. */
json_t *key_algorithm_json(uint32_t type, uint32_t bits, struct slice curve);

#endif
