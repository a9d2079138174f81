#include "agent/cms/wrap.h"

#include <openssl/rand.h>

#include "agent/base/secret.h"
#include "agent/cms/der.h"
#include "agent/cms/enveloped.h"
#include "agent/cms/fetched.h"

#define WRAP_BLOCK_BYTES    8
#define LEAST_WRAPPED_BYTES 24
#define DES3_KEY_BYTES      24
#define ENTITY_U_INFO       TAG_CONTEXT_CONSTRUCTED
#define SUPP_PUB_INFO       (TAG_CONTEXT_CONSTRUCTED + 2)

static bool
is_aes_key(size_t n)
{
    return n == 16 || n == 24 || n == 32;
}

/* One call of a wrap cipher; OUT has room for IN and a block. */
static bool
run_wrap(const EVP_CIPHER *cipher, struct slice kek, struct slice in, bool wrap,
         uint8_t *out, size_t *n)
{
    AUTO(cipher_ctx) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;

    if (!ctx || !cipher)
        return false;
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (EVP_CipherInit_ex2(ctx, cipher, kek.p, NULL, wrap, NULL) != 1 ||
        EVP_CipherUpdate(ctx, out, &len, in.p, (int)in.n) != 1 || len <= 0)
        return false;
    *n = (size_t)len;
    return true;
}

bool
kek_wrap(struct slice kek, struct slice key, struct buf *out)
{
    uint8_t wrapped[LIMIT_WRAPPED_BYTES + WRAP_BLOCK_BYTES];
    size_t n = 0;

    if (key.n > LIMIT_WRAPPED_BYTES - WRAP_BLOCK_BYTES || !is_aes_key(kek.n) ||
        !run_wrap(wrap_evp(kek.n), kek, key, true, wrapped, &n))
        return false;
    buf_add(out, wrapped, n);
    return true;
}

/* The message's algorithm is known by the length it gives: 3DES key wrap adds
 * 16 octets, AES key wrap 8. */
static const EVP_CIPHER *
unwrap_cipher(size_t kek_bytes, size_t wrapped, size_t want)
{
    if (wrapped == want + 2 * WRAP_BLOCK_BYTES && kek_bytes == DES3_KEY_BYTES)
        return wrap_3des_evp();
    return is_aes_key(kek_bytes) ? wrap_evp(kek_bytes) : NULL;
}

bool
kek_unwrap(struct slice kek, struct slice encrypted_key, size_t want,
           struct secret *out)
{
    uint8_t key[LIMIT_WRAPPED_BYTES + WRAP_BLOCK_BYTES];
    size_t n = 0;
    uint8_t *room = secret_room(out, want);
    bool ok = encrypted_key.n >= LEAST_WRAPPED_BYTES &&
              encrypted_key.n <= LIMIT_WRAPPED_BYTES &&
              encrypted_key.n % WRAP_BLOCK_BYTES == 0 &&
              run_wrap(unwrap_cipher(kek.n, encrypted_key.n, want), kek,
                       encrypted_key, false, key, &n) &&
              n == want;

    if (ok)
        memcpy(room, key, want);
    else if (want > 0 && RAND_bytes(room, (int)want) != 1)
        bug("no random numbers");
    wipe(key, sizeof(key));
    return ok;
}

size_t
wrap_kek_bytes(enum oid wrap)
{
    if (wrap == OID_AES128_WRAP)
        return 16;
    if (wrap == OID_AES192_WRAP || wrap == OID_DES3_WRAP)
        return 24;
    return wrap == OID_AES256_WRAP ? 32 : 0;
}

bool
agreement_scheme(enum oid oid, enum hash *hash, bool *cofactor, bool *hkdf)
{
    static const struct {
        enum oid oid;
        enum hash hash;
        bool cofactor;
        bool hkdf;
    } schemes[] = {
        {OID_STD_DH_SHA1, HASH_SHA1, false, false},
        {OID_STD_DH_SHA224, HASH_SHA224, false, false},
        {OID_STD_DH_SHA256, HASH_SHA256, false, false},
        {OID_STD_DH_SHA384, HASH_SHA384, false, false},
        {OID_STD_DH_SHA512, HASH_SHA512, false, false},
        {OID_COFACTOR_DH_SHA1, HASH_SHA1, true, false},
        {OID_COFACTOR_DH_SHA224, HASH_SHA224, true, false},
        {OID_COFACTOR_DH_SHA256, HASH_SHA256, true, false},
        {OID_COFACTOR_DH_SHA384, HASH_SHA384, true, false},
        {OID_COFACTOR_DH_SHA512, HASH_SHA512, true, false},
        {OID_STD_DH_HKDF_SHA256, HASH_SHA256, false, true},
        {OID_STD_DH_HKDF_SHA384, HASH_SHA384, false, true},
        {OID_STD_DH_HKDF_SHA512, HASH_SHA512, false, true},
    };

    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++)
        if (schemes[i].oid == oid) {
            *hash = schemes[i].hash;
            *cofactor = schemes[i].cofactor;
            *hkdf = schemes[i].hkdf;
            return true;
        }
    return false;
}

void
shared_info_write(struct slice wrap_algorithm, struct slice ukm,
                  size_t kek_bytes, struct buf *out)
{
    uint8_t bits[4] = {0, 0, (uint8_t)(kek_bytes * 8 >> 8),
                       (uint8_t)(kek_bytes * 8)};
    size_t mark = der_open(out, TAG_SEQUENCE), field;

    buf_add_slice(out, wrap_algorithm);
    if (ukm.n > 0) {
        field = der_open(out, ENTITY_U_INFO);
        der_put(out, TAG_OCTET_STRING, ukm);
        der_close(out, field);
    }
    field = der_open(out, SUPP_PUB_INFO);
    der_put(out, TAG_OCTET_STRING, slice_of(bits, sizeof(bits)));
    der_close(out, field);
    der_close(out, mark);
}
