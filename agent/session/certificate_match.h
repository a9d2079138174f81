/*
 * Which certificates a program means by a pattern, in the ways of gpgsm's
 * user ids. Runs in smime-session.
 *
 *   40 or 64 hex digits (0x and colons allowed)   SHA-1 or SHA-256 fingerprint
 *   16 or 8 hex digits     the end of the SHA-1 fingerprint
 *   <a@example.org>        exactly this address
 *   #SERIAL/ISSUER         serial number in hex and the issuer's name; either
 *                          may be missing
 *   /SUBJECT               exactly this subject
 *   &HEX                   a keygrip (SHA-1 over the key, as libgcrypt has it)
 *   *TEXT or TEXT          part of an address, a name or the subject
 */
#ifndef AGENT_SESSION_CERTIFICATE_MATCH_H
#define AGENT_SESSION_CERTIFICATE_MATCH_H

#include "agent/base/mem.h"
#include "agent/wire/records.h"

enum pattern_kind {
    PATTERN_SHA1,
    PATTERN_SHA256,
    PATTERN_SHORT, /* the end of SHA-1 */
    PATTERN_ADDRESS,
    PATTERN_SERIAL,
    PATTERN_SUBJECT,
    PATTERN_GRIP,
    PATTERN_TEXT
};

struct pattern {
    enum pattern_kind kind;
    uint8_t bytes[32]; /* of the first three and GRIP */
    size_t n;
    struct slice text;   /* borrowed: address, subject, text, issuer */
    struct slice serial; /* borrowed: hex digits */
};

/* Borrows TEXT. */
void pattern_read(const char *text, struct pattern *out);

/* True when the certificate's bytes alone tell. */
bool pattern_is_of_bytes(const struct pattern *p);

/* What can be matched; all borrowed. about is zeroed while it is unknown. */
struct matched {
    const uint8_t *sha1;   /* 20 bytes */
    const uint8_t *sha256; /* 32 bytes */
    const uint8_t *grip;   /* 20 bytes, or NULL */
    const struct description *about;
};
bool pattern_matches(const struct pattern *p, const struct matched *m);

/* libgcrypt's keygrip of an RSA key: SHA-1 of the modulus as in the
 * SubjectPublicKeyInfo SPKI. False for keys of other kinds. */
MUST_USE bool key_grip(struct slice spki, uint8_t out[20]);

#endif
