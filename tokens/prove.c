/* The trial operation after an import: the token's private key and the
 * public key we know must belong together. */
#include "tokens/signature.h"
#include "tokens/writing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#ifndef CKM_EDDSA
#define CKM_EDDSA 0x1057UL
#endif

/* OUT has room for *out_len; a module that claims to have written more has
 * not signed. */
static enum tokens_err
raw_sign(struct hold *h, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type,
         const uint8_t *data, size_t n, uint8_t *out, CK_ULONG *out_len)
{
    CK_MECHANISM m = {.mechanism = type};
    CK_ULONG room = *out_len;

    rv_about(type);
    if (CALL(h, C_SignInit, h->session, &m, key) ||
        CALL(h, C_Sign, h->session, (CK_BYTE *)data, n, out, out_len))
        return h->result;
    return *out_len <= room ? TOKENS_OK : TOKENS_DIFFERENT;
}

/* RSA without padding is all that the token has. */
static bool
needs_raw(struct hold *h, const struct import_key *k)
{
    return k->type == TOKEN_KEY_RSA && !token_has_mechanism(h, CKM_RSA_PKCS) &&
           token_has_mechanism(h, CKM_RSA_X_509);
}

static enum tokens_err
prove_sign(struct hold *h, const struct import_key *k)
{
    CK_MECHANISM_TYPE type = k->type == TOKEN_KEY_RSA  ? CKM_RSA_PKCS
                             : k->type == TOKEN_KEY_EC ? CKM_ECDSA
                                                       : CKM_EDDSA;
    uint8_t data[32], sig[TOKEN_SIGNATURE_BYTES] = {0};
    uint8_t em[TOKEN_SIGNATURE_BYTES];
    size_t bytes = (size_t)EVP_PKEY_get_size(k->public_key);
    enum token_scheme scheme = k->type == TOKEN_KEY_RSA  ? TOKEN_RSA_PKCS1
                               : k->type == TOKEN_KEY_EC ? TOKEN_ECDSA
                                                         : TOKEN_EDDSA;
    bool raw = needs_raw(h, k);
    CK_ULONG n = sizeof(sig);
    size_t len;

    if (RAND_bytes(data, sizeof(data)) != 1 || bytes > sizeof(em) ||
        (raw && !raw_pad_signature(data, sizeof(data), em, bytes)))
        return TOKENS_FAILED;
    enum tokens_err e =
        raw ? raw_sign(h, k->handle, CKM_RSA_X_509, em, bytes, sig, &n)
            : raw_sign(h, k->handle, type, data, sizeof(data), sig, &n);
    if (e)
        return e;
    len = n;
    if (scheme == TOKEN_ECDSA && ecdsa_encode(sig, len, sig, sizeof(sig), &len))
        return TOKENS_DIFFERENT;
    return signature_is_of(k->public_key, scheme, NULL, data, sizeof(data), sig,
                           len)
               ? TOKENS_OK
               : TOKENS_DIFFERENT;
}

static enum tokens_err
prove_decrypt(struct hold *h, const struct import_key *k)
{
    bool raw = needs_raw(h, k);
    CK_MECHANISM m = {.mechanism = raw ? CKM_RSA_X_509 : CKM_RSA_PKCS};
    uint8_t data[TOKEN_SIGNATURE_BYTES], wrapped[TOKEN_SIGNATURE_BYTES];
    uint8_t back[TOKEN_SIGNATURE_BYTES] = {0};
    CK_ULONG n = sizeof(back);
    size_t wn = sizeof(wrapped);
    size_t dn = raw ? (size_t)EVP_PKEY_get_size(k->public_key) : 32;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k->public_key, NULL);
    bool ok = c && dn <= sizeof(data) && RAND_bytes(data, (int)dn) == 1 &&
              EVP_PKEY_encrypt_init(c) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(c, raw ? RSA_NO_PADDING
                                                  : RSA_PKCS1_PADDING) == 1;

    data[0] = raw ? 1 : data[0]; /* below any modulus of dn bytes, and whole */
    ok = ok && EVP_PKEY_encrypt(c, wrapped, &wn, data, dn) == 1;
    EVP_PKEY_CTX_free(c);
    if (!ok)
        return TOKENS_FAILED;
    rv_about(m.mechanism);
    if (CALL(h, C_DecryptInit, h->session, &m, k->handle) ||
        CALL(h, C_Decrypt, h->session, wrapped, wn, back, &n))
        return h->result;
    return n == dn && memcmp(back, data, n) == 0 ? TOKENS_OK : TOKENS_DIFFERENT;
}

static bool
derive_here(EVP_PKEY *mine, EVP_PKEY *peer, uint8_t *out, size_t *n)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(mine, NULL);
    bool ok = c && EVP_PKEY_derive_init(c) == 1 &&
              EVP_PKEY_derive_set_peer(c, peer) == 1 &&
              EVP_PKEY_derive(c, out, n) == 1;

    EVP_PKEY_CTX_free(c);
    return ok;
}

