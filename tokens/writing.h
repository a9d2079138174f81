/*
 * What the parts of the library that write to a token share: templates, the
 * objects of a write, what undoes them. For tokens/ alone.
 */
#ifndef TOKENS_WRITING_H
#define TOKENS_WRITING_H

#include "tokens/internal.h"
#include "tokens/write.h"

/* Of PKCS#11 3.0; older headers lack them. */
#ifndef CKK_EC_EDWARDS
#define CKK_EC_EDWARDS 0x40UL
#endif
#ifndef CKK_EC_MONTGOMERY
#define CKK_EC_MONTGOMERY 0x41UL
#endif

/* A template that owns copies of its values; wiped by drop. */
struct template
{
    CK_ATTRIBUTE all[LIMIT_TEMPLATE];
    size_t count;
    bool failed;     /* no memory or no room: latched */
    bool montgomery; /* set before: the token knows CKK_EC_MONTGOMERY */
};
void template_add(struct template *t, CK_ATTRIBUTE_TYPE type, const void *p,
                  size_t n);
void template_add_ulong(struct template *t, CK_ATTRIBUTE_TYPE type,
                        CK_ULONG value);
void template_add_bool(struct template *t, CK_ATTRIBUTE_TYPE type, bool value);
void template_drop(struct template *t);
/* Takes what a public key may be used for out again. */
void template_remove_uses(struct template *t);
void template_private(struct template *t, const struct token_private_key *k,
                      struct token_bytes id);
void template_add_curve(struct template *t, const struct token_private_key *k);
void template_private_secrets(struct template *t,
                              const struct token_private_key *k);
void template_public(struct template *t, const struct token_private_key *k,
                     struct token_bytes id);
/* What a public key is, but for its components. */
void template_public_start(struct template *t,
                           const struct token_private_key *k,
                           struct token_bytes id);
struct token_bytes bytes_trim(struct token_bytes b);

struct import_key {
    uint8_t id[TOKEN_ID_BYTES];
    size_t id_len;
    CK_OBJECT_HANDLE handle;
    unsigned uses;
    struct evp_pkey_st *public_key;
    enum token_key_type type;
};

struct token_import {
    struct hold hold;
    const struct token_journal *journal; /* NULL: none */
    bool committed;
    bool sealed;
    bool rests;
    uint64_t left_ms; /* of its time, where it rests */
    CK_OBJECT_HANDLE created[LIMIT_IMPORT_OBJECTS];
    size_t created_count;
    struct import_key keys[LIMIT_IMPORT_OBJECTS];
    size_t key_count;
};

/* A certificate's key (match.c), NULL when it cannot be read; gives. A token
 * knows RSA keys only, so one for RSASSA-PSS or RSAES-OAEP alone (RFC 4055) is
 * given as any RSA key. */
struct evp_pkey_st *certificate_key(struct x509_st *x);
/* Its SubjectPublicKeyInfo as i2d_PUBKEY gives it. */
int certificate_spki(struct x509_st *x, unsigned char **out);
/* The CKA_ID that fits a certificate's own public key (import.c). */
bool certificate_id(struct x509_st *x, uint8_t out[TOKEN_KEY_ID_BYTES]);

/* Tells the journal; DER is a certificate's, or n 0 (import.c). */
enum tokens_err import_note(struct token_import *i, enum token_object object,
                            struct token_bytes id, struct token_bytes der,
                            bool was_there);

/* Destroys, or with !remove counts, half-made objects (broken.c). */
enum tokens_err broken_count(struct hold *h, bool remove,
                             struct token_remains *out);

/* True when the token says that it has Montgomery curves under their own key
 * type; SoftHSM2 keeps X25519 among the Edwards ones. */
bool token_has_montgomery(struct hold *h);

/* E, or, when its session is dead, TOKENS_REMOVED (import.c). */
enum tokens_err written_err(struct hold *h, enum tokens_err e);
enum tokens_err import_err(struct token_import *i, enum tokens_err e);

/* C_CreateObject, and C_UnwrapKey where the token wants that. */
enum tokens_err create_private_key(struct hold *h,
                                   const struct token_private_key *k,
                                   struct token_bytes id,
                                   CK_OBJECT_HANDLE *out);
enum tokens_err create_object(struct hold *h, struct template *t,
                              CK_OBJECT_HANDLE *out);
/* Compares what the token stored; TOKENS_DIFFERENT. */
enum tokens_err create_check(struct hold *h, CK_OBJECT_HANDLE o,
                             const struct token_private_key *k);
enum tokens_err wrap_create(struct hold *h, const struct token_private_key *k,
                            struct template *attributes, CK_OBJECT_HANDLE *out);

/* EVP keys of components; NULL on failure (create.c). */
struct evp_pkey_st *key_build(const struct token_private_key *k,
                              bool with_private);

#endif
