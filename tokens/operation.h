/*
 * Operations with private keys, and what the files of tokens/ share about
 * algorithms. For tokens/ alone.
 */
#ifndef TOKENS_OPERATION_H
#define TOKENS_OPERATION_H

#include "tokens/internal.h"

/* The PIN of one operation. Wiped by drop. */
struct pin {
    uint8_t bytes[LIMIT_PIN_BYTES];
    size_t len;
    bool given;
};
void pin_drop(struct pin *p);

/* Asks when the key wants a PIN each time. */
enum tokens_err pin_ask(struct token *t, const struct token_identity *key,
                        const struct token_prompt *prompt, struct pin *out);

/* C_Login for the operation that was begun, or that comes next. A PIN of no
 * bytes is typed at the token's own pad. Whatever fails, the session is not
 * used again. */
enum tokens_err context_login(struct hold *h, const struct pin *pin);

/* One private key operation. */
struct operation {
    const uint8_t *id;
    size_t id_len;
    bool decrypt; /* C_Decrypt, else C_Sign */
    CK_MECHANISM mechanism;
    const uint8_t *data;
    size_t data_len;
    const struct pin *pin;
    uint8_t *out;
    size_t room;
    size_t out_len;
    bool refused; /* the mechanism or its parameters were not accepted */
};
enum tokens_err operation_run(struct token *t, struct operation *op);

/* Uses (enum token_key_use) that the token has a mechanism for; all when it
 * does not tell its mechanisms (ability.c). Leaves h->rv as it was. */
unsigned uses_possible(struct hold *h, enum token_key_type type);

/* PKCS#1 v1.5 by raw RSA (raw.c); bytes: of the modulus. What op was to sign
 * or decrypt by CKM_RSA_PKCS. */
enum tokens_err raw_pkcs1(struct token *t, struct operation *op, size_t bytes);
/* EMSA-PKCS1-v1_5 of DATA (a DigestInfo) into em; false: it is too long. */
bool raw_pad_signature(const uint8_t *data, size_t n, uint8_t *em,
                       size_t bytes);
/* Moves the message of an RSAES-PKCS1-v1_5 block to its start. Constant time;
 * false: the padding is wrong. */
bool raw_unpad(uint8_t *em, size_t bytes, size_t *out_len);

/* What the rest of the library shares about algorithms (sign.c). */
struct hash_row {
    enum token_hash hash;
    int nid;
    size_t bytes;
    CK_MECHANISM_TYPE mechanism;
    CK_RSA_PKCS_MGF_TYPE mgf;
    uint8_t digest_info[19];
    size_t digest_info_len;
};
const struct hash_row *hash_find(enum token_hash hash);
/* True when the token lists the mechanism (asked once). */
bool mechanism_is_native(struct token *t, CK_MECHANISM_TYPE m);

/* ECDH in a turn already held (agree.c). */
CK_RV derive_secret(struct hold *h, CK_OBJECT_HANDLE key, const uint8_t *peer,
                    size_t peer_len, uint8_t *out, size_t len);

#endif
