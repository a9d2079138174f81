/* Signatures: the four schemes on top of operation_run. */
#include "tokens/signature.h"
#include "tokens/vtoken.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#ifndef CKM_EDDSA
#define CKM_EDDSA 0x1057UL
#endif

#define SLOW_MS                                                                \
    5 /* for a signature: TPMs and cards, no token that is software */

/* DigestInfo of RFC 8017, 9.2, note 1. */
#define SHA2_INFO(len, last)                                                   \
    {                                                                          \
        0x30, (len) + 17, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,      \
            0x65, 0x03, 0x04, 0x02, (last), 0x05, 0x00, 0x04, (len)            \
    }

static const struct hash_row hashes[] = {
    {TOKEN_HASH_SHA1,
     NID_sha1,
     20,
     CKM_SHA_1,
     CKG_MGF1_SHA1,
     {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05,
      0x00, 0x04, 0x14},
     15},
    {TOKEN_HASH_SHA224, NID_sha224, 28, CKM_SHA224, CKG_MGF1_SHA224,
     SHA2_INFO(28, 4), 19},
    {TOKEN_HASH_SHA256, NID_sha256, 32, CKM_SHA256, CKG_MGF1_SHA256,
     SHA2_INFO(32, 1), 19},
    {TOKEN_HASH_SHA384, NID_sha384, 48, CKM_SHA384, CKG_MGF1_SHA384,
     SHA2_INFO(48, 2), 19},
    {TOKEN_HASH_SHA512, NID_sha512, 64, CKM_SHA512, CKG_MGF1_SHA512,
     SHA2_INFO(64, 3), 19},
};

const struct hash_row *
hash_find(enum token_hash hash)
{
    for (size_t i = 0; i < ARRAY_COUNT(hashes); i++)
        if (hashes[i].hash == hash)
            return &hashes[i];
    return NULL;
}

static enum tokens_err
sign_pkcs1(struct token *t, struct operation *op, const struct hash_row *hash,
           size_t bytes)
{
    uint8_t info[19 + 64];

    op->mechanism.mechanism = CKM_RSA_PKCS;
    if (hash) {
        memcpy(info, hash->digest_info, hash->digest_info_len);
        memcpy(info + hash->digest_info_len, op->data, op->data_len);
        op->data = info;
        op->data_len += hash->digest_info_len;
    }
    enum tokens_err e = operation_run(t, op);
    if (op->refused && mechanism_is_native(t, CKM_RSA_X_509))
        e = raw_pkcs1(t, op, bytes);
    return e;
}

/* PSS where the token has none: padded by OpenSSL, raw RSA on the token. */
static enum tokens_err
sign_pss_evp(struct token *t, struct operation *op, const struct hash_row *hash)
{
    EVP_PKEY *key = NULL;
    size_t n = op->room;
    enum tokens_err e = token_key_evp(t, op->id, op->id_len, &key);

    if (e)
        return e;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    vtoken_pin = op->pin;
    vtoken_result = TOKENS_OK;
    bool ok =
        c && EVP_PKEY_sign_init(c) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) == 1 &&
        EVP_PKEY_CTX_set_signature_md(c, EVP_get_digestbynid(hash->nid)) == 1 &&
        EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1 &&
        EVP_PKEY_sign(c, op->out, &n, op->data, op->data_len) == 1;
    vtoken_pin = NULL;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    if (!ok)
        return vtoken_result ? vtoken_result : TOKENS_CANNOT;
    op->out_len = n;
    return TOKENS_OK;
}

struct mechanism_question {
    CK_MECHANISM_TYPE mechanism;
    bool has;
};

static enum tokens_err
mechanism_held(struct hold *h, void *arg)
{
    struct mechanism_question *q = arg;

    q->has = token_has_mechanism(h, q->mechanism);
    return TOKENS_OK;
}

bool
mechanism_is_native(struct token *t, CK_MECHANISM_TYPE m)
{
    struct mechanism_question q = {.mechanism = m};

    if (mechanism_known(t, m, &q.has))
        return q.has;
    return hold_run(t, mechanism_held, &q) == TOKENS_OK && q.has;
}

static enum tokens_err
sign_pss(struct token *t, struct operation *op, const struct hash_row *hash)
{
    CK_RSA_PKCS_PSS_PARAMS params = {hash->mechanism, hash->mgf, hash->bytes};

    op->mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &params, sizeof(params)};
    if (mechanism_is_native(t, CKM_RSA_PKCS_PSS)) {
        enum tokens_err e = operation_run(t, op);

        if (e == TOKENS_OK || !op->refused)
            return e;
    }
    return sign_pss_evp(t, op, hash);
}

/* 0: its components are not shown. */
static size_t
signature_bytes(const struct token_identity *k)
{
    switch (k->type) {
    case TOKEN_KEY_RSA:
        return k->modulus_len;
    case TOKEN_KEY_EC:
        return 2 * (((size_t)k->bits + 7) / 8);
    case TOKEN_KEY_ED25519:
        return 64;
    case TOKEN_KEY_X25519:
    case TOKEN_KEY_UNKNOWN:
        break;
    }
    return 0;
}

/* What a module says it has signed has the length of a signature, and it has
 * written something; this is told without its public key. */
