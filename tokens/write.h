/*
 * What writes to a token: labels, PINs, imports, generated keys, certificates
 * beside their keys, removal. All that one import writes is there in the end,
 * or nothing; a journal, kept by the caller, says what to take back after a
 * crash.
 *
 * The same library and the same rules as tokens/tokens.h.
 */
#ifndef TOKENS_WRITE_H
#define TOKENS_WRITE_H

#include "tokens/tokens.h"

/* ---- initialising, PINs --------------------------------------------------
 */

/* Makes an empty token ready: C_InitToken with the SO PIN (the later PUK),
 * then C_InitPIN. Asks the token first (C_GetTokenInfo): one that is
 * initialised is TOKENS_INITIALIZED and left as it is. PINs as in token_login
 * (NULL with 0: the token's own pad); lengths are checked before anything is
 * done. label: 1 to 32 bytes of UTF-8. *out is the token as it is found
 * afterwards. TOKENS_NO_PIN, when the PIN cannot be set after C_InitToken: the
 * token is initialised, and token_unblock_pin sets its PIN. TOKENS_ARGUMENT,
 * TOKENS_PIN_INVALID, TOKENS_ABSENT, TOKENS_BUSY, TOKENS_READ_ONLY,
 * TOKENS_PUK_WRONG, TOKENS_FAILED. */
enum tokens_err token_initialize(struct token *t, const char *label,
                                 const uint8_t *so_pin, size_t so_pin_len,
                                 const uint8_t *pin, size_t pin_len,
                                 struct token **out);

/* C_SetPIN of the user's PIN, once. A login that there is stays. PINs as in
 * token_login; TOKENS_PIN_WRONG is of the old one, TOKENS_PIN_INVALID of
 * either. The other errors of token_login. */
enum tokens_err token_change_pin(struct token *t, const uint8_t *old_pin,
                                 size_t old_len, const uint8_t *pin,
                                 size_t pin_len);

/* Sets a new PIN with the PUK: C_Login as SO, C_InitPIN, C_Logout. A login of
 * the user ends before. TOKENS_PUK_WRONG, TOKENS_PUK_BLOCKED,
 * TOKENS_PIN_INVALID, TOKENS_UNINITIALIZED, TOKENS_ABSENT, TOKENS_BUSY,
 * TOKENS_CANNOT, TOKENS_FAILED. */
enum tokens_err token_unblock_pin(struct token *t, const uint8_t *puk,
                                  size_t puk_len, const uint8_t *pin,
                                  size_t pin_len);

/* ---- writing ---------------------------------------------------------------
 */

struct token_bytes {
    const uint8_t *p;
    size_t n;
};

/* A private key in the clear, borrowed. Integers are unsigned big-endian. */
struct token_private_key {
    enum token_key_type type;   /* RSA, EC, ED25519, X25519 */
    unsigned uses;              /* of enum token_key_use, nothing else is set */
    const char *label;          /* CKA_LABEL; may be NULL */
    struct token_bytes id;      /* CKA_ID; n 0: token_key_id */
    struct token_bytes subject; /* DER name for CKA_SUBJECT, or n 0 */
    /* RSA, all eight */
    struct token_bytes modulus, exponent, private_exponent, prime1, prime2,
        exponent1, exponent2, coefficient;
    /* EC: DER of the named curve's OID, uncompressed point, scalar (padded
     * here). ED25519, X25519: curve ignored, point and value of 32 bytes. */
    struct token_bytes curve, point, value;
};

#define TOKEN_KEY_ID_BYTES 20

/* SHA-1 of the modulus without leading zeros, or of the point: what NSS uses
 * as CKA_ID. TOKENS_ARGUMENT when the component is missing. */
enum tokens_err token_key_id(const struct token_private_key *key,
                             uint8_t out[TOKEN_KEY_ID_BYTES]);

/* An import: all or nothing. Holds the token alone from begin to drop, so
 * other operations wait; keep it short, and make no other call on this token
 * meanwhile. */
struct token_import;

/* Needs a login. TOKENS_LOCKED, TOKENS_READ_ONLY, TOKENS_ABSENT,
 * TOKENS_BUSY. */
enum tokens_err token_import_begin(struct token *t, struct token_import **out);

/* One object that an import is about to create, or found on the token. */
enum token_object {
    TOKEN_OBJECT_PRIVATE,
    TOKEN_OBJECT_PUBLIC,
    TOKEN_OBJECT_CERTIFICATE,
    TOKEN_OBJECT_COUNT
};

#define TOKEN_DIGEST_BYTES 32

struct token_written {
    enum token_object object;
    uint8_t id[TOKEN_ID_BYTES]; /* its CKA_ID */
    size_t id_len;
    uint8_t digest[TOKEN_DIGEST_BYTES]; /* SHA-256 of a certificate's DER */
    bool was_there;                     /* a certificate that stays */
};

/* Told of each object before it is created, so that it can be found after a
 * crash. What note returns ends the import unless it is TOKENS_OK. Called
 * while the token is held: it makes no call on a token. */
struct token_journal {
    enum tokens_err (*note)(void *arg, struct token *t,
                            const struct token_written *w);
    void *arg;
};

/* JOURNAL is borrowed until the import is dropped. */
void token_import_set_journal(struct token_import *import,
                              const struct token_journal *journal);

