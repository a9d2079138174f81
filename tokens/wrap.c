/* A private key for tokens that take none in the clear: PKCS#8 under a fresh
 * AES key that lives in this session only, then C_UnwrapKey. */
#include "tokens/internal.h"
#include "tokens/writing.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#define CKM_KWP      0x210bUL /* CKM_AES_KEY_WRAP_KWP: RFC 5649 */
#define CKM_WRAP_PAD 0x210aUL /* CKM_AES_KEY_WRAP_PAD: RFC 5649 */

#define KEK_BYTES   32
#define BLOCK_BYTES 16

struct wrapping {
    uint8_t kek[KEK_BYTES];
    uint8_t *plain; /* PKCS#8 */
    size_t plain_len;
    uint8_t *wrapped;
    size_t wrapped_len;
    uint8_t iv[BLOCK_BYTES];
    CK_OBJECT_HANDLE kek_handle;
};

static void
wrapping_drop(struct wrapping *w)
{
    OPENSSL_clear_free(w->plain, w->plain_len);
    free(w->wrapped);
    OPENSSL_cleanse(w, sizeof(*w));
}

static bool
make_plain(const struct token_private_key *k, struct wrapping *w)
{
    EVP_PKEY *key = key_build(k, true);
    PKCS8_PRIV_KEY_INFO *p8 = key ? EVP_PKEY2PKCS8(key) : NULL;
    int n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, &w->plain) : -1;

    PKCS8_PRIV_KEY_INFO_free(p8);
    EVP_PKEY_free(key);
    if (n <= 0)
        return false;
    w->plain_len = (size_t)n;
    w->wrapped = malloc(w->plain_len + 3 * BLOCK_BYTES);
    return w->wrapped && RAND_bytes(w->kek, sizeof(w->kek)) == 1 &&
           RAND_bytes(w->iv, sizeof(w->iv)) == 1;
}

static bool
encrypt(struct wrapping *w, bool cbc)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = cbc ? EVP_aes_256_cbc() : EVP_aes_256_wrap_pad();
    int n = 0, last = 0;
    bool ok = false;

    if (c) {
        EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        ok = EVP_EncryptInit_ex(c, cipher, NULL, w->kek, cbc ? w->iv : NULL) ==
                 1 &&
             EVP_EncryptUpdate(c, w->wrapped, &n, w->plain,
                               (int)w->plain_len) == 1 &&
             EVP_EncryptFinal_ex(c, w->wrapped + n, &last) == 1;
    }
    EVP_CIPHER_CTX_free(c);
    w->wrapped_len = (size_t)(n + last);
    return ok;
}

static enum tokens_err
make_kek(struct hold *h, struct wrapping *w)
{
    AUTO(template) struct template t = {0};

    template_add_ulong(&t, CKA_CLASS, CKO_SECRET_KEY);
    template_add_ulong(&t, CKA_KEY_TYPE, CKK_AES);
    template_add_bool(&t, CKA_TOKEN, false);
    template_add_bool(&t, CKA_UNWRAP, true);
    template_add_bool(&t, CKA_ENCRYPT, false);
    template_add_bool(&t, CKA_DECRYPT, false);
    template_add(&t, CKA_VALUE, w->kek, sizeof(w->kek));
    return create_object(h, &t, &w->kek_handle);
}

static enum tokens_err
unwrap_by(struct hold *h, struct wrapping *w, CK_MECHANISM_TYPE type,
          struct template *t, CK_OBJECT_HANDLE *out)
{
    bool cbc = type == CKM_AES_CBC_PAD;
    CK_MECHANISM m = {type, cbc ? w->iv : NULL, cbc ? sizeof(w->iv) : 0};

    if (!encrypt(w, cbc))
        return TOKENS_MEMORY;
    if (CALL(h, C_UnwrapKey, h->session, &m, w->kek_handle, w->wrapped,
             w->wrapped_len, t->all, t->count, out))
        return h->result;
    return TOKENS_OK;
}

enum tokens_err
wrap_create(struct hold *h, const struct token_private_key *k,
            struct template *attributes, CK_OBJECT_HANDLE *out)
{
    static const CK_MECHANISM_TYPE types[] = {CKM_KWP, CKM_WRAP_PAD,
                                              CKM_AES_CBC_PAD};
    AUTO(wrapping) struct wrapping w = {0};

    if (attributes->failed || !make_plain(k, &w))
        return TOKENS_MEMORY;
    enum tokens_err e = make_kek(h, &w);
    if (e)
        return e;
    e = TOKENS_CANNOT;
    for (size_t i = 0; e && i < ARRAY_COUNT(types); i++)
        if (token_has_mechanism(h, types[i]))
            e = unwrap_by(h, &w, types[i], attributes, out);
    QUIETLY(h, C_DestroyObject, h->session, w.kek_handle);
    return e;
}