static EVP_PKEY *
ephemeral_like(EVP_PKEY *key)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    EVP_PKEY *out = NULL;

    if (!c || EVP_PKEY_keygen_init(c) != 1 || EVP_PKEY_keygen(c, &out) != 1)
        out = NULL;
    EVP_PKEY_CTX_free(c);
    return out;
}

static enum tokens_err
prove_derive(struct hold *h, const struct import_key *k)
{
    EVP_PKEY *mine = ephemeral_like(k->public_key);
    uint8_t here[128], there[128] = {0};
    unsigned char *point = NULL;
    size_t n = sizeof(here);
    size_t pn = mine ? EVP_PKEY_get1_encoded_public_key(mine, &point) : 0;
    bool ok = pn > 0 && derive_here(mine, k->public_key, here, &n);
    enum tokens_err e = TOKENS_FAILED;

    if (ok) {
        CK_RV rv = derive_secret(h, k->handle, point, pn, there, n);

        e = rv                                   ? h->result
            : CRYPTO_memcmp(here, there, n) == 0 ? TOKENS_OK
                                                 : TOKENS_DIFFERENT;
    }
    OPENSSL_free(point);
    EVP_PKEY_free(mine);
    return e;
}

/* All that the key is for: a certificate may bring mail that only the second
 * of its uses can read. */
static enum tokens_err
prove_key(struct hold *h, const struct import_key *k)
{
    bool agrees = k->type == TOKEN_KEY_EC || k->type == TOKEN_KEY_X25519;
    enum tokens_err e = TOKENS_OK;

    if (k->uses & TOKEN_USE_SIGN)
        e = prove_sign(h, k);
    if (e == TOKENS_OK && (k->uses & TOKEN_USE_DECRYPT) &&
        k->type == TOKEN_KEY_RSA)
        e = prove_decrypt(h, k);
    if (e == TOKENS_OK && (k->uses & TOKEN_USE_DERIVE) && agrees)
        e = prove_derive(h, k);
    return e;
}

static bool
hash_public(EVP_PKEY *public, uint8_t out[SHA256_DIGEST_LENGTH])
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(public, &der);

    if (n > 0)
        SHA256(der, (size_t)n, out);
    OPENSSL_free(der);
    return n > 0;
}

/* A listing must not cost signatures: a card takes long, and one with a
 * touch sensor would blink. */
static bool
proven_find(struct hold *h, const struct proven *about, bool *out)
{
    struct token *t = h->token;
    bool found = false;

    pthread_mutex_lock(&t->mutex);
    for (size_t i = 0; !found && i < LIMIT_PROVEN; i++) {
        const struct proven *one = &t->proven[i];

        found = one->handle == about->handle &&
                one->generation == about->generation &&
                memcmp(one->public_hash, about->public_hash,
                       sizeof(one->public_hash)) == 0;
        if (found)
            *out = one->is_half;
    }
    pthread_mutex_unlock(&t->mutex);
    return found;
}

static void
proven_add(struct token *t, const struct proven *about)
{
    pthread_mutex_lock(&t->mutex);
    t->proven[t->proven_count++ % LIMIT_PROVEN] = *about;
    pthread_mutex_unlock(&t->mutex);
}

void
token_forget_proven(struct token *t)
{
    pthread_mutex_lock(&t->mutex);
    memset(t->proven, 0, sizeof(t->proven));
    pthread_mutex_unlock(&t->mutex);
}

bool
key_may_be(struct hold *h, CK_OBJECT_HANDLE o, const struct token_identity *k,
           EVP_PKEY *public)
{
    struct import_key trial = {
        .handle = o, .uses = k->uses, .public_key = public, .type = k->type};
    struct proven about = {.handle = o, .generation = h->generation};
    CK_RV before = h->rv;

    if (k->always_authenticate)
        return true;
    bool told = hash_public(public, about.public_hash);
    if (told && proven_find(h, &about, &about.is_half))
        return about.is_half;
    enum tokens_err e = prove_key(h, &trial);
    h->rv = before;
    /* What failed says nothing of the key, and is tried again. */
    about.is_half = e == TOKENS_OK;
    if (told && (e == TOKENS_OK || e == TOKENS_DIFFERENT))
        proven_add(h->token, &about);
    return e != TOKENS_DIFFERENT;
}

enum tokens_err
token_import_prove(struct token_import *import)
{
    enum tokens_err e = TOKENS_OK;

    import->hold.rv = CKR_OK;
    for (size_t i = 0; e == TOKENS_OK && i < import->key_count; i++)
        e = prove_key(&import->hold, &import->keys[i]);
    return import_err(import, e);
}
