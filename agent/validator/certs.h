/*
 * Parsed certificates, kept by the SHA-256 of their DER, and what each says.
 * Owned by smime-validator. Parsing is the dear part of a verification, and
 * people write more than once. Decides nothing about trust.
 */
#ifndef AGENT_VALIDATOR_CERTS_H
#define AGENT_VALIDATOR_CERTS_H

#include <openssl/x509.h>

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"
#include "agent/wire/records.h"
#include "agent/wire/values.h"

struct facts {
    char *addresses[LIMIT_CERT_ADDRESSES];
    size_t address_count;
    bool bad_address;    /* one was left out: NUL inside, implausible */
    bool more_addresses; /* some were left out: there are too many */
    uint32_t uses;       /* set of enum key_use that it leaves for mail */
    enum key_type type;
    uint32_t bits;
    const char *curve; /* its name, or "" */
    bool weak_key;     /* RSA below 2048, EC below 224, unknown */
    bool is_ca;
    int64_t not_before;
    int64_t not_after;
    uint8_t key_hash[32]; /* SHA-256 of the SubjectPublicKeyInfo */
    char subject[LIMIT_TEXT_BYTES];
    char issuer[LIMIT_TEXT_BYTES];
    char name[LIMIT_LABEL_BYTES];
    char serial[81];
};

struct cert {
    uint8_t fingerprint[32];
    X509 *x509;
    EVP_PKEY *key;       /* borrowed from x509; NULL: not readable */
    bool bounded;        /* see bounds.h; else it is used for nothing */
    struct facts *facts; /* through cert_facts only */
};

struct certs;
struct certs *certs_new(void);
void certs_drop(struct certs **c);

/* Borrows the parsed certificate; NULL when DER is not exactly one, or is
 * over the limit. It stays until LIMIT_CACHED_CERTS others were asked for,
 * which no single request can do. */
struct cert *certs_find(struct certs *c, struct slice der);

/* Leaves a place empty for the next one, which then need not wait until an old
 * one is freed: a fifth of reading it. */
void certs_make_room(struct certs *c);

/* Reads the facts at the first call. */
const struct facts *cert_facts(struct cert *cert);

/* Appends a `description` record. */
void cert_describe(struct cert *cert, enum chain chain, bool cleared,
                   struct buf *out);

/* True when the certificate names ADDRESS. */
bool cert_names_address(struct cert *cert, struct slice address);

/* In facts.c: reads one. */
struct facts *facts_read(X509 *x, EVP_PKEY *key);
void facts_drop(struct facts **f);
/* As RFC 2253 writes it, cut to SIZE. */
void name_print(const X509_NAME *name, char *out, size_t size);
/* An RSA key below 2048 bits, an elliptic curve below 224, or a key to which
 * anybody's signature is right: an RSA exponent that is no odd number above 1,
 * a point of Ed25519 or Ed448 of small order. */
bool key_is_weak(EVP_PKEY *key);
/* Seconds since 1970; OTHERWISE when T is NULL or cannot be read. */
int64_t asn1_seconds(const ASN1_TIME *t, int64_t otherwise);
/* Seconds since 1970; the ends of time when it cannot be read: such a
 * certificate is never valid. */
int64_t x509_not_before(const X509 *x);
int64_t x509_not_after(const X509 *x);
/* False when an extendedKeyUsage is there that leaves mail out. */
bool x509_is_for_mail(X509 *x);

#endif
