/*
 * What the files of the importer share. See p12.h for the promises.
 */
#ifndef AGENT_IMPORTER_INTERNAL_H
#define AGENT_IMPORTER_INTERNAL_H

#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "agent/importer/p12.h"

/* ---- the forms of a password ----
 * Its bytes as given; re-encoded between UTF-8 and Latin-1 (PBES2 takes the
 * bytes as they are, and old writers gave it Latin-1); and for none at all
 * both the empty string and its absence, which give different keys. */
#define PASSWORD_FORMS 2

struct password_form {
    const char *p;
    int n;
};

struct passwords {
    struct password_form form[PASSWORD_FORMS];
    size_t count;
    struct secret *other; /* owns the re-encoded form */
};

void passwords_init(struct passwords *w, const struct secret *given);
void passwords_drop(struct passwords *w);

/* True when S is well-formed UTF-8. */
bool utf8_is_valid(struct slice s);

/* ---- a file that is read ----------------------------------------------- */

struct p12_key {
    EVP_PKEY *pkey;
    char *label; /* friendlyName or NULL */
};

struct p12_certificate {
    X509 *x509;
    char *label;
    const EVP_PKEY *key; /* borrowed: the file's key that it certifies */
};

struct p12 {
    struct p12_key key[LIMIT_P12_KEYS];
    size_t key_count;
    struct p12_certificate certificate[LIMIT_P12_CERTIFICATES];
    size_t certificate_count;
    struct buf legacy; /* names of weak ciphers that it uses: "RC2, 3DES" */
    bool left_out;     /* an item that is no key and no certificate */
    size_t bags;
    uint64_t iterations; /* spent so far */
    size_t next;
    /* what the last item borrows */
    struct buf value[8], spki, subject, issuer, serial, label;
};

/* The library contexts that p12_warm made. */
OSSL_LIB_CTX *libctx_plain(void);
OSSL_LIB_CTX *libctx_legacy(void);

/* Counts COUNT iterations of a key derivation; ERR_LIMIT when all of them
 * would be too many. Negative and zero: ERR_P12_FORMAT. */
MUST_USE enum err spend_iterations(struct p12 *p12, int64_t count,
                                   struct problem *p);

/* An INTEGER as a number; -1 when it is absent or does not fit. */
int64_t integer_of(const ASN1_INTEGER *a);

/* The hash of the HMAC that ALGORITHM names; NULL is the DEFAULT of PBKDF2
 * (RFC 8018). Gives NULL for one that libcrypto does not know. */
const EVP_MD *hmac_hash(const X509_ALGOR *algorithm);

/* Checks the MAC; *out_form is the password's form that fits. */
MUST_USE enum err mac_check(struct p12 *p12, PKCS12 *file, struct slice der,
                            const struct passwords *w, size_t *out_form,
                            struct problem *p);

/* What is needed to decrypt with an algorithm of the file. */
struct cipher_choice {
    OSSL_LIB_CTX *libctx;
    int64_t iterations;
    const char *legacy; /* the name of a weak cipher; NULL: it is none */
};

/* ERR_P12_UNSUPPORTED names an algorithm that no provider has. */
MUST_USE enum err cipher_choose(const X509_ALGOR *algorithm,
                                struct cipher_choice *out, struct problem *p);

/* Walks all safes and bags into P12. FIRST is the form tried first. */
MUST_USE enum err bags_walk(struct p12 *p12, PKCS12 *file,
                            const struct passwords *w, size_t first,
                            struct problem *p);

/* ERR_P12_UNSUPPORTED for a key whose type, size or curve the token side
 * cannot take, named. */
MUST_USE enum err key_check(EVP_PKEY *pkey, struct problem *p);

/* ERR_LIMIT for a certificate that is too large to be passed on. */
MUST_USE enum err certificate_check(X509 *x509, struct problem *p);

/* Writes what a file that is no PKCS#12 seems to be into OUT. */
void guess_file(struct slice file, char *out, size_t size);

#endif
