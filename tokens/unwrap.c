/* Content keys: RSAES-PKCS1-v1_5 and OAEP, on the token or by raw RSA. */
#include "tokens/operation.h"
#include "tokens/vtoken.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

/* OAEP by OpenSSL over raw RSA on the token. */
static bool
oaep_start(EVP_PKEY_CTX *c, const struct hash_row *hash,
           const struct hash_row *mgf, const struct token_padding *padding)
{
    if (EVP_PKEY_decrypt_init(c) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(c, EVP_get_digestbynid(hash->nid)) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(c, EVP_get_digestbynid(mgf->nid)) != 1)
        return false;
    if (padding->label_len == 0)
        return true;
    void *label = OPENSSL_memdup(padding->label, padding->label_len);
    if (!label)
        return false;
    if (EVP_PKEY_CTX_set0_rsa_oaep_label(c, label, (int)padding->label_len) ==
        1)
        return true;
    OPENSSL_free(label);
    return false;
}

static enum tokens_err
unwrap_oaep_evp(struct token *t, struct operation *op,
                const struct hash_row *hash, const struct hash_row *mgf,
                const struct token_padding *padding)
{
    EVP_PKEY *key = NULL;
    size_t n = op->room;
    enum tokens_err e = token_key_evp(t, op->id, op->id_len, &key);

    if (e)
        return e;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    bool ready = c && oaep_start(c, hash, mgf, padding);
    vtoken_pin = op->pin;
    vtoken_result = TOKENS_OK;
    bool ok =
        ready && EVP_PKEY_decrypt(c, op->out, &n, op->data, op->data_len) == 1;
    vtoken_pin = NULL;
    ERR_clear_error();
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
    if (!ready)
        return TOKENS_CANNOT;
    if (!ok)
        return vtoken_result ? vtoken_result : TOKENS_MESSAGE;
    op->out_len = n;
    return TOKENS_OK;
}

static enum tokens_err
unwrap_oaep(struct token *t, struct operation *op,
            const struct token_padding *padding)
{
    const struct hash_row *hash = hash_find(padding->hash);
    const struct hash_row *mgf = padding->mgf_hash == TOKEN_HASH_NONE
                                     ? hash
                                     : hash_find(padding->mgf_hash);
    if (!hash || !mgf)
        return TOKENS_ARGUMENT;
    CK_RSA_PKCS_OAEP_PARAMS params = {
        .hashAlg = hash->mechanism,
        .mgf = mgf->mgf,
        .source = CKZ_DATA_SPECIFIED,
        .pSourceData = padding->label_len ? (void *)padding->label : NULL,
        .ulSourceDataLen = padding->label_len,
    };
    op->mechanism = (CK_MECHANISM){CKM_RSA_PKCS_OAEP, &params, sizeof(params)};
    /* Labels, and MGF1 with another hash, are passed over by many tokens
     * without a word, and then the padding is wrong: where there is raw RSA,
     * such messages go that way. */
    bool rare = (padding->label_len > 0 || mgf != hash) &&
                mechanism_is_native(t, CKM_RSA_X_509);
    if (!rare && mechanism_is_native(t, CKM_RSA_PKCS_OAEP)) {
        enum tokens_err e = operation_run(t, op);

        if (e == TOKENS_OK || !op->refused)
            return e;
    }
    return unwrap_oaep_evp(t, op, hash, mgf, padding);
}

static enum tokens_err
unwrap_by_scheme(struct token *t, struct operation *op,
                 const struct token_padding *padding, size_t bytes)
{
    if (padding->scheme == TOKEN_RSA_OAEP)
        return unwrap_oaep(t, op, padding);
    if (padding->scheme != TOKEN_RSA_PKCS1)
        return TOKENS_ARGUMENT;
    op->mechanism.mechanism = CKM_RSA_PKCS;
    enum tokens_err e = operation_run(t, op);
    if (op->refused && mechanism_is_native(t, CKM_RSA_X_509))
        e = raw_pkcs1(t, op, bytes);
    return e;
}

enum tokens_err
token_unwrap(struct token *t, const uint8_t *id, size_t id_len,
             const struct token_padding *padding, const uint8_t *wrapped,
             size_t wrapped_len, const struct token_prompt *prompt,
             uint8_t *out, size_t room, size_t *out_len)
{
    AUTO(snapshot) struct snapshot *s = NULL;
    AUTO(pin) struct pin pin = {0};
    uint8_t plain[TOKEN_SIGNATURE_BYTES];
    size_t i = 0;

    enum tokens_err e = key_describe(t, id, id_len, &s, &i);
    if (e)
        return e;
    if (s->all[i].type != TOKEN_KEY_RSA)
        return TOKENS_CANNOT;
    if (wrapped_len != s->all[i].modulus_len || wrapped_len > sizeof(plain))
        return TOKENS_MESSAGE;
    e = pin_ask(t, &s->all[i], prompt, &pin);
    if (e)
        return e;
    struct operation op = {
        .id = id,
        .id_len = id_len,
        .decrypt = true,
        .data = wrapped,
        .data_len = wrapped_len,
        .pin = &pin,
        .out = plain,
        .room = sizeof(plain),
    };
    e = unwrap_by_scheme(t, &op, padding, wrapped_len);
    if (e == TOKENS_OK && op.out_len > room)
        e = TOKENS_MESSAGE;
    if (e == TOKENS_OK) {
        memcpy(out, plain, op.out_len);
        *out_len = op.out_len;
    }
    OPENSSL_cleanse(plain, sizeof(plain));
    return e;
}
