#include "agent/base/limits.h"
#include "agent/cms/recipient.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "agent/cms/certview.h"
#include "agent/cms/fetched.h"
#include "agent/cms/rsa_params.h"
#include "agent/cms/signer_info.h"
#include "agent/cms/wrap.h"

#define KEY_AGREEMENT  (TAG_CONTEXT_CONSTRUCTED + 1)
#define ORIGINATOR     TAG_CONTEXT_CONSTRUCTED
#define ORIGINATOR_KEY (TAG_CONTEXT_CONSTRUCTED + 1)

static enum err
unusable(size_t n, struct problem *p)
{
    return fail(p, ERR_BAD_CERTIFICATE, "the key of recipient %zu", n);
}

/* ---- RSA (RFC 5652 6.2.1, RFC 8017) ---------------------------------------
 */

static bool
set_oaep(EVP_PKEY_CTX *ctx, const struct oaep *oaep)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash_md(oaep->hash)) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash_md(oaep->mgf_hash)) == 1;
}

static bool
rsa_encrypt(EVP_PKEY *key, const struct oaep *oaep, struct slice cek,
            struct buf *out)
{
    AUTO(evp_key_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    size_t n = 0;

    if (!ctx || EVP_PKEY_encrypt_init(ctx) != 1 ||
        (oaep ? !set_oaep(ctx, oaep)
              : EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1) ||
        EVP_PKEY_encrypt(ctx, NULL, &n, cek.p, cek.n) != 1)
        return false;
    buf_reserve(out, n);
    if (EVP_PKEY_encrypt(ctx, out->data + out->len, &n, cek.p, cek.n) != 1)
        return false;
    out->len += n;
    return true;
}

static void
put_rsa_algorithm(const struct oaep *oaep, struct buf *out)
{
    size_t mark = der_open(out, TAG_SEQUENCE);

    der_put_oid(out, oaep ? OID_RSA_OAEP : OID_RSA_ENCRYPTION);
    if (oaep)
        oaep_write(oaep, out);
    else
        der_put(out, TAG_NULL, slice_of(NULL, 0));
    der_close(out, mark);
}

/* OAEP: NULL for PKCS #1 v1.5. */
static enum err
write_key_transport(EVP_PKEY *key, const struct cert_view *cert,
                    const struct oaep *oaep, size_t n, struct slice cek,
                    struct buf *out, struct problem *p)
{
    AUTO(buf) struct buf encrypted = {0};
    size_t mark;

