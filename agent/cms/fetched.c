#include "agent/cms/fetched.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>

#define CIPHER_COUNT (CIPHER_RC2_CBC + 1)

static struct {
    EVP_MD *md[HASH_COUNT];
    EVP_CIPHER *cipher[CIPHER_COUNT];
    EVP_CIPHER *wrap[3];
    EVP_CIPHER *wrap_3des;
    EVP_CIPHER *ecb[3];
    EVP_KDF *x963;
    EVP_KEYMGMT *rsa;
    EVP_ASYM_CIPHER *rsa_cipher;
    OSSL_LIB_CTX *legacy;
    OSSL_PROVIDER *legacy_provider;
} fetched;

static pthread_once_t fetched_once = PTHREAD_ONCE_INIT;

static const char *const cipher_fetch_name[CIPHER_COUNT] = {
    [CIPHER_AES128_CBC] = "AES-128-CBC", [CIPHER_AES192_CBC] = "AES-192-CBC",
    [CIPHER_AES256_CBC] = "AES-256-CBC", [CIPHER_AES128_GCM] = "AES-128-GCM",
    [CIPHER_AES192_GCM] = "AES-192-GCM", [CIPHER_AES256_GCM] = "AES-256-GCM",
    [CIPHER_AES128_CCM] = "AES-128-CCM", [CIPHER_AES192_CCM] = "AES-192-CCM",
    [CIPHER_AES256_CCM] = "AES-256-CCM", [CIPHER_3DES_CBC] = "DES-EDE3-CBC",
};

static const char *const wrap_fetch_name[3] = {"AES-128-WRAP", "AES-192-WRAP",
                                               "AES-256-WRAP"};
static const char *const ecb_fetch_name[3] = {"AES-128-ECB", "AES-192-ECB",
                                              "AES-256-ECB"};

static const char *const md_fetch_name[HASH_COUNT] = {
    [HASH_SHA1] = "SHA1",
    [HASH_SHA224] = "SHA2-224",
    [HASH_SHA256] = "SHA2-256",
    [HASH_SHA384] = "SHA2-384",
    [HASH_SHA512] = "SHA2-512",
    [HASH_MD5] = "MD5",
    [HASH_SHA512_224] = "SHA2-512/224",
    [HASH_SHA512_256] = "SHA2-512/256",
    [HASH_SHA3_224] = "SHA3-224",
    [HASH_SHA3_256] = "SHA3-256",
    [HASH_SHA3_384] = "SHA3-384",
    [HASH_SHA3_512] = "SHA3-512",
    [HASH_SHAKE256] = "SHAKE-256",
};

/* RC2 lives in a library context of its own, so that nothing else here can
 * reach a legacy algorithm by name. */
static void
fetch_legacy(void)
{
    fetched.legacy = OSSL_LIB_CTX_new();
    if (!fetched.legacy)
        return;
    fetched.legacy_provider = OSSL_PROVIDER_load(fetched.legacy, "legacy");
    if (fetched.legacy_provider)
        fetched.cipher[CIPHER_RC2_CBC] =
            EVP_CIPHER_fetch(fetched.legacy, "RC2-CBC", NULL);
}

/* What the first use of public keys loads: encoders, decoders, key managers.
 * A fresh P-256 key is the cheapest thing that goes through all of them. */
static void
warm_public_keys(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    EVP_PKEY *read = NULL;
    unsigned char *der = NULL;
    int n = key ? i2d_PUBKEY(key, &der) : -1;
    const unsigned char *at = der;

    if (n > 0)
        read = d2i_PUBKEY(NULL, &at, n);
    EVP_PKEY_free(read);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    fetched.rsa = EVP_KEYMGMT_fetch(NULL, "RSA", NULL);
    fetched.rsa_cipher = EVP_ASYM_CIPHER_fetch(NULL, "RSA", NULL);
}

static void
fetch_all(void)
{
    uint8_t seeded[16];

    for (int h = HASH_NONE + 1; h < HASH_COUNT; h++)
        fetched.md[h] = EVP_MD_fetch(NULL, md_fetch_name[h], NULL);
    for (int c = 0; c < CIPHER_COUNT; c++)
        if (cipher_fetch_name[c])
            fetched.cipher[c] =
                EVP_CIPHER_fetch(NULL, cipher_fetch_name[c], NULL);
    for (int i = 0; i < 3; i++) {
        fetched.wrap[i] = EVP_CIPHER_fetch(NULL, wrap_fetch_name[i], NULL);
        fetched.ecb[i] = EVP_CIPHER_fetch(NULL, ecb_fetch_name[i], NULL);
    }
    fetched.wrap_3des = EVP_CIPHER_fetch(NULL, "DES3-WRAP", NULL);
    fetched.x963 = EVP_KDF_fetch(NULL, "X963KDF", NULL);
    fetch_legacy();
    warm_public_keys();
    if (!fetched.md[HASH_SHA256] || !fetched.cipher[CIPHER_AES256_CBC] ||
        RAND_bytes(seeded, sizeof(seeded)) != 1)
        bug("libcrypto lacks what this program is built on");
}

void
algorithm_warm_up(void)
{
    if (pthread_once(&fetched_once, fetch_all) != 0)
        bug("pthread_once");
}

const EVP_MD *
hash_md(enum hash h)
{
    algorithm_warm_up();
    return h > HASH_NONE && h < HASH_COUNT ? fetched.md[h] : NULL;
}

const EVP_CIPHER *
cipher_evp(enum cipher c)
{
    algorithm_warm_up();
    return c < CIPHER_COUNT ? fetched.cipher[c] : NULL;
}

/* 16, 24, 32 to 0, 1, 2. */
static size_t
aes_row(size_t key_bytes)
{
    if (key_bytes != 16 && key_bytes != 24 && key_bytes != 32)
        bug("an AES key of impossible size");
    algorithm_warm_up();
    return key_bytes / 8 - 2;
}

const EVP_CIPHER *
wrap_evp(size_t kek_bytes)
{
    return fetched.wrap[aes_row(kek_bytes)];
}

const EVP_CIPHER *
wrap_3des_evp(void)
{
    algorithm_warm_up();
    return fetched.wrap_3des;
}

const EVP_CIPHER *
ecb_evp(size_t key_bytes)
{
    return fetched.ecb[aes_row(key_bytes)];
}

bool
x963_derive(enum hash h, struct slice secret, struct slice info, uint8_t *out,
            size_t out_bytes)
{
    EVP_KDF_CTX *ctx;
    bool ok;

    algorithm_warm_up();
    if (!hash_md(h) || !fetched.x963 || !(ctx = EVP_KDF_CTX_new(fetched.x963)))
        return false;
    ok = EVP_KDF_derive(
             ctx, out, out_bytes,
             (OSSL_PARAM[]){
                 OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                                  (char *)md_fetch_name[h], 0),
                 OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET,
                                                   (void *)secret.p, secret.n),
                 OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                   (void *)info.p, info.n),
                 OSSL_PARAM_construct_end()}) == 1;
    EVP_KDF_CTX_free(ctx);
    return ok;
}