/* Takes back what a journal of an import that was cut off names, and
 * half-made objects: *out_count destroyed. An identity that meanwhile has a
 * certificate the journal does not know was finished by somebody else, and
 * stays. Needs a login. TOKENS_FAILED when a fresh look still finds one;
 * the errors of token_import_begin. */
enum tokens_err token_import_undo(struct token *t,
                                  const struct token_written *all, size_t count,
                                  size_t *out_count);

/* Stores private and public key object (private: TOKEN, PRIVATE, SENSITIVE,
 * not EXTRACTABLE, uses as given), reads the attributes back. A token that
 * refuses plaintext keys gets them wrapped (C_UnwrapKey). *out_already: the
 * same key with this CKA_ID was there; nothing is created. Errors:
 * TOKENS_DIFFERENT (what was created is gone again), TOKENS_FULL,
 * TOKENS_READ_ONLY, TOKENS_CANNOT, TOKENS_ARGUMENT, TOKENS_LOCKED,
 * TOKENS_REMOVED, TOKENS_FAILED. */
enum tokens_err token_import_add_key(struct token_import *import,
                                     const struct token_private_key *key,
                                     bool *out_already);

/* Stores a certificate. id: of the key it belongs to; n 0: SHA-1 key
 * identifier of its own public key, as token_key_id would say, and then it is
 * *out_already under whatever id it lies there. label may be NULL.
 * TOKENS_ARGUMENT: DER does not parse. */
enum tokens_err token_import_add_certificate(struct token_import *import,
                                             const uint8_t *der, size_t der_len,
                                             struct token_bytes id,
                                             const char *label,
                                             bool *out_already);

/* What to generate. */
struct token_generation {
    enum token_key_type type; /* RSA, EC or ED25519 */
    unsigned bits;            /* RSA: of the modulus */
    struct token_bytes curve; /* EC: DER of the named curve's OID */
    const char *label;        /* CKA_LABEL; may be NULL */
};

/* Generates a key pair on the token (private: as token_import_add_key says;
 * uses: all that fit the type and the token's mechanisms) and gives it the
 * CKA_ID of token_key_id, where the token lets it be set, else a random one.
 * Writes the id to out_id (room for TOKEN_ID_BYTES). Errors as in
 * token_import_add_key. */
enum tokens_err token_import_generate(struct token_import *import,
                                      const struct token_generation *what,
                                      uint8_t *out_id, size_t *out_id_len);

/* A trial of each use (sign, decrypt, derive) that the key is to have, with
 * each key added or already there, checked against its public key.
 * TOKENS_DIFFERENT when the result is wrong. */
enum tokens_err token_import_prove(struct token_import *import);

/* Nothing is done with the token until token_import_work, or the import's end:
 * that time does not count. */
void token_import_rest(struct token_import *import);
void token_import_work(struct token_import *import);

/* From now on whoever asked for the import is not told that it hangs, though
 * others are: a commit that follows succeeds. TOKENS_HUNG: that was told
 * already, so what was created has to go. */
enum tokens_err token_import_seal(struct token_import *import);

/* Keeps what was created. The import may only be dropped after it. TOKENS_HUNG
 * without a seal, as there. */
enum tokens_err token_import_commit(struct token_import *import);

/* Destroys what was created and looks whether it is gone. TOKENS_FAILED (or
 * the token's error) when something may be left. */
enum tokens_err token_import_rollback(struct token_import *import);

/* Rolls back unless committed; frees. NULL is fine. */
void token_import_drop(struct token_import **import);

/* Destroys private key, public key and certificates with this CKA_ID, or,
 * where different keys share it, those of the one with this id; *out_count
 * objects. TOKENS_NO_KEY when there is none, TOKENS_LOCKED without a login,
 * TOKENS_FAILED when a fresh look still finds one. */
enum tokens_err token_remove_identity(struct token *t, const uint8_t *id,
                                      size_t id_len, size_t *out_count);

/* The key of a certificate. */
struct token_match {
    uint8_t id[TOKEN_ID_BYTES];
    size_t id_len;
    uint8_t token_id[TOKEN_ID_BYTES]; /* the CKA_ID to store it under */
    size_t token_id_len;
    bool
        has_private; /* false: perhaps out of sight while the token is locked */
};

/* Finds the key that this certificate (DER) belongs to: by its public key,
 * and where the token does not tell that, by the CKA_ID of token_key_id.
 * TOKENS_NO_KEY when there is none, TOKENS_ARGUMENT when DER does not parse,
 * and the errors of token_identities_read. */
enum tokens_err token_find_key_of_certificate(struct token *t,
                                              const uint8_t *der,
                                              size_t der_len,
                                              struct token_match *out);

/* What lies on a token and serves for nothing. */
struct token_remains {
    size_t half_made; /* neither named nor with anything to be used with: the
                       * rest of a write that was cut off */
    size_t nameless;  /* private keys without CKA_ID, or with too long a one */
};

/* Counts them. Needs a login to see private ones. remove: destroys what is
 * half-made, nothing else, and counts what is left by a fresh look. */
enum tokens_err token_count_broken(struct token *t, bool remove,
                                   struct token_remains *out);

#endif