    if (!rsa_encrypt(key, oaep, cek, &encrypted))
        return unusable(n, p);
    mark = der_open(out, TAG_SEQUENCE);
    der_put_number(out, 0);
    issuer_and_serial_write(TAG_SEQUENCE, cert->issuer, cert->serial, out);
    put_rsa_algorithm(oaep, out);
    der_put(out, TAG_OCTET_STRING, buf_slice(&encrypted));
    der_close(out, mark);
    return ERR_OK;
}

/* ---- key agreement (RFC 5753; X25519: RFC 8418) ----------------------------
 */

struct agreement {
    enum oid key; /* of the originator's key */
    enum oid scheme;
    enum hash hash;
    enum oid wrap;
    size_t kek_bytes;
};

/* The KDF's hash fits the curve, the wrap the content's key. */
static bool
agreement_choose(const EVP_PKEY *key, size_t cek_bytes, struct agreement *out)
{
    int bits = EVP_PKEY_get_bits(key);
    char group[64];

    *out = (struct agreement){OID_X25519, OID_STD_DH_SHA256, HASH_SHA256,
                              OID_AES256_WRAP, 32};
    if (cek_bytes <= 16) {
        out->wrap = OID_AES128_WRAP;
        out->kek_bytes = 16;
    }
    if (EVP_PKEY_is_a(key, "X25519"))
        return true;
    /* Explicit curve parameters have no name and are refused. */
    if (!EVP_PKEY_is_a(key, "EC") ||
        EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
        return false;
    out->key = OID_EC_PUBLIC_KEY;
    if (bits > 384) {
        out->scheme = OID_STD_DH_SHA512;
        out->hash = HASH_SHA512;
    } else if (bits > 256) {
        out->scheme = OID_STD_DH_SHA384;
        out->hash = HASH_SHA384;
    }
    return true;
}

static EVP_PKEY *
ephemeral_key(EVP_PKEY *peer)
{
    AUTO(evp_key_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    EVP_PKEY *key = NULL;

    if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 ||
        EVP_PKEY_generate(ctx, &key) != 1)
        return NULL;
    if (EVP_PKEY_is_a(key, "EC"))
        (void)EVP_PKEY_set_utf8_string_param(
            key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    return key;
}

static bool
derive_kek(EVP_PKEY *own, EVP_PKEY *peer, const struct agreement *a,
           struct slice info, struct secret *kek)
{
    AUTO(evp_key_ctx)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    uint8_t point[LIMIT_SECRET_POINT_BYTES];
    size_t n = sizeof(point);
    bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, point, &n) == 1 &&
              x963_derive(a->hash, slice_of(point, n), info,
                          secret_room(kek, a->kek_bytes), a->kek_bytes);

    wipe(point, sizeof(point));
    return ok;
}

/* CEK wrapped for PEER, and the ephemeral public key. */
static bool
agree(EVP_PKEY *peer, const struct agreement *a, struct slice cek,
      struct buf *out_public, struct buf *out_wrapped)
{
    AUTO(evp_key) EVP_PKEY *own = ephemeral_key(peer);
    AUTO(secret) struct secret *kek = secret_new();
    AUTO(buf) struct buf wrap = {0};
    AUTO(buf) struct buf info = {0};
    unsigned char *public = NULL;
    size_t n;

    if (!own)
        return false;
    der_put_algorithm(&wrap, a->wrap);
    shared_info_write(buf_slice(&wrap), slice_of(NULL, 0), a->kek_bytes, &info);
    if (!derive_kek(own, peer, a, buf_slice(&info), kek) ||
        !kek_wrap(secret_slice(kek), cek, out_wrapped) ||
        (n = EVP_PKEY_get1_encoded_public_key(own, &public)) == 0)
        return false;
    buf_add_byte(out_public, 0); /* a BIT STRING's unused bits */
    buf_add(out_public, public, n);
    OPENSSL_free(public);
    return true;
}

static void
put_originator(enum oid key, struct slice bits, struct buf *out)
{
    size_t field = der_open(out, ORIGINATOR);
    size_t mark = der_open(out, ORIGINATOR_KEY);

    der_put_algorithm(out, key);
    der_put(out, TAG_BIT_STRING, bits);
    der_close(out, mark);
    der_close(out, field);
}

static enum err
write_key_agreement(EVP_PKEY *key, const struct cert_view *cert,
                    const struct agreement *a, size_t n, struct slice cek,
                    struct buf *out, struct problem *p)
{
    AUTO(buf) struct buf public = {0};
    AUTO(buf) struct buf wrapped = {0};
    size_t mark, algorithm, keys, one;

    if (!agree(key, a, cek, &public, &wrapped))
        return unusable(n, p);
    mark = der_open(out, KEY_AGREEMENT);
    der_put_number(out, 3);
    put_originator(a->key, buf_slice(&public), out);
    algorithm = der_open(out, TAG_SEQUENCE);
    der_put_oid(out, a->scheme);
    der_put_algorithm(out, a->wrap);
    der_close(out, algorithm);
    keys = der_open(out, TAG_SEQUENCE);
    one = der_open(out, TAG_SEQUENCE);
    issuer_and_serial_write(TAG_SEQUENCE, cert->issuer, cert->serial, out);
    der_put(out, TAG_OCTET_STRING, buf_slice(&wrapped));
    der_close(out, one);
    der_close(out, keys);
    der_close(out, mark);
    return ERR_OK;
}

/* libcrypto knows no key of id-RSAES-OAEP (RFC 4055 section 4); without its
 * parameters it is any RSA key. */
static EVP_PKEY *
public_key(const struct cert_view *cert)
{
    AUTO(buf) struct buf plain = {0};
    struct slice spki = cert->spki;
    const unsigned char *at;
    size_t mark, algorithm;

    if (cert->key_algorithm == OID_RSA_OAEP) {
        mark = der_open(&plain, TAG_SEQUENCE);
        algorithm = der_open(&plain, TAG_SEQUENCE);
        der_put_oid(&plain, OID_RSA_ENCRYPTION);
        der_put(&plain, TAG_NULL, slice_of(NULL, 0));
        der_close(&plain, algorithm);
        buf_add_slice(&plain, cert->key);
        der_close(&plain, mark);
        spki = buf_slice(&plain);
    }
    at = spki.p;
    return d2i_PUBKEY(NULL, &at, (long)spki.n);
}

/* A certificate that is for RSAES-OAEP says with what; false when it wants
 * what we do not write. */
static bool
choose_oaep(const struct cert_view *cert, enum hash wanted, struct oaep *out,
            bool *is_oaep)
{
    *out = (struct oaep){.hash = wanted, .mgf_hash = wanted};
    *is_oaep = wanted != HASH_NONE;
    if (cert->key_algorithm != OID_RSA_OAEP)
        return true;
    *is_oaep = true;
    if (cert->key_parameters.n > 0)
        return oaep_read(cert->key_parameters, out) && out->label.n == 0 &&
               hash_md(out->hash) && hash_md(out->mgf_hash);
    if (wanted == HASH_NONE)
        out->hash = out->mgf_hash = HASH_SHA256;
    return true;
}

static enum err
cannot_be_encrypted_to(size_t n, struct problem *p)
{
    return fail(p, ERR_UNSUPPORTED,
                "recipient %zu has a key nobody can encrypt to", n);
}

enum err
recipient_write(const struct envelope_recipient *r, size_t n, struct slice cek,
                struct buf *out, bool *agreed, struct problem *p)
{
    AUTO(evp_key) EVP_PKEY *key = NULL;
    struct agreement agreement;
    struct cert_view cert;
    struct oaep oaep;
    bool is_oaep;

    if (!cert_view_parse(r->certificate, &cert))
        return fail(p, ERR_BAD_CERTIFICATE, "of recipient %zu", n);
    key = public_key(&cert);
    if (!key)
        return unusable(n, p);
    if (EVP_PKEY_is_a(key, "RSA"))
        return choose_oaep(&cert, r->oaep, &oaep, &is_oaep)
                   ? write_key_transport(key, &cert, is_oaep ? &oaep : NULL, n,
                                         cek, out, p)
                   : cannot_be_encrypted_to(n, p);
    if (!agreement_choose(key, cek.n, &agreement))
        return cannot_be_encrypted_to(n, p);
    *agreed = true;
    return write_key_agreement(key, &cert, &agreement, n, cek, out, p);
}
