/*
 * What the tests of agent/cms share: keys and certificates made on the spot,
 * a keyholder in software, streams that come in pieces, files and commands.
 */
#ifndef TESTS_UNIT_CMS_FIXTURE_H
#define TESTS_UNIT_CMS_FIXTURE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the four above first. */
#include <cmocka.h>
/* The name is ours: agent/base/err.h. */
#undef fail
#undef fail_msg
#define fail_msg(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))

#include "agent/cms/enveloped.h"
#include "agent/cms/signed.h"

struct identity {
    EVP_PKEY *key;
    X509 *x509;
    struct buf certificate; /* DER */
};

/* TYPE: "RSA", "P-256", "P-384", "P-521", "ED25519", "X25519"; an X25519
 * certificate is signed by ISSUER, others by themselves (NULL). */
struct identity identity_make(const char *type, const struct identity *issuer);
void identity_drop(struct identity *id);

/* What the token does: signs the attributes. */
void identity_sign(const struct identity *id,
                   const struct signature_algorithm *a, struct slice data,
                   struct buf *out);
/* ... verifies, for the other direction. */
bool identity_verify(const struct identity *id,
                     const struct signature_algorithm *a, struct slice data,
                     struct slice signature);
/* ... and finds the content-encryption key in what R carries. */
bool key_unwrap(EVP_PKEY *key, const struct recipient_info *r, size_t want,
                struct secret *out);

/* A stream that gives at most STEP bytes at once. */
struct steps {
    struct stream s;
    struct slice rest;
    size_t step;
};
void steps_init(struct steps *s, struct slice bytes, size_t step);

/* N bytes that look random and are the same each time. */
void fill_pattern(struct buf *b, size_t n);

/* Reads S in pieces of STEP bytes. */
enum err read_in_steps(struct stream *s, size_t step, struct buf *out,
                       struct problem *p);

/* Digests of bytes in memory, by the module's own digests. */
void digest_of(enum hash h, struct slice bytes, struct buf *out);

/* Detached or, with WRITER, opaque SignedData over CONTENT. */
void sign_detached(const struct identity *id, struct signer_spec spec,
                   struct slice content, struct buf *out);
void sign_opaque(const struct identity *id, struct signer_spec spec,
                 struct slice content, size_t step, struct buf *out);
/* PKCS1, PSS, ECDSA or EDDSA by the key, with the digest H. */
struct signer_spec spec_for(const struct identity *id, enum scheme scheme,
                            enum hash h);

/* An envelope around CONTENT. */
enum err envelope(enum cipher cipher, const struct identity *const *to,
                  size_t count, bool oaep, struct slice content, size_t step,
                  struct buf *out, struct problem *p);
/* Opens it with KEY, trying each recipient; *out gets the plaintext. */
enum err open_envelope(struct slice object, EVP_PKEY *key, size_t step,
                       struct buf *out, struct problem *p);

/* Reads all of a SignedData; *out and CONTENT are the caller's to drop. */
enum err read_signed(struct slice object, size_t step, struct signed_data *out,
                     struct buf *content, struct problem *p);

/* A folder of this process, removed at exit; FILE's path inside it (static,
 * the last eight stay valid). */
const char *scratch(const char *file);
void save_file(const char *path, struct slice bytes);
/* False when it cannot be read. */
bool load_file(const char *path, struct buf *out);
/* PEM files for the openssl command. */
void identity_save(const struct identity *id, const char *name);
/* The command's exit status; its output goes to scratch("log"). */
int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The folder of conformance data, or NULL when it is not there. */
const char *shared_data(void);

#endif
