/*
 * Certificates and signed evidence made in a test. Everything lives until
 * make_end.
 */
#ifndef TESTS_UNIT_VALIDATOR_MAKE_H
#define TESTS_UNIT_VALIDATOR_MAKE_H

#include <openssl/x509.h>

#include "agent/base/mem.h"
#include "agent/cms/algorithm.h"
#include "agent/wire/records.h"

#define DAY 86400L

/* "rsa2048", "rsa1024", "p256", "p256b", "ed25519": made once each. */
EVP_PKEY *make_key(const char *kind);

struct made {
    X509 *x;
    EVP_PKEY *key;
    struct slice der;
};

struct cert_spec {
    const char *name;     /* the CN */
    const char *email;    /* rfc822Name, or NULL */
    size_t email_len;     /* 0: all of it; may count NULs inside */
    const char *utf8;     /* SmtpUTF8Mailbox, or NULL */
    const char *dn_email; /* emailAddress, or NULL */
    const char *key;
    const struct made *issuer; /* NULL: itself */
    long from, until;          /* seconds from now; 0, 0: -30 to 365 days */
    const char *usage;         /* as openssl's configuration spells it */
    const char *extended;
    const EVP_MD *md; /* NULL: SHA-256, or none for EdDSA */
    bool ca;
    int extra_nid; /* one more extension, when not 0 */
    const char *extra;
    long serial; /* 0: a new one */
};
struct made make_cert(const struct cert_spec *spec);

/* Signs M anew after its X was changed. */
void make_again(struct made *m, EVP_PKEY *issuer);

struct crl_spec {
    const struct made *issuer;
    long from, until;           /* seconds from now; 0, 0: -1 to 30 days */
    const struct made *revoked; /* NULL: nobody */
    long when;                  /* seconds from now */
    bool hold;                  /* the entry's reason */
    bool removed_before;        /* it has an entry removeFromCRL, too */
    bool removed_only;          /* ... and no other */
    const EVP_MD *md;           /* NULL: SHA-256 */
    const char *scope;          /* issuingDistributionPoint, or NULL */
    const struct made *of;      /* the issuer that the entry names, or NULL */
    bool forged;                /* its signature is not the issuer's */
    long number;                /* cRLNumber, when not 0 */
    long base;                  /* when not 0: a delta to that number */
    bool freshest;              /* says that there are deltas to it */
};
/* DER. */
struct slice make_crl(const struct crl_spec *spec);

/* Writes certificates as PEM to a file. */
void make_pem(const char *path, const struct made *certs, size_t n);
/* A new folder below /tmp, removed by make_end. */
const char *make_folder(void);

enum make_flag {
    MAKE_NO_ATTRS = 1,
    MAKE_DIGEST_TWICE = 2,
    MAKE_NO_CONTENT_TYPE = 4,
    MAKE_WRONG_DIGEST = 8,
    MAKE_BAD_SIGNATURE = 16,
    MAKE_TIME_TWICE = 32,
    MAKE_TWO_VALUES = 64,
    MAKE_V2 = 128,       /* signingCertificateV2 of the signer */
    MAKE_V2_WRONG = 256, /* ... of somebody else */
    MAKE_CAPABILITIES = 512,
    MAKE_PREFERS_MS =
        1024 /* Microsoft's attribute in place of the standard's */
};

struct message_spec {
    const struct made *signer;
    const struct made *others[4];
    enum hash hash; /* HASH_NONE: SHA-256 */
    bool pss;
    unsigned flags;    /* set of enum make_flag */
    long signing_time; /* seconds from now; 0: no attribute */
    const char *from;
    const struct made *prefers; /* encryption key preference */
    const char *content;
};

/* Fills *out with a whole mail's evidence, covers and learn set. */
void make_request(const struct message_spec *spec, struct verify_request *out);

void make_end(void);

#endif