static enum tokens_err
signature_check(enum tokens_err e, const struct operation *op, size_t bytes)
{
    uint8_t any = 0;

    for (size_t i = 0; e == TOKENS_OK && i < op->out_len; i++)
        any |= op->out[i];
    if (e == TOKENS_OK && (any == 0 || (bytes > 0 && op->out_len != bytes)))
        e = TOKENS_FAILED;
    return e;
}

/* FIPS 186-4, 6.4: of a digest that is longer than the order only the leftmost
 * bits count, and many tokens refuse the others. Whole octets are cut: the
 * token does the rest. */
static size_t
ecdsa_input(const struct token_identity *k, size_t digest_len)
{
    if (k->bits == 0 || digest_len <= (k->bits + 7) / 8)
        return digest_len;
    size_t order = (curve_order_bits(k->curve, k->curve_len) + 7) / 8;
    return order > 0 && order < digest_len ? order : digest_len;
}

static enum tokens_err
sign_ecdsa(struct token *t, struct operation *op, size_t bytes)
{
    op->mechanism.mechanism = CKM_ECDSA;
    enum tokens_err e = signature_check(operation_run(t, op), op, bytes);
    return e ? e
             : ecdsa_encode(op->out, op->out_len, op->out, op->room,
                            &op->out_len);
}

static enum tokens_err
sign_check(const struct token_identity *k, enum token_scheme scheme,
           const struct hash_row *hash, size_t data_len)
{
    enum token_key_type type = TOKEN_KEY_UNKNOWN;

    switch (scheme) {
    case TOKEN_RSA_PKCS1:
    case TOKEN_RSA_PSS:
        type = TOKEN_KEY_RSA;
        break;
    case TOKEN_ECDSA:
        type = TOKEN_KEY_EC;
        break;
    case TOKEN_EDDSA:
        return k->type == TOKEN_KEY_ED25519 ? TOKENS_OK : TOKENS_CANNOT;
    case TOKEN_RSA_OAEP:
        return TOKENS_ARGUMENT;
    }
    if (k->type != type)
        return TOKENS_CANNOT;
    if (scheme == TOKEN_RSA_PSS && !hash)
        return TOKENS_ARGUMENT;
    return !hash || data_len == hash->bytes ? TOKENS_OK : TOKENS_MESSAGE;
}

static enum tokens_err
sign_by_scheme(struct token *t, enum token_scheme scheme,
               const struct hash_row *hash, size_t bytes, struct operation *op)
{
    switch (scheme) {
    case TOKEN_RSA_PKCS1:
        return signature_check(sign_pkcs1(t, op, hash, bytes), op, bytes);
    case TOKEN_RSA_PSS:
        return signature_check(sign_pss(t, op, hash), op, bytes);
    case TOKEN_ECDSA:
        return sign_ecdsa(t, op, bytes);
    case TOKEN_EDDSA:
        op->mechanism.mechanism = CKM_EDDSA;
        return signature_check(operation_run(t, op), op, bytes);
    case TOKEN_RSA_OAEP:
        break;
    }
    return TOKENS_ARGUMENT;
}

/* Verifying costs 0.03 ms for RSA-2048, beside 1 ms of signing. For ECDSA it
 * is dearer than to sign (0.09 ms for P-256, 0.8 ms for P-384), and one that is
 * wrong does not by itself give the key away: there it is done where the token
 * is so slow that nobody notices. */
static bool
is_verified(enum token_scheme scheme, uint64_t took_ms)
{
    return scheme != TOKEN_ECDSA || took_ms >= SLOW_MS;
}

enum tokens_err
token_sign(struct token *t, const uint8_t *id, size_t id_len,
           enum token_scheme scheme, enum token_hash hash, const uint8_t *data,
           size_t data_len, const struct token_prompt *prompt, uint8_t *out,
           size_t room, size_t *out_len)
{
    AUTO(snapshot) struct snapshot *s = NULL;
    AUTO(pin) struct pin pin = {0};
    uint8_t signature[TOKEN_SIGNATURE_BYTES];
    const struct hash_row *row = hash_find(hash);
    size_t i = 0;

    enum tokens_err e = key_describe(t, id, id_len, &s, &i);
    if (e == TOKENS_OK)
        e = sign_check(&s->all[i], scheme, row, data_len);
    if (e == TOKENS_OK)
        e = pin_ask(t, &s->all[i], prompt, &pin);
    if (e)
        return e;
    struct operation op = {
        .id = id,
        .id_len = id_len,
        .data = data,
        .data_len = data_len,
        .pin = &pin,
        .out = signature,
        .room = sizeof(signature),
    };
    if (scheme == TOKEN_ECDSA)
        op.data_len = ecdsa_input(&s->all[i], data_len);
    uint64_t begun_ms = monotonic_ms();
    e = sign_by_scheme(t, scheme, row, signature_bytes(&s->all[i]), &op);
    if (e == TOKENS_OK && is_verified(scheme, monotonic_ms() - begun_ms))
        e = signature_verify(s, i, scheme, row, data, data_len, signature,
                             op.out_len);
    if (e == TOKENS_MESSAGE && row)
        e = TOKENS_CANNOT; /* its length was right */
    if (e)
        return e;
    if (op.out_len > room)
        return TOKENS_ARGUMENT;
    memcpy(out, signature, op.out_len);
    *out_len = op.out_len;
    return TOKENS_OK;
}
